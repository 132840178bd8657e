"""A decided host x names of apps -> all that goes when they go to another host: who they need, their volumes, databases
and secrets. Refused where a part of that stays.
"""

from collections.abc import Iterator, Mapping, Sequence

from infrakit.backups import Dump
from infrakit.config.nearest import nearest
from infrakit.emit.compose import docker_volume
from infrakit.errors import UsageProblem
from infrakit.model import Container, Deployment, Service, network_of
from infrakit.resolve.backups import holds_database
from infrakit.stack.move.under import Group
from infrakit.stack.up import in_order

CARRIED = ("password", "user")
"""Kinds of secrets that are one host's own; the others each host has from its core."""


def group_of(deployment: Deployment, names: Sequence[str]) -> Group:
    """`deployment`: with backups of all that it keeps. UsageProblem where the apps cannot go without others."""
    services = _with_needs(deployment, names)
    _need_no_others(deployment, services)
    every = [item for service in services for item in service.containers]
    containers = {item.name for item in every}
    external = {volume.external for volume in deployment.volumes if volume.external}
    far = {volume.name for volume in deployment.volumes if volume.server}
    mounts = [(item, mount) for item in every for mount in item.mounts]
    sources = [mount.source for _, mount in mounts if mount.kind in ("volume", "shared") and mount.source not in far]
    volumes = dict.fromkeys(docker_volume(deployment.name, name, deployment.volumes) for name in sources)
    assert deployment.backup is not None, "the file says what is kept"
    wanted = {service.name for service in services} | {f"volumes/{name}" for name in sources}
    parts = [part for part in deployment.backup.parts if part.name in wanted]
    copied = dict.fromkeys(name for part in parts for name in part.volumes)
    dumps = tuple(dump for part in parts for dump in part.dumps)
    _need_no_database_of_the_host(every, dumps)
    written = (mount.source for _, mount in mounts if mount.kind == "host" and not mount.read_only)
    return Group(
        tuple(service.name for service in services),
        tuple(item.name for item in every if not item.one_shot),
        tuple((name, docker_volume(deployment.name, name, deployment.volumes)) for name in copied),
        dumps,
        tuple(volumes),
        tuple(name for name in volumes if name in external),
        tuple(
            spec.name
            for spec in deployment.secrets
            if spec.kind in CARRIED and containers.intersection(spec.required_by)
        ),
        (*(f".{item.name}.env" for item in every), *(file.stored for item in every for file in item.secret_files)),
        tuple(dict.fromkeys(written)),
    )


def _with_needs(deployment: Deployment, names: Sequence[str]) -> list[Service]:
    there = {service.name: service for service in deployment.services}
    apps = {name: item for name, item in there.items() if item.kind != "catalogue"}
    for name in names:
        if name in there and name not in apps:
            what = f"{name} is of the catalogue: it runs where the file's patterns and `core` put it"
            raise UsageProblem(what, f"apps that can move: {', '.join(apps) or 'none'}")
        if name not in apps:
            close = nearest(name, apps)
            hint = f"did you mean {close}?" if close else f"apps here: {', '.join(apps) or 'none'}"
            raise UsageProblem(f"there is no app {name} on {deployment.host}", hint)
    owner = owners(deployment)
    found = dict.fromkeys(names)
    queue = list(found)
    while queue:
        name = queue.pop(0)
        for need in _needs(apps[name], owner):
            if need not in apps:
                raise UsageProblem(f"{name} needs {need}, which stays on {deployment.host}", "it cannot go without")
            if need not in found:
                found[need] = None
                queue.append(need)
    return [service for service in in_order(deployment.services) if service.name in found]


def owners(deployment: Deployment) -> dict[str, str]:
    """Container -> its service."""
    return {item.name: service.name for service in deployment.services for item in service.containers}


def _needs(service: Service, owner: Mapping[str, str]) -> Iterator[str]:
    for item in service.containers:
        for name in (*(need.container for need in item.depends_on), network_of(item.privileges)):
            if owner.get(name, service.name) != service.name:
                yield owner[name]


def _need_no_others(deployment: Deployment, services: Sequence[Service]) -> None:
    """Nobody who stays needs one of them, or has one of their volumes."""
    going, owner = {service.name for service in services}, owners(deployment)
    staying = [service for service in deployment.services if service.name not in going]
    shown = " ".join(service.name for service in services)
    for service in staying:
        for need in _needs(service, owner):
            if need in going:
                what = f"{service.name} needs {need}, which would go without it"
                raise UsageProblem(what, f"let both go: infrakit move {shown} {service.name} ...")
    theirs = {source: service.name for service in staying for source in _shared(deployment, service)}
    for service in services:
        for source in _shared(deployment, service):
            if source in theirs:
                what = f"volumes.{source} is {theirs[source]}'s, too, and would be two"
                raise UsageProblem(what, f"let both go: infrakit move {shown} {theirs[source]} ...")


def _shared(deployment: Deployment, service: Service) -> Iterator[str]:
    """Volumes with a name of their own in the file, but for those of a server, which both hosts reach."""
    far = {volume.name for volume in deployment.volumes if volume.server}
    for item in service.containers:
        yield from (mount.source for mount in item.mounts if mount.kind == "shared" and mount.source not in far)


def _need_no_database_of_the_host(containers: Sequence[Container], dumps: Sequence[Dump]) -> None:
    """What a database has in a folder of the host is loaded into an empty one there, which nobody made."""
    dumped = {dump.container for dump in dumps}
    for item in containers:
        for mount in item.mounts:
            if item.name in dumped and mount.kind == "host" and not mount.read_only and holds_database(mount):
                what = f"the database of {item.name} is in {mount.source}, a folder of this machine"
                raise UsageProblem(what, f"give it a volume: apps.{item.name}.data; a restore brings its data there")
