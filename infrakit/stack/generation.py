"""Artifacts -> a folder of their own under the state folder, and the link `current` that leads to what is in force.

A generation is named by what is in it: the same tree is the same generation, and writing it again changes nothing.
Containers mount the files of the generation that they were made from, so a new one changes nothing for who is not made
anew, and who does not start from it can go back to his own.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from infrakit import VERSION
from infrakit.errors import InfraKitError
from infrakit.machine import Machine
from infrakit.model import Artifact, Deployment
from infrakit.plan.model import Tell
from infrakit.stack.change import applied
from infrakit.stack.layout import CURRENT, GENERATIONS, KEPT_GENERATIONS, secrets_folder
from infrakit.stack.tidy import images_of_none, remove_images

MARK = "generation"
"""A file in every generation that was written whole: the others' leftovers have none."""


SECRETS = "secrets"
"""A link in every generation, to the secrets of its host."""
MADE_FROM = "com.docker.compose.project.working_dir"
"""Compose's label: the folder of the generation that a container was made from."""


def generation_id(artifacts: Sequence[Artifact], digest: Callable[[bytes], str]) -> str:
    """A short name for exactly these files. `digest`: bytes -> hexadecimal SHA-256."""
    parts = [f"{item.path} {item.mode:o} {digest(item.content)}" for item in sorted(artifacts)]
    return str(digest("\n".join(parts).encode())[:16])


def folder_of(name: str) -> str:
    """Where a generation is: containers mount its files by this path, whatever is in force later."""
    return f"{GENERATIONS}/{name}"


def in_force_folder(machine: Machine) -> str:
    """Of the generation in force; where none is yet, since the first start did not come to its end, the newest."""
    if machine.target(CURRENT):
        return CURRENT
    whole = [name for name in machine.listing(GENERATIONS) if machine.exists(f"{folder_of(name)}/{MARK}")]
    return folder_of(max(whole, key=lambda name: machine.changed_s(folder_of(name)))) if whole else CURRENT


class Written(NamedTuple):
    """The generation is there, and the files in it are what they should be."""

    name: str
    host: str
    artifacts: tuple[Artifact, ...]

    def holds(self, machine: Machine) -> bool:
        folder = folder_of(self.name)
        if machine.target(f"{folder}/{SECRETS}") != _secrets(self.host):
            return False
        return all(
            machine.read(f"{folder}/{item.path}", len(item.content) + 1) == item.content for item in self.artifacts
        )

    def text(self) -> str:
        return f"generation {self.name} is there"


class WriteGeneration(NamedTuple):
    """Write a generation whole. Nothing mounts it yet."""

    name: str
    host: str
    artifacts: tuple[Artifact, ...]

    def do(self, machine: Machine, tell: Tell) -> None:
        contents = [(item.path, item.content, item.mode) for item in self.artifacts]
        links = [(SECRETS, _secrets(self.host))]
        record = machine.read(_record(self.name), applied.MOST_BYTES)
        contents += [(MARK, self.name.encode(), 0o444), *([(applied.FILE, record, 0o600)] if record else [])]
        machine.make_tree(folder_of(self.name), contents, links)

    def text(self) -> str:
        return f"write generation {self.name}: {len(self.artifacts)} files"


class InForce(NamedTuple):
    """`current` leads to this generation, which says that it was made from this, and every one finds the secrets of the
    host. What no file of a tree shows is in the deployment alone: how a server of backups is known."""

    name: str
    deployment: Deployment

    def holds(self, machine: Machine) -> bool:
        there = applied.readable(machine, self.name) if machine.target(CURRENT) == _relative(self.name) else None
        made_from_this = there is not None and applied.same(there.deployment, self.deployment)
        return made_from_this and not _astray(machine, self.deployment.host)

    def text(self) -> str:
        return f"{CURRENT} is generation {self.name}"


class PutInForce(NamedTuple):
    """Everything of it runs: let `current` lead to it by one rename. The last few stay, and all that a container was
    made from. `files`, `labels`: of change.applied; `again`: it keeps the number that it had."""

    name: str
    deployment: Deployment
    files: Mapping[str, tuple[int, str]]
    labels: Mapping[str, str]
    again: bool = False

    @property
    def host(self) -> str:
        return self.deployment.host

    def do(self, machine: Machine, tell: Tell) -> None:
        before = machine.target(CURRENT).rpartition("/")[2]
        machine.point(CURRENT, _relative(self.name))
        self._write_down(machine, before)
        for name in _astray(machine, self.host):
            machine.point(f"{folder_of(name)}/{SECRETS}", _secrets(self.host))
        try:
            containers = machine.engine.containers(self.deployment.name)
        except InfraKitError:
            return  # the next one throws away what is old
        made_from = {str(item.labels.get(MADE_FROM, "")).rpartition("/")[2] for item in containers}
        ways_back = {self.name, before} - {""}
        gone = _forgotten(machine, ways_back | made_from - {""})
        old = {*gone, *_forgotten(machine, ways_back)}  # from which something may still run
        images = images_of_none(machine, old, set(machine.listing(GENERATIONS)) - old)
        for name in gone:
            machine.remove_tree(folder_of(name))
        remove_images(machine, images)

    def _write_down(self, machine: Machine, before: str) -> None:
        """Once all of it is so: who finds this, finds a generation that was whole."""
        there = applied.readable(machine, self.name) if self.again or before == self.name else None
        if there is not None:
            if not applied.same(there.deployment, self.deployment):
                now = there._replace(deployment=self.deployment, program=VERSION)
                machine.write(_record(self.name), applied.to_json(now), 0o600)
            return
        from infrakit.stack.change.reasons import told

        known = applied.all_here(machine)
        last = next((item for item in known if item.name == before), None)
        number = 1 + max((item.number for item in known), default=0)
        changed = told(last, self.deployment, self.files)
        found = applied.Applied(self.name, number, VERSION, changed, self.files, self.labels, self.deployment)
        machine.write(_record(self.name), applied.to_json(found), 0o600)

    def text(self) -> str:
        return f"put generation {self.name} in force"


def _record(name: str) -> str:
    return f"{folder_of(name)}/{applied.FILE}"


def _astray(machine: Machine, host: str) -> list[str]:
    """Generations of a host that had another name: its secrets went along."""
    names = machine.listing(GENERATIONS)
    return [name for name in names if machine.target(f"{folder_of(name)}/{SECRETS}") not in ("", _secrets(host))]


def _secrets(host: str) -> str:
    return f"{secrets_folder(host)}/secrets"


def _relative(name: str) -> str:
    return f"{GENERATIONS.rpartition('/')[2]}/{name}"


def _forgotten(machine: Machine, kept: set[str]) -> list[str]:
    """Those that are not to be kept, nor among the newest. Who never was in force goes first."""
    others = [name for name in machine.listing(GENERATIONS) if name not in kept]
    others.sort(key=lambda name: (machine.exists(_record(name)), machine.changed_s(folder_of(name))))
    return others[: max(0, len(others) - max(0, KEPT_GENERATIONS - len(kept)))]
