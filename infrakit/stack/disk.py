"""A running host -> what each of its services takes of the disk, in bytes: what it keeps, what it has written beside
that, what it said, and its images, which others may share."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from infrakit.emit.compose import docker_volume
from infrakit.machine import Machine
from infrakit.model import Deployment, Service
from infrakit.stack.inside import container_name
from infrakit.stack.layout import CACHE, GENERATIONS

LONGEST_S = 3600
MINE = "infrakit"


class Taken(NamedTuple):
    """`data`: volumes; `layer`: what containers wrote into themselves; `logs`; `images`: unpacked."""

    service: str
    data: int = 0
    layer: int = 0
    logs: int = 0
    images: int = 0

    @property
    def own(self) -> int:
        """What goes with it, and is in nothing else."""
        return self.data + self.layer + self.logs


def taken(machine: Machine, deployment: Deployment) -> tuple[Taken, ...]:
    """The largest first; InfraKit itself, its generations and caches, among them."""
    root = machine.engine.folder()
    folders: dict[tuple[str, str], list[str]] = {}
    for service in deployment.services:
        volumes = {docker_volume(deployment.name, name, deployment.volumes) for name in _volumes(service)}
        folders[service.name, "data"] = [f"{root}/volumes/{name}/_data" for name in sorted(volumes)]
    for volume in deployment.volumes:
        if not volume.server:
            name = docker_volume(deployment.name, volume.name, deployment.volumes)
            folders[f"volumes/{volume.name}", "data"] = [f"{root}/volumes/{name}/_data"]
    folders[MINE, "data"] = [GENERATIONS, CACHE, *_aside(machine, root)]
    identities, layers = _containers(machine, deployment)
    for name, ids in identities.items():
        folders[name, "logs"] = [f"{root}/containers/{identity}" for identity in ids]
    sizes = _sizes(machine, {path for paths in folders.values() for path in paths})
    images, used = _images(machine, deployment), {item.name: _used(item) for item in deployment.services}
    found = [
        Taken(
            name,
            sum(sizes.get(path, 0) for path in folders.get((name, "data"), ())),
            layers.get(name, 0),
            sum(sizes.get(path, 0) for path in folders.get((name, "logs"), ())),
            sum(images.get(image, 0) for image in used.get(name, ())),
        )
        for name in dict.fromkeys(name for name, _ in folders)
    ]
    return tuple(sorted(found, key=lambda item: (-item.own, item.service)))


def _used(service: Service) -> set[str]:
    return {item.image for item in service.containers}


def _volumes(service: Service) -> Iterator[str]:
    """Its own: those that apps share have a row of their own."""
    for item in service.containers:
        yield from (mount.source for mount in item.mounts if mount.kind == "volume")


def _aside(machine: Machine, root: str) -> list[str]:
    return [f"{root}/{name}" for name in machine.listing(root) if name.startswith(f"{MINE}-")]


def _containers(machine: Machine, deployment: Deployment) -> tuple[dict[str, list[str]], dict[str, int]]:
    """(service -> IDs of its containers, service -> bytes that they wrote into themselves)."""
    owners = {
        container_name(deployment.name, item.name): service.name
        for service in deployment.services
        for item in service.containers
    }
    words = ("docker", "container", "inspect", "--size", "--format", "{{.Name}} {{.Id}} {{.SizeRw}}")
    done = machine.run((*words, *owners), timeout_s=LONGEST_S)  # of one that is not there it says so, and goes on
    identities: dict[str, list[str]] = {}
    layers: dict[str, int] = {}
    for line in done.out.splitlines():
        name, identity, size = line.split(" ")
        owner = owners.get(name.lstrip("/"), "")
        if owner:
            identities.setdefault(owner, []).append(identity)
            layers[owner] = layers.get(owner, 0) + (int(size) if size.isdigit() else 0)
    return identities, layers


def _sizes(machine: Machine, paths: Iterable[str]) -> Mapping[str, int]:
    """Path -> bytes on the disk of all below it; of those that are there."""
    there = sorted(path for path in paths if machine.exists(path))
    if not there:
        return {}
    done = machine.run(("du", "--summarize", "--block-size=1", "--one-file-system", *there), timeout_s=LONGEST_S)
    pairs = (line.split("\t", 1) for line in done.out.splitlines() if "\t" in line)
    return {path: int(size) for size, path in pairs}


def _images(machine: Machine, deployment: Deployment) -> Mapping[str, int]:
    names = sorted({item.image for service in deployment.services for item in service.containers})
    found = {}
    for name in names:
        done = machine.run(("docker", "image", "inspect", "--format", "{{.Size}}", name))
        if not done.code and done.out.strip().isdigit():
            found[name] = int(done.out)
    return found
