"""The checked keys of an app -> its doors: several under `doors`, or the one that its own keys say in short."""

from typing import Any

from infrakit.config.model import DoorConfig, Path
from infrakit.model import Origin, Pass

KEYS = (
    "allow",
    "public",
    "subdomain",
    "domain",
    "scheme",
    "certificate",
    "certificate_name",
    "pass",
    "headers",
    "identity",
    "sign_in",
)
"""What stands below a door beside its port, or among the keys of an app with one door."""


def doors_of(values: dict[str, Any], path: Path) -> tuple[DoorConfig, ...]:
    """In the order of the file, which is the user's: addresses of an app mean the first. A port of 0 is missing."""
    if "doors" in values:
        return tuple(_door(name, item, (*path, "doors", name)) for name, item in values["doors"].items())
    if any(key in values for key in ("port", "address", "blueprint", *KEYS)):
        return (_door("", values, path),)
    return ()


def _named(values: list[str], path: Path) -> tuple[tuple[str, Path], ...]:
    return tuple((value, (*path, index)) for index, value in enumerate(values))


def _door(name: str, values: dict[str, Any], path: Path) -> DoorConfig:
    domains, at = values.get("domain", []), (*path, "domain")
    passes = enumerate(values.get("pass", ()))
    scheme, address, port = _there(values["address"]) if "address" in values else ("", "", 0)
    return DoorConfig(
        name=name,
        title=values.get("title", "") if name else "",
        address=address,
        port=port or values.get("port", 0),
        subdomain=values.get("subdomain", ""),
        domains=((domains, at),) if isinstance(domains, str) else _named(domains, at),
        allow=_named(values["allow"], (*path, "allow")) if "allow" in values else None,
        public=values.get("public", False),
        scheme=scheme or values.get("scheme", "http"),
        certificate=values.get("certificate", "verify"),
        certificate_name=values.get("certificate_name", ""),
        passes=tuple(_pass(item, (*path, "pass", number)) for number, item in passes),
        headers=tuple(sorted(values.get("headers", {}).items())),
        identity=tuple(sorted(values.get("identity", {}).items())),
        sign_in=values.get("sign_in", "portal"),
        path=path,
    )


def _there(text: str) -> tuple[str, str, int]:
    """ "https://192.168.1.1" -> ("https", "192.168.1.1", 443)."""
    scheme, _, rest = text.rstrip("/").partition("://")
    host, _, port = rest.partition(":") if not rest.startswith("[") else (rest, "", "")
    return scheme, host, int(port or (443 if scheme == "https" else 80))


def _pass(values: dict[str, Any], path: Path) -> Pass:
    found = (values.get(key, []) for key in ("path", "from", "method"))
    paths, sources, methods = ((item,) if isinstance(item, str) else tuple(item) for item in found)
    return Pass(paths, sources, methods, values.get("why", ""), Origin("", path, "bind"))
