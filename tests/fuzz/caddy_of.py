"""Caddy's own reading of a Caddyfile (its JSON) and the Compose files beside it -> what is not as it must be.

What a door should lead to comes from whoever asks: the blueprint's word, not the Deployment's.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from tests.fuzz.bytes_of import Host

CADDY, OUTPOST, HEALTH = "caddy", "authentik:9000", "127.0.0.1:8085"


class Dial(NamedTuple):
    """An upstream: under which listener and host name, where to, and over TLS (then to another host's Caddy)."""

    listen: str
    hostname: str
    address: str
    secure: bool
    door: str


class Site(NamedTuple):
    """A route of a server: its listener, the names that it answers to ("" is any)."""

    listen: str
    hostnames: tuple[str, ...]
    tree: dict[str, Any]


class Reading(NamedTuple):
    """What Caddy read: every top-level route, and every upstream of each."""

    sites: list[Site]
    dials: list[Dial]


def reading(config: dict[str, Any]) -> Reading:
    """Of Caddy's JSON; looked for once, since it is long and asked often."""
    sites = _sites(config)
    return Reading(sites, list(_dials(sites)))


def _sites(config: dict[str, Any]) -> list[Site]:
    return [
        Site(listen, tuple(name for match in route.get("match", ()) for name in match.get("host", ())) or ("",), route)
        for server in config["apps"]["http"]["servers"].values()
        for listen in server["listen"]
        for route in server["routes"]
    ]


def _dials(sites: list[Site]) -> Iterator[Dial]:
    for site in sites:
        for proxy, door in _proxies(site.tree, ""):
            said = proxy.get("headers", {}).get("request", {}).get("set", {}).get("X-Infrakit-Door", [""])[0]
            for upstream in proxy["upstreams"]:
                secure = "tls" in proxy.get("transport", {})
                for name in site.hostnames:
                    yield Dial(site.listen, name, upstream["dial"], secure, said or door)


def fleet_doors(config: Reading, listen: str) -> dict[str, set[str]]:
    """Behind a fleet's port: the door that the core's Caddy may ask for -> where it leads."""
    found: dict[str, set[str]] = {}
    for dial in config.dials:
        if dial.listen == listen:
            found.setdefault(dial.door, set()).add(dial.address)
    return found


def _proxies(node: Any, door: str) -> list[tuple[dict[str, Any], str]]:
    """No generators within generators: most of a tree are texts, and it is deep."""
    found: list[tuple[dict[str, Any], str]] = []
    if isinstance(node, dict):
        for match in node.get("match", ()) if isinstance(node.get("match"), list) else ():
            door = match.get("header", {}).get("X-Infrakit-Door", [door])[0] if isinstance(match, dict) else door
        if node.get("handler") == "reverse_proxy":
            found.append((node, door))
        node = list(node.values())
    for value in node if isinstance(node, list) else ():
        if isinstance(value, (dict, list)):
            found += _proxies(value, door)
    return found


def faults(config: Reading, host: Host, leads: dict[str, set[str]]) -> Iterator[str]:
    """`leads`: host name of a door -> the addresses on this host (container:port) that it may lead to."""
    listeners = {site.listen for site in config.sites}
    seen: set[tuple[str, str]] = set()
    for site in config.sites:
        for name in site.hostnames:
            if name and (site.listen, name) in seen:
                yield f"{name}: two sites at {site.listen}"
            seen.add((site.listen, name))
            yield from _name(name)
    published = {f":{target}" for name, protocol, _, _, target in host.ports() if name == CADDY and protocol == "tcp"}
    open_to_all = {listen for listen in listeners if listen.startswith(":")}
    if published - open_to_all:
        yield f"Caddy publishes {sorted(published)} and listens at {sorted(open_to_all)}"
    for dial in config.dials:
        if dial.secure:
            continue
        container, _, port = dial.address.rpartition(":")
        if container == "127.0.0.1":
            if dial.address not in listeners:
                yield f"{dial.hostname}: nobody listens at {dial.address}"
        elif "." in container and dial.address in leads.get(dial.hostname or dial.door, ()):
            continue  # by the word of the file another machine's, or this one's own
        elif container not in host.services:
            yield f"{dial.hostname}: {dial.address} is no container of this host"
        elif not host.meet(CADDY, container):
            yield f"{dial.hostname}: Caddy shares no network with {container}"
        elif dial.hostname and dial.address not in {*leads.get(dial.hostname, ()), OUTPOST}:
            yield f"{dial.hostname}: leads to {dial.address}, and not to {leads.get(dial.hostname)}"


def unreached(config: Reading, doors: dict[str, tuple[set[str], int]]) -> Iterator[str]:
    """`doors`: host name -> where on this host it may lead to, and to how many places it does. Each has a site, which
    leads there, or to another host's Caddy for this very door, and for no other."""
    every = config.dials
    behind: dict[str, set[str]] = {}
    for dial in every:
        behind.setdefault(dial.listen, set()).add(dial.door if dial.secure and dial.door else dial.address)
    for name, (places, count) in doors.items():
        asked = {
            dial
            for dial in every
            if dial.hostname == name and not (dial.address == OUTPOST and dial.address not in places)
        }
        if len({dial.address for dial in asked}) != count:
            yield f"{name}: leads to {sorted(dial.address for dial in asked)}, and not to {count} places"
        for dial in asked:
            over = {dial.door} if dial.secure else behind.get(dial.address, {""})
            if dial.address not in places and not over <= {name, *places}:
                yield f"{name}: leads to {dial.address}, which is of {sorted(over) or 'nobody'}"


def _name(name: str) -> Iterator[str]:
    """A host name that the DNS can hold."""
    labels = name.split(".")
    if len(name) > 253 or name and not all(0 < len(label) <= 63 for label in labels):
        yield f"{name}: no host name, of {len(name)} letters and labels of {[len(label) for label in labels]}"
