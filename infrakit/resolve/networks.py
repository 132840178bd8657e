"""Who can reach whom: every network, its members and its subnet.

A container shares a network only with those that it must talk to, so that a compromised neighbour cannot step around
sign-in.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple
from zlib import crc32

from infrakit.errors import Problem
from infrakit.model import HOST_NAME, Network, Origin, network_of
from infrakit.resolve.world import DOOR, LOG_AGENT, LOGS, SIGN_IN, TUNNEL, HostDraft, Locate, Placed, World

WAY_OUT = "infrakit_default"
"""Caddy's. Every other container has one of its own: Docker finds a name on any network that two containers share, and
on one whose members cannot talk to each other that is a dead end (seen with Engine 26: Caddy never reached
Portainer)."""

PROXY = "proxy_network"
MONITORING = "monitoring_network"
WATCHERS = (LOGS, LOG_AGENT)
SUFFIX = "internal"
"""The one kind that ends its networks' names, where the others begin them: nothing else may be called so."""

SLOT = 16
"""Addresses of the smallest network that is cut, a /28."""
WAY_OUT_SLOTS = 16
NO_MEMBERS = 3
"""Addresses of a network that no container can have: its own, the bridge's, and the broadcast."""
LARGEST_POOL, SMALLEST_POOL = 12, 22
"""Lengths of the prefix, as the schema has them."""


class Kind(NamedTuple):
    """What the networks of one kind are for, what leads out of them, and whether a member may reach any other."""

    purpose: str
    internal: bool = True
    isolated: bool = False
    masquerade: bool = True
    direct: bool = False


DOORS = Kind("Caddy and what it leads to")
SIGN_IN_DOOR = Kind("Caddy and Authentik")
PRIVATE = Kind("the containers of one service")
SOCKETS = Kind("a socket proxy and its one consumer")
CHANNELS = Kind("Authentik and a service that signs in by itself", direct=True)
LINKS = Kind("containers that work together", direct=True)
WATCHING = Kind("Dozzle and its agent", direct=True)
OUT = Kind("the way out of one container", internal=False, isolated=True)
# Docker publishes no port of a container that is on internal networks only (seen with Engine 20.10: nothing listens).
IN = Kind("the way in to the ports that one container publishes", internal=False, isolated=True, masquerade=False)


class _Plan:
    """Networks under construction: name -> members, their kind, who asked, and why. `inside`: who is in the network of
    another container, which joins for him. Lives only inside `draw_networks`."""

    def __init__(self, inside: Mapping[str, str]) -> None:
        self.inside = inside
        self.members: dict[str, set[str]] = {}
        self.kinds: dict[str, Kind] = {}
        self.askers: dict[str, str] = {}
        self.origins: dict[str, Origin] = {}

    def join(self, network: str, kind: Kind, members: Iterable[str], origin: Origin) -> None:
        self.members.setdefault(network, set()).update(self.inside.get(name, name) for name in members)
        self.kinds.setdefault(network, kind)
        self.origins.setdefault(network, origin._replace(decided_by="networks"))

    def lead(self, asker: str, named: str, origin: Origin, *, client: bool, target: Placed) -> None:
        """A way around sign-in, called after `named`; one that signs in itself has one to Authentik without asking."""
        members = (asker, target.blueprint.main.name)
        if self.inside.get(asker, asker) == self.inside.get(members[1], members[1]):
            return
        if client and target.name == SIGN_IN:
            self.join(f"signin_{asker}", CHANNELS, members, origin)
            return
        network = f"link_{named}_{target.name}"
        self.join(network, LINKS, members, origin)
        self.askers.setdefault(network, asker)


def draw_networks(world: World) -> World:
    """Decide the networks of every host."""
    return world._replace(hosts=tuple(_draw(world, host) for host in world.hosts))


def _draw(world: World, host: HostDraft) -> HostDraft:
    plan = _Plan(_inside(host))
    opened = {door.service for door in host.routes}
    if host.relays:
        opened.add(LOG_AGENT)
    for placed in host.placed if host.has(DOOR) else ():
        _doors(placed, opened, plan)
    for placed in host.placed:
        _private(host, placed, plan)
    watchers = [name for name in WATCHERS if host.has(name)]
    if len(watchers) > 1:
        plan.join(MONITORING, WATCHING, watchers, host.origin)
    subnets = _subnets(world.config.network.pool, {name: len(plan.members[name]) for name in plan.members})
    pool = world.said(("network", "pool"), "networks")
    networks = tuple(
        Network(
            name,
            subnets[name],
            kind.internal,
            kind.isolated,
            kind.purpose,
            plan.origins[name],
            pool,
            kind.masquerade,
            kind.direct,
            plan.askers.get(name, ""),
        )
        for name, kind in sorted(plan.kinds.items())
    )
    membership: dict[str, list[str]] = {}
    for name in sorted(plan.members):
        for member in plan.members[name]:
            membership.setdefault(member, []).append(name)
    return host._replace(networks=networks, membership={name: tuple(found) for name, found in membership.items()})


