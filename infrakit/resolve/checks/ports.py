"""Ports of each host -> Problems: one port at one address is one container's, and Caddy's own ports are apart."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from infrakit.errors import Position, Problem
from infrakit.model import Door, PublishedPort
from infrakit.resolve.addresses import overlap
from infrakit.resolve.world import DOOR, HostDraft, Locate, World

WEB = ("http_port", "https_port")
LOOPBACK = 8085
"""Where Caddy answers its health check; from FIRST_HOP on it leads to other hosts (both emit/caddyfile.py)."""
FIRST_HOP = 8101
MOST_OF_HOST = 2000
PLAIN, OF_TLS = 80, 443
"""Of the first Caddy refuses its whole file for https there (modules/caddyhttp/reverseproxy/addresses.go)."""


class Claim(NamedTuple):
    """A port that somebody wants. `key`: of `network`, where it is Caddy's, else "". `asked`: by ports of an app."""

    port: PublishedPort
    owner: str
    key: str
    position: Position
    said: bool
    asked: bool = False


def ports_apart(world: World, locate: Locate) -> list[Problem]:
    """No two claims on one port of a host."""
    found: dict[str, Problem] = {}
    for host in world.hosts:
        taken: dict[tuple[int, str], list[Claim]] = {}
        for claim in _claims(world, host, locate):
            same = taken.setdefault((claim.port.port, claim.port.protocol), [])
            other = next((item for item in same if _collide(item, claim)), None)
            if other is not None:
                problem = _problem(claim, other)
                found.setdefault(problem.what, problem)
            same.append(claim)
        for problem in (*_inside(world, host, locate), *_too_many(host, taken)):
            found.setdefault(problem.what, problem)
    return list(found.values())


def _too_many(host: HostDraft, taken: Mapping[tuple[int, str], list[Claim]]) -> Iterator[Problem]:
    if len(taken) <= MOST_OF_HOST:
        return
    by_apps = [claim for claims in taken.values() for claim in claims if claim.asked]
    if by_apps:
        what = f"{host.shown} would publish {len(taken)} ports, and {MOST_OF_HOST} are the most"
        hint = "publish fewer: each costs the engine a process, and a start of minutes"
        yield Problem(by_apps[-1].position, what, "port", hint)


def _claims(world: World, host: HostDraft, locate: Locate) -> Iterator[Claim]:
    for key, number in [*_of_caddy(host.door), *_unused(world)]:
        path = ("network", key)
        for address in host.door.addresses or ("",):
            for protocol in ("tcp", "udp") if key == "https_port" else ("tcp",):
                published = PublishedPort(address, number, number, protocol)
                yield Claim(published, key, key, locate(path), path in world.config.said)
    for placed in host.placed:
        app = placed.app
        for door in app.doors if app is not None and app.network == "host" else ():
            if door.port:
                published = PublishedPort("", door.port, door.port, "tcp")
                yield Claim(published, placed.name, "", locate((*door.path, "port")), True)
    for service in host.services:
        for container in service.containers:
            base = container.origins[""]
            for place, port in enumerate(container.ports if container.name != DOOR else ()):
                origin = container.origins.get(f"ports.{place}") or base._replace(path=(*base.path, "ports", place))
                yield Claim(port, container.name, "", locate.origin(origin), True, service.kind == "app")


def _of_caddy(door: Door) -> list[tuple[str, int]]:
    ports = [(key, getattr(door, key)) for key in (*WEB, "tunnel_port", "fleet_port")]
    return [(key, port) for key, port in ports if port]


def of_tls(world: World, locate: Locate) -> list[Problem]:
    """Where Caddy speaks TLS it has another port than plain HTTP's, which means that to it."""
    network = world.config.network
    keys = [key for key in ("https_port", "fleet_port") if getattr(network, key) == PLAIN]
    what = f"{PLAIN} is plain HTTP's, and Caddy speaks no TLS there"
    return [
        *(
            Problem(locate(("network", key)), f"network.{key}: {what}", "scheme-port", "choose another port")
            for key in keys
        ),
        *_unasked(world, locate),
    ]


