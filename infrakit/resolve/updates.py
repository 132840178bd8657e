"""Whether Watchtower is there: only where a tag that it watches can move. It is root on its host."""

import re
from collections.abc import Iterable

from infrakit.catalog.model import Catalog, ContainerBlueprint
from infrakit.config.model import Config
from infrakit.config.nearest import nearest
from infrakit.errors import Problem
from infrakit.lock import full_name
from infrakit.resolve.fleet import DEFAULT_ARCHITECTURE
from infrakit.resolve.images import said_image
from infrakit.resolve.world import UPDATER, HostDraft, Locate, Placed, World

EXACT = (
    r"([a-z]+[-._]?)?\d+(\.\d+){2,}|.*(?<!\d)20\d\d([-.]?)[01]\d\3[0-3]\d(?!\d)|(.*-)?(sha|git)-?[0-9a-f]{7,}|"
    r"(.*[-.])?(?=[0-9a-f]*\d)[0-9a-f]{7,40}$|(b|r|build-?)\d{3,}$"
)
"""How a tag begins that names one image: v10.10.0, version-1.2.3, RELEASE.2025-01-01T00-00-00Z, 20250101, sha-abcdef1,
main-abcdef1, b1234. A version with fewer numbers names a line, and moves along it."""


def excepted_known(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """Whoever is excepted is an app or a service: a name that is nobody's would except nobody."""
    names = config.updates.excepted if config.updates else ()
    return services_named(names, ("updates", "except"), services_of(config, catalog), locate)


def services_of(config: Config, catalog: Catalog) -> set[str]:
    """What a list of the file may name: apps, and services of the catalogue."""
    return {*catalog.blueprints, *(app.name for app in config.apps)}


def services_named(names: Iterable[str], path: tuple[str, ...], known: set[str], locate: Locate) -> list[Problem]:
    """Of the list at `path`, those that are nobody's."""
    found = []
    for number, name in enumerate(names):
        if name not in known:
            close = nearest(name, known)
            hint = f"did you mean {close}?" if close else "name an app of the file, or a service of the catalogue"
            what = f"{'.'.join(path)}: there is no service {name}"
            found.append(Problem(locate((*path, number)), what, "unknown-service", hint))
    return found


def leave_out_updater(world: World) -> World:
    """Take Watchtower from every host where nothing that it may replace can change: no power without use."""
    return world._replace(hosts=tuple(_judged(world, host) for host in world.hosts))


def moved_once(world: World, locate: Locate) -> list[Problem]:
    """Nobody else moves what moves by itself, and somebody knows what it was before."""
    updates = world.config.updates
    if updates is None:
        return []
    where, found = locate((*updates.origin.path, "automatic")), []
    for host in world.hosts:
        updater = next((placed for placed in host.placed if placed.name == UPDATER), None)
        if updater is not None:
            what = f"updates.automatic: Watchtower is on {host.shown}, too, and two would pull at one container"
            hint = "leave Watchtower out: it knows no way back"
            found.append(Problem(where, what, "moved-twice", hint, "warning", locate.origin(updater.cause)))
    if world.lock is None:
        what = "updates.automatic: nothing moves by itself without a lock, which says what a tag was before"
        found.append(Problem(where, what, "moved-unlocked", "infrakit lock", "warning"))
    return found


def _judged(world: World, host: HostDraft) -> HostDraft:
    updater = next((placed for placed in host.placed if placed.name == UPDATER), None)
    if updater is None or any(
        spec.update == "automatic" and _changes(world, host, placed, spec)
        for placed in host.placed
        for spec in placed.blueprint.containers
    ):
        return host
    return host._replace(placed=tuple(item for item in host.placed if item is not updater), idle_updater=updater.cause)


def _changes(world: World, host: HostDraft, placed: Placed, spec: ContainerBlueprint) -> bool:
    """Whether the registry may hold something newer under the image's name, and no lock says which it is."""
    image = said_image(placed, spec) or spec.image
    locked = world.lock.images.get(full_name(image)) if world.lock is not None else None
    return moves(image) and (locked is None or (host.architecture or DEFAULT_ARCHITECTURE) not in locked.images)


def moves(image: str) -> bool:
    """Whether an image's name has no digest, and a tag that is no whole version: 16-alpine, v10, stable."""
    tag = image.rpartition("/")[2].partition(":")[2]
    return "@" not in image and not re.match(EXACT, tag.lower())