def _inside(host: HostDraft) -> dict[str, str]:
    """Container -> the one whose network it is in."""
    return {
        container.name: other
        for placed in host.placed
        for container in placed.blueprint.containers
        if (other := network_of(container.privileges))
    }


def _doors(placed: Placed, opened: set[str], plan: _Plan) -> None:
    """Caddy and each container that it leads to, two by two; the tunnel reaches Caddy alone."""
    route = placed.blueprint.route
    if placed.name == SIGN_IN:
        plan.join(PROXY, SIGN_IN_DOOR, (DOOR, placed.route.container), placed.cause)
    elif route is not None and (route.elsewhere or route.container == HOST_NAME):
        return  # by Caddy's way out
    elif placed.name == TUNNEL:
        plan.join(f"door_{placed.name}", DOORS, (DOOR, *_names(placed)), placed.cause)
    elif placed.name in opened:
        plan.join(
            f"door_{placed.name}", DOORS, (DOOR, route.container if route is not None else placed.name), placed.cause
        )


def _private(host: HostDraft, placed: Placed, plan: _Plan) -> None:
    """Networks of a service's own: its containers, its way out, its socket proxies, its back channels. One that has
    the host's network has none of them; one that has another container's, back channels alone."""
    client = placed.blueprint.oidc is not None
    inside = [item for item in placed.blueprint.containers if not dict(item.privileges).get("network")]
    if len(inside) > 1:
        plan.join(f"{placed.name}_{SUFFIX}", PRIVATE, [item.name for item in inside], placed.cause)
    for container in placed.blueprint.containers:
        name, own = container.name, container in inside
        if not own and name not in plan.inside:
            continue
        if container.internet and own:
            plan.join(WAY_OUT if name == DOOR else f"out_{name}", OUT, (name,), placed.cause)
        elif container.ports and own:
            plan.join(f"in_{name}", IN, (name,), placed.cause)
        if own and container.docker is not None and container.docker.transport == "tcp":
            plan.join(f"socket_{name}", SOCKETS, (name, f"{name}-socket"), placed.cause)
        for other in host.placed if container.reaches else ():
            if other.name in container.reaches:
                plan.lead(name, name, placed.cause, client=client, target=other)
    for needed in host.needed(placed):
        plan.lead(placed.blueprint.main.name, placed.name, placed.cause, client=client, target=needed)


def _names(placed: Placed) -> tuple[str, ...]:
    return tuple(container.name for container in placed.blueprint.containers)


def _subnets(pool: str, members: Mapping[str, int]) -> dict[str, str]:
    """Network -> subnet, large enough for so many members, at a place that its name decides; "" where there is no room.

    A new network therefore leaves the others where they are (but for a rare clash), and nothing is re-created. Whole
    powers of two, the large ones first: what is free stays in pieces that the small ones can have.
    """
    address, _, text = pool.partition("/")
    length = int(text)
    octets = [int(octet) for octet in address.split(".")]
    base = (octets[0] << 24 | octets[1] << 16 | octets[2] << 8 | octets[3]) >> (32 - length) << (32 - length)
    taken = bytearray((1 << (32 - length)) // SLOT)
    found = {}
    for name in sorted(members, key=lambda name: (-_slots(members[name]), name)):
        if name == WAY_OUT:
            found[name] = f"{_dotted(base)}/24"
            continue
        slots = _slots(members[name])
        place = _place(taken, slots, crc32(name.encode()))
        taken[place : place + slots] = b"\1" * slots if place else b""
        found[name] = f"{_dotted(base + place * SLOT)}/{33 - (slots * SLOT).bit_length()}" if place else ""
    return found


def _slots(members: int) -> int:
    """How many of the smallest networks have room for so many members: a power of two."""
    return 1 << max(0, (members + NO_MEMBERS - 1).bit_length() - 4)


def _place(taken: bytearray, slots: int, wish: int) -> int:
    """The first free place for so many slots at or after `wish`, round the end; 0, which is never free, for none."""
    first = max(WAY_OUT_SLOTS, slots)
    places = (len(taken) - first) // slots
    for step in range(max(0, places)):
        place = first + (wish + step) % places * slots
        if not any(taken[place : place + slots]):
            return place
    return 0


def room(world: World, locate: Locate) -> list[Problem]:
    """Every network has a subnet, or the pool that would do is named."""
    pool = world.config.network.pool
    for host in world.hosts:
        if all(network.subnet for network in host.networks):
            continue
        members = {network.name: 0 for network in host.networks}
        for networks in host.membership.values():
            for name in networks:
                members[name] += 1
        lengths = range(int(pool.partition("/")[2]) - 1, LARGEST_POOL - 1, -1)
        enough = next((length for length in lengths if all(_subnets(f"10.0.0.0/{length}", members).values())), 0)
        what = f"network.pool: {pool} has no room for the {len(members)} networks of {host.shown}"
        hint = f"write /{enough} for /{pool.partition('/')[2]}, or choose another, for instance 10.0.0.0/{enough}"
        hint = hint if enough else "move some apps to another host"
        return [Problem(locate(("network", "pool")), what, "pool-small", hint)]
    return []


def _dotted(number: int) -> str:
    return f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
