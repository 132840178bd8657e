"""How the last backups of a machine went -> a file of it, which the doctor reads. No secret is in it."""

import calendar
import json
import time
from typing import Any, NamedTuple

from infrakit.machine import Machine
from infrakit.stack.backup.damage import Damage
from infrakit.stack.backup.repository import FOLDER

LAST = f"{FOLDER}/last.json"
MOST_BYTES = 1 << 20
MOST_DAMAGES = 100
FORMAT = "%Y-%m-%dT%H:%M:%SZ"
"""Of the number of a set, which is when it was begun."""


class Last(NamedTuple):
    """`whole`: the newest set in which all was; `set`: the newest; `missing`: parts that it has not. `verified`: when
    it was looked at, and `damaged`: what was found then. "" where there was none yet."""

    whole: str = ""
    set: str = ""
    missing: tuple[str, ...] = ()
    verified: str = ""
    damaged: tuple[Damage, ...] = ()


def last(machine: Machine) -> Last:
    """What is known of them; nothing, where that cannot be read."""
    try:
        found = json.loads(machine.read(LAST, MOST_BYTES) or b"{}")
        damaged = tuple(_damage(item) for item in found.get("damaged", ()))
        texts = {name: str(found.get(name, "")) for name in ("whole", "set", "verified")}
        return Last(**texts, missing=tuple(map(str, found.get("missing", ()))), damaged=damaged)
    except (ValueError, TypeError, AttributeError, KeyError):
        return Last()


def _damage(found: Any) -> Damage:
    return Damage(**{**found, "hits": tuple(found["hits"])})


def keep(machine: Machine, found: Last) -> None:
    """Write it down."""
    machine.make_folder(FOLDER, 0o700)
    machine.write(LAST, json.dumps(as_json(found), sort_keys=True, indent=1).encode(), 0o600)


def as_json(found: Last) -> dict[str, Any]:
    """The same for a program."""
    return {**found._asdict(), "damaged": [item._asdict() for item in found.damaged[:MOST_DAMAGES]]}


def now() -> str:
    """As sets are numbered."""
    return time.strftime(FORMAT, time.gmtime())


def seconds_of(number: str) -> float:
    """Since 1970; 0 for what is no such number."""
    try:
        return float(calendar.timegm(time.strptime(number, FORMAT)))
    except ValueError:
        return 0.0
