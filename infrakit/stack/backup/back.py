"""Snapshots of a set -> the steps that put a host's data back as it was: fetched whole beside what is there, then
exchanged while nobody has it open; a database by its own tools, into an empty folder.

Each step says by what is on the disk whether it is done, so that a run after a kill goes on.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from infrakit.backups import BackupPart, Dump
from infrakit.emit.compose import docker_volume
from infrakit.errors import InfraKitError, MachineUnfit, UsageProblem
from infrakit.machine import Machine
from infrakit.model import Container, Deployment
from infrakit.plan import Plan, Step
from infrakit.plan.model import Event, Tell
from infrakit.resolve.backups import holds_database
from infrakit.stack.backup.dump import load
from infrakit.stack.backup.repository import LONGEST_S, Repository, restic
from infrakit.stack.backup.take import SET
from infrakit.stack.change.aside import RESTORED, SPARE_BYTES, Stop, work
from infrakit.stack.down import WaitUntilWell
from infrakit.stack.inside import container_name
from infrakit.stack.layout import RESTORING, secrets_folder
from infrakit.stack.roles import SetRole, role_of
from infrakit.stack.up import in_order

WHOLE, FORMER, EMPTIED, DONE = ".whole", ".former", ".emptied", ".done"


class Chosen(NamedTuple):
    """A part that is put back: `snapshot`, and how many `bytes` it has; `folders`: (volume as Docker calls it, where it
    is in the snapshot); `dumps`: the same of databases."""

    part: BackupPart
    snapshot: str
    bytes: int
    folders: tuple[tuple[str, str], ...]
    dumps: tuple[tuple[Dump, str], ...]


def content_of(machine: Machine, repository: Repository, snapshot: str) -> dict[str, Any]:
    """What a set says of itself. `snapshot`: of the host."""
    return restic(machine, repository, "dump", snapshot, SET)[0]


def chosen(deployment: Deployment, content: Mapping[str, Any], names: Sequence[str]) -> tuple[Chosen, ...]:
    """The parts that are meant, all where none is named. UsageProblem where the set, or the host, has no such part."""
    assert deployment.backup is not None, "the file says where backups are"
    here, there = {part.name: part for part in deployment.backup.parts}, content["parts"]
    for name in names:
        if name not in there:
            raise UsageProblem(f"the backup has no {name}", f"it has: {', '.join(sorted(there))}")
        if name not in here:
            raise UsageProblem(f"{name} is not in the file any more", f"infrakit restore --beside FOLDER {name}")
    return tuple(_chosen(deployment, here[name], there[name]) for name in (names or there) if name in here)


def _chosen(deployment: Deployment, part: BackupPart, about: Mapping[str, Any]) -> Chosen:
    volumes = [docker_volume(deployment.name, name, deployment.volumes) for name in part.volumes]
    folders = tuple((name, about["volumes"][name]) for name in volumes if name in about["volumes"])
    dumps = tuple((dump, about["dumps"][dump.container]) for dump in part.dumps if dump.container in about["dumps"])
    return Chosen(part, about.get("snapshot", ""), about.get("bytes", 0), folders, dumps)


def plan_restore(deployment: Deployment, repository: Repository, number: str, parts: Sequence[Chosen]) -> Plan:
    """In the order in which containers start; nothing of what runs is touched before all is here. `number`: of the
    set."""
    used = _users(deployment, parts)
    fetch = [_fetch(repository, number, part) for part in parts if part.snapshot]
    back = [_back(deployment, number, part) for part in parts if part.snapshot]
    names = tuple(container_name(deployment.name, item) for item in used)
    note = Note(number, tuple(part.part.name for part in parts))
    stop = Stop(deployment.name, tuple(reversed(used)))
    return Plan(
        f"put {', '.join(part.part.name for part in parts)} back as in {number}",
        (
            *fetch,
            Step("stop", f"stop {', '.join(used)}", (), (note, stop)),
            *back,
            Step("start", f"start {', '.join(used)}", (), (StartAll(names), WaitUntilWell(deployment.name, names))),
            Step("over", "what was there before goes", (Over(),), (Clean(),)),
        ),
    )


def _users(deployment: Deployment, parts: Sequence[Chosen]) -> tuple[str, ...]:
    """Who has what is put back open, or needs a database that is, each after those that it needs."""
    volumes = {name for part in parts for name in part.part.volumes}
    found = {dump.container for part in parts for dump, _ in part.dumps}
    every = [item for service in in_order(deployment.services) for item in service.containers if not item.one_shot]
    found |= {item.name for item in every if any(mount.source in volumes for mount in item.mounts)}
    while more := {item.name for item in every if {need.container for need in item.depends_on} & found} - found:
        found |= more
    return tuple(item.name for item in every if item.name in found)


def _fetch(repository: Repository, number: str, part: Chosen) -> Step:
    there, action = Fetched(number, part.part.name), Fetch(repository, number, part)
    return Step(f"fetch {part.part.name}", f"fetch {part.part.name}", (there,), (action,))


def _back(deployment: Deployment, number: str, part: Chosen) -> Step:
    name = part.part.name
    databases = tuple(action for dump, path in part.dumps for action in _database(deployment, number, name, dump, path))
    actions = (*databases, *(Exchange(number, name, *folder) for folder in part.folders), Mark(number, name))
    return Step(f"back {name}", f"{name} as it was", (IsBack(number, name),), actions)


def _database(deployment: Deployment, number: str, part: str, dump: Dump, path: str) -> Iterator[Any]:
    container = next(
        item for service in deployment.services for item in service.containers if item.name == dump.container
    )
    project, called = deployment.name, container_name(deployment.name, dump.container)
    yield Stop(project, (dump.container,))
    yield Empty(number, part, dump.container, tuple(_places(deployment, container)))
    yield StartAll((called,))
    yield WaitUntilWell(project, (called,))
    yield Load(number, part, project, dump, path)
    for spec in deployment.secrets:
        role = role_of(deployment, spec.name)
        if role and role.container == dump.container:
            yield SetRole(project, role, f"{secrets_folder(deployment.host)}/secrets/{spec.name}")


def _places(deployment: Deployment, container: Container) -> Iterator[tuple[str, str]]:
    """(kind, volume or folder) of the server's files."""
    for mount in container.mounts:
        if holds_database(mount) and not mount.read_only:
            name = mount.source
            yield mount.kind, name if mount.kind == "host" else docker_volume(deployment.name, name, deployment.volumes)


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
    part: Chosen

    def do(self, machine: Machine, tell: Tell) -> None:
        folder = stage(machine, self.number, self.part.part.name)
        machine.remove_tree(folder)
        free = int(machine.run(("df", "-B1", "--output=avail", machine.engine.folder())).out.split()[-1]) - SPARE_BYTES
        if self.part.bytes > free:
            what = f"{self.part.part.name} has {self.part.bytes / 1e6:.0f} MB, and there is room for {free / 1e6:.0f}"
            raise MachineUnfit(what, f"make room in {machine.engine.folder()}")
        machine.make_folder(folder, 0o700)
        tell(Event("progress", "", f"{self.part.bytes / 1e6:.1f} MB"))
        words = ("restore", self.part.snapshot, "--target", folder, "--verify")
        restic(machine, self.repository, *words, timeout_s=LONGEST_S, tell=tell)
        machine.flush(folder)
        machine.write(f"{folder}/{WHOLE}", b"")

    def text(self) -> str:
        return f"bring {self.part.part.name} here, and read it once more"


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
