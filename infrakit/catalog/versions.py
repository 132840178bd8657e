"""Tags of images and floors -> which version is too old, and which is newer."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from infrakit.catalog.model import Catalog, ContainerBlueprint, Lines

Version = tuple[int, ...]
FIRST_YEAR = 1990
"""A version that begins with as much is a calendar's."""


def version(text: str) -> Version:
    """The number that a tag or a version begins with: v10.7.3 -> (10, 7, 3), 16-alpine -> (16,); () where it has
    none."""
    match = re.match("v?([0-9]{1,6}(?:[.][0-9]{1,6}){0,3})(?![0-9])", text)
    return tuple(int(part) for part in match.group(1).split(".")) if match else ()


def tag_of(image: str) -> str:
    """The tag of an image's name, "" where it has none."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[2]


def by_repository(catalog: Catalog) -> dict[str, ContainerBlueprint]:
    """What the catalogue knows of each image; of two containers of the same one that which has a floor,
    and lines."""
    items = [item for blueprint in catalog.blueprints.values() for item in blueprint.containers]
    return {
        repository_of(item.image): item
        for item in sorted(items, key=lambda item: (bool(item.minimum_version), bool(item.lines)))
    }


def repository_of(image: str) -> str:
    """The image's name without tag and digest."""
    name, tag = image.partition("@")[0], tag_of(image)
    return name.removesuffix(f":{tag}") if tag else name


def below_floor(found: Version, floors: tuple[str, ...]) -> bool:
    """Whether `found` is older than the floor of its line, or of no line that is maintained and older than the last.

    A line is what a floor has before its last number. A tag that says less than a floor does (2.11 of 2.11.5) moves
    along its line, and is taken for its newest.
    """
    if not found or not floors:
        return False
    size = len(found)
    wanted = [version(floor) for floor in floors]
    in_line = any(found[: len(f) - 1] == f[: len(f) - 1][:size] and found >= f[:size] for f in wanted)
    return found < max(wanted)[:size] and not in_line


class Newer(NamedTuple):
    """The newest tags above one, "" where there is none: `same` of its line, whose versions fit those before, and
    `other` of any."""

    same: str = ""
    other: str = ""


def newest(tag: str, tags: Iterable[str], lines: Lines | None = None) -> Newer:
    """Of those that are written like `tag`: as many numbers, with the same words around them (v, -alpine)."""
    form = _form(tag)
    same, other, highest, overall = "", "", _numbers(tag), _numbers(tag)
    if not version(tag):
        return Newer()
    for item in tags:
        if _form(item) != form:
            continue
        numbers = _numbers(item)
        if line(item, lines) == line(tag, lines) and numbers > highest:
            same, highest = item, numbers
        elif line(item, lines) > line(tag, lines) and numbers > overall:
            other, overall = item, numbers
    return Newer(same, other)


def _form(tag: str) -> tuple[int, str]:
    return len(version(tag)), re.sub("[0-9]+", "0", tag)


def _numbers(tag: str) -> Version:
    """All of them, those of its words too: 16.15-alpine3.20, 3.4.3-r0-ls92."""
    return tuple(map(int, re.findall("[0-9]+", tag)))


def line(tag: str, lines: Lines | None) -> Version:
    """As many numbers as the image's lines have. Of what nobody knows the first one; before 1.0, and where it is a
    year, the second one too."""
    found = version(tag)
    if lines is None:
        return found[: 1 if 0 < found[0] < FIRST_YEAR else 2]
    return found[: lines.numbers]
