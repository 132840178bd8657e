"""Groups of the host by name -> variables of Compose's, whose numbers are read on the host (stack/groups.py).

Compose takes a name for one of the image's, whose number is another; the host's own is in nobody's tree.
"""

from collections.abc import Iterable

FILE = "secrets/.host.groups"
"""Beside the tree; Compose reads it for the services that name a group. No secret is called so, and no container, after
which an environment is: their names have no dot."""


def variable(group: str) -> str:
    """What a group is called in the file. Names are in small letters, so that no two have the same."""
    return f"INFRAKIT_GROUP_{group.replace('-', 'DASH')}"


def reference(group: str) -> str:
    """Its number, for Compose; of a name its variable, and where that is not set, Compose says what is missing."""
    if group.isdigit():
        return group
    return f"${{{variable(group)}:?write the number of the group {group} into {FILE}, see getent group {group}}}"


def content(numbers: Iterable[tuple[str, int | None]]) -> bytes:
    """The file; of a group whose number is not known, a line to fill in."""
    lines = [f"{variable(name)}={number}" if number is not None else f"# {variable(name)}=" for name, number in numbers]
    return "".join(f"{line}\n" for line in lines).encode()
