"""A set of snapshots x a machine that has nothing -> an install whose data is in its place before anybody starts.

Until all of it runs a note says so, by which the same call goes on, and `up` refuses: it would start all of it empty.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from infrakit.backups import Dump
from infrakit.emit.compose import docker_volume
from infrakit.machine import Machine
from infrakit.model import OF_BACKUPS, Deployment, Service
from infrakit.plan import Action, Gone, Plan, Remove, Step
from infrakit.plan.model import Tell, inverse_of
from infrakit.stack.backup.back import Chosen, database_actions, fetch_step, file_actions, needed_by
from infrakit.stack.backup.exchange import Clean, IsBack, Mark, Over
from infrakit.stack.backup.repository import LONGEST_S, Repository, restic
from infrakit.stack.change.aside import work
from infrakit.stack.layout import CONFIGURATION, RESTORING, STATE, secrets_folder
from infrakit.stack.owners import owner_actions
from infrakit.stack.secrets import Given, given_steps
from infrakit.stack.services import compose

HOST_BACK = f"{STATE}/host-is-back"
"""There while such a restore is under way: the set whose file and secrets are in their places."""
STAGE = f"{STATE}/host"
MADE_S = 600


class Origin(NamedTuple):
    """`folder`: that has one for each host, as it was said; `number`: of the set; `snapshot`: of the host."""

    folder: str
    repository: Repository
    number: str
    snapshot: str


def begun(machine: Machine) -> tuple[str, str, str]:
    """(folder, host, number of the set) of one that is under way; "" where none is."""
    found = None
    with suppress(ValueError):
        found = json.loads(machine.read(RESTORING) or b"{}")
    if not isinstance(found, dict) or "from" not in found:
        return "", "", ""
    return str(found["from"]), str(found.get("host", "")), str(found.get("set", ""))


def plan_bare(
    deployment: Deployment,
    install: Plan,
    origin: Origin,
    parts: Sequence[Chosen],
    given: Sequence[Given],
    tree: str,
    file: tuple[Step, ...],
) -> Plan:
    """`given`: the key, and what opens a server; `install`: as plan_install has it; `tree`: the folder of its
    generation; `file`: see stack/installed.py."""
    first = next((at for at, step in enumerate(install.steps) if step.name.startswith("service ")), len(install.steps))
    names = tuple(part.part.name for part in parts)
    note, put = Begun(origin, names), PutHost(origin, tuple(action for step in file for action in step.actions))
    data = [fetch_step(origin.repository, origin.number, part) for part in parts if part.snapshot]
    data += [back_step(deployment, origin.number, part, tree) for part in parts if part.snapshot]
    return Plan(
        f"bring {deployment.name} on {deployment.host} back as in {origin.number}",
        (
            *given_steps(origin.repository.host, list(given)),
            Step("begun", "no start before the data is here", (note,), (note,)),
            Step("host", "infrakit.yaml, what stands beside it, and the secrets", (HostIsBack(origin),), (put,)),
            *file,
            *install.steps[:first],
            *data,
            *install.steps[first:],
            Step("over", "what was fetched goes", (Over(), Gone(HOST_BACK)), (Remove(HOST_BACK), Clean())),
        ),
    )


def back_step(deployment: Deployment, number: str, part: Chosen, tree: str) -> Step:
    name = part.part.name
    labelled = tuple(_labelled(deployment, part))
    databases = tuple(
        action for dump, path in part.dumps for action in _database(deployment, number, part, dump, path, tree)
    )
    volumes = (MakeVolumes(labelled),) if labelled else ()
    actions = (*volumes, *file_actions(number, part), *databases, Mark(number, name))
    return Step(f"back {name}", f"{name} as it was", (IsBack(number, name),), actions)


def _labelled(deployment: Deployment, part: Chosen) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(volume as Docker calls it, labels that Compose knows its own by)."""
    external = {volume.external for volume in deployment.volumes}
    for source in part.part.volumes:
        name = docker_volume(deployment.name, source, deployment.volumes)
        labels = (f"com.docker.compose.project={deployment.name}", f"com.docker.compose.volume={source}")
        yield name, () if name in external else labels


