"""What runs on each host x its machine -> Problems: images are published for it, and the limits fit into its memory.

Asked of containers as they came out: what was required, guarded or put on by default counts as what the file names.
"""

from infrakit.config.check import dotted
from infrakit.config.model import Path
from infrakit.errors import Position, Problem
from infrakit.lock import full_name, locked_name
from infrakit.model import Service
from infrakit.resolve.world import PROXY_TEMPLATE, HostDraft, Locate, Placed, World

MEBIBYTE = 1 << 20


def architectures(world: World, locate: Locate) -> list[Problem]:
    """Every image of a host is published for its architecture, as far as the file says which it is."""
    found: dict[str, Problem] = {}
    for host in world.hosts:
        if host.config is None:
            continue
        pairs = zip(host.placed, host.services)
        images = [(placed, image) for placed, service in pairs for image in _missing(world, host, placed, service)]
        if any(service.socket_proxies for service in host.services):
            template = Placed(world.catalog.blueprints[PROXY_TEMPLATE], None, None, host.origin)
            images += [(template, image) for image in _images(template, host.architecture).values()]
        for placed, image in images:
            problem = _not_published(host, placed, image, locate)
            found.setdefault(problem.what, problem)
    return list(found.values())


def _images(placed: Placed, architecture: str) -> dict[str, str]:
    """Container -> its image, of those that the blueprint's image is not published for."""
    found = [item for item in placed.blueprint.containers if architecture not in item.architectures]
    return {item.name: item.image for item in found}


def _missing(world: World, host: HostDraft, placed: Placed, service: Service) -> list[str]:
    """The same as it came out: an image of the user's own choice is for the user to know."""
    images = _images(placed, host.architecture)
    return [
        images[item.name]
        for item in service.containers
        if item.name in images and locked_name(item.image, world.config.mirror) == full_name(images[item.name])
    ]


def _not_published(host: HostDraft, placed: Placed, image: str, locate: Locate) -> Problem:
    assert host.config is not None
    place = locate((*host.config.path, "architecture"))
    if placed.app is None:
        what = f"hosts.{host.shown}.architecture: {image} is not published for {host.architecture}"
        hint = f"switch services.{placed.name} off, or name an image of your own there"
        return Problem(place, what, "no-image", hint)
    wanted = next((path for name, path in placed.app.hosts if name == host.shown), None)
    if wanted is not None:
        what = f"apps.{placed.name}.hosts: its image is not published for {host.architecture}"
        return Problem(locate(wanted), what, "no-image", "", related=place)
    what = f"apps.{placed.name}: {image} is not published for {host.architecture}, which {host.shown} is"
    hint = f"name another host in apps.{placed.name}.hosts, or another image"
    return Problem(locate(placed.app.path, key=True), what, "no-image", hint, related=place)


def memory_fits(world: World, locate: Locate) -> list[Problem]:
    """The limits of what a host runs do not add up to more than its memory."""
    most: dict[Path, tuple[int, Position]] = {}  # of a range once
    for host in world.hosts:
        total = sum(container.memory_bytes for service in host.services for container in service.containers)
        if host.config is not None and 0 < host.memory_bytes < total:
            path = (*host.config.path, "memory")
            most[path] = max((total, locate(path)), most.get(path, (0, locate(path))))
    return [
        Problem(
            place,
            f"{dotted(path)}: too little: what runs there may use {total // MEBIBYTE}m",
            "memory",
            "lower limits under services, or move something",
        )
        for path, (total, place) in most.items()
    ]
