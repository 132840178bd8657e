"""The files of one host, read again as bytes: Compose files as one project, and what is not as it must be in it.

Knows nothing of the compiler: what it says is read from YAML alone.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any

import yaml

from infrakit.model import Artifact

SECRET = re.compile(r"/run/secrets/([A-Za-z0-9_.-]+)")
HASH = re.compile(rb"(?<=io\.infrakit\.config: )\S+")
NO_MEMBERS = 3
"""Addresses of a subnet that Docker gives to no container: the network's, the bridge's, the broadcast."""


@lru_cache(2000)
def _parsed(content: bytes) -> dict[str, Any]:
    return yaml.load(content, getattr(yaml, "CSafeLoader", yaml.SafeLoader))


class Host:
    """One tree of files: `project` is compose.yaml, `services` those of the files that it includes."""

    def __init__(self, artifacts: tuple[Artifact, ...]) -> None:
        self.files = {artifact.path: artifact.content for artifact in artifacts}
        self.project = _parsed(self.files["compose.yaml"])
        # The label of a hash differs nearly everywhere, and nothing here asks for it.
        paths = [item["path"] for item in self.project["include"]]
        self.included = [_parsed(HASH.sub(b"", self.files[path])) for path in paths]
        self.services: dict[str, dict[str, Any]] = {}
        for tree in self.included:
            self.services |= tree["services"]
        self.networks: dict[str, dict[str, Any]] = self.project.get("networks", {})
        self.secrets = set(self.project.get("secrets", {}))

    def members(self, network: str) -> set[str]:
        return {name for name, service in self.services.items() if network in service.get("networks", ())}

    def meet(self, one: str, other: str) -> bool:
        """Whether two containers share a network whose members may reach each other."""
        shared = set(self.services[one].get("networks", ())) & set(self.services[other].get("networks", ()))
        icc = "com.docker.network.bridge.enable_icc"
        return any(self.networks[name].get("driver_opts", {}).get(icc) != "false" for name in shared)

    def ports(self) -> Iterator[tuple[str, str, str, int, int]]:
        """(container, protocol, address, port of the host, port of the container)."""
        for name, service in self.services.items():
            for port in service.get("ports", ()):
                yield name, port["protocol"], port.get("host_ip", ""), int(port["published"]), port["target"]


def faults(host: Host, shared: Mapping[str, Collection[str]] = {}) -> Iterator[str]:
    """Everything that is wrong with the Compose files of a host. `shared`: volume -> the containers that share it."""
    if sum(len(tree["services"]) for tree in host.included) != len(host.services):
        yield "two containers of one name"
    yield from _networks(host)
    yield from _ports(host)
    yield from _storage(host, shared)
    yield from _secrets(host)
    yield from _order(host)
    yield from _profiles(host)


def _networks(host: Host) -> Iterator[str]:
    used = {name for service in host.services.values() for name in service.get("networks", ())}
    if used != set(host.networks):
        yield f"networks: used {sorted(used)}, drawn {sorted(host.networks)}"
    if len({tree.get("name", name) for name, tree in host.networks.items()}) != len(host.networks):
        yield "two networks of one name"
    drawn = []
    for name, tree in host.networks.items():
        (config,) = tree["ipam"]["config"]
        subnet = ip_network(config["subnet"])
        if not subnet.is_private and not subnet.subnet_of(ip_network("100.64.0.0/10")):
            yield f"{name}: {subnet} is public"
        if len(host.members(name)) > subnet.num_addresses - NO_MEMBERS:
            yield f"{name}: no room for {len(host.members(name))} in {subnet}"
        drawn.append((int(subnet[0]), int(subnet[-1]), name))
    drawn.sort()
    for (_, last, one), (first, _, other) in zip(drawn, drawn[1:]):
        if first <= last:
            yield f"{one} and {other} overlap"
    for name, service in host.services.items():
        ways = service.get("networks", [])
        for way, said in ways.items() if isinstance(ways, dict) else ():
            if said is not None and set(said) != {"aliases"}:
                yield f"{name}: static addresses, which nothing here looks at"
            for alias in said["aliases"] if said else ():
                if name != "caddy" or alias in host.services:
                    yield f"{name}: is called {alias} in {way}"
                # Who is in the network of another is no member of his own.
                members = {*(host.members(way) - {name}), way.removeprefix("door_")}
                if not any(f"signin_{member}" in host.networks for member in members):
                    yield f"{way}: nobody in it signs in by himself"
        if ("networks" in service) == ("network_mode" in service):
            yield f"{name}: networks and network_mode"


def _ports(host: Host) -> Iterator[str]:
    taken: dict[tuple[str, int], list[tuple[str, str]]] = {}
    for name, protocol, address, published, target in host.ports():
        others = taken.setdefault((protocol, published), [])
        for other, at in others:
            if _same(at, address):
                yield f"{name} and {other} both publish {published}/{protocol} at {address or 'every address'}"
        others.append((name, address))
        if not 0 < published < 65536 or not 0 < target < 65536:
            yield f"{name}: port {published}:{target}"
        ways = host.services[name].get("networks", ())
        if all(host.networks[network]["internal"] for network in ways):
            yield f"{name}: publishes {published} from internal networks only"


def _same(one: str, other: str) -> bool:
    """Whether a port cannot be had at both addresses; "" and :: are every one, of IPv4 too (ipv6(7))."""
    first, second = ip_address(one or "::"), ip_address(other or "::")
    if first == second or "::" in (str(first), str(second)):
        return True
    return first.version == second.version and (first.is_unspecified or second.is_unspecified)


def _storage(host: Host, shared: Mapping[str, Collection[str]]) -> Iterator[str]:
    owners: dict[str, int] = {}
    declared = host.project.get("volumes", {}).items()
    names = [(tree or {}).get("name", f"{host.project['name']}_{name}") for name, tree in declared]
    if len(set(names)) != len(names):
        yield f"two volumes of one name: {sorted(names)}"
    for number, tree in enumerate(host.included):
        for name, service in tree["services"].items():
            targets = [mount["target"] for mount in service.get("volumes", ())]
            targets += [secret["target"] for secret in service.get("secrets", ())]
            if len({target.rstrip("/") for target in targets}) != len(targets):
                yield f"{name}: two mounts at one path: {sorted(targets)}"
            for mount in service.get("volumes", ()):
                source = mount["source"]
                if mount["type"] == "volume":
                    if source in shared and name in shared[source]:
                        owners.setdefault(source, -1)
                    if owners.setdefault(source, number) != (-1 if name in shared.get(source, ()) else number):
                        yield f"{name}: the volume {source} is another service's"
                elif source.startswith("./"):
                    path = source[2:]
                    if not any(file == path or file.startswith(f"{path}/") for file in host.files):
                        yield f"{name}: {source} is no file of the tree"
    if set(owners) != set(host.project.get("volumes", {})):
        yield f"volumes: used {sorted(owners)}, declared {sorted(host.project.get('volumes', {}))}"


def _secrets(host: Host) -> Iterator[str]:
    mounted = {item["source"] for service in host.services.values() for item in service.get("secrets", ())}
    if mounted != host.secrets:
        yield f"secrets: mounted {sorted(mounted)}, declared {sorted(host.secrets)}"
    files: dict[str, list[set[str]]] = {}
    for name, service in host.services.items():
        seen = {item["target"] for item in service.get("secrets", ())}
        words = [*service.get("command", ()), *service.get("entrypoint", ())]
        words += [*service.get("environment", {}).values(), *service.get("healthcheck", {}).get("test", ())]
        for secret in {secret for word in words for secret in SECRET.findall(str(word))}:
            if f"/run/secrets/{secret}" not in seen:
                yield f"{name}: reads the secret {secret}, and has not got it"
        for file in _read_by(host, service):
            files.setdefault(file, []).append(seen)
    for file, readers in files.items():
        wanted = {f"/run/secrets/{secret}" for secret in SECRET.findall(host.files[file].decode())}
        if not any(wanted <= seen for seen in readers):
            yield f"{file}: names {sorted(wanted)}, and no reader of it has them all"


def _read_by(host: Host, service: dict[str, Any]) -> list[str]:
    """Files of the tree that are mounted."""
    sources = [mount["source"] for mount in service.get("volumes", ()) if mount["type"] == "bind"]
    paths = [source[2:] for source in sources if source.startswith("./")]
    return [file for file in host.files if any(file == path or file.startswith(f"{path}/") for path in paths)]


def _order(host: Host) -> Iterator[str]:
    waits = {name: service.get("depends_on", {}) for name, service in host.services.items()}
    for name, needs in waits.items():
        for other, need in needs.items():
            if other not in host.services:
                yield f"{name}: waits for {other}, which is not there"
                continue
            once = host.services[other]["restart"] == "no"
            if need["condition"] == "service_healthy" and "healthcheck" not in host.services[other]:
                yield f"{name}: waits for the health of {other}, which has no check"
            if once != (need["condition"] == "service_completed_successfully"):
                yield f"{name}: {other} never is {need['condition']}"
    left = {name: set(needs) & set(waits) for name, needs in waits.items()}
    while left:
        ready = {name for name, needs in left.items() if not needs & set(left)}
        if not ready:
            yield f"a circle among {sorted(left)}"
            return
        left = {name: needs for name, needs in left.items() if name not in ready}


def _profiles(host: Host) -> Iterator[str]:
    (line,) = [line for line in host.files[".env"].decode().splitlines() if line.startswith("COMPOSE_PROFILES=")]
    active = set(line.partition("=")[2].strip("'\"").split(","))
    for name, service in host.services.items():
        if not set(service.get("profiles", active)) & active:
            yield f"{name}: none of its profiles is active"
