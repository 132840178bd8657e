"""Text of an app of infrakit.yaml -> what it says once `${...}` stands for what it means, secrets apart.

Fewer names than a blueprint has, and what is none of them stays as it is: a program's own `${HOME}` is no mistake.
`$${url}` is a literal `${url}`.
"""

import re
from collections.abc import Iterator

from infrakit.catalog.references import Lookup
from infrakit.model import SecretText

NAMES = ("contact", "domain", "host", "hostname", "name", "timezone", "url")
FAMILIES = ("hostname", "inside", "secret", "url")
"""As catalogue/references.py has them; `secret` is the value here, and no path."""

_REFERENCE = rf"\$(\$?)\{{({'|'.join(NAMES)}|(?:{'|'.join(FAMILIES)})\.[^{{}}\s]*)\}}"


def names_in(text: str) -> list[str]:
    """The names referred to, in the order of the text."""
    return [match[2] for match in re.finditer(_REFERENCE, text) if not match[1]] if "${" in text else []


def secrets_in(text: str) -> list[str]:
    """The names of the secrets among them."""
    return [name.partition(".")[2] for name in names_in(text) if name.startswith("secret.")]


def plain(text: str, lookup: Lookup) -> str:
    """`text` with every reference replaced; one to a secret, which has no value here, by nothing."""
    return "".join(before for before, _ in parted(text, lookup))


def parted(text: str, lookup: Lookup) -> SecretText:
    """`text` in pieces, each followed by the secret of that name, "" for none."""
    found: list[tuple[str, str]] = []
    said = ""
    for before, escaped, name in _pieces(text):
        said += before
        if escaped:
            said += f"${{{name}}}"
        elif name.startswith("secret."):
            found.append((said, name.partition(".")[2]))
            said = ""
        elif name:
            said += lookup(name) or ""
    return (*found, (said, "")) if said or not found else tuple(found)


def _pieces(text: str) -> Iterator[tuple[str, bool, str]]:
    """(text before, whether the reference after it is a literal one, its name); the last has none."""
    place = 0
    for match in re.finditer(_REFERENCE, text) if "${" in text else ():
        yield text[place : match.start()], bool(match[1]), match[2]
        place = match.end()
    yield text[place:], False, ""
