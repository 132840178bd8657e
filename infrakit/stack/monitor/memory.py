"""What is known of faults, as a file, which is written only where something lasting changed: it is on an SD card."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from infrakit.errors import InfraKitError
from infrakit.machine import Machine
from infrakit.stack.layout import LOOKED, MONITOR, SPARE
from infrakit.stack.monitor.alerts import Alert, Sight, Silence

VERSION = 1
MOST_BYTES = 1 << 22
MOST_CHANGES = 8
IN_MEMORY = f"{SPARE}/monitor.json"
"""Where it is while the disk is full, or can only be read."""


class Memory(NamedTuple):
    """`alerts` by key. `writes`: how often it was written, so that the newer of two is known."""

    alerts: Mapping[str, Alert] = {}
    silences: tuple[Silence, ...] = ()
    writes: int = 0


def read(machine: Machine) -> Memory:
    """What was written last; nothing where there is none, or it cannot be read: then all that is wrong is told anew."""
    return max((_read(machine, path) for path in (MONITOR, IN_MEMORY)), key=lambda found: found.writes)


def _read(machine: Machine, path: str) -> Memory:
    try:
        found = json.loads(machine.read(path, MOST_BYTES) or b"{}")
        alerts = [_alert(item) for item in found.get("alerts", ())]
        silences = tuple(
            Silence(str(item["pattern"]), float(item["until_s"]), str(item["why"]))
            for item in found.get("silences", ())
        )
        return Memory({item.key: item for item in alerts}, silences, int(found.get("writes", 0)))
    except (ValueError, KeyError, TypeError, AttributeError):
        return Memory()


def write(machine: Machine, memory: Memory, now_s: float) -> None:
    """Keep it; silences that are over go."""
    kept = [item for item in memory.silences if now_s < item.until_s]
    tree = {
        "version": VERSION,
        "writes": memory.writes + 1,
        "alerts": [
            {**item._asdict(), "sight": item.sight._asdict(), "changes": list(item.changes[-MOST_CHANGES:])}
            for item in memory.alerts.values()
        ],
        "silences": [item._asdict() for item in kept],
    }
    content = json.dumps(tree, sort_keys=True).encode()
    try:
        machine.write(MONITOR, content, 0o600)
    except InfraKitError:
        machine.write(IN_MEMORY, content, 0o600)
        return
    machine.remove(IN_MEMORY)


def looked_s(machine: Machine) -> float:
    """When it looked at all last, since this boot; 0 where it did not."""
    try:
        return float(json.loads(machine.read(LOOKED) or b"{}")["at"])
    except (ValueError, KeyError, TypeError):
        return 0.0


def has_looked(machine: Machine, now_s: float) -> None:
    """It looked at all."""
    machine.write(LOOKED, json.dumps({"at": now_s}).encode(), 0o600)


def _alert(tree: Mapping[str, Any]) -> Alert:
    sight = tree["sight"]
    texts = {name: str(sight[name]) for name in Sight._fields if name != "slow"}
    return Alert(
        Sight(slow=bool(sight["slow"]), **texts),
        float(tree["began_s"]),
        float(tree["seen_s"]),
        str(tree["told"]),
        int(tree["looks"]),
        tuple(map(float, tree["changes"])),
        bool(tree["restless"]),
        str(tree["acknowledged"]),
    )
