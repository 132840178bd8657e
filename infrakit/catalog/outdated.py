"""Images, and what somebody knows of newer versions -> each image, and how it stands: of the catalogue's pins by a list
of versions, of what a fleet runs by what registries say."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from infrakit.catalog.model import Catalog, Lines
from infrakit.catalog.versions import below_floor, by_repository, newest, repository_of, tag_of, version
from infrakit.lock import short


class Heard(NamedTuple):
    """What a registry says of a name: the digest that its tag has now, all tags, the day on which what is run was
    built, and what it did not say, in words."""

    digest: str = ""
    tags: tuple[str, ...] = ()
    built: str = ""
    problem: str = ""


class Pin(NamedTuple):
    """One image. `floors`, `advisory`, `seen`: of the catalogue. `newer`: of the versions that are known, those above
    its own; of a fleet's image the newest tag of its line, and `major` that of a later one. `digest`: what the lock
    has; `moved`: what the tag has now, where that is another one."""

    image: str
    tag: str
    containers: tuple[str, ...]
    floors: tuple[str, ...] = ()
    advisory: str = ""
    seen: str = ""
    newer: tuple[str, ...] = ()
    major: str = ""
    digest: str = ""
    moved: str = ""
    built: str = ""
    problem: str = ""

    @property
    def is_below(self) -> bool:
        """Whether a hole is known in it."""
        return below_floor(version(self.tag), self.floors)

    @property
    def is_old(self) -> bool:
        """Whether something is better."""
        return bool(self.is_below or self.newer or self.major or self.moved)


def pins(catalog: Catalog, known: Mapping[str, tuple[str, ...]]) -> list[Pin]:
    """All pinned images by name; `known`: newest versions (one, or one for each line) by the image's name."""
    images: dict[str, list[str]] = {}
    for blueprint in catalog.blueprints.values():
        for item in blueprint.containers:
            images.setdefault(item.image, []).append(item.name)
    return [_newer(pin, known) for pin in _of(images, catalog)]


def standing(
    images: Mapping[str, Sequence[str]],
    catalog: Catalog,
    locked: Mapping[str, str],
    heard: Mapping[str, Heard],
    known: Mapping[str, tuple[str, ...]],
) -> list[Pin]:
    """Those of a fleet: full name -> containers; `locked`: name -> the index that the lock has; `heard` by name."""
    lines = {name: item.lines for name, item in by_repository(catalog).items()}
    return [_newer(_heard(pin, locked, heard, lines.get(pin.image)), known) for pin in _of(images, catalog)]


def name_of(pin: Pin) -> str:
    """As a lock has it."""
    return f"{pin.image}:{pin.tag}" if pin.tag else pin.image


def _of(images: Mapping[str, Sequence[str]], catalog: Catalog) -> list[Pin]:
    known = {name: (item.minimum_version, item.advisory, item.seen) for name, item in by_repository(catalog).items()}
    return [
        Pin(repository_of(image), tag_of(image), tuple(dict.fromkeys(names)), *known.get(repository_of(image), ()))
        for image, names in sorted(images.items())
    ]


def _newer(pin: Pin, known: Mapping[str, tuple[str, ...]]) -> Pin:
    above = sorted((item for item in known.get(pin.image, ()) if version(item) > version(pin.tag)), key=version)
    return pin._replace(newer=tuple(above)) if pin.image in known else pin


def _heard(pin: Pin, locked: Mapping[str, str], heard: Mapping[str, Heard], lines: Lines | None) -> Pin:
    digest, said = locked.get(name_of(pin), ""), heard.get(name_of(pin), Heard())
    newer = newest(pin.tag, said.tags, lines)
    return pin._replace(
        newer=(newer.same,) if newer.same else (),
        major=newer.other,
        digest=digest,
        moved=said.digest if digest and said.digest not in ("", digest) else "",
        built=said.built,
        problem=said.problem,
    )


def below_floors(catalog: Catalog) -> list[str]:
    """The pins that the build refuses, in words."""
    old = [pin for pin in pins(catalog, {}) if pin.is_below]
    return [
        f"{name_of(pin)} ({', '.join(pin.containers)}) is below {', '.join(pin.floors)}: {pin.advisory}" for pin in old
    ]


def facts(pin: Pin) -> dict[str, Any]:
    """A pin in plain values."""
    return {**pin._asdict(), "is_below": pin.is_below}


def text_of(pin: Pin) -> str:
    """A pin for people."""
    known = [text for text in (short(pin.digest), pin.built and f"built {pin.built}") if text]
    lines = [f"{pin.image} {pin.tag}".rstrip() + (f" ({', '.join(known)})" if known else "")]
    lines += [f"  seen      {pin.seen}"] if pin.seen else []
    if pin.floors:
        lines.append(f"  floor     {', '.join(pin.floors)}: {pin.advisory}")
    if pin.is_below:
        lines.append("  too old   it is below its floor")
    if pin.newer:
        lines.append(f"  newer     {', '.join(pin.newer)}")
    if pin.major:
        lines.append(f"  major     {pin.major}")
    if pin.moved:
        lines.append(f"  moved     the tag is {short(pin.moved)} now")
    if pin.problem:
        lines.append(f"  unknown   {pin.problem}")
    return "\n".join(lines)
