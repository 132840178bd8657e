"""Deployment -> the table of doors: every address that somebody can open, who may, where it leads, and who asks."""

from infrakit.emit.caddyfile import AUTHORITY_PATH, offers_authority
from infrakit.emit.review_parts import Cell, Row, Section, Word, of, section
from infrakit.model import Deployment, Relay, Route
from infrakit.policy.doors import PREFLIGHT, weakens

EVERYBODY = "everybody, without sign-in"


def who(route: Route) -> Word:
    """Who may pass a door, in few words."""
    if route.sign_in == "public":
        return Word(EVERYBODY, True)
    if route.sign_in == "own":
        return Word("everybody whom the app itself lets in", amber=True)
    if route.sign_in == "provider":
        return Word("everybody, to sign in")
    if route.sign_in == "fleet":
        return Word("only the core's Caddy, by certificate")
    return Word(", ".join(route.allow) or "nobody")


def doors(deployment: Deployment) -> Section:
    """The section of the review."""
    rows = [
        Row(
            (
                Cell((Word(route.hostname, code=True),), of(route.origins, "hostname")),
                Cell(_who_by_name(deployment, route), of(route.origins, "allow")),
                Cell(_leads(route), of(route.origins, "upstreams")),
                Cell((Word(_asked(route)), *_let_in(route)), of(route.origins, "sign_in")),
            ),
            route.origins[""],
        )
        for route in deployment.routes
    ]
    rows += [_relay(relay) for relay in deployment.relays]
    offered = f" Over plain HTTP {AUTHORITY_PATH} is the certificate of Caddy's own authority, for everybody."
    return section(
        "Doors",
        f"Every address that somebody can open, and who may.{offered if offers_authority(deployment) else ''}",
        ("Address", "Who may pass", "Leads to", "Who asks"),
        rows,
        "This host has no door.",
        deployment,
    )


def _relay(relay: Relay) -> Row:
    """The way of the logs of another host: inside at the core, at the port of the fleet there."""
    at, who_may, leads = "the fleet's port", "only the core's Caddy, by certificate", relay.address
    if relay.port:
        at, who_may = f"port {relay.port} inside", "only Dozzle, by certificate"
        leads = f"{relay.address}, Caddy of {relay.host}"
    words = ((Word(at),), (Word(who_may),), (Word(f"logs of {relay.host}"), Word(leads, code=True)), (Word("Caddy"),))
    return Row(tuple(Cell(each, relay.origin) for each in words), relay.origin)


def _who_by_name(deployment: Deployment, route: Route) -> tuple[Word, ...]:
    """Groups with the people in them, and people."""
    if route.sign_in not in ("forward_auth", "application") or not route.allow:
        return (who(route),)
    groups = {group.name for group in deployment.access.groups}
    words = []
    for name in route.allow:
        members = ", ".join(user.username for user in deployment.access.users if name in user.groups)
        words.append(Word(f"{name}: {members or 'nobody yet'}" if name in groups else name))
    return tuple(words)


def _let_in(route: Route) -> tuple[Word, ...]:
    """What goes past sign-in, if anything."""
    words = []
    for item in route.passes:
        red = item.methods != PREFLIGHT
        who = f"but {EVERYBODY}" if red and item.is_everywhere else "but nobody"
        words.append(Word(f"{who}: {item.text}", red, amber=not red))
    return tuple(words)


def _leads(route: Route) -> tuple[Word, ...]:
    places = [f"{item.address}, Caddy of {item.remote}" if item.remote else item.address for item in route.upstreams]
    away = (Word("no container of ours"),) if any(item.elsewhere for item in route.upstreams) else ()
    return (Word(route.title), *[Word(place, code=True) for place in places], *away, *_held_to(route), *_answers(route))


def _answers(route: Route) -> list[Word]:
    """What the file says about headers of answers."""
    return [
        Word(f"answers with {name}: {value}" if value else f"answers without {name}", amber=weakens(name, value))
        for name, value in route.headers
    ]


def _held_to(route: Route) -> tuple[Word, ...]:
    """How the certificate of a backend is checked, where it has one."""
    if route.scheme == "http":
        return ()
    said = {"any": "over TLS, whoever answers", "file": "over TLS, held to the certificate that you gave"}
    return (Word(said.get(route.certificate, "over TLS"), amber=route.certificate == "any"),)


def _asked(route: Route) -> str:
    return {
        "forward_auth": "Caddy asks Authentik",
        "application": "the service itself, by Authentik",
        "own": "the app itself, by your word",
        "provider": "Authentik's own pages",
        "public": "nobody",
        "fleet": "the core has asked already",
    }.get(route.sign_in, route.sign_in)
