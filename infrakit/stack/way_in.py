"""A service of this host -> its container and port, and in words who may use the way that `infrakit open` makes to
it."""

from typing import NamedTuple

from infrakit.errors import UsageProblem
from infrakit.model import Deployment
from infrakit.stack.inside import container_name


class WayIn(NamedTuple):
    """Where a service answers, without Caddy before it. `container` as Docker calls it."""

    title: str
    container: str
    port: int


def way_in(deployment: Deployment, service: str) -> WayIn:
    """To the service's first door, or to SERVICE.DOOR. UsageProblem where there is no such page here."""
    ways: dict[str, WayIn] = {}
    for route in deployment.routes:
        for upstream in route.upstreams:
            if not upstream.remote and not upstream.elsewhere:
                name, _, port = upstream.address.rpartition(":")
                way = WayIn(route.title, container_name(deployment.name, name), int(port))
                ways.setdefault(route.service, way)
                if route.door:
                    ways[f"{route.service}.{route.door}"] = way
    if service in ways:
        return ways[service]
    remote = [
        upstream.remote
        for route in deployment.routes
        for upstream in route.upstreams
        if service in (route.service, f"{route.service}.{route.door}") and upstream.remote
    ]
    elsewhere = [
        f"{route.scheme}://{upstream.address}"
        for route in deployment.routes
        for upstream in route.upstreams
        if route.service == service and upstream.elsewhere
    ]
    hint = (
        f"it is no container: open {elsewhere[0]}"
        if elsewhere
        else f"it runs on {remote[0]}: open it there"
        if remote
        else f"one of: {', '.join(sorted(ways))}"
        if ways
        else "no service here has a page"
    )
    raise UsageProblem(f"{deployment.host} has no page of {service}", hint)


def announcement(way: WayIn, port: int, users: list[str], machine: str, passwords: str, ends: str) -> list[str]:
    """What is open, for whom (the last of `users` is who asked), how to get there from elsewhere, and until when."""
    return [
        (
            f"{way.title} ({way.container}, port {way.port}) is open at the address below, past Caddy and past "
            "Authentik: only its own sign-in counts"
        ),
        f"passwords that were minted for it are in {passwords}",
        f"on this machine {' and '.join(users)} may use it, and nobody else; {ends}",
        (
            f"from your own computer: ssh -L {port}:127.0.0.1:{port} {users[-1]}@{machine}, and then the same "
            "address there"
        ),
    ]
