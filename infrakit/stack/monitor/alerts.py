"""What is known of faults x one look -> what is known now, and what is to be told. Pure.

A fault is told when two looks in a row have seen it, and that it is over when two have not: a restart, or one lost
answer, is nothing to wake somebody for. What comes and goes is told until it has changed four times in an hour; then
once more, and after that only when it was away for an hour. So there are at most five messages of a fault in an hour.
"""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

LOOKS = 2
"""So many that say the same are believed."""
HOUR_S = 3600.0
RESTLESS = 4
"""So many changes within an hour are enough."""
ALERT, OVER = "alert", "over"


class Sight(NamedTuple):
    """A fault, as one look saw it. `key` is the same at each look; `check`: the one that found it; `slow`: it is looked
    for now and then only, and believed at once."""

    key: str
    check: str
    code: str
    severity: str
    what: str
    why: str
    remedy: str
    slow: bool = False


class Look(NamedTuple):
    """What one look saw. `checks`: names of those that could say something. `unseen`: whether a fault that is known by
    this key may be there and explained by another, or not; nothing is concluded of it. `left`: keys that the file tells
    to leave alone."""

    sights: tuple[Sight, ...]
    checks: frozenset[str]
    unseen: frozenset[str] = frozenset()
    left: frozenset[str] = frozenset()


class Alert(NamedTuple):
    """What is known of one fault. `began_s`, `seen_s`: first and last sight; seconds since 1970. `told`: the severity
    that was told, "" where it was not, or is over. `looks`: how many in a row would change that. `changes`: when it was
    told, or told to be over, in the last hour. `acknowledged`: by whom, "" where by nobody."""

    sight: Sight
    began_s: float
    seen_s: float
    told: str = ""
    looks: int = 0
    changes: tuple[float, ...] = ()
    restless: bool = False
    acknowledged: str = ""

    @property
    def key(self) -> str:
        return self.sight.key

    @property
    def is_there(self) -> bool:
        """Whether it was told, and is not over; or is about to be told."""
        return bool(self.told or self.looks)


class Silence(NamedTuple):
    """Nothing is told of keys that fit the pattern (fnmatch), until then."""

    pattern: str
    until_s: float
    why: str = ""

    def covers(self, key: str, now_s: float) -> bool:
        return now_s < self.until_s and fnmatchcase(key, self.pattern)


class Change(NamedTuple):
    """What is to be told: state ALERT or OVER. `began_s` says which of all times that it was there."""

    state: str
    alert: Alert
    at_s: float


def judge(
    known: Mapping[str, Alert], look: Look, now_s: float, silences: Sequence[Silence] = ()
) -> tuple[dict[str, Alert], list[Change]]:
    """By key, what is known after a look; and what is to be told, what is new first."""
    seen = {sight.key: sight for sight in look.sights}
    after: dict[str, Alert] = {}
    changes: list[Change] = []
    found: Alert | None
    for key in [*seen, *(key for key in known if key not in seen)]:
        if key in look.left:
            continue
        before, sight = known.get(key), seen.get(key)
        if before:
            before = before._replace(changes=tuple(at for at in before.changes if 0 <= now_s - at < HOUR_S))
        silent = any(item.covers(key, now_s) for item in silences)
        if sight:
            found, change = _there(before, sight, now_s, silent=silent)
        elif before and (key in look.unseen or before.sight.check not in look.checks):
            found, change = before, None
        elif before:
            found, change = _away(before, now_s, silent=silent)
        else:
            continue
        if change:
            changes.append(change)
        if found:
            after[key] = found
    return after, changes


def _there(before: Alert | None, sight: Sight, now_s: float, *, silent: bool) -> tuple[Alert, Change | None]:
    if before and before.told:
        grew = sight.severity == "error" != before.told and not before.restless and not silent
        # What it says may differ at each look; the moment of the last sight is kept to a tenth of an hour.
        seen_s = now_s if not 0 <= now_s - before.seen_s < HOUR_S / 10 else before.seen_s
        found = before._replace(sight=sight, seen_s=seen_s, looks=0)
        if not grew:
            return found, None
        found = found._replace(told=sight.severity, changes=(*before.changes, now_s))
        return found, Change(ALERT, found, now_s)
    looks = min((before.looks if before else 0) + 1, LOOKS)
    anew = before is None or not before.looks
    began_s = now_s if anew or before is None else before.began_s
    found = Alert(sight, began_s, now_s, looks=looks, changes=before.changes if before else ())
    if silent or looks < LOOKS and not sight.slow:
        return found, None
    restless = len(found.changes) >= RESTLESS
    found = found._replace(told=sight.severity, looks=0, changes=(*found.changes, now_s), restless=restless)
    return found, Change(ALERT, found, now_s)


def _away(before: Alert, now_s: float, *, silent: bool) -> tuple[Alert | None, Change | None]:
    if not before.told:
        # Never told, or over: what is left is how often it came and went.
        return (before._replace(looks=0) if before.changes else None), None
    looks = min(before.looks + 1, LOOKS)
    found = before._replace(looks=looks)
    quiet = not before.restless or not 0 <= now_s - before.seen_s < HOUR_S
    if silent or not quiet or looks < LOOKS and not before.sight.slow:
        return found, None
    found = before._replace(told="", looks=0, changes=(*before.changes, now_s), restless=False, acknowledged="")
    return found, Change(OVER, before._replace(seen_s=now_s), now_s)