def _unasked(world: World, locate: Locate) -> Iterator[Problem]:
    """Ports of Caddy's at which nobody comes."""
    said = [key for key in WEB if ("network", key) in world.config.said]
    mode, network = world.config.tls.mode, world.config.network
    if said and mode == "tunnel":
        what = f"network.{said[0]}: behind a tunnel Caddy publishes no port for the web"
        yield Problem(
            locate(("network", said[0])), what, "port-unused", "remove it, or choose another tls.mode", "warning"
        )
    elif len(said) == len(WEB) and mode == "acme" and network.http_port != PLAIN and network.https_port != OF_TLS:
        what = f"network.https_port: who gives certificates asks at {PLAIN} and {OF_TLS} alone"
        hint = f"let your router lead one of them to {network.http_port} or {network.https_port}; or tls: {{mode: dns}}"
        yield Problem(locate(("network", "https_port")), what, "port-unasked", hint, "warning")


def _unused(world: World) -> list[tuple[str, int]]:
    """Ports that the file names and no host opens yet: what is added later would."""
    used = {key for host in world.hosts for key, _ in _of_caddy(host.door)}
    network = world.config.network
    keys = ("tunnel_port", "fleet_port")
    return [(key, getattr(network, key)) for key in keys if ("network", key) in world.config.said and key not in used]


def _collide(first: Claim, second: Claim) -> bool:
    # Caddy's addresses are apart already (checks/network.py), and so is what it wants at each of them.
    return not (first.key and first.key == second.key) and overlap(first.port.address, second.port.address)


def _problem(claim: Claim, other: Claim) -> Problem:
    place, also = (claim, other) if claim.said else (other, claim)
    related = also.position if also.said and also.position != place.position else None
    number = str(claim.port.port)
    if claim.key and other.key:
        what = f"network.{claim.key}: {number} is also {other.key}"
    else:
        whose = f"network.{other.key}" if other.key else f"the port of {other.owner}"
        what = f"{claim.owner}: port {number}/{claim.port.protocol} of the host is also {whose}"
    hint = _one_door(claim) if claim.asked and other.key in WEB else "choose another port"
    return Problem(place.position, what, "same-port", hint, related=related)


def _one_door(claim: Claim) -> str:
    """What to do instead of publishing a port of Caddy's."""
    port = claim.port
    if port.protocol == "udp":
        return "Caddy is the door for the web: publish another port, or give Caddy an address of its own: network.bind"
    tls = " and scheme: https" if port.container_port == 443 else ""
    return (
        f"Caddy is the only door for the web: write port: {port.container_port}{tls}, not ports, and it leads there; "
        f"or give Caddy an address of its own, network.bind, and this another: "
        f'"192.168.1.6:{port.port}:{port.container_port}"'
    )


def _inside(world: World, host: HostDraft, locate: Locate) -> Iterator[Problem]:
    """The tunnel's and the fleet's port are the same inside of Caddy's container, where it has others."""
    hops = sum(len(route.upstreams) for route in host.routes if len(route.upstreams) > 1)
    own = {LOOPBACK: "its health check", **dict.fromkeys(range(FIRST_HOP, FIRST_HOP + hops), "a way to another host")}
    own |= {relay.port: "the logs of another host" for relay in host.relays if relay.port}
    if host.door.http_port or host.door.https_port:
        own |= {80: "plain HTTP", 443: "HTTPS"}
    for key, port in _of_caddy(host.door):
        if key in WEB or port not in own or port in (host.door.http_port, host.door.https_port):
            continue
        what = f"network.{key}: inside of its container, Caddy has {port} for {own[port]}"
        yield Problem(locate(("network", key)), what, "same-port", "choose another port")
