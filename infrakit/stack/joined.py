"""Who is in the network of another container is made anew when that one started again: what he has is gone.

A network of its own ends with a container; who joined it keeps an empty one, and knows no other way than to be made
anew (moby, daemon/container_operations_unix.go: it is joined at the start, by ID).
"""

from typing import NamedTuple

from infrakit.errors import MachineUnfit
from infrakit.machine import Container, Machine
from infrakit.model import Service, network_of
from infrakit.plan.model import Tell
from infrakit.stack.services import compose
from infrakit.stack.watch import LONGEST_START_S


class JoinedSince(NamedTuple):
    """Each of these containers began after the one whose network it is in: (name, other)."""

    project: str
    pairs: tuple[tuple[str, str], ...]

    def holds(self, machine: Machine) -> bool:
        return not self.left(machine)

    def left(self, machine: Machine) -> list[str]:
        """Those that are in a network that is gone."""
        meant = {name for pair in self.pairs for name in pair}
        found = {item.service: item for item in machine.engine.containers(self.project, meant)}
        return [
            name
            for name, other in self.pairs
            if name in found and other in found and _moment(found[name]) < _moment(found[other])
        ]

    def text(self) -> str:
        return ", ".join(f"{name} is in the network of {other}" for name, other in self.pairs)


class JoinAgain(NamedTuple):
    """Make them anew from the generation in `folder`; they start with their service."""

    wanted: JoinedSince
    folder: str

    def do(self, machine: Machine, tell: Tell) -> None:
        names = self.wanted.left(machine)
        how = ("up", "--no-start", "--no-deps", "--force-recreate", "--pull", "never")
        done = machine.run((*compose(self.folder), *how, *names), timeout_s=LONGEST_START_S) if names else None
        if done is not None and done.code:
            raise MachineUnfit(done.err.strip() or f"exit code {done.code}", "see: infrakit status")

    def text(self) -> str:
        return f"make {', '.join(name for name, _ in self.wanted.pairs)} anew where that network is gone"


def joined(project: str, service: Service) -> tuple[JoinedSince, ...]:
    """Of the containers of a service that are in another's network; () where none is."""
    pairs = tuple((item.name, other) for item in service.containers if (other := network_of(item.privileges)))
    return (JoinedSince(project, pairs),) if pairs else ()


def _moment(container: Container) -> tuple[str, str]:
    whole, _, rest = container.started_at.rstrip("Z").partition(".")
    return whole, rest.ljust(9, "0")