def _database(deployment: Deployment, number: str, part: Chosen, dump: Dump, path: str, tree: str) -> Iterator[Action]:
    for name in (*(needed_by(deployment, dump.container) if dump.own else ()), dump.container):
        yield from owner_actions(deployment, _service_of(deployment, name), tree)
        yield MakeContainer(tree, name)
    yield from database_actions(deployment, number, part.part.name, dump, path)


def _service_of(deployment: Deployment, container: str) -> Service:
    return next(item for item in deployment.services if container in {each.name for each in item.containers})


class Begun(NamedTuple):
    """It is written down what has begun: who starts anything now would start it empty."""

    origin: Origin
    parts: tuple[str, ...]

    def _content(self) -> bytes:
        folder, repository, number, _ = self.origin
        return json.dumps({"from": folder, "host": repository.host, "parts": self.parts, "set": number}).encode()

    def holds(self, machine: Machine) -> bool:
        return bool(machine.read(RESTORING) == self._content())

    def do(self, machine: Machine, tell: Tell) -> None:
        machine.write(RESTORING, self._content(), 0o600)

    def text(self) -> str:
        return "write down that it has begun"


class HostIsBack(NamedTuple):
    """The file and the secrets are those of the set."""

    origin: Origin

    def holds(self, machine: Machine) -> bool:
        return bool(machine.read(HOST_BACK) == self.origin.number.encode())

    def text(self) -> str:
        return f"{CONFIGURATION} and the secrets are as in {self.origin.number}"


class PutHost(NamedTuple):
    """Bring them here, and copy them into their places, with their modes. `files`: what writes those of the user, which
    says how that is taken back."""

    origin: Origin
    files: tuple[Action, ...]

    def do(self, machine: Machine, tell: Tell) -> None:
        folder, host = STAGE, self.origin.repository.host
        places = (CONFIGURATION.rpartition("/")[0], secrets_folder(host))
        machine.remove_tree(folder)
        machine.make_folder(folder, 0o700)
        wanted = tuple(word for place in places for word in ("--include", place))
        words = ("restore", self.origin.snapshot, "--target", folder, *wanted)
        restic(machine, self.origin.repository, *words, timeout_s=LONGEST_S)
        for name in OF_BACKUPS:  # what has just opened it counts, and may be newer
            if machine.exists(f"{secrets_folder(host)}/secrets/{name}"):
                machine.remove(f"{folder}{secrets_folder(host)}/secrets/{name}")
        for place in places:
            if machine.exists(folder + place):
                machine.make_folder(place.rpartition("/")[0])
                work(machine, ("cp", "-a", "-T", folder + place, place), MADE_S)
        machine.flush(*places)
        machine.write(HOST_BACK, self.origin.number.encode(), 0o600)
        machine.remove_tree(folder)

    def inverse(self, machine: Machine) -> tuple[Action, ...]:
        return tuple(back for action in self.files for back in inverse_of(action, machine))

    def text(self) -> str:
        return f"put {CONFIGURATION}, what stands beside it, and the secrets into their places"


class MakeVolumes(NamedTuple):
    """Volumes that Compose takes for its own. `volumes`: as Docker calls it, labels."""

    volumes: tuple[tuple[str, tuple[str, ...]], ...]

    def do(self, machine: Machine, tell: Tell) -> None:
        for name, labels in self.volumes:
            words = tuple(word for label in labels for word in ("--label", label))
            work(machine, ("docker", "volume", "create", *words, name), MADE_S)

    def text(self) -> str:
        return f"make the volumes {', '.join(name for name, _ in self.volumes)}"


class MakeContainer(NamedTuple):
    """One that does not start yet. `tree`: the folder of the generation."""

    tree: str
    container: str

    def do(self, machine: Machine, tell: Tell) -> None:
        how = ("up", "--no-start", "--no-deps", "--pull", "never", self.container)
        work(machine, (*compose(self.tree), *how), MADE_S)

    def text(self) -> str:
        return f"make {self.container}"
