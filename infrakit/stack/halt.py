"""A running stack -> stopped in the order in which its parts rely on each other, before the machine is; and started
again in that order after it was off. What Docker itself does at a shutdown is all at once, and gives fifteen seconds.
"""

import json
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

from infrakit.errors import InfraKitError, MachineUnfit
from infrakit.machine import Machine
from infrakit.model import Container, Deployment, network_of
from infrakit.plan.model import Tell
from infrakit.stack.change.aside import work
from infrakit.stack.down import WaitUntilWell
from infrakit.stack.inside import container_name
from infrakit.stack.layout import HALTED

MOST_BYTES = 1 << 20
LONGEST_S = 900


def waves(deployment: Deployment) -> tuple[tuple[str, ...], ...]:
    """Names of containers, as Compose has them: each wave relies on those before it alone."""
    left = {item.name: _needs(item) for service in deployment.services for item in service.containers}
    found = []
    while left:
        wave = tuple(name for name, needs in left.items() if not needs & set(left))
        wave = wave or tuple(left)  # a ring, which no compile makes
        found.append(wave)
        left = {name: needs for name, needs in left.items() if name not in wave}
    return tuple(found)


def _needs(container: Container) -> set[str]:
    other = network_of(container.privileges)
    return {need.container for need in container.depends_on} - {container.name} | ({other} if other else set())


def halted(machine: Machine, path: str = HALTED) -> tuple[tuple[str, ...], ...]:
    """Who was stopped by us and is to start again, in waves; names as Docker calls them."""
    try:
        found = json.loads(machine.read(path, MOST_BYTES) or b"[]")
    except ValueError:
        found = None
    if not isinstance(found, list) or not all(isinstance(wave, list) for wave in found):
        raise InfraKitError(f"{path} is damaged", f"sudo rm {path}; sudo infrakit up starts all")
    return tuple(tuple(map(str, wave)) for wave in found)


class Halt(NamedTuple):
    """Stop all that runs, the last to rely on others first. Called again it goes on. `path`: where it is written down
    who ran; `spared`: who goes on running."""

    project: str
    waves: tuple[tuple[str, ...], ...]
    path: str = HALTED
    spared: tuple[str, ...] = ()

    def left(self, machine: Machine) -> set[str]:
        """Who is to stop, and runs."""
        return _running(machine, self.project).intersection(chain(*self.waves)).difference(self.spared)

    def do(self, machine: Machine, tell: Tell) -> None:
        running = _running(machine, self.project)
        before = {*chain(*halted(machine, self.path), *halted(machine))}
        named = [tuple((name, container_name(self.project, name)) for name in wave) for wave in self.waves]
        kept = [[called for name, called in wave if name in running or called in before] for wave in named]
        machine.write(self.path, json.dumps([wave for wave in kept if wave]).encode(), 0o600)
        if self.path != HALTED:
            machine.remove(HALTED)  # else the next boot would start them
        for wave in reversed(named):
            words = [called for name, called in wave if name in running and name not in self.spared]
            if words:
                work(machine, ("docker", "stop", *words), LONGEST_S)

    def text(self) -> str:
        but = f", but {', '.join(self.spared)}" if self.spared else ""
        return f"stop {self.project}{but}, who relies on others first"


def _running(machine: Machine, project: str) -> set[str]:
    """By Compose's name; who dies again and again, too."""
    return {item.service for item in machine.engine.containers(project) if item.state in ("running", "restarting")}


class StartHalted(NamedTuple):
    """Start them again; one that does not get well keeps no other from being started.

    Where the halt was killed, Docker may still be stopping one that does not hear: it is running until it is not, and
    a start would leave it so. `docker restart` waits for the end of it, and starts one that stands still, too.
    """

    project: str

    def do(self, machine: Machine, tell: Tell) -> None:
        failed: list[str] = []
        for wave in halted(machine):
            there = _there(machine, wave)
            if there:
                failed += _started(machine, self.project, there, tell)
        machine.remove(HALTED)
        if failed:
            raise MachineUnfit("; ".join(failed), "see: infrakit status, infrakit doctor")

    def text(self) -> str:
        return f"start {self.project}, each after those that it relies on"


def _there(machine: Machine, names: Iterable[str]) -> tuple[str, ...]:
    """Those that were not removed since."""
    done = machine.run(("docker", "container", "ls", "--all", "--format", "{{.Names}}"))
    if done.code:
        raise MachineUnfit(done.err.strip() or f"exit code {done.code}", "does Docker run? then: sudo infrakit resume")
    there = set(done.out.split())
    return tuple(name for name in names if name in there)


def _started(machine: Machine, project: str, names: Sequence[str], tell: Tell) -> list[str]:
    """What does not go well."""
    try:
        work(machine, ("docker", "restart", *names), LONGEST_S)
        WaitUntilWell(project, tuple(names)).do(machine, tell)
    except InfraKitError as error:
        return [error.message]
    return []
