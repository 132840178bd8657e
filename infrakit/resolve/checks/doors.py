"""Doors of apps -> Problems: every key of a door has its whole effect, and its names can have certificates."""

from collections.abc import Callable, Iterator

from infrakit.catalog.model import Catalog
from infrakit.config.check import dotted
from infrakit.config.doors import KEYS
from infrakit.config.model import AppConfig, Config, DoorConfig, Path
from infrakit.errors import Problem
from infrakit.resolve.addresses import ends_in_number
from infrakit.resolve.checks.ports import PLAIN
from infrakit.resolve.checks.tls import not_public
from infrakit.resolve.world import Locate

Wrong = tuple[str | Path, str, str, str]
"""(key of the door, or a path below it, what is wrong with it, code, what to do)."""


def keys_of_doors(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """What contradicts itself, or would have no effect."""
    return [
        Problem(locate((*door.path, *path), key=True), f"{dotted((*door.path, *path))}: {what}", code, hint)
        for app in config.apps
        for door in app.doors
        if door.port
        for check in CHECKS
        for key, what, code, hint in check(app, door)
        for path in [key if isinstance(key, tuple) else (key,)]
        if config.said.has((*door.path, *path))
    ]


def one_form(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """Doors are said in short or one by one, not both."""
    return [
        Problem(
            locate((*app.path, key), key=True),
            f"apps.{app.name}.{key}: the app has doors, and this would be said of none",
            "two-forms",
            f"write it below doors.{app.doors[0].name}, or whichever door you mean",
            related=locate((*app.path, "doors"), key=True),
        )
        for app in config.apps
        if app.doors and app.doors[0].name and not app.address
        for key in ("port", *KEYS)
        if config.said.has((*app.path, key))
    ]


def _names(app: AppConfig, door: DoorConfig) -> Iterator[Wrong]:
    if door.subdomain and door.domains:
        yield "subdomain", "domain says the whole name already", "two-names", "keep one of the two; domain takes a list"
    if len(door.domains) > 1 and app.saml is not None and door is app.doors[0]:
        yield "domain", "SAML answers at one name", "two-names", "keep one name, or write oidc"


def _way_in(app: AppConfig, door: DoorConfig) -> Iterator[Wrong]:
    if door.scheme == "https" and door.port == PLAIN:
        yield "port", f"{PLAIN} is plain HTTP's, and Caddy speaks no TLS to it", "scheme-port", "name the port with TLS"
    if door.scheme == "http":
        for key in ("certificate", "certificate_name"):
            yield key, "over plain http there is no certificate", "no-effect", "add scheme: https, or remove it"
    elif door.certificate == "any":
        yield (
            "certificate_name",
            "any certificate will do, with any name",
            "no-effect",
            "remove it, or certificate: any",
        )


def _sign_in(app: AppConfig, door: DoorConfig) -> Iterator[Wrong]:
    """Who asks is said once, and what only the portal does stands where it asks."""
    first = door is app.doors[0]
    client = "oidc" if app.oidc and first else "saml" if app.saml and first else ""
    if client and door.sign_in != "portal":
        yield "sign_in", f"{client} says already how people sign in", "two-ways-to-sign-in", "keep one of the two"
        return
    if door.public or door.sign_in != "portal":
        hint = "keep one of the two; sign_in: none is public: true"
        yield "sign_in" if door.public else "public", "public and sign_in both say who asks", "two-forms", hint
    why = f"{client}: the app itself asks" if client else "public: nobody asks" if door.public else ""
    if door.sign_in != "portal":
        why = f"sign_in: {door.sign_in}: the portal does not ask"
        yield "allow", f"it has no effect with {why}", "no-effect", "remove it, or write sign_in: portal"
    for key in ("pass", "identity") if why else ():
        yield key, f"it has no effect with {why}", "no-effect", f"remove it, or {why.partition(':')[0]}"


NOT_ANSWERED = (
    *("connection", "content-encoding", "content-length", "content-type", "date", "defer", "location", "match"),
    *("set-cookie", "te", "trailer", "transfer-encoding", "upgrade", "vary", "www-authenticate"),
)
"""Headers of answers that say what an answer is, or sign in; one value for all answers would break or forge them."""
NOT_WHO = ("content-", "proxy-", "sec-", "x-authentik-", "x-infrakit-", "x-original-", "x-real-", "x-rewrite-")
NOT_WHO_EITHER = (
    *("accept", "authorization", "connection", "cookie", "expect", "forwarded", "host", "origin", "range", "referer"),
    *("te", "trailer", "transfer-encoding", "upgrade", "user-agent", "via", "x-forwarded-for", "x-forwarded-host"),
    *("x-forwarded-port", "x-forwarded-prefix", "x-forwarded-proto", "x-forwarded-server", "x-forwarded-uri"),
)
"""Headers of requests with a meaning of their own."""


def _headers(app: AppConfig, door: DoorConfig) -> Iterator[Wrong]:
    """Each header is one that can be said, once."""
    for key, pairs in (("headers", door.headers), ("identity", door.identity)):
        names = [name.lower() for name, _ in pairs]
        for name, low in ((name, name.lower()) for name, _ in pairs):
            said = low in NOT_ANSWERED if key == "headers" else low in NOT_WHO_EITHER or low.startswith(NOT_WHO)
            if said:
                yield (key, name), f"{name} has a meaning of its own", "header", "choose another header"
            elif names.count(low) > 1:
                yield (key, name), f"{name} stands there twice: capitals do not count", "header", "keep one of the two"


CHECKS: tuple[Callable[[AppConfig, DoorConfig], Iterator[Wrong]], ...] = (_names, _way_in, _sign_in, _headers)


def backends_certified(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """A container that speaks TLS can be verified: it is dialled by a name that no public authority knows."""
    return [
        Problem(
            locate((*door.path, "scheme"), key=True),
            f"{dotted(door.path)}.scheme: no public authority certifies the name by which Caddy dials it",
            "never-verified",
            "write certificate: any, or a file with what to trust; or certificate_name, where it bears a public one",
            "warning",
        )
        for app in config.apps
        for door in app.doors
        if door.scheme == "https" and door.certificate == "verify" and door.port
        if not door.certificate_name and not door.address
    ]


def domains_certified(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """Whole names can have certificates in the mode that the file chooses."""
    found = []
    for door in (door for app in config.apps for door in app.doors):
        for name, path in door.domains:
            problem = _uncertified(config, name)
            if problem is not None:
                what, code, hint, severity = problem
                found.append(Problem(locate(path), f"{dotted(path)}: {what}", code, hint, severity))
    return found


def _uncertified(config: Config, name: str) -> tuple[str, str, str, str] | None:
    """(what, code, hint, severity) about a name's certificate, None where it will have one."""
    if ends_in_number(name):
        return f"{name} is an address, and no name", "domain", "for instance wiki.example.org", "error"
    found = not_public(config, name)
    if found is not None:
        hint = "write tls: {mode: internal}, or a name of a domain that is yours"
        return found[0], "tls-domain", hint, found[1]
    if name == config.domain or name.endswith(f".{config.domain}"):
        return None
    who = {
        "dns": "the token of your DNS provider must be good for that domain, too",
        "files": "your certificate must be for that name, too",
        "tunnel": "the Cloudflare account of the tunnel must have that domain, too",
    }.get(config.tls.mode)
    what = f"{name} is not below {config.domain}: {who}"
    return (what, "domain-apart", "see that it is so, or choose another name", "warning") if who else None
