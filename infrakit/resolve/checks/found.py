"""World -> Problems: no container is found by a name that is another's, or another machine's.

Docker's DNS knows a container by its service, by its hostname, and by what Compose calls it.
Source: moby daemon/container_operations.go, buildEndpointDNSNames (Engine 25 and later).
"""

from collections.abc import Iterator

from infrakit.errors import Problem
from infrakit.policy.broken import origin_of
from infrakit.resolve.world import HostDraft, Locate, World


def found_apart(world: World, locate: Locate) -> list[Problem]:
    """Every name that somebody chose leads to him alone, on each host."""
    found = [problem for host in world.hosts for problem in _of_host(world, host, locate)]
    return list(dict.fromkeys(found))


def _of_host(world: World, host: HostDraft, locate: Locate) -> Iterator[Problem]:
    containers = [container for service in host.services for container in service.containers]
    placed = {container.name: item for item in host.placed for container in item.blueprint.containers}
    # What nobody chose comes first: who chose the same name is the one who can choose another.
    owners = {f"{world.config.name}-{item.name}-1": (item.name, "what Compose calls") for item in containers}
    owners |= {name: (other, "where Caddy finds") for name, other in _dialled(host).items()}
    for item in containers:
        owner, why = owners.setdefault(item.name, (item.name, "the name of"))
        if owner != item.name and item.name in placed:
            app = placed[item.name].app
            own = app is None or bool(app.blueprint) or item.name != app.name
            place = locate.origin(item.origins[""]) if app is None or own else locate(app.path, key=True)
            what = f"{item.name} is {why} {owner}, too: who looks for one could find the other"
            yield Problem(place, what, "same-container", "choose another name")
    for item in containers:
        hostname = str(dict(item.settings).get("hostname", "")).lower()
        if not hostname or dict(item.privileges).get("network"):
            continue
        owner, why = owners.setdefault(hostname, (item.name, "the hostname of"))
        if owner != item.name:
            what = f"{item.name}: the hostname {hostname} is {why} {owner}, too: who looks for one could find the other"
            place = locate.origin(origin_of(item, "settings.hostname"))
            yield Problem(place, what, "same-container", "choose another, or remove it")


def _dialled(host: HostDraft) -> dict[str, str]:
    """Name of another machine, as Caddy dials it -> what it is called in the file."""
    ways = [(item.address, item.remote) for route in host.routes for item in route.upstreams if item.remote]
    ways += [(relay.address, relay.host) for relay in host.relays if relay.port]
    return {address.rpartition(":")[0]: other for address, other in ways}
