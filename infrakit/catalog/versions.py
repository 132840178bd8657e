"""Tags of images and floors -> which version is too old, and which is newer."""

import re

Version = tuple[int, ...]


def version(text: str) -> Version:
    """The number that a tag or a version begins with: v10.7.3 -> (10, 7, 3), 16-alpine -> (16,); () where it has
    none."""
    match = re.match("v?([0-9]{1,6}(?:[.][0-9]{1,6}){0,3})(?![0-9])", text)
    return tuple(int(part) for part in match.group(1).split(".")) if match else ()


def tag_of(image: str) -> str:
    """The tag of an image's name, "" where it has none."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[2]


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
