"""Text of a blueprint -> text with its references replaced: `${url.authentik}`, and `$${` for a literal `${`.

A fixed table of names, no expressions, one pass: a value that happens to look like a reference is never read again.
"""

import re
from collections.abc import Callable

NAMES = (
    "administrators",
    "agents",
    "architecture",
    "client_id",
    "contact",
    "core",
    "docker_host",
    "domain",
    "edge_tunnel_port",
    "host",
    "hostname",
    "name",
    "timezone",
    "url",
)

Lookup = Callable[[str], str | None]
"""Name -> what it stands for; None, and then nothing is put there, where it means nothing."""

FAMILIES = ("hostname", "inside", "option", "secret", "subnet", "url")
"""Names that take an object: `${secret.NAME}`."""

# An unclosed `${` reads to the end, so that it is reported as an unknown reference and not passed on silently.
_REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)\}?")


def references(text: str) -> list[str]:
    """The names referred to, in the order of the text, repeated as often as they stand there."""
    if "${" not in text:
        return []
    return [match.group(1) for match in _REFERENCE.finditer(text) if match.group(1) is not None]


def substitute(text: str, lookup: Lookup) -> str:
    """`text` with each `${name}` replaced by lookup(name), and each `$${` by `${`."""
    if "${" not in text:
        return text
    return _REFERENCE.sub(lambda match: "${" if match.group(1) is None else lookup(match.group(1)) or "", text)


def is_known(name: str) -> bool:
    """Whether `name` stands in the table; whether its object exists is for the caller to say."""
    family, dot, rest = name.partition(".")
    return name in NAMES or bool(dot and rest and family in FAMILIES)
