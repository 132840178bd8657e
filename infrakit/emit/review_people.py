"""Deployment -> the review's section on people: who is in which group by the file, how they come in the first time, and
which apps ask Authentik themselves."""

from infrakit.emit.authentik import portal
from infrakit.emit.review_parts import Section, Table, Word, row
from infrakit.model import Deployment

INTRO = (
    "The file rules over these groups: who is added to one by hand leaves it with the next infrakit up, and so "
    "does who leaves the file, who keeps an account that opens nothing. A user is made once: a name or an address "
    "that changes in the file changes nothing in Authentik. Nobody has a password at first: install ends with a "
    "link for the first administrator, and infrakit sign-in USER makes one for another; the page behind it sets a "
    "password. What an administrator adds in Authentik beside this stays."
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
    clients = [
        row(
            application.oidc.origin,
            Word(application.title),
            Word(application.oidc.client_id, code=True),
            Word(f"{portal(deployment)}/application/o/{application.slug}/", code=True),
        )
        for application in access.applications
        if application.oidc
    ]
    tables = [
        Table("Users", ("User", "Groups", "Address"), tuple(users), deployment.origin),
        Table("Apps that ask Authentik themselves", ("App", "Client", "Issuer"), tuple(clients), deployment.origin),
    ]
    return Section("People", INTRO, tuple(table for table in tables if table.rows), "The file names nobody.")
