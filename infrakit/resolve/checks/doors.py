"""Doors of apps -> Problems: every key of a door has its whole effect, and its names can have certificates."""

from collections.abc import Callable, Iterator

from infrakit.catalog.model import Catalog
from infrakit.config.check import dotted
from infrakit.config.doors import KEYS
from infrakit.config.model import AppConfig, Config, DoorConfig, Path
from infrakit.errors import Problem
from infrakit.resolve.checks.tls import PRIVATE_NAMES
from infrakit.resolve.world import Locate

Wrong = tuple[str, str, str, str]
"""(key of the door, what is wrong with it, code, what to do)."""


def keys_of_doors(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """What contradicts itself, or would have no effect."""
    return [
        Problem(locate((*door.path, key), key=True), f"{dotted(door.path)}.{key}: {what}", code, hint)
        for app in config.apps
        for door in app.doors
        if door.port
        for check in CHECKS
        for key, what, code, hint in check(app, door)
        if _is_said(config, (*door.path, key))
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
        if _is_said(config, (*app.path, key))
    ]


def _is_said(config: Config, path: Path) -> bool:
    return any(said[: len(path)] == path for said in config.said)


def _names(app: AppConfig, door: DoorConfig) -> Iterator[Wrong]:
    if door.subdomain and door.domains:
        yield "subdomain", "domain says the whole name already", "two-names", "keep one of the two; domain takes a list"
    if len(door.domains) > 1 and app.saml is not None and door is app.doors[0]:
        yield "domain", "SAML answers at one name", "two-names", "keep one name, or write oidc"


def _way_in(app: AppConfig, door: DoorConfig) -> Iterator[Wrong]:
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


def _passes(app: AppConfig, door: DoorConfig) -> Iterator[Wrong]:
    first = door is app.doors[0]
    by_itself = "oidc" if app.oidc and first else "saml" if app.saml and first else ""
    if door.passes and (door.public or by_itself):
        why = (
            "public: nobody is asked" if door.public else f"{by_itself}: the app itself asks, and lets in whom it likes"
        )
        yield "pass", f"it has no effect with {why}", "no-effect", f"remove it, or {by_itself or 'public'}"


CHECKS: tuple[Callable[[AppConfig, DoorConfig], Iterator[Wrong]], ...] = (_names, _way_in, _passes)


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
    if name.rpartition(".")[2].isdigit():
        return f"{name} is an address, and no name", "domain", "for instance wiki.example.org", "error"
    below = next((known for known in PRIVATE_NAMES if f".{name}".endswith(f".{known}")), "")
    if below and config.tls.mode in ("acme", "dns"):
        what = f"no public authority gives certificates for names below {below}"
        return what, "tls-domain", "write tls: {mode: internal}, or a name of a domain that is yours", "error"
    if name == config.domain or name.endswith(f".{config.domain}"):
        return None
    who = {
        "dns": "the token of your DNS provider must be good for that domain, too",
        "files": "your certificate must be for that name, too",
        "tunnel": "the Cloudflare account of the tunnel must have that domain, too",
    }.get(config.tls.mode)
    what = f"{name} is not below {config.domain}: {who}"
    return (what, "domain-apart", "see that it is so, or choose another name", "warning") if who else None
