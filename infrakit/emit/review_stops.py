"""Deployment -> what the picture of the review shows, before it is laid out: services and other hosts as stops, with
their doors and what stands between them and Docker."""

from typing import NamedTuple

from infrakit.emit.review_doors import who
from infrakit.emit.review_services import asks_docker_directly, powers
from infrakit.model import POWER_ROOT, Deployment, Network, Origin, Route, Service

Text = tuple[str, str]
"""Words, and their style."""

CADDY = "caddy"
DOOR = 46
"""How high the box of a door is."""


class Asker(NamedTuple):
    """What stands between a service and Docker."""

    texts: tuple[Text, ...]
    network: str
    danger: bool
    origin: Origin


class Stop(NamedTuple):
    """A service, or another host, with the doors that lead there. `network` is the one that Caddy reaches it on."""

    name: str
    texts: tuple[Text, ...]
    doors: tuple[Route, ...]
    network: str
    askers: tuple[Asker, ...]
    remote: bool
    origin: Origin


def stops_of(deployment: Deployment) -> list[Stop]:
    """All of them, in the order of the services, then of other hosts."""
    here: dict[str, list[Route]] = {}
    elsewhere: dict[str, list[Route]] = {}
    for route in deployment.routes:
        local = any(not item.remote for item in route.upstreams)
        if local:
            here.setdefault(route.service, []).append(route)
        hosts = [item.remote for item in route.upstreams if item.remote]
        for place, host in enumerate(hosts):
            elsewhere.setdefault(host, []).extend(() if local or place else (route,))
    out = {network.name for network in deployment.networks if network.masquerade and not network.internal}
    caddy = {
        name
        for service in deployment.services
        if service.name == CADDY
        for item in service.containers
        for name in item.networks
    } - out
    joins = {name: network.name for network, names in joins_of(deployment) for name in names[1:]}
    stops = [
        _stop(service, tuple(here.get(service.name, ())), caddy, out, joins.get(service.name, ""))
        for service in deployment.services
        if service.name != CADDY or not deployment.routes
    ]
    texts = ("another host, by certificate", "soft")
    stops += [
        Stop(f"host {host}", ((host, ""), texts), tuple(routes), "", (), True, deployment.origin)
        for host, routes in elsewhere.items()
    ]
    return stops


def _stop(service: Service, doors: tuple[Route, ...], caddy: set[str], out: set[str], join: str) -> Stop:
    texts: list[Text] = [(service.title, "")]
    shared = ""
    for item in service.containers:
        texts.append((f"{item.name} \u2197 leads out" if not out.isdisjoint(item.networks) else item.name, "soft"))
        texts += [(f"port {port.port}, past Caddy", "danger") for port in item.ports if service.name != CADDY]
        shared = shared or next((name for name in item.networks if name in caddy), "")
    texts += [(item.address, "soft") for route in doors[:1] for item in route.upstreams if item.elsewhere]
    if join:
        texts.append((f"\u21c4 {join}", "soft"))
    return Stop(service.name, tuple(texts), doors, shared, _askers(service), False, service.origin)


def _askers(service: Service) -> tuple[Asker, ...]:
    networks = {item.name: item.networks for item in service.containers}
    found = []
    for proxy in service.socket_proxies:
        words = powers(proxy)
        network = next(iter(networks.get(f"{proxy.consumer}-socket", ())), "a shared volume")
        found.append(
            Asker(
                (("socket proxy", ""), *((word.text, "danger" if word.danger else "soft") for word in words)),
                network,
                words[0].danger,
                proxy.origin,
            )
        )
    for item in service.containers:
        if asks_docker_directly(item, service.socket_proxies):
            found.append(Asker((("no proxy", ""), (POWER_ROOT, "danger")), "", True, item.origins[""]))
    return tuple(found)


def joins_of(deployment: Deployment) -> list[tuple[Network, list[str]]]:
    """Networks on which services reach each other, with the services; Caddy's are drawn as ways through its doors."""
    members: dict[str, list[str]] = {}
    for service in deployment.services:
        if service.name != CADDY:
            for name in {name for item in service.containers for name in item.networks}:
                members.setdefault(name, []).append(service.name)
    return [
        (network, members[network.name])
        for network in deployment.networks
        if not network.isolated and len(members.get(network.name, ())) > 1
    ]


def tall_of(stop: Stop) -> int:
    """How high its box is."""
    return 16 + 2 + 16 * len(stop.texts)


def pile(count: int) -> int:
    """How high as many boxes of doors or proxies are."""
    return count * (DOOR + 8) - 8 if count else 0


def caller(deployment: Deployment) -> str:
    """Who comes to the doors."""
    return "The core" if deployment.door.fleet_port else "Visitors"


def visitors(deployment: Deployment) -> Text:
    """By which way they come."""
    if deployment.tls.mode == "tunnel":
        return ("by the tunnel", "soft")
    if deployment.door.fleet_port:
        return (f"port {deployment.door.fleet_port}", "soft")
    return (f"port {deployment.door.https_port}", "soft")


def door_kind(route: Route) -> str:
    """The style of its box."""
    return "red" if who(route).danger else "door"


def door_texts(route: Route) -> tuple[Text, ...]:
    """What stands in its box."""
    passes = who(route)
    return ((route.hostname, ""), (passes.text, "danger" if passes.danger else "soft"))
