"""The networks of a stack that runs, made anew where the file says something else of them by now.

Compose leaves a network as it was made: 2.26 warns, or fails where the new range lies in an old one's, while what is
told the new ranges (Authentik, whom to trust) believes them. So all that are in the way go before any is made, and
before any service is asked whether it is well. Who is in one stops, and is taken out of it; its container stays for
Compose to replace, which keeps what it has beside its volumes.
"""

from collections.abc import Mapping
from ipaddress import ip_network
from typing import Any, NamedTuple

from infrakit.emit.compose import network_tree
from infrakit.errors import InfraKitError, MachineUnfit
from infrakit.machine import Done, Machine, Network
from infrakit.model import Deployment
from infrakit.plan import Event, Step
from infrakit.plan.model import Tell
from infrakit.stack.services import CONTAINERS, LABEL, Wanted, compose
from infrakit.stack.watch import LONGEST_START_S

SWITCH = "com.docker.network.bridge.enable_"
"""What we set of a driver's options begins so; an engine may add others by itself (dockerd, default-network-opts)."""


class Drawn(NamedTuple):
    """A network as the file says it, by the name that Docker has for it."""

    name: str
    driver: str
    subnet: str
    internal: bool
    options: tuple[tuple[str, str], ...]

    def is_it(self, found: Network) -> bool:
        """Whether a network (system/engine.py) is this one."""
        options = tuple(sorted(item for item in found.options.items() if item[0].startswith(SWITCH)))
        known = (self.driver, (self.subnet,), self.internal, self.options)
        return (found.driver, _ranges(found), found.internal, options) == known


class Member(NamedTuple):
    """A container, and the names that Docker has for its networks."""

    wanted: Wanted
    networks: frozenset[str]


class AsDrawn(NamedTuple):
    """No network is another than the file says, none that left the file holds a range that another wants, and every
    container that is up to date is in its networks."""

    project: str
    networks: tuple[Drawn, ...]
    members: tuple[Member, ...]

    def holds(self, machine: Machine) -> bool:
        try:
            return not self.in_the_way(machine) and not self.strays(machine)
        except InfraKitError:
            if machine.listing(CONTAINERS):
                raise
            return True  # where there is no engine yet

    def in_the_way(self, machine: Machine) -> list[Any]:
        """Networks of ours that have to go (system/engine.py)."""
        found = {item.name: item for item in machine.engine.networks(self.project)}
        drawn = {item.name: item for item in self.networks}
        missing = [item for item in self.networks if item.name not in found or not item.is_it(found[item.name])]
        ranges = [ip_network(item.subnet) for item in missing]
        return [
            item
            for name, item in found.items()
            if (not drawn[name].is_it(item) if name in drawn else _overlaps(item, ranges))
        ]

    def inside(self, machine: Machine, name: str) -> list[Any]:
        """The project's containers that are in a network, or will be when they start."""
        return [item for item in machine.engine.containers(self.project) if name in item.networks]

    def strays(self, machine: Machine) -> list[str]:
        """Containers, by their names in Compose's file, which Compose would start as they are, outside of their
        networks: those went when somebody broke us off, or by hand."""
        there = {item.name for item in machine.engine.networks(self.project)}
        found = {item.service: item for item in machine.engine.containers(self.project)}
        return [
            wanted.name
            for wanted, networks in self.members
            if wanted.name in found
            and found[wanted.name].labels.get(LABEL) == wanted.label
            and not networks <= there & set(found[wanted.name].networks)
        ]

    def misplaced(self, machine: Machine) -> set[str]:
        """Containers, by their names in Compose's file, that are not in their networks as the file says these."""
        inside = [member for item in self.in_the_way(machine) for member in self.inside(machine, item.name)]
        return {*self.strays(machine), *(member.service for member in inside)}

    def text(self) -> str:
        return "every network is as the file says"


class MakeAnew(NamedTuple):
    """Empty and remove those that are in the way; Compose makes them when it starts who is in them."""

    wanted: AsDrawn
    folder: str

    def do(self, machine: Machine, tell: Tell) -> None:
        changed = self.wanted.in_the_way(machine)
        inside = {item.name: self.wanted.inside(machine, item.name) for item in changed}
        for name, members in inside.items():
            guests = sorted(set(machine.engine.inside(name, running=True)) - {item.name for item in members})
            if guests:  # before anything stops
                raise MachineUnfit(
                    f"{name} has to be made anew, and a container of somebody else is in it: {', '.join(guests)}",
                    f"docker network disconnect {name} {guests[0]}",
                )
        for line in self.foretold(machine):
            tell(Event("note", "", line))
        _run(machine, ("stop",), *sorted({item.name for members in inside.values() for item in members}))
        for name, members in inside.items():
            for item in members:
                _run(machine, ("network", "disconnect", "--force"), name, item.name)
        _run(machine, ("network", "rm"), *inside)
        strays = self.wanted.strays(machine)
        if strays:
            how = ("up", "--no-start", "--no-deps", "--force-recreate", "--pull", "never")
            words = (*compose(self.folder), *how, *strays)
            _done(machine.run(words, timeout_s=LONGEST_START_S))

    def text(self) -> str:
        return "make networks anew that the file says something else of"

    def foretold(self, machine: Machine) -> tuple[str, ...]:
        drawn = {item.name: item for item in self.wanted.networks}
        lines = []
        for item in self.wanted.in_the_way(machine):
            stops = ", ".join(member.service for member in self.wanted.inside(machine, item.name))
            fate = _difference(drawn[item.name], item) if item.name in drawn else "goes, another wants its range"
            lines.append(f"{item.name} {fate}; meanwhile stopped: {stops or 'nobody'}")
        strays = self.wanted.strays(machine)
        return (*lines, *((f"made anew, to be in their networks: {', '.join(strays)}",) if strays else ()))


