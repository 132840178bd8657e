"""Deployment -> the review's section on people: who is in which group by the file, how they come in the first time, and
which apps ask Authentik themselves."""

from infrakit.emit.authentik import portal
from infrakit.emit.review_parts import Cell, Row, Section, Table, Word, row
from infrakit.model import SECRETS_DIRECTORY, Application, Deployment, OidcClient

INTRO = (
    "The file rules over these groups: who is added to one by hand leaves it with the next infrakit up, and so "
    "does who leaves the file, who keeps an account that opens nothing. A user is made once: a name or an address "
    "that changes in the file changes nothing in Authentik. Nobody has a password at first: install ends with a "
    "link for the first administrator, and infrakit sign-in USER makes one for another; the page behind it sets a "
    "password. What an administrator adds in Authentik beside this stays."
)

CLIENTS = (
    "App",
    "Client",
    "Client secret",
    "Issuer; discovery is below it at .well-known/openid-configuration",
    "Leads back to",
)


def people(deployment: Deployment) -> Section:
    """Where Authentik runs; elsewhere the core decides."""
    access = deployment.access
    if not access.groups:
        return Section("People", "", (), "Nobody signs in at this host.")
    users = [
        row(
            user.origin,
            Word(user.username, code=True),
            Word(", ".join(user.groups) or "none"),
            Word(user.email or "none"),
        )
        for user in access.users
    ]
    clients = [_client(deployment, item, item.oidc) for item in access.applications if item.oidc]
    tables = [
        Table("Users", ("User", "Groups", "Address"), tuple(users), deployment.origin),
        Table("Apps that ask Authentik themselves", CLIENTS, tuple(clients), deployment.origin),
    ]
    return Section("People", INTRO, tuple(table for table in tables if table.rows), "The file names nobody.")


def _client(deployment: Deployment, application: Application, client: OidcClient) -> Row:
    """What a person types into the app; where codes go but to its own address, and whom it has to believe, in amber."""
    secret = f"{SECRETS_DIRECTORY}/{client.secret}" if client.secret else "none"
    back = (*client.redirect_uris, *client.logout_uris)
    words = tuple(Word(url, code=True, amber=_host(url) not in application.hostnames) for url in back)
    verified = (Word("is told that every address is verified", amber=True),) if client.email_verified else ()
    cells = (
        Cell((Word(application.title), *verified)),
        Cell((Word(client.client_id, code=True),)),
        Cell((Word(secret, code=True),)),
        Cell((Word(f"{portal(deployment)}/application/o/{application.slug}/", code=True),)),
        Cell(words),
    )
    return Row(cells, client.origin)


def _host(url: str) -> str:
    """The name of the host that a browser asks for it, "" where a program on its own machine is asked."""
    scheme, _, rest = url.partition("://")
    return rest.partition("/")[0].partition(":")[0].lower() if scheme == "https" else ""
