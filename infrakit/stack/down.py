"""Plans that stop a stack, start it anew, or take it away."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from infrakit.errors import MachineUnfit
from infrakit.machine import Machine
from infrakit.model import Container
from infrakit.plan import Action, Plan, Run, Step
from infrakit.plan.model import Tell
from infrakit.stack import offline
from infrakit.stack.belongings import Belongings
from infrakit.stack.change.aside import ForgetAll, NoneAside
from infrakit.stack.services import LABEL
from infrakit.stack.timer import no_timers
from infrakit.stack.watch import Watch, is_done

STOP_S = 600
NO_DOCKER = 127
UNNAMED = re.compile("[0-9a-f]{64}")
"""What Docker calls a volume that nobody named."""


class NoneLeft(NamedTuple):
    """Nothing of ours of one kind ("container", "network" or "volume") is there."""

    kind: str
    ours: Belongings

    def holds(self, machine: Machine) -> bool:
        return not found(machine, self.kind, self.ours)

    def text(self) -> str:
        return f"no {self.kind} of {self.ours.project} is there"


class RemoveAll(NamedTuple):
    """Everything of ours of one kind ("container", "network" or "volume")."""

    kind: str
    ours: Belongings
    unnamed_volumes: bool = False

    def do(self, machine: Machine, tell: Tell) -> None:
        names = found(machine, self.kind, self.ours)
        if not names:
            return
        if self.kind == "container":
            machine.run(("docker", "stop", *names), timeout_s=STOP_S)
        how = ["--force"] * (self.kind == "container") + ["--volumes"] * self.unnamed_volumes
        done = machine.run(("docker", self.kind, "rm", *how, *names), timeout_s=STOP_S)
        if done.code:
            raise MachineUnfit(
                done.err.strip().splitlines()[-1] if done.err.strip() else f"exit code {done.code}", "run again"
            )

    def text(self) -> str:
        return f"remove every {self.kind} of {self.ours.project}"

    def foretold(self, machine: Machine) -> tuple[str, ...]:
        names = found(machine, self.kind, self.ours)
        return tuple(f"remove the {self.kind} {name}" for name in names) or (self.text(),)


def listed(machine: Machine, kind: str, project: str = "", label: str = "") -> list[str]:
    """Names of those of a project, whoever made them, or of all; none where there is no Docker (any more). `label`: of
    containers that have it. Where the engine does not run, what its folder says; of networks that says nothing:
    MachineUnfit."""
    filters = ([f"label={offline.PROJECT}={project}"] if project else []) + ([f"label={label}"] if label else [])
    words = ("--all",) if kind == "container" else ()
    chosen = (word for item in filters for word in ("--filter", item))
    shown = "{{.Names}}" if kind == "container" else "{{.Name}}"
    done = machine.run(("docker", kind, "ls", *words, *chosen, "--format", shown))
    if done.code == NO_DOCKER:
        return []
    if not done.code:
        return list(done.out.split())
    if kind == "network":
        raise MachineUnfit(
            done.err.strip() or f"exit code {done.code}", "does Docker run? see: systemctl status docker"
        )
    return offline.names(machine, kind, project, label)


def found(machine: Machine, kind: str, ours: Belongings) -> list[str]:
    """Those of ours: somebody else's project may have the same name."""
    if kind == "container":
        return listed(machine, kind, ours.project, LABEL)
    there = listed(machine, kind, ours.project)
    return [name for name in there if name in ours.names] if ours.names else there


def used_by_others(machine: Machine, ours: Iterable[Belongings], drilled: Collection[str] = ()) -> bool:
    """Whether Docker holds containers, or volumes with a name, that are not ours. `drilled`: of a drill of a backup."""
    others = {
        name
        for kind in ("container", "volume")
        for name in set(listed(machine, kind)).difference(*(found(machine, kind, item) for item in ours))
    }
    return any(not UNNAMED.fullmatch(name) for name in others.difference(drilled))


def plan_down(ours: Belongings) -> Plan:
    """What updates them, containers and networks go; volumes and secrets stay."""
    return Plan(
        f"take {ours.project} down",
        (
            *no_timers(),
            Step("containers", "no containers", (NoneLeft("container", ours),), (RemoveAll("container", ours),)),
            Step("networks", "no networks", (NoneLeft("network", ours),), (RemoveAll("network", ours),)),
        ),
    )


def plan_purge(ours: Belongings) -> tuple[Step, ...]:
    """The data too."""
    *timers, containers, networks = plan_down(ours).steps
    containers = containers._replace(actions=(RemoveAll("container", ours, unnamed_volumes=True),))
    return (
        *timers,
        containers,
        networks,
        Step("volumes", "no volumes: the data goes", (NoneLeft("volume", ours),), (RemoveAll("volume", ours),)),
        Step("aside", "no data put aside", (NoneAside(),), (ForgetAll(),)),
    )


def plan_restart(project: str, waves: Sequence[tuple[str, ...]]) -> Plan:
    """Each of these containers once, whatever its state; a wave when all of the one before are well again."""
    actions: list[Action] = []
    for names in waves:
        restart = Run(("docker", "restart", *names), STOP_S, "see: infrakit status")
        actions += [restart, WaitUntilWell(project, names)]
    shown = ", ".join(name for names in waves for name in names)
    return Plan(f"restart {shown}", (Step("restart", "restart", (), tuple(actions)),))


def in_waves(containers: Sequence[Container], running: Mapping[str, str]) -> list[tuple[str, ...]]:
    """What Docker calls those that run (name -> Docker's), in waves: each after all that it depends on, be it by way of
    one that does not run."""
    needs = {item.name: [need.container for need in item.depends_on] for item in containers}

    def depth(name: str, above: tuple[str, ...] = ()) -> int:
        found = [need for need in needs.get(name, ()) if need not in above]
        return 1 + max((depth(need, (*above, name)) for need in found), default=0)

    waves: dict[int, list[str]] = {}
    for name, called in running.items():
        waves.setdefault(depth(name), []).append(called)
    return [tuple(waves[number]) for number in sorted(waves)]


class WaitUntilWell(NamedTuple):
    """These containers of a project run, and their checks say that they are well; or they did their work."""

    project: str
    names: tuple[str, ...]

    def do(self, machine: Machine, tell: Tell) -> None:
        watch = Watch(machine, tell, self.project)
        for name in self.names:
            found = watch.found(name)
            while found is None or found.state != "running" or found.health not in ("healthy", ""):
                if found is None:
                    raise MachineUnfit(f"{name} is gone", "infrakit up brings it back")
                if is_done(machine, found):
                    break
                if not watch.gets_well(name):
                    raise MachineUnfit(watch.last_words(found), f"see: infrakit logs {found.service}")
                found = watch.found(name)

    def text(self) -> str:
        return "wait until they are well"
