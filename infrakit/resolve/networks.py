"""Who can reach whom: every network, its members and its subnet.

A container shares a network only with those that it must talk to, so that a compromised neighbour cannot step around
sign-in.
"""

from collections.abc import Iterable
from zlib import crc32

from infrakit.model import Network, Origin
from infrakit.resolve.world import DOOR, SIGN_IN, TUNNEL, HostDraft, Placed, World

WAY_OUT = "infrakit_default"
"""Caddy's. Every other container has one of its own: Docker finds a name on any network that two containers share, and
on one whose members cannot talk to each other that is a dead end (seen with Engine 26: Caddy never reached
Portainer)."""

OUT = "out_"
PROXY = "proxy_network"
MONITORING = "monitoring_network"
WATCHERS = ("dozzle", "dozzle-agent")

PURPOSES = {
    "door": "Caddy and what it leads to",
    "internal": "the containers of one service",
    "socket": "a socket proxy and its one consumer",
    "signin": "Authentik and a service that signs in by itself",
}


class _Plan:
    """Networks under construction: name -> members, and why. Lives only inside `draw_networks`."""

    def __init__(self) -> None:
        self.members: dict[str, set[str]] = {}
        self.origins: dict[str, Origin] = {}

    def join(self, network: str, members: Iterable[str], origin: Origin) -> None:
        self.members.setdefault(network, set()).update(members)
        self.origins.setdefault(network, origin._replace(decided_by="networks"))


def draw_networks(world: World) -> World:
    """Decide the networks of every host."""
    return world._replace(hosts=tuple(_draw(world, host) for host in world.hosts))


def _draw(world: World, host: HostDraft) -> HostDraft:
    plan = _Plan()
    for placed in host.placed:
        _doors(host, placed, plan)
        _private(host, placed, plan)
    watchers = [name for name in WATCHERS if host.has(name)]
    if len(watchers) > 1:
        plan.join(MONITORING, watchers, host.origin)
    subnets = _subnets(world.config.network.pool, sorted(plan.members))
    pool = world.said(("network", "pool"), "networks")
    networks = tuple(
        _network(name, subnets[name], plan.origins[name])._replace(subnet_origin=pool) for name in sorted(plan.members)
    )
    membership: dict[str, list[str]] = {}
    for name in sorted(plan.members):
        for member in plan.members[name]:
            membership.setdefault(member, []).append(name)
    return host._replace(networks=networks, membership={name: tuple(found) for name, found in membership.items()})


def _doors(host: HostDraft, placed: Placed, plan: _Plan) -> None:
    """Caddy and each routed container, two by two; the tunnel reaches Caddy alone."""
    route = placed.blueprint.route
    if placed.name == SIGN_IN and host.has(DOOR):
        plan.join(PROXY, (DOOR, placed.route.container), placed.cause)
    elif route is not None and host.has(DOOR) and any(door.service == placed.name for door in host.routes):
        plan.join(f"door_{placed.name}", (DOOR, route.container), placed.cause)
    elif placed.name == TUNNEL and host.has(DOOR):
        plan.join(f"door_{placed.name}", (DOOR, *_names(placed)), placed.cause)


def _private(host: HostDraft, placed: Placed, plan: _Plan) -> None:
    """Networks of a service's own: its containers, its way out, its socket proxies, its back channels."""
    if len(placed.blueprint.containers) > 1:
        plan.join(f"{placed.name}_internal", _names(placed), placed.cause)
    for container in placed.blueprint.containers:
        name = container.name
        if container.internet:
            plan.join(WAY_OUT if name == DOOR else f"{OUT}{name}", (name,), placed.cause)
        if container.docker is not None and container.docker.transport == "tcp":
            plan.join(f"socket_{name}", (name, f"{name}-socket"), placed.cause)
        for target in container.reaches:
            reached = next((other for other in host.placed if other.name == target), None)
            if reached is not None:
                channel = f"signin_{name}" if target == SIGN_IN else f"link_{name}_{target}"
                plan.join(channel, (name, reached.blueprint.main.name), placed.cause)
    if placed.app is not None:
        for need, _ in placed.app.needs:
            needed = next((other for other in host.placed if other.name == need), None)
            if needed is not None:
                plan.join(
                    f"link_{placed.name}_{need}", (placed.blueprint.main.name, needed.blueprint.main.name), placed.cause
                )


def _names(placed: Placed) -> tuple[str, ...]:
    return tuple(container.name for container in placed.blueprint.containers)


def _network(name: str, subnet: str, origin: Origin) -> Network:
    kind = name.split("_")[0]
    purpose = PURPOSES.get(kind, "containers that work together")
    if name == WAY_OUT or name.startswith(OUT):
        return Network(name, subnet, False, True, "the way out of one container", origin)
    if name == PROXY:
        purpose = "Caddy and Authentik"
    elif name == MONITORING:
        purpose = "Dozzle and its agent"
    elif name.endswith("_internal"):
        purpose = PURPOSES["internal"]
    return Network(name, subnet, True, False, purpose, origin)


def _subnets(pool: str, names: list[str]) -> dict[str, str]:
    """Name -> subnet: the first /24 of the pool for the way out, a /28 for each other, at a slot that its name decides.

    A new network therefore leaves the others where they are (but for a rare clash), and nothing is re-created.
    """
    address, _, length = pool.partition("/")
    octets = [int(octet) for octet in address.split(".")]
    base = (octets[0] << 24 | octets[1] << 16 | octets[2] << 8 | octets[3]) >> (32 - int(length)) << (32 - int(length))
    slots = (1 << (28 - int(length))) - 16
    taken: dict[int, str] = {}
    found = {}
    for name in names:
        if name == WAY_OUT:
            found[name] = f"{_dotted(base)}/24"
            continue
        slot = crc32(name.encode()) % slots
        while slot in taken:
            slot = (slot + 1) % slots
        taken[slot] = name
        found[name] = f"{_dotted(base + (slot + 16) * 16)}/28"
    return found


def _dotted(number: int) -> str:
    return f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
