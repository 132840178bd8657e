"""Plans that stop a stack, start it anew, or take it away."""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from infrakit.errors import MachineUnfit
from infrakit.plan import Action, Plan, Run, Step
from infrakit.plan.model import Tell

STOP_S = 600
NO_DOCKER = 127
UNNAMED = re.compile("[0-9a-f]{64}")
"""What Docker calls a volume that nobody named."""


class NoneLeft(NamedTuple):
    """Nothing of one kind ("container", "network" or "volume") carries the project's label."""

    kind: str
    project: str

    def holds(self, machine: Any) -> bool:
        return not listed(machine, self.kind, self.project)

    def text(self) -> str:
        return f"no {self.kind} of {self.project} is there"


class RemoveAll(NamedTuple):
    """Everything of one kind ("container", "network" or "volume") that carries the project's label."""

    kind: str
    project: str
    unnamed_volumes: bool = False

    def do(self, machine: Any, tell: Tell) -> None:
        names = listed(machine, self.kind, self.project)
        if not names:
            return
        if self.kind == "container":
            machine.run(("docker", "stop", *names), timeout_s=STOP_S)
        force = ("--force",) if self.kind == "container" else ()
        force += ("--volumes",) if self.unnamed_volumes else ()
        done = machine.run(("docker", self.kind, "rm", *force, *names), timeout_s=STOP_S)
        if done.code:
            raise MachineUnfit(
                done.err.strip().splitlines()[-1] if done.err.strip() else f"exit code {done.code}", "run again"
            )

    def inverse(self, machine: Any) -> tuple[Action, ...]:
        return ()

    def text(self) -> str:
        return f"remove every {self.kind} of {self.project}"


def listed(machine: Any, kind: str, project: str = "") -> list[str]:
    """Those of a project, or all; none where there is no Docker (any more)."""
    everything = ("--all",) if kind == "container" else ()
    chosen = ("--filter", f"label=com.docker.compose.project={project}") if project else ()
    done = machine.run(("docker", kind, "ls", *everything, "--quiet", *chosen))
    if done.code == NO_DOCKER:
        return []
    if done.code:
        raise MachineUnfit(
            done.err.strip() or f"docker {kind} ls: exit code {done.code}",
            "does Docker run? see: systemctl status docker",
        )
    return list(done.out.split())


def used_by_others(machine: Any, projects: Iterable[str]) -> bool:
    """Whether Docker holds containers, or volumes with a name, that are not of these projects."""
    others = {
        name
        for kind in ("container", "volume")
        for name in set(listed(machine, kind)).difference(*(listed(machine, kind, project) for project in projects))
    }
    return any(not UNNAMED.fullmatch(name) for name in others)


def plan_down(project: str) -> Plan:
    """Containers and networks go; volumes and secrets stay."""
    return Plan(
        f"take {project} down",
        (
            Step("containers", "no containers", (NoneLeft("container", project),), (RemoveAll("container", project),)),
            Step("networks", "no networks", (NoneLeft("network", project),), (RemoveAll("network", project),)),
        ),
    )


def plan_purge(project: str) -> tuple[Step, ...]:
    """The data too."""
    containers, networks = plan_down(project).steps
    containers = containers._replace(actions=(RemoveAll("container", project, unnamed_volumes=True),))
    return (
        containers,
        networks,
        Step("volumes", "no volumes: the data goes", (NoneLeft("volume", project),), (RemoveAll("volume", project),)),
    )


def plan_restart(project: str, names: tuple[str, ...]) -> Plan:
    """Each of these containers once, whatever its state."""
    return Plan(
        f"restart {', '.join(names)}",
        (Step("restart", "restart", (), (Run(("docker", "restart", *names), STOP_S, "see: infrakit status"),)),),
    )
