"""A decided host -> what it asks of its machine, as the checks want it said."""

from typing import NamedTuple

from infrakit import MADE_S
from infrakit.host.checks import Wanted
from infrakit.host.facts import Facts
from infrakit.machine import Machine
from infrakit.model import HOST_NAME, Deployment
from infrakit.stack.down import listed
from infrakit.stack.groups import names_of as groups_of
from infrakit.stack.images import ImageThere
from infrakit.stack.offline import PROJECT
from infrakit.stack.services import LABEL

IMAGE_BYTES = 400 << 20
"""What an image of the catalogue takes, unpacked, where nothing is known of it: between Caddy's 60 and Authentik's 1000
MB."""
PUBLIC = ("docker.io/", "ghcr.io/", "quay.io/", "lscr.io/")
"""What no mirror stands before."""
ENGINE_BYTES = 600 << 20
"""Docker's packages, unpacked."""


class Brought(NamedTuple):
    """What a bundle has for the host: its images by name, what those that are missing take, and the size of its
    packages, in bytes."""

    images: tuple[str, ...]
    images_bytes: int
    packages_bytes: int


def wanted_of(
    deployment: Deployment,
    facts: Facts,
    machine: Machine,
    *,
    own_repository: bool = False,
    brought: Brought | None = None,
) -> Wanted:
    """What stays to be fetched is asked of the engine, where one runs. `own_repository`: packages come from where the
    user said."""
    containers = [container for service in deployment.services for container in service.containers]
    images = {container.image: container.pin for container in containers}
    elsewhere = {image: pin for image, pin in images.items() if image not in (brought.images if brought else ())}
    missing = [
        image
        for image, pin in elsewhere.items()
        if not (facts.docker_running and ImageThere(image, deployment.architecture, pin).holds(machine))
    ]
    engine = 0 if facts.docker_version else ENGINE_BYTES
    published = [(port.protocol, port.port, port.address) for container in containers for port in container.ports]
    published += [("tcp", port, "") for port in _on_the_host(deployment, facts, machine)]
    return Wanted(
        ports=tuple(dict.fromkeys(published)),
        memory_bytes=sum(container.memory_bytes for container in containers),
        processors=tuple((item.name, item.cpus) for item in containers if item.cpus and float(item.cpus) > 1),
        disk_bytes=len(missing) * IMAGE_BYTES + engine + (brought.images_bytes if brought else 0),
        root_bytes=engine + brought.packages_bytes if brought and engine else 0,
        docker_brought=bool(brought and brought.packages_bytes),
        offline=brought is not None and not missing,
        subnets=tuple(network.subnet for network in deployment.networks if network.subnet),
        build_time_s=MADE_S,
        mirrored=bool(own_repository or facts.docker_version)
        and not any(image.startswith(PUBLIC) for image in missing),
        names=names_of(deployment),
        project=deployment.name,
        volumes_missing=_volumes_missing(deployment, machine),
        volumes_used=_volumes_used(deployment, machine),
        groups_missing=tuple(name for name in groups_of(deployment) if machine.group_number(name) is None),
    )


def _on_the_host(deployment: Deployment, facts: Facts, machine: Machine) -> list[int]:
    """Where those that have the host's own network listen, as far as the file says, while they do not run yet."""
    of_doors: dict[str, list[int]] = {}
    for route in deployment.routes:
        at_host = [item.address for item in route.upstreams if item.address.startswith(f"{HOST_NAME}:")]
        of_doors.setdefault(route.service, []).extend(int(address.rpartition(":")[2]) for address in at_host)
    asked = [
        (item.name, [*item.asked_at, *of_doors.get(service.name, ())])
        for service in deployment.services
        for item in service.containers
        if dict(item.privileges).get("network") == "host"
    ]
    if not asked:
        return []
    names = {name for name, _ in asked}
    there = machine.engine.containers(deployment.name, names) if facts.docker_running else []
    run = {item.service for item in there if item.state == "running"}
    return [port for name, ports in asked if name not in run for port in ports]


def _volumes_missing(deployment: Deployment, machine: Machine) -> tuple[str, ...]:
    """Of those that the file says exist."""
    external = {volume.external for volume in deployment.volumes if volume.external}
    return tuple(sorted(external.difference(listed(machine, "volume")))) if external else ()


def _volumes_used(deployment: Deployment, machine: Machine) -> tuple[tuple[str, str, str], ...]:
    """Of the same: (volume, container, its Compose project or "") of each container that runs and is not ours."""
    found = []
    for volume in sorted({volume.external for volume in deployment.volumes if volume.external}):
        shown = f'{{{{.Names}}}}\t{{{{.Label "{PROJECT}"}}}}\t{{{{.Label "{LABEL}"}}}}'
        done = machine.run(("docker", "container", "ls", "--filter", f"volume={volume}", "--format", shown))
        for line in done.out.splitlines() if not done.code else ():
            container, project, ours = line.split("\t")
            found += [] if ours else [(volume, container, project)]
    return tuple(found)


def names_of(deployment: Deployment) -> tuple[str, ...]:
    """The hostnames that people open."""
    return tuple(route.hostname for route in deployment.routes if route.sign_in != "fleet")
