"""The catalogue, and what somebody knows of newer versions -> each pinned image, and how it stands."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from infrakit.catalog.model import Catalog
from infrakit.catalog.versions import below_floor, repository_of, tag_of, version


class Pin(NamedTuple):
    """One image of the catalogue. `newer`: of the versions that are known, those above its own."""

    image: str
    tag: str
    containers: tuple[str, ...]
    floors: tuple[str, ...]
    advisory: str
    seen: str
    newer: tuple[str, ...] = ()

    @property
    def is_below(self) -> bool:
        """Whether a hole is known in it."""
        return below_floor(version(self.tag), self.floors)


def pins(catalog: Catalog, known: Mapping[str, tuple[str, ...]]) -> list[Pin]:
    """All pinned images by name; `known`: newest versions (one, or one for each line) by the image's name."""
    found: dict[str, Pin] = {}
    for blueprint in catalog.blueprints.values():
        for item in blueprint.containers:
            name, tag = repository_of(item.image), tag_of(item.image)
            newer = tuple(sorted((v for v in known.get(name, ()) if version(v) > version(tag)), key=version))
            pin = found.get(item.image) or Pin(name, tag, (), item.minimum_version, item.advisory, item.seen, newer)
            found[item.image] = pin._replace(containers=(*pin.containers, item.name))
    return [found[image] for image in sorted(found)]


def facts(pin: Pin) -> dict[str, Any]:
    """A pin in plain values."""
    return {**pin._asdict(), "is_below": pin.is_below}


def text_of(pin: Pin) -> str:
    """A pin for people."""
    lines = [f"{pin.image} {pin.tag}", f"  seen      {pin.seen}"]
    if pin.floors:
        lines.append(f"  floor     {', '.join(pin.floors)}: {pin.advisory}")
    if pin.is_below:
        lines.append("  too old   it is below its floor")
    if pin.newer:
        lines.append(f"  newer     {', '.join(pin.newer)}")
    return "\n".join(lines)
