"""Who reads a secret that was set again starts anew, and nobody else.

Labels and files name secrets, and know no value: what runs is asked (system/seen.py). A start is all it takes, since
the engine mounts the file anew; what a container keeps beside its volumes stays.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from infrakit.errors import InfraKitError, MachineUnfit
from infrakit.machine import Container, Machine
from infrakit.model import SECRETS_DIRECTORY, Deployment, SecretEnvironment, groups_named
from infrakit.plan import Event, Step
from infrakit.plan.model import Tell
from infrakit.stack.layout import secrets_folder
from infrakit.stack.services import LABEL, Wanted, compose
from infrakit.stack.watch import LONGEST_START_S


class Reader(NamedTuple):
    """A container, and where it sees its secrets: (name, path inside), or which variables they stand in; and the
    host's groups that its user is in by name, which may get another number."""

    wanted: Wanted
    secrets: tuple[tuple[str, str], ...]
    environment: SecretEnvironment = ()
    groups: tuple[str, ...] = ()


class Stale(NamedTuple):
    """A container of the engine, and those of its secrets that were set since it began. `anew`: it was made with one
    of them in its environment, and no start changes that."""

    container: Container
    secrets: tuple[str, ...]
    anew: bool = False


class ReadAsTheyAre(NamedTuple):
    """No container runs, or has done its work, with a secret that was set again since. One that is made anew anyway
    does not count."""

    project: str
    host: str
    readers: tuple[Reader, ...]

    def holds(self, machine: Machine) -> bool:
        return not self.stale(machine)

    def stale(self, machine: Machine) -> list[Stale]:
        """Those that have to start anew; none where there is no engine yet."""
        try:
            found = {item.service: item for item in machine.engine.containers(self.project)}
        except InfraKitError:
            return []
        pairs = [(found[reader.wanted.name], reader) for reader in self.readers if reader.wanted.name in found]
        asked = [
            self._stale(machine, container, reader)
            for container, reader in pairs
            if container.labels.get(LABEL) == reader.wanted.label
            and container.state == ("exited" if reader.wanted.one_shot else "running")
        ]
        return [item for item in asked if item.secrets]

    def _stale(self, machine: Machine, container: Container, reader: Reader) -> Stale:
        files = self._older(machine, container, reader)
        folder = secrets_folder(self.host)
        differs = machine.environment_differs(folder, reader.environment, container.name) if reader.environment else []
        if reader.groups:
            there = machine.engine.groups(container.name)
            differs += [f"group {name}" for name in reader.groups if str(machine.group_number(name)) not in there]
        return Stale(container, tuple(dict.fromkeys([*files, *differs])), bool(differs))

    def _older(self, machine: Machine, container: Container, reader: Reader) -> list[str]:
        folder = f"{secrets_folder(self.host)}/secrets"
        return [
            inside if name.startswith(".") else name
            for name, inside in reader.secrets
            if not machine.started_with(f"{folder}/{name}", container.pid, inside, container.started_at)
        ]

    def text(self) -> str:
        return "who reads a secret has it as it is now"


class StartReaders(NamedTuple):
    """Start them anew; that they get well is asked with their service. Compose makes those anew that have one in their
    environment, from the generation in `folder`; they start with their service, too."""

    wanted: ReadAsTheyAre
    folder: str

    def do(self, machine: Machine, tell: Tell) -> None:
        stale = self.wanted.stale(machine)
        for line in self.foretold(machine):
            tell(Event("note", "", line))
        anew = [item.container.service for item in stale if item.anew]
        names = [item.container.name for item in stale if not item.anew]
        how = ("up", "--no-start", "--no-deps", "--force-recreate", "--pull", "never")
        for words, which in (((*compose(self.folder), *how), anew), (("docker", "restart"), names)):
            done = machine.run((*words, *which), timeout_s=LONGEST_START_S) if which else None
            if done is not None and done.code:
                raise MachineUnfit(done.err.strip() or f"exit code {done.code}", "see: infrakit status")

    def text(self) -> str:
        return "start anew who reads a secret that was set again"

    def foretold(self, machine: Machine) -> tuple[str, ...]:
        readers: dict[str, list[str]] = {}
        for item in self.wanted.stale(machine):
            for name in item.secrets:
                readers.setdefault(name, []).append(item.container.service)
        return tuple(
            f"{name} was set again: {', '.join(who)} {'starts' if len(who) == 1 else 'start'} anew"
            for name, who in sorted(readers.items())
        )


def readers_step(deployment: Deployment, wanted: Mapping[str, tuple[Wanted, ...]], folder: str) -> tuple[Step, ...]:
    """Before any service is asked whether it is well, in the order of the services: a secret that is no longer good may
    be what ails it. `folder`: of the generation."""
    probe = reading(deployment, wanted)
    return (
        (Step("readers", "secrets as they are now", (probe,), (StartReaders(probe, folder),)),) if probe.readers else ()
    )


def reading(deployment: Deployment, wanted: Mapping[str, tuple[Wanted, ...]]) -> ReadAsTheyAre:
    """Of all containers with secrets. `wanted`: of stack.up.wanted_of."""
    labels = {item.name: item for items in wanted.values() for item in items}
    readers = tuple(
        Reader(
            labels[container.name],
            (
                *((use.name, _inside(use)) for use in container.secrets),
                *((file.stored, file.path) for file in container.secret_files),
            ),
            container.secret_environment,
            groups_named(container.settings),
        )
        for service in deployment.services
        for container in service.containers
        if container.secrets
        or container.secret_files
        or container.secret_environment
        or groups_named(container.settings)
    )
    return ReadAsTheyAre(deployment.name, deployment.host, readers)


def _inside(use: Any) -> str:
    return use.target or f"{SECRETS_DIRECTORY}/{use.name}"
