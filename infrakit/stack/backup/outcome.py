"""How a drill of a backup ended: kept for the doctor, and said in words."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from infrakit.machine import Machine
from infrakit.stack.backup.last import seconds_of
from infrakit.stack.backup.repository import FOLDER

OUTCOME = f"{FOLDER}/drill.json"
MOST_BYTES = 1 << 20


class Outcome(NamedTuple):
    """`at`: when it ended; `parts`: name -> what was found, of those that are as recorded; `well`: containers;
    `skipped`: container -> why it was not started; `unsure`: container -> why it says nothing that it is not well;
    `left`: container -> why it was not in the drill; `failed`: what is not as it should be."""

    at: str
    set: str
    parts: Mapping[str, str] = {}
    well: tuple[str, ...] = ()
    skipped: Mapping[str, str] = {}
    unsure: Mapping[str, str] = {}
    left: Mapping[str, str] = {}
    failed: tuple[str, ...] = ()

    def lines(self) -> Iterator[str]:
        """For a person."""
        for name, found in self.parts.items():
            yield f"{name}: {found}"
        if self.well:
            yield f"well: {', '.join(self.well)}"
        for name, why in self.skipped.items():
            yield f"not started: {name}: {why}"
        for name, why in self.unsure.items():
            yield f"not well, which proves nothing: {name}: {why}"
        for name, why in self.left.items():
            yield f"not in the drill: {name}: {why}"
        how = f"{len(self.failed)} failed" if self.failed else "all as recorded"
        yield f"drill of {self.set or 'the newest backup'}: {how}"

    def at_s(self) -> float:
        """When, in seconds of the clock; 0 where it does not say."""
        return seconds_of(self.at)


def keep(machine: Machine, outcome: Outcome) -> None:
    """For the doctor."""
    machine.make_folder(FOLDER, 0o700)
    machine.write(OUTCOME, json.dumps(outcome._asdict(), sort_keys=True, indent=1).encode(), 0o600)


def last(machine: Machine) -> Outcome | None:
    """Of the last drill; None where there was none that can be read."""
    try:
        found: dict[str, Any] = json.loads(machine.read(OUTCOME, MOST_BYTES) or b"{}")
        return Outcome(str(found["at"]), str(found["set"]), failed=tuple(map(str, found["failed"])))
    except (ValueError, KeyError, TypeError):
        return None
