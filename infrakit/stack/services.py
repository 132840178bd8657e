"""The containers of a service: running as the tree says, healthy, or finished where that is their work."""

from typing import Any, NamedTuple

from infrakit.errors import MachineUnfit
from infrakit.plan import Action
from infrakit.plan.model import Tell
from infrakit.stack.layout import CURRENT

COMPOSE = ("docker", "compose", "--project-directory", CURRENT, "-f", f"{CURRENT}/compose.yaml", "--ansi", "never")
LONGEST_START_S = 900
LABEL = "io.infrakit.config"


class Wanted(NamedTuple):
    """One container: what its label must say, and whether it is one that does its work and ends."""

    name: str
    label: str
    one_shot: bool


class Runs(NamedTuple):
    """Each of these containers was made from this tree, and is well."""

    project: str
    wanted: tuple[Wanted, ...]

    def holds(self, machine: Any) -> bool:
        found = {item.service: item for item in machine.engine.containers(self.project)}
        return all(is_well(found.get(item.name), item) for item in self.wanted)

    def text(self) -> str:
        return f"{', '.join(item.name for item in self.wanted)}: up to date and healthy"


def is_well(container: Any, wanted: Wanted) -> bool:
    """Whether a container (system/engine.py, or None) is as wanted."""
    if container is None or container.labels.get(LABEL) != wanted.label:
        return False
    if wanted.one_shot:
        return bool(container.state == "exited" and container.exit_code == 0)
    return bool(container.state == "running" and container.health in ("healthy", ""))


class Start(NamedTuple):
    """Bring them up, and wait until they are healthy; where one is not, its last words are the error."""

    project: str
    names: tuple[str, ...]

    def do(self, machine: Any, tell: Tell) -> None:
        words = (*COMPOSE, "up", "-d", "--wait", "--wait-timeout", str(LONGEST_START_S), "--pull", "never", "--quiet-pull", *self.names)
        done = machine.run(words, timeout_s=LONGEST_START_S + 60)
        if done.code:
            raise MachineUnfit(*_why(machine, self.project, done))

    def inverse(self, machine: Any) -> tuple[Action, ...]:
        return ()

    def text(self) -> str:
        return f"start {', '.join(self.names)}"


def _why(machine: Any, project: str, done: Any) -> tuple[str, str]:
    """(what went wrong in the words of who failed, what to do)."""
    for container in machine.engine.containers(project):
        failed = container.state == "exited" and container.exit_code and "one" or container.health == "unhealthy" or container.state == "restarting"
        if failed:
            probe = machine.engine.last_health(container.name).strip() if container.health else ""
            lines = (probe or machine.engine.logs(container.name, 5)).strip().splitlines()
            last = "; ".join(line.strip() for line in lines[-3:]) or "it said nothing"
            state = container.health if container.health == "unhealthy" else f"{container.state}, exit code {container.exit_code}"
            return f"{container.service} is {state}: {last}", f"see: infrakit logs {container.service}"
    said = [line for line in (done.err or done.out).strip().splitlines() if line.strip()]
    return (said[-1].strip() if said else f"exit code {done.code}"), "see: infrakit status"


class NoOthers(NamedTuple):
    """The project has no container but these."""

    project: str
    names: tuple[str, ...]

    def holds(self, machine: Any) -> bool:
        return not [item for item in machine.engine.containers(self.project) if item.service not in self.names]

    def text(self) -> str:
        return "nothing runs that left the file"


class RemoveOthers(NamedTuple):
    """Stop and remove containers of services that left the file; their volumes stay."""

    project: str
    names: tuple[str, ...]

    def do(self, machine: Any, tell: Tell) -> None:
        others = [item.name for item in machine.engine.containers(self.project) if item.service not in self.names]
        done = machine.run(("docker", "rm", "--force", *others), timeout_s=300) if others else None
        if done is not None and done.code:
            raise MachineUnfit(done.err.strip() or f"exit code {done.code}", "run again")

    def inverse(self, machine: Any) -> tuple[Action, ...]:
        return ()

    def text(self) -> str:
        return "remove containers of services that left the file"
