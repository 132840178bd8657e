"""Images that are newer -> those that infrakit.yaml lets move by themselves, now; why the others are left is said."""

import time
from collections.abc import Sequence

from infrakit.catalog import load_catalog
from infrakit.catalog.versions import by_repository, repository_of
from infrakit.cli.newer import NO_LOCK, Ask, Host, Made, Move, after
from infrakit.cli.talk import say
from infrakit.emit.window import window_of
from infrakit.errors import UsageProblem
from infrakit.model import Updates
from infrakit.stack.change.aside import data_of
from infrakit.stack.change.sights import Candidate, images_of, left, mends, read, seen, taken_back, write
from infrakit.stack.change.update import Files, Under, touched


def closed(updates: Updates | None, files: Files) -> str:
    """Why nothing may move now, "" where something may. UsageProblem without a lock."""
    if updates is None:
        return "updates.automatic is none: nothing moves by itself"
    if files.lock is None:
        raise UsageProblem(NO_LOCK, "nothing moves by itself without one: infrakit lock, then sudo infrakit up")
    return "" if is_open(updates) else f"it is outside of the window, {updates.window}: nothing moves by itself now"


def is_open(updates: Updates) -> bool:
    """Whether a service may be begun with, by the host's clock."""
    now = time.localtime()
    return window_of(updates.window).is_open(now.tm_wday, now.tm_hour * 60 + now.tm_min)


def chosen(
    host: Host, now: Made, files: Files, groups: Sequence[Sequence[Move]], known: Ask, *, looks: bool
) -> list[Sequence[Move]]:
    """Those that may be taken. `looks`: nothing is written down."""
    updates = now.deployment.updates
    assert updates is not None, "else nobody asks"
    items = [_candidate(host, now, files, group, known) for group in groups]
    now_s = time.time()
    sights = seen(read(host.machine), [image for item in items for image in item.images], now_s)
    if not looks:
        write(host.machine, sights)
    found = []
    for group, item in zip(groups, items):
        why = left(updates, item, sights, now_s)
        if why:
            say(f"{', '.join(move.new for move in group)} is left: {why}")
        else:
            found.append(group)
    return found


def _candidate(host: Host, now: Made, files: Files, group: Sequence[Move], ask: Ask) -> Candidate:
    then = after(host, files, group, ask)
    services = touched(now.deployment, host.made(then).deployment)
    data = data_of(now.deployment, services)
    catalog = by_repository(load_catalog())
    known = ((move, catalog.get(repository_of(move.name))) for move in group)
    mended = any(item and mends(move.name, move.new, item.minimum_version) for move, item in known)
    return Candidate(images_of(files, then), services, (*data.volumes, *data.left), mended)


def remember(host: Host, under: Under) -> None:
    """It was taken back."""
    taken_back(host.machine, images_of(under.before, under.after), time.time())
