"""The changes of a restore, each of which finds by what is on the disk how far it is: a run after a kill goes on."""

import json
from typing import NamedTuple

from infrakit.backups import Dump
from infrakit.errors import InfraKitError, MachineUnfit
from infrakit.machine import Machine
from infrakit.plan.model import Event, Tell
from infrakit.stack.backup.dump import load
from infrakit.stack.backup.holes import dig
from infrakit.stack.backup.online import Copied, put_in_place
from infrakit.stack.backup.repository import LONGEST_S, Repository, restic
from infrakit.stack.change.aside import RESTORED, free_bytes, work
from infrakit.stack.layout import RESTORING

WHOLE, FORMER, EMPTIED, DONE = ".whole", ".former", ".emptied", ".done"


def stage(machine: Machine, number: str = "", part: str = "") -> str:
    """Where what is fetched for a part is, and what was there before; where all of it is. Beside Docker's volumes, so
    that an exchange is a rename."""
    return "/".join([f"{machine.engine.folder()}/{RESTORED}", *filter(None, (number, part.replace("/", ".")))])


def _volume(machine: Machine, name: str) -> str:
    return f"{machine.engine.folder()}/volumes/{name}/_data"


class Fetched(NamedTuple):
    """A part is here, whole, or back already."""

    number: str
    part: str

    def holds(self, machine: Machine) -> bool:
        return machine.exists(f"{stage(machine, self.number, self.part)}/{WHOLE}")

    def text(self) -> str:
        return f"{self.part} is here"


class Fetch(NamedTuple):
    """Bring a part here, and read it once more."""

    repository: Repository
    number: str
    part: str
    snapshot: str
    bytes: int

    def do(self, machine: Machine, tell: Tell) -> None:
        folder = stage(machine, self.number, self.part)
        machine.remove_tree(folder)
        free = free_bytes(machine)
        if self.bytes > free:
            what = f"{self.part} has {self.bytes / 1e6:.0f} MB, and there is room for {free / 1e6:.0f}"
            raise MachineUnfit(what, f"make room in {machine.engine.folder()}")
        machine.make_folder(folder, 0o700)
        tell(Event("progress", "", f"{self.bytes / 1e6:.1f} MB"))
        words = ("restore", self.snapshot, "--target", folder, "--verify")
        restic(machine, self.repository, *words, timeout_s=LONGEST_S, tell=tell)
        dig(machine, folder, self.part)
        machine.flush(folder)
        machine.write(f"{folder}/{WHOLE}", b"")

    def text(self) -> str:
        return f"bring {self.part} here, and read it once more"


class Note(NamedTuple):
    """Write down that data is half here and half there, until that is over."""

    number: str
    parts: tuple[str, ...]

    def do(self, machine: Machine, tell: Tell) -> None:
        machine.write(RESTORING, json.dumps({"set": self.number, "parts": self.parts}).encode(), 0o600)

    def text(self) -> str:
        return "write down that it has begun"


class IsBack(NamedTuple):
    """A part is as in the set."""

    number: str
    part: str

    def holds(self, machine: Machine) -> bool:
        return machine.exists(f"{stage(machine, self.number, self.part)}/{DONE}")

    def text(self) -> str:
        return f"{self.part} is as in {self.number}"


class Mark(NamedTuple):
    """Write down that a part is back."""

    number: str
    part: str

    def do(self, machine: Machine, tell: Tell) -> None:
        folder = stage(machine, self.number, self.part)
        machine.flush(folder)
        machine.write(f"{folder}/{DONE}", b"")

    def text(self) -> str:
        return f"write down that {self.part} is back"


class Exchange(NamedTuple):
    """One volume, by two renames; where a cut came between, the second is left. `path`: of its folder, in the
    snapshot."""

    number: str
    part: str
    volume: str
    path: str

    def do(self, machine: Machine, tell: Tell) -> None:
        folder = stage(machine, self.number, self.part)
        fresh, former, there = f"{folder}{self.path}", f"{folder}/{FORMER}/{self.volume}", _volume(machine, self.volume)
        if not machine.exists(fresh):
            return
        machine.make_folder(f"{folder}/{FORMER}", 0o700)
        if machine.exists(there):
            work(machine, ("mv", "-T", there, former), LONGEST_S)
        machine.make_folder(there.rpartition("/")[0], 0o701)
        work(machine, ("mv", "-T", fresh, there), LONGEST_S)

    def text(self) -> str:
        return f"put {self.volume} back"


class Complete(NamedTuple):
    """Databases that were copied by SQLite stand among the files again."""

    number: str
    part: str
    found: tuple[Copied, ...]

    def do(self, machine: Machine, tell: Tell) -> None:
        put_in_place(machine, stage(machine, self.number, self.part), self.found)

    def text(self) -> str:
        return f"put SQLite's copies among the files of {self.part}"


class Empty(NamedTuple):
    """No files of a server, so that it makes its own; those that there are lie beside. Where that was done already,
    what there is now is of a load that was cut, and goes. `places`: (kind of mount, volume or folder)."""

    number: str
    part: str
    container: str
    places: tuple[tuple[str, str], ...]

    def do(self, machine: Machine, tell: Tell) -> None:
        for position, (kind, name) in enumerate(self.places):
            place = name if kind == "host" else _volume(machine, name)
            former = f"{stage(machine, self.number, self.part)}/{FORMER}/{self.container}.{position}"
            emptied = f"{former}{EMPTIED}"
            machine.make_folder(former, 0o700)
            every = ("find", place, "-mindepth", "1", "-maxdepth", "1")
            away = ("rm", "-rf", "{}") if machine.exists(emptied) else ("mv", "-t", former, "{}")
            work(machine, (*every, "-exec", *away[:-1], "{}", ";"), LONGEST_S)
            machine.write(emptied, b"")

    def text(self) -> str:
        return f"move the files of {self.container} aside"


class Load(NamedTuple):
    """A database from what it was written down as. `path`: in the snapshot."""

    number: str
    part: str
    project: str
    dump: Dump
    path: str

    def do(self, machine: Machine, tell: Tell) -> None:
        load(machine, self.project, self.dump, f"{stage(machine, self.number, self.part)}{self.path}")

    def text(self) -> str:
        return f"load the database of {self.dump.container}"


class StartAll(NamedTuple):
    """Containers run; names as Docker calls them."""

    names: tuple[str, ...]

    def do(self, machine: Machine, tell: Tell) -> None:
        work(machine, ("docker", "start", *self.names), LONGEST_S)

    def text(self) -> str:
        return f"start {', '.join(self.names)}"


class Over(NamedTuple):
    """Nothing is under way, and nothing lies beside."""

    def holds(self, machine: Machine) -> bool:
        return not machine.exists(RESTORING) and not machine.exists(stage(machine))

    def text(self) -> str:
        return "nothing lies beside the volumes"


class Clean(NamedTuple):
    """What was fetched, and what was there before, goes."""

    def do(self, machine: Machine, tell: Tell) -> None:
        machine.remove(RESTORING)
        machine.remove_tree(stage(machine))

    def text(self) -> str:
        return "remove what was there before"


def under_way(machine: Machine) -> tuple[str, tuple[str, ...]]:
    """(the number of the set that is half put back, which parts); "" where none is."""
    content = machine.read(RESTORING)
    try:
        found = json.loads(content or b'{"set": "", "parts": []}')
        return str(found["set"]), tuple(map(str, found["parts"]))
    except (ValueError, KeyError, TypeError):
        raise InfraKitError(f"{RESTORING} is damaged", f"sudo rm {RESTORING}, then restore again") from None
