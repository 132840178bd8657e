"""What a drill has put on this machine, by name, written down before any of it is there: a drill that was killed is
taken away by the next one, by --remove, or with InfraKit itself.
"""

import json
from typing import NamedTuple

from infrakit.emit.timer import DRILLING as NOTE
from infrakit.errors import InfraKitError
from infrakit.machine import Machine
from infrakit.plan import Step
from infrakit.plan.model import Tell
from infrakit.stack.backup.repository import FOLDER
from infrakit.stack.change.aside import work
from infrakit.stack.down import STOP_S, listed

MOST_BYTES = 1 << 20
KINDS = ("container", "volume", "network")


class Remains(NamedTuple):
    """Names as Docker has them, and the folder where all else is."""

    folder: str = ""
    container: tuple[str, ...] = ()
    volume: tuple[str, ...] = ()
    network: tuple[str, ...] = ()

    def there(self, machine: Machine, kind: str) -> list[str]:
        """Those of one of KINDS that are there."""
        names = getattr(self, kind)
        return [name for name in listed(machine, kind) if name in names] if names else []


def remains(machine: Machine) -> Remains:
    """Of the drill that was under way last; of none where that is over."""
    content = machine.read(NOTE, MOST_BYTES)
    if content is None:
        return Remains()
    try:
        found = json.loads(content)
        return Remains(str(found["folder"]), *(tuple(map(str, found[kind])) for kind in KINDS))
    except (ValueError, KeyError, TypeError):
        raise InfraKitError(f"{NOTE} is damaged", f"sudo rm {NOTE}; docker ps -a names what is left") from None


class NoteRemains(NamedTuple):
    """Write down what is about to be there. InfraKitError where something bears one of its names already."""

    remains: Remains

    def do(self, machine: Machine, tell: Tell) -> None:
        for kind in KINDS:
            for name in self.remains.there(machine, kind):
                what = f"there is a {kind} {name} already, which is of no drill"
                raise InfraKitError(what, f"where nobody needs it: sudo docker {kind} rm {name}")
        machine.make_folder(FOLDER, 0o700)
        machine.write(NOTE, json.dumps(self.remains._asdict()).encode(), 0o600)
        machine.make_folder(self.remains.folder, 0o700)

    def text(self) -> str:
        return "write down what a drill puts here"


class NothingRemains(NamedTuple):
    """No drill is under way."""

    def holds(self, machine: Machine) -> bool:
        return not machine.exists(NOTE)

    def text(self) -> str:
        return "nothing is left of a drill"


class TakeAway(NamedTuple):
    """All that a drill has put here."""

    def do(self, machine: Machine, tell: Tell) -> None:
        found = remains(machine)
        how = {"container": ("--force", "--volumes"), "volume": (), "network": ()}
        for kind in KINDS:
            names = found.there(machine, kind)
            if names:
                work(machine, ("docker", kind, "rm", *how[kind], *names), STOP_S)
        if found.folder:
            machine.remove_tree(found.folder)
        machine.remove(NOTE)

    def text(self) -> str:
        return "remove what a drill left"

    def foretold(self, machine: Machine) -> tuple[str, ...]:
        found = remains(machine)
        lines = [f"remove the {kind} {name}" for kind in KINDS for name in found.there(machine, kind)]
        return (*lines, *([f"remove {found.folder} and all in it"] if found.folder else ()), f"remove {NOTE}")


def away() -> Step:
    """Nothing of a drill is there."""
    return Step("drill", "nothing left of a drill", (NothingRemains(),), (TakeAway(),))
