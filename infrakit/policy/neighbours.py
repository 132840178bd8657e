"""Who reaches whom inside."""

from infrakit.model import Container, Deployment
from infrakit.policy.broken import Broken, containers, origin_of

DOOR = "caddy"


def reachable(deployment: Deployment) -> set[tuple[str, str]]:
    """Ordered pairs of containers that share a network whose members can talk to each other."""
    open_networks = {network.name for network in deployment.networks if not network.isolated}
    members: dict[str, list[str]] = {}
    for _, container in containers(deployment):
        for network in container.networks:
            if network in open_networks:
                members.setdefault(network, []).append(container.name)
    return {(one, other) for names in members.values() for one in names for other in names if one != other}


def separated(deployment: Deployment) -> list[Broken]:
    """No container reaches another service's backend port, but Caddy, and who the blueprints say."""
    owner = {container.name: service.name for service, container in containers(deployment)}
    by_name: dict[str, Container] = {container.name: container for _, container in containers(deployment)}
    backends = {
        upstream.address.partition(":")[0]
        for route in deployment.routes
        for upstream in route.upstreams
        if not (upstream.remote or upstream.elsewhere)
    }
    direct = {network.name for network in deployment.networks if network.direct}
    found = []
    for one, other in sorted(reachable(deployment)):
        if other not in backends or owner[one] == owner[other] or one == DOOR:
            continue
        if direct.issuperset(set(by_name[one].networks) & set(by_name[other].networks)):
            continue
        found.append(
            Broken(origin_of(by_name[one], "networks"), f"{one} could reach {other} around sign-in", "neighbour")
        )
    return found


def alone_outside(deployment: Deployment) -> list[Broken]:
    """A network with a way out has one member: two would find each other's names there, and no way between them."""
    outside: dict[str, list[Container]] = {network.name: [] for network in deployment.networks if not network.internal}
    for _, container in containers(deployment):
        for name in container.networks:
            if name in outside:
                outside[name].append(container)
    found = []
    for network in deployment.networks:
        members = outside.get(network.name, [])
        if len(members) > 1:
            names = " and ".join(container.name for container in members[:2])
            found.append(
                Broken(origin_of(members[1], "networks"), f"{names} share the way out {network.name}", "way-out-shared")
            )
    return found
