"""What each image is, by the lock; and the user's mirror before every name, for pull-through caches and closed
networks."""

from collections.abc import Callable

from infrakit.catalog.model import ContainerBlueprint
from infrakit.errors import Position, Problem
from infrakit.lock import full_name, locked_name, mirrored_name
from infrakit.model import Container, ImagePin, Origin
from infrakit.resolve.fleet import DEFAULT_ARCHITECTURE
from infrakit.resolve.world import HostDraft, Placed, World

LABEL = "labels.io.infrakit.image"
UNMIRRORED = "image, unmirrored"
"""Where the name that a mirror was put before is said, beside where the mirror is."""


def said_image(placed: Placed, spec: ContainerBlueprint) -> str:
    """The user's image for a container, "" where it keeps its own.

    What is released with it, and speaks with it, comes along in the version that the user's tag begins with, whoever
    built that image.
    """
    said, main = placed.settings or placed.app, placed.blueprint.main
    if said is None or not said.image or spec.image == main.image:
        return said.image if said is not None else ""
    tag = release_of(said.image, main)
    return f"{spec.image.rpartition(':')[0]}:{tag}" if tag and released_together(spec, main) else ""


def release_of(image: str, main: ContainerBlueprint) -> str:
    """The tag of the release that an image in the place of `main` is of, "" where its name does not say it."""
    name, _, tag = full_name(image.partition("@")[0]).rpartition(":")
    if name == main.image.rpartition(":")[0]:
        return tag
    number = tag.removeprefix("v").partition("-")[0]
    return number if number.replace(".", "").isdigit() else ""


def released_together(spec: ContainerBlueprint, main: ContainerBlueprint) -> bool:
    """Whether two images of a service are two of one release: of one publisher, with the same tag."""
    (name, _, tag), (other, _, other_tag) = main.image.rpartition(":"), spec.image.rpartition(":")
    return other_tag == tag and other.rpartition("/")[0] == name.rpartition("/")[0] and other != name


def pin_images(world: World) -> World:
    """Where there is a lock, pin every image to what it says; what is pinned is not updated by Watchtower."""
    lock = world.lock
    if lock is None:
        return world

    def pinned(host: HostDraft, container: Container) -> Container:
        name = full_name(container.image)
        locked = lock.images.get(name)
        architecture = host.architecture or DEFAULT_ARCHITECTURE
        image = locked.images.get(architecture) if locked else None
        if locked is None or image is None:
            return container
        origin = Origin(lock.document, ("images", name, architecture, "image"), "images")
        return container._replace(
            pin=ImagePin(locked.index, *image, name), watch=False, origins={**container.origins, LABEL: origin}
        )

    return _each(world, pinned)


def unlocked(world: World, locate: Callable[[Origin], Position]) -> list[Problem]:
    """Images that a lock should pin, and does not."""
    if world.lock is None:
        return []
    document = world.config.document
    hint = f"infrakit lock{f' -f {document}' if '/' in document else ''} adds what is missing"
    found: dict[str, Problem] = {}
    for host in world.hosts:
        for container in (
            container for service in host.services for container in service.containers if container.pin is None
        ):
            architecture, name = (
                host.architecture or DEFAULT_ARCHITECTURE,
                locked_name(container.image, world.config.mirror),
            )
            what = f"{world.lock.document} has no image for {architecture} of {name}"
            position = locate(named_by(container, world.config.mirror))
            found.setdefault(what, Problem(position, what, "image-not-locked", hint))
    return list(found.values())


def named_by(container: Container, mirror: str) -> Origin:
    """What says which image it is. Of a mirrored one that is the mirror; asked for is what said its name, or stands
    where the container does, or near it."""
    if mirror:
        origin = container.origins[""]
        return container.origins.get(UNMIRRORED) or origin._replace(path=(*origin.path, "image"))
    return container.origins.get("image") or container.origins[""]


def mirror_images(world: World) -> World:
    """Put `images.mirror` before the full name of every image."""
    mirror = world.config.mirror
    if not mirror:
        return world
    origin = world.origin(("images", "mirror"), "images")

    def mirrored(host: HostDraft, container: Container) -> Container:
        before = container.origins.get("image")
        origins = {**container.origins, "image": origin, **({UNMIRRORED: before} if before else {})}
        return container._replace(image=mirrored_name(container.image, mirror), origins=origins)

    return _each(world, mirrored)


def _each(world: World, change: Callable[[HostDraft, Container], Container]) -> World:
    """Every container of every host, changed."""
    return world._replace(
        hosts=tuple(
            host._replace(
                services=tuple(
                    service._replace(containers=tuple(change(host, container) for container in service.containers))
                    for service in host.services
                )
            )
            for host in world.hosts
        )
    )
