"""Data of services put aside before another image opens it, and brought back where that did not go well.

Beside Docker's volumes, by the generation that it was the data of: a copy there shares its blocks where the file system
can do that, and the way back is a rename.
"""

from collections.abc import Sequence
from typing import NamedTuple

from infrakit.emit.compose import docker_volume
from infrakit.errors import InfraKitError, MachineUnfit
from infrakit.machine import Machine
from infrakit.model import Deployment
from infrakit.plan import Step
from infrakit.plan.model import Event, Tell
from infrakit.stack.generation import folder_of

FOLDER, RESTORED = "infrakit-aside", "infrakit-restore"
"""The second: of a restore (stack/backup/back.py)."""
MARK = ".whole"
LONGEST_COPY_S = 6 * 3600
LONGEST_STOP_S = 900
SPARE_BYTES = 512 << 20
"""What must be left beside the copy."""


class Data(NamedTuple):
    """Of some services, and of those that they need: `volumes` as Docker calls them, the containers that have one of
    them, by their names in Compose's file, and `left`: what is written to and not put aside, in words."""

    volumes: tuple[str, ...] = ()
    containers: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


def data_of(deployment: Deployment, services: Sequence[str]) -> Data:
    """What may be changed by another image of one of `services`: a migration writes into the database."""
    owner = {item.name: service.name for service in deployment.services for item in service.containers}
    every = [(service.name, item) for service in deployment.services for item in service.containers]
    meant = set(services)
    while more := {owner.get(need.container, "") for name, item in every if name in meant for need in item.depends_on}:
        if more - {""} <= meant:
            break
        meant |= more - {""}

    def writes(name: str, *kinds: str) -> set[str]:
        return {
            docker_volume(deployment.name, mount.source, deployment.volumes) if mount.kind != "host" else mount.source
            for service, item in every
            if service == name
            for mount in item.mounts
            if mount.kind in kinds and not mount.read_only
        }

    volumes = {volume for name in meant for volume in writes(name, "volume")}
    left = {path for name in meant for path in writes(name, "shared", "host")}
    users = tuple(
        item.name
        for _, item in every
        if any(mount.kind == "volume" and f"{deployment.name}_{mount.source}" in volumes for mount in item.mounts)
    )
    return Data(tuple(sorted(volumes)), users, tuple(sorted(left)))


def place(machine: Machine, generation: str = "") -> str:
    """Where the data of a generation is put aside; where all of it is."""
    return f"{machine.engine.folder()}/{FOLDER}" + (f"/{generation}" if generation else "")


def volumes_aside(machine: Machine, generation: str) -> list[str]:
    """Those that are there whole."""
    found = machine.listing(place(machine, generation))
    return [name for name in found if name != MARK] if MARK in found else []


def room(machine: Machine, data: Data) -> tuple[int, int]:
    """(bytes that a copy takes, bytes that it may take)."""
    folders = [path for path in (_volume(machine, name) for name in data.volumes) if machine.exists(path)]
    used = machine.run(("du", "-scxB1", *folders), timeout_s=600).out.split() if folders else []
    return int(used[-2]) if len(used) > 1 else 0, free_bytes(machine)


def free_bytes(machine: Machine) -> int:
    """That may be taken beside Docker's volumes."""
    free = machine.run(("df", "-B1", "--output=avail", machine.engine.folder())).out.split()
    return int(free[-1]) - SPARE_BYTES


def put_aside(project: str, generation: str, data: Data) -> tuple[Step, ...]:
    """A step, where there is data."""
    title = f"data put aside: {', '.join(data.volumes)}"
    actions = (Stop(project, data.containers), Copy(generation, data.volumes))
    return (Step("aside", title, (Aside(generation, True),), actions),) if data.volumes else ()


def brought_back(project: str, generation: str, data: Data) -> tuple[Step, ...]:
    """The same the other way."""
    title = f"data as it was: {', '.join(data.volumes)}"
    actions = (Stop(project, data.containers), BringBack(generation, data.volumes))
    return (Step("data", title, (Aside(generation, False),), actions),) if data.volumes else ()