class NoOtherNetworks(NamedTuple):
    """The project has no network but these, unless somebody is in it."""

    project: str
    names: tuple[str, ...]

    def holds(self, machine: Machine) -> bool:
        try:
            return not self.others(machine)
        except InfraKitError:
            if machine.listing(CONTAINERS):
                raise
            return True  # where there is no engine yet

    def others(self, machine: Machine) -> list[str]:
        """Those that nobody needs any more."""
        return [name for name in self.left(machine) if not machine.engine.inside(name)]

    def left(self, machine: Machine) -> list[str]:
        """Those that left the file; who is in them may be about to go."""
        return [item.name for item in machine.engine.networks(self.project) if item.name not in self.names]

    def text(self) -> str:
        return "no network is left that left the file"


class RemoveOtherNetworks(NamedTuple):
    """Remove them."""

    wanted: NoOtherNetworks

    def do(self, machine: Machine, tell: Tell) -> None:
        _run(machine, ("network", "rm"), *self.wanted.others(machine))

    def text(self) -> str:
        return "remove networks that left the file"

    def foretold(self, machine: Machine) -> tuple[str, ...]:
        return tuple(f"remove the network {name}" for name in self.wanted.left(machine))


def networks_step(deployment: Deployment, wanted: Mapping[str, tuple[Wanted, ...]], folder: str) -> Step:
    """`wanted`: of stack.up.wanted_of; `folder`: of the generation."""
    probe = as_drawn(deployment, wanted)
    return Step("networks", "networks as the file says", (probe,), (MakeAnew(probe, folder),))


def other_networks(deployment: Deployment) -> NoOtherNetworks:
    """For when nothing is left that was in them."""
    return NoOtherNetworks(
        deployment.name, tuple(_drawn(deployment.name, network).name for network in deployment.networks)
    )


def as_drawn(deployment: Deployment, wanted: Mapping[str, tuple[Wanted, ...]]) -> AsDrawn:
    """`wanted`: of stack.up.wanted_of."""
    drawn = {network.name: _drawn(deployment.name, network) for network in deployment.networks}
    labels = {item.name: item for items in wanted.values() for item in items}
    members = tuple(
        Member(labels[container.name], frozenset(drawn[name].name for name in container.networks))
        for service in deployment.services
        for container in service.containers
        if container.networks and "network" not in dict(container.privileges)
    )
    return AsDrawn(deployment.name, tuple(drawn.values()), members)


def _drawn(project: str, network: Any) -> Drawn:
    tree = network_tree(project, network)
    (config,) = tree["ipam"]["config"]
    name = tree.get("name", f"{project}_{network.name}")
    options = tuple(sorted(tree.get("driver_opts", {}).items()))
    return Drawn(name, tree["driver"], config["subnet"], tree["internal"], options)


def _overlaps(found: Network, ranges: list[Any]) -> bool:
    own = [ip_network(subnet) for subnet in found.subnets]
    return any(one.version == other.version and one.overlaps(other) for one in own for other in ranges)


def _ranges(found: Network) -> tuple[str, ...]:
    """Those that the file speaks of. An engine may give every network one of IPv6 (dockerd
    --default-network-opt=bridge=com.docker.network.enable_ipv6=true), and would again."""
    return tuple(subnet for subnet in found.subnets if ip_network(subnet).version == 4)


def _difference(drawn: Drawn, found: Network) -> str:
    if _ranges(found) != (drawn.subnet,):
        return f"moves from {', '.join(_ranges(found)) or 'no range'} to {drawn.subnet}"
    return "gets other options"


def _run(machine: Machine, words: tuple[str, ...], *names: str) -> None:
    """A command of Docker's, where there is something to name."""
    if names:
        _done(machine.run(("docker", *words, *names), timeout_s=LONGEST_START_S))


def _done(done: Done) -> None:
    said = [line for line in (done.err or done.out).strip().splitlines() if line.strip()]
    if done.code:
        raise MachineUnfit(
            said[-1].strip() if said else f"exit code {done.code}", "see: infrakit status; then run again"
        )
