"""What one host hands to another that takes an app over: where the copy is and what opens it, and the file as it is
now. Whoever has it has the app's data and secrets.
"""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple

from infrakit import VERSION
from infrakit.backups import Dump
from infrakit.catalog.versions import version
from infrakit.errors import InfraKitError, UsageProblem

FORMAT = 1
MOST_BYTES = 1 << 25
KIND = "infrakit-move"


class Damaged(InfraKitError):
    """It is not as it was written."""


class Place(NamedTuple):
    """Of the copy. `to`: a folder, or where on a server; `host_key`: of an SSH server; `snapshot`: the copy in it, of
    so many bytes."""

    to: str
    host_key: str
    snapshot: str = ""
    bytes: int = 0


class Ticket(NamedTuple):
    """`number`: of the move, the time when it began. `sender`, `to`: hosts. `services`, `containers`: as Group has
    them. `volumes`, `secrets`: name -> path in the copy; `dumps`: with that path. `file`: infrakit.yaml; `lock`: None
    where there is none; `blueprints`: what stands beside it."""

    number: str
    fleet: str
    sender: str
    to: str
    services: tuple[str, ...]
    containers: tuple[str, ...]
    place: Place
    volumes: Mapping[str, str]
    dumps: tuple[tuple[Dump, str], ...]
    secrets: Mapping[str, str]
    file: str
    lock: str | None
    blueprints: Mapping[str, str]

    @property
    def name(self) -> str:
        """What the move is called by."""
        return ", ".join(self.services)


def printed(ticket: Ticket, key: bytes) -> bytes:
    """The file. `key`: opens the copy."""
    fields = {**ticket._asdict(), "place": ticket.place._asdict()}
    fields["dumps"] = [[*dump, path] for dump, path in ticket.dumps]
    whole = {"kind": KIND, "format": FORMAT, "infrakit": VERSION, "key": key.decode(), **fields}
    return json.dumps({**whole, "sha256": _digest(whole)}, sort_keys=True, indent=1).encode() + b"\n"


def read(content: bytes, name: str) -> tuple[Ticket, bytes]:
    """The ticket called `name`, and the key. UsageProblem where it is none, or a newer InfraKit's; Damaged where it is
    not whole."""
    found = _object(content, name)
    made_by = str(found.get("infrakit", ""))
    if found.get("format") != FORMAT or version(made_by) > version(VERSION):
        what = f"InfraKit {made_by} wrote {name}, and this is {VERSION}"
        raise UsageProblem(what, f"use InfraKit {made_by} or a newer one")
    said = found.pop("sha256", "")
    if said != _digest(found):
        raise Damaged(f"{name} is damaged: it is not as it was written", "carry it here again")
    try:
        dumps = tuple((Dump(*dump), str(path)) for *dump, path in found["dumps"])
        changed: dict[str, Any] = {"place": Place(**found["place"]), "dumps": dumps}
        changed |= {field: tuple(found[field]) for field in ("services", "containers")}
        rest = {field: found[field] for field in Ticket._fields if field not in changed}
        return Ticket(**rest, **changed), str(found["key"]).encode()
    except (KeyError, TypeError, ValueError):
        raise Damaged(f"{name} is damaged: something of it is missing", "carry it here again") from None


def _object(content: bytes, name: str) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        if content.lstrip()[:1] == b"{" and KIND.encode() in content:
            raise Damaged(f"{name} is damaged: it has no end", "carry it here again") from None
        found = None
    if not isinstance(found, dict) or found.get("kind") != KIND:
        raise UsageProblem(f"{name} is no ticket of a move", "infrakit move APP --to HOST writes one")
    return found


def _digest(fields: Mapping[str, Any]) -> str:
    return sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