def forget(machine: Machine, volumes: Sequence[str], kept: str = "") -> None:
    """What was put aside of these volumes goes, but for that of one generation; and all that is of none."""
    for generation in machine.listing(place(machine)):
        folder = place(machine, generation)
        for name in volumes if generation != kept else ():
            machine.remove_tree(f"{folder}/{name}")
        if not volumes_aside(machine, generation) or not machine.exists(folder_of(generation)):
            machine.remove_tree(folder)


def _wherever(machine: Machine) -> tuple[str, ...]:
    """Where data is put aside, before updates and by a restore; also where the engine is gone already."""
    try:
        folder = machine.engine.folder()
    except InfraKitError:
        folder = "/var/lib/docker"
    return f"{folder}/{FOLDER}", f"{folder}/{RESTORED}"


def _volume(machine: Machine, name: str) -> str:
    return f"{machine.engine.folder()}/volumes/{name}/_data"


class Aside(NamedTuple):
    """The data of a generation is put aside whole, or none of it is."""

    generation: str
    there: bool

    def holds(self, machine: Machine) -> bool:
        return bool(machine.exists(f"{place(machine, self.generation)}/{MARK}")) == self.there

    def text(self) -> str:
        return "its data is put aside" if self.there else "its data is as it was"


class NoneAside(NamedTuple):
    """No data is put aside, of any generation."""

    def holds(self, machine: Machine) -> bool:
        return not any(map(machine.exists, _wherever(machine)))

    def text(self) -> str:
        return "no data is put aside"


class ForgetAll(NamedTuple):
    """All that was put aside goes."""

    def do(self, machine: Machine, tell: Tell) -> None:
        for folder in _wherever(machine):
            machine.remove_tree(folder)

    def text(self) -> str:
        return "remove what was put aside of it before updates"


class Stop(NamedTuple):
    """These containers do not run: what they wrote is whole then."""

    project: str
    names: tuple[str, ...]

    def do(self, machine: Machine, tell: Tell) -> None:
        found = machine.engine.containers(self.project)
        running = [item.name for item in found if item.service in self.names and item.state != "exited"]
        if running:
            work(machine, ("docker", "stop", *running), LONGEST_STOP_S)

    def text(self) -> str:
        return f"stop {', '.join(self.names)}"


class Copy(NamedTuple):
    """Copy volumes, all or none."""

    generation: str
    volumes: tuple[str, ...]

    def do(self, machine: Machine, tell: Tell) -> None:
        folder = place(machine, self.generation)
        machine.remove_tree(folder)
        machine.make_folder(place(machine), 0o700)
        machine.make_folder(folder, 0o700)
        for name in self.volumes:
            if machine.exists(_volume(machine, name)):
                tell(Event("progress", "", f"copying {name}"))
                words = ("cp", "-aT", "--reflink=auto", _volume(machine, name), f"{folder}/{name}")
                work(machine, words, LONGEST_COPY_S)
        machine.flush(folder)
        machine.write(f"{folder}/{MARK}", b"")

    def text(self) -> str:
        return f"copy {', '.join(self.volumes)}"


class BringBack(NamedTuple):
    """Put volumes back as they were; those that were put back before a cut stay so."""

    generation: str
    volumes: tuple[str, ...]

    def do(self, machine: Machine, tell: Tell) -> None:
        folder = place(machine, self.generation)
        for name in self.volumes:
            aside, volume = f"{folder}/{name}", _volume(machine, name)
            if machine.exists(aside):
                if machine.exists(volume):
                    work(machine, ("mv", "-T", volume, f"{folder}/.bad-{name}"), LONGEST_COPY_S)
                work(machine, ("mv", "-T", aside, volume), LONGEST_COPY_S)
        machine.flush(folder)
        machine.remove(f"{folder}/{MARK}")
        machine.remove_tree(folder)

    def text(self) -> str:
        return f"put {', '.join(self.volumes)} back"


def work(machine: Machine, words: tuple[str, ...], timeout_s: int) -> None:
    """Run a program; MachineUnfit, in its own last words, where it fails."""
    done = machine.run(words, timeout_s=timeout_s)
    if done.code:
        said = (done.err or done.out).strip().splitlines() or [f"exit code {done.code}"]
        raise MachineUnfit(f"{' '.join(words[:2])}: {said[-1]}", "run again")
