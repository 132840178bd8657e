"""Groups of this host that its containers name: their numbers here, in a file that Compose reads."""

from collections.abc import Sequence
from typing import NamedTuple

from infrakit.emit.groups import FILE, content
from infrakit.errors import MachineUnfit
from infrakit.machine import Machine
from infrakit.model import Deployment, groups_named
from infrakit.plan import Step
from infrakit.plan.model import Tell
from infrakit.stack.layout import secrets_folder


class Numbered(NamedTuple):
    """The file has the numbers that the groups have here."""

    host: str
    names: tuple[str, ...]

    def holds(self, machine: Machine) -> bool:
        wanted = content([(name, machine.group_number(name)) for name in self.names])
        return bool(machine.read(_path(self.host), len(wanted) + 1) == wanted)

    def text(self) -> str:
        return f"groups of this host, by their numbers: {', '.join(self.names)}"


class PutNumbers(NamedTuple):
    """Write it. MachineUnfit where a group is not there."""

    host: str
    names: tuple[str, ...]

    def do(self, machine: Machine, tell: Tell) -> None:
        numbers = [(name, machine.group_number(name)) for name in self.names]
        missing = [name for name, number in numbers if number is None]
        if missing:
            raise MachineUnfit(
                f"this host has no group {', '.join(missing)}", "getent group names those that there are"
            )
        machine.make_folder(f"{secrets_folder(self.host)}/secrets", 0o700)
        machine.write(_path(self.host), content(numbers))

    def text(self) -> str:
        return f"write down the numbers of the groups {', '.join(self.names)}"


def names_of(deployment: Deployment) -> tuple[str, ...]:
    """Groups that containers name."""
    containers = [item for service in deployment.services for item in service.containers]
    return tuple(sorted({name for container in containers for name in groups_named(container.settings)}))


def group_steps(deployment: Deployment) -> Sequence[Step]:
    """Before Compose is called, as with what else it reads (stack/environments.py)."""
    names = names_of(deployment)
    if not names:
        return ()
    what = (deployment.host, names)
    return (Step("groups", "groups of this host", (Numbered(*what),), (PutNumbers(*what),)),)


def _path(host: str) -> str:
    return f"{secrets_folder(host)}/{FILE}"
