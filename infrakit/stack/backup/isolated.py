"""A host and what is backed up of it -> the same containers as a project of their own, which nobody reaches and which
reaches nobody: no ports, no way out, no folder, device or engine of the host.

What cannot be so is left out, each with the reason. Of the running project nothing is touched: every name is another.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from infrakit.backups import BackupPart
from infrakit.model import Container, Deployment, Mount, Network, Service, SharedVolume, network_of

SUFFIX = "_drill"
OF_THE_HOST = {"pid": "processes", "ipc": "memory", "network": "network"}
"""Privileges that lead into the host's own, where they say so."""
DEVICES = ("devices", "gpus", "privileged")
KEPT = ("network", "security_opt", "sysctls", "runtime")
"""Of privileges: what leads to another container, or changes the container alone."""
SETTINGS = ("hostname", "groups", "init", "ulimits")
OUTSIDE = "the Internet"


class Isolated(NamedTuple):
    """`order`: containers as they are started, each after what it needs; `once`: those that do their work and end.
    `left`: containers that are not there, each with why. `lacking`: container -> what it has on the host and not here,
    without which it need not get well."""

    deployment: Deployment
    order: tuple[str, ...]
    once: frozenset[str]
    left: tuple[tuple[str, str], ...]
    lacking: Mapping[str, str]


def isolated(deployment: Deployment, parts: Sequence[BackupPart]) -> Isolated:
    """Whose data is in `parts`, or who needs a database of theirs; and what these need."""
    every = {item.name: (service, item) for service in deployment.services for item in service.containers}
    meant = _meant(every, parts)
    left = _left(every, meant)
    kept = {name: every[name][1] for name in every if name in meant and name not in left}
    networks = _networks(deployment.networks, kept.values())
    services = tuple(_service(service, kept, networks) for service in deployment.services)
    shared = {mount.source for item in kept.values() for mount in item.mounts if mount.kind == "shared"}
    alone = deployment._replace(
        name=f"{deployment.name}{SUFFIX}",
        services=tuple(service for service in services if service.containers),
        networks=networks,
        volumes=tuple(
            SharedVolume(item.name, "", "", "", item.origin) for item in deployment.volumes if item.name in shared
        ),
        routes=(),
        grants=(),
        relays=(),
        updates=None,
        backup=None,
    )
    lacking = {name: why for name in kept if (why := _lacking(deployment, *every[name]))}
    once = frozenset(name for name, item in kept.items() if item.one_shot)
    return Isolated(alone, _in_order(kept), once, tuple(left.items()), lacking)


def needs_of(container: Container) -> tuple[str, ...]:
    """Containers that must be there before it."""
    other = network_of(container.privileges)
    return (*(need.container for need in container.depends_on), *([other] if other else []))


def _meant(every: Mapping[str, tuple[Service, Container]], parts: Sequence[BackupPart]) -> set[str]:
    volumes = {name for part in parts for name in part.volumes}
    found = {dump.container for part in parts for dump in part.dumps if dump.container in every}
    found |= {name for name, (_, item) in every.items() if any(_holds(mount, volumes) for mount in item.mounts)}
    found |= {name for name, (_, item) in every.items() if {need.container for need in item.depends_on} & found}
    while more := {need for name in found for need in needs_of(every[name][1]) if need in every} - found:
        found |= more
    return found


def _holds(mount: Mount, volumes: set[str]) -> bool:
    return mount.kind in ("volume", "shared") and mount.source in volumes


def _left(every: Mapping[str, tuple[Service, Container]], meant: Iterable[str]) -> dict[str, str]:
    """Container -> why it cannot be there alone."""
    left = {name: why for name in every if name in meant and (why := _unfit(*every[name]))}
    while True:
        more = {
            name: f"it needs {need}"
            for name in every
            if name in meant and name not in left
            for need in needs_of(every[name][1])
            if need in left or need not in every
        }
        if not more:
            return left
        left |= more


def _unfit(service: Service, container: Container) -> str:
    privileges = dict(container.privileges)
    if any(proxy.consumer == container.name for proxy in service.socket_proxies):
        return "it asks Docker"
    if any("docker.sock" in mount.source for mount in container.mounts if mount.kind == "host"):
        return "it has Docker's socket"
    if any(privileges.get(key) for key in DEVICES):
        return "it has devices of the host"
    if any(mount.kind == "host" and mount.source.startswith(("/dev", "/proc", "/sys")) for mount in container.mounts):
        return "it has devices of the host"
    return next(
        (f"it shares the host's {word}" for key, word in OF_THE_HOST.items() if privileges.get(key) == "host"), ""
    )


def _lacking(deployment: Deployment, service: Service, container: Container) -> str:
    """Of the catalogue it is known that it gets well without a way out."""
    outside = {item.name for item in deployment.networks if not item.internal and item.masquerade}
    servers = {item.name: f"{item.server}:{item.path}" for item in deployment.volumes if item.server}
    places = [mount.source for mount in container.mounts if mount.kind == "host"]
    places += [servers[mount.source] for mount in container.mounts if mount.source in servers]
    if service.kind != "catalogue" and outside.intersection(container.networks):
        places.append(OUTSIDE)
    return ", ".join(places)


def _networks(networks: Sequence[Network], kept: Iterable[Container]) -> tuple[Network, ...]:
    """Where some of them meet, and for who meets nobody the first of his own. Docker chooses the ranges, which are
    free."""
    items = list(kept)
    members = {item.name: [one.name for one in items if item.name in one.networks] for item in networks}
    wanted = {name for name, found in members.items() if len(found) > 1}
    wanted |= {item.networks[0] for item in items if item.networks and not wanted.intersection(item.networks)}
    return tuple(
        item._replace(subnet="", internal=True, isolated=False, masquerade=True)
        for item in networks
        if item.name in wanted
    )


def _service(service: Service, kept: Mapping[str, Container], networks: Sequence[Network]) -> Service:
    names = {item.name for item in networks}
    containers = tuple(_container(item, names) for item in service.containers if item.name in kept)
    volumes = dict.fromkeys(mount.source for item in containers for mount in item.mounts if mount.kind == "volume")
    # Every service stands in the file: none waits for a profile to be switched on.
    return service._replace(profiles=(), containers=containers, volumes=tuple(volumes), socket_proxies=())


def _container(container: Container, networks: Iterable[str]) -> Container:
    """`one_shot`, of all: nobody is started again by Docker."""
    known = set(networks)
    return container._replace(
        privileges=tuple((key, value) for key, value in container.privileges if key in KEPT),
        settings=tuple((key, value) for key, value in container.settings if key in SETTINGS),
        mounts=tuple(_mounts(container)),
        networks=tuple(name for name in container.networks if name in known),
        aliases=tuple(item for item in container.aliases if item[0] in known),
        ports=(),
        extra_hosts=(),
        labels=(),
        one_shot=True,
        watch=False,
    )


def _mounts(container: Container) -> Iterator[Mount]:
    """In place of a folder of the host an empty volume."""
    for number, mount in enumerate(container.mounts):
        yield mount if mount.kind != "host" else Mount("volume", f"{container.name}-host-{number}", mount.path)


def _in_order(kept: Mapping[str, Container]) -> tuple[str, ...]:
    ordered: list[str] = []
    waiting = list(kept)
    while waiting:
        ready = (name for name in waiting if all(need in ordered or need not in kept for need in needs_of(kept[name])))
        name = next(ready, waiting[0])
        waiting.remove(name)
        ordered.append(name)
    return tuple(ordered)
