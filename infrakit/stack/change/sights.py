"""Newer images -> which may be taken by itself, and why the others are left; and what is remembered of each: when this
host first saw it, and whether it was taken back.

What an image says of its own age is its maker's word, and is not asked: nobody sees it here before it is there.
"""

import json
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from infrakit.catalog.versions import below_floor, tag_of, version
from infrakit.lock import parse
from infrakit.machine import Machine
from infrakit.model import Updates
from infrakit.stack.change.update import Files
from infrakit.stack.layout import LOCKED, SIGHTS

DAY_S, HOUR_S = 86400, 3600
KEPT_S = 400 * DAY_S
MOST_BYTES = 1 << 20


class Sight(NamedTuple):
    """An image, name@digest, that was newer than what ran; the clock's seconds."""

    first_s: float
    taken_back: bool = False


class Candidate(NamedTuple):
    """Images that would move at once, name@digest each, and whose they are. `data`: what they may change, () where
    nothing; `mends`: a hole that the catalogue knows of is in what runs, and not in them."""

    images: tuple[str, ...]
    services: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    mends: bool = False


def left(updates: Updates, candidate: Candidate, sights: Mapping[str, Sight], now_s: float) -> str:
    """Why it is left alone, "" where it may be taken."""
    excepted = [name for name in candidate.services if name in updates.excepted]
    if excepted:
        return f"updates.except names {', '.join(excepted)}"
    if updates.automatic == "stateless" and candidate.data:
        return f"it keeps data, or needs who does: {', '.join(candidate.data)}"
    if any(sights[image].taken_back for image in candidate.images if image in sights):
        return "it was taken back before; infrakit update SERVICE tries it again"
    age_s = min((now_s - sights[image].first_s if image in sights else 0 for image in candidate.images), default=0)
    if candidate.mends or age_s >= updates.minimum_age_s:
        return ""
    return f"it was first seen {_words(age_s)} ago, and has to be there for {_words(updates.minimum_age_s)}"


def _words(seconds: float) -> str:
    return f"{seconds / DAY_S:.0f} days" if seconds >= 2 * DAY_S else f"{seconds / HOUR_S:.0f} h"


def images_of(before: Files, after: Files) -> tuple[str, ...]:
    """Those that the lock has after an update and not before, name@digest each; () where there is none."""
    if before.lock is None or after.lock is None:
        return ()
    was, now = (parse(text.encode(), LOCKED).images for text in (before.lock, after.lock))
    return tuple(
        f"{name}@{item.index}" for name, item in now.items() if name not in was or was[name].index != item.index
    )


def mends(old: str, new: str, floors: tuple[str, ...]) -> bool:
    """Whether a hole that is known in one image is not in the other; `floors`: the catalogue's, of that image."""
    was, now = version(tag_of(old)), version(tag_of(new))
    return below_floor(was, floors) and not below_floor(now, floors)


def seen(sights: Mapping[str, Sight], images: Iterable[str], now_s: float) -> dict[str, Sight]:
    """With those that are seen now. A clock that was wrong makes nothing older than it is."""
    kept = {name: item for name, item in sights.items() if now_s - item.first_s < KEPT_S}
    kept.update({image: Sight(now_s) for image in images if image not in kept})
    return {name: item._replace(first_s=min(item.first_s, now_s)) for name, item in kept.items()}


def taken_back(machine: Machine, images: Iterable[str], now_s: float) -> None:
    """Write down that these did not go well: nobody tries them again by himself."""
    found = seen(read(machine), images, now_s)
    write(machine, {**found, **{image: found[image]._replace(taken_back=True) for image in images}})


def read(machine: Machine) -> dict[str, Sight]:
    """What is remembered; nothing where that cannot be read: then each is new again."""
    try:
        found = json.loads(machine.read(SIGHTS, MOST_BYTES) or b"{}")
        return {str(name): Sight(float(first_s), bool(back)) for name, (first_s, back) in found.items()}
    except (ValueError, TypeError, AttributeError):
        return {}


def write(machine: Machine, sights: Mapping[str, Sight]) -> None:
    machine.write(SIGHTS, json.dumps(sights, sort_keys=True).encode(), 0o600)
