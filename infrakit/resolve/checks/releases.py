"""Images that the user names x the catalogue's -> Problems: a service and its agent are of one release."""

from collections.abc import Iterator, Mapping

from infrakit.catalog.model import Catalog
from infrakit.config.model import ServiceConfig
from infrakit.errors import Problem
from infrakit.resolve.images import release_of
from infrakit.resolve.world import Locate, World


def apart(world: World, said: Mapping[str, ServiceConfig], locate: Locate) -> list[Problem]:
    """`said`: services whose images the user names. One whose name does not say its release is not judged."""
    found = []
    for pair in _pairs(world.catalog):
        tags = {name: _tag(world.catalog, name, said.get(name)) for name in pair}
        numbers = {tag.removeprefix("v").partition("-")[0] for tag in tags.values()}
        run = all(any(host.has(name) for host in world.hosts) for name in pair)
        if not run or "" in numbers or len(numbers) == 1:
            continue
        name, other = pair if pair[0] in said else pair[::-1]
        what = f"services.{name}.image: {tags[name]}, and {other} is {tags[other]}: they are made to be of one release"
        image = world.catalog.blueprints[other].main.image.rpartition(":")[0]
        hint = f"write services.{other}.image: {image}:{tags[name]}"
        related = locate((*said[other].path, "image")) if other in said else None
        found.append(Problem(locate((*said[name].path, "image")), what, "release-apart", hint, "warning", related))
    return found


def _pairs(catalog: Catalog) -> Iterator[tuple[str, str]]:
    """A service and what is called after it, where the catalogue has both with one tag: dozzle, dozzle-agent."""
    tags = {name: blueprint.main.image.rpartition(":")[2] for name, blueprint in catalog.blueprints.items()}
    for name, tag in tags.items():
        yield from ((name, other) for other in tags if other.startswith(f"{name}-") and tags[other] == tag)


def _tag(catalog: Catalog, name: str, said: ServiceConfig | None) -> str:
    """Of the release that a service is of; "" where the user's image does not say it."""
    main = catalog.blueprints[name].main
    return release_of(said.image, main) if said is not None else main.image.rpartition(":")[2]
