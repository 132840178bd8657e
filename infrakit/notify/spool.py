"""What waits to be sent: a file for each message and channel, on the disk before anybody calls it told, and gone when
the receiver has it.

A cut between its answer and that sends it once more, with the ID of before.
"""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from infrakit.channels import Channel
from infrakit.errors import InfraKitError
from infrakit.machine import Machine
from infrakit.notify.message import ALERT, OVER, TEST, Message
from infrakit.stack.layout import ALERTS, SPARE

Ask = Callable[[str], bytes]
"""Name of a secret -> its value, b"" where there is none."""
IN_MEMORY = f"{SPARE}/alerts"
"""Where messages wait while the disk is full, or can only be read."""
SENT = f"{SPARE}/sent"
"""Files of what was sent, and which a disk did not let go: a path a line."""
MOST = 200
"""For a channel: of more the oldest go."""
OLDEST_S = 7 * 86_400.0
FIRST_S, LONGEST_S = 60.0, 3600.0
"""How long a channel is left alone that did not take something."""


class Entry(NamedTuple):
    """`path`: its file, in the order in which they came; `again_s`: not before then; `tries`: so many failed."""

    path: str
    channel: str
    message: Message
    tries: int = 0
    again_s: float = 0.0


class Sent(NamedTuple):
    """How many were sent, wait, and were given up; `problems`: (channel, why it took nothing)."""

    sent: int = 0
    waiting: int = 0
    dropped: int = 0
    problems: tuple[tuple[str, str], ...] = ()


def queue(machine: Machine, channels: Sequence[Channel], messages: Sequence[Message]) -> None:
    """Keep them for all that are to hear of them. Once more is the same."""
    if not any(_hears(channel, message) for channel in channels for message in messages):
        return
    waits = {(item.channel, item.message.id) for item in waiting(machine)}
    for number, message in enumerate(messages):
        for place, channel in enumerate(channels):
            if _hears(channel, message) and (channel.title, message.id) not in waits:
                name = f"{int(message.at_s * 1000):015d}-{number:04d}-{place:02d}.json"
                _keep(machine, Entry(name, channel.title, message))


def waiting(machine: Machine) -> list[Entry]:
    """All that wait, the oldest first; what cannot be read is none."""
    gone = set((machine.read(SENT) or b"").decode("utf-8", "replace").splitlines())
    names = sorted((name, folder) for folder in (ALERTS, IN_MEMORY) for name in machine.listing(folder))
    found = (_read(machine, f"{folder}/{name}") for name, folder in names if name.endswith(".json"))
    left = [item for item in found if item and item.path not in gone]
    for path in gone:
        with suppress(InfraKitError):  # it may be let go by now, and a boot forgets that it was sent
            machine.remove(path)
    return left


def send_waiting(machine: Machine, channels: Sequence[Channel], ask: Ask, now_s: float, *, limit_s: float) -> Sent:
    """Send what waits, for so long at most. A channel that does not take something is left alone for a while, longer
    each time, and keeps no other waiting."""
    end_s = machine.monotonic() + limit_s
    by_title: dict[str, list[Entry]] = {channel.title: [] for channel in channels}
    sent = dropped = 0
    for item in waiting(machine):
        if item.channel in by_title:
            by_title[item.channel].append(item)
        else:
            _let_go(machine, item)  # nobody has that channel any more
    problems = []
    left = 0
    for channel in channels:
        entries = by_title.pop(channel.title, [])
        kept = _worth(entries, now_s)
        for item in entries:
            if item not in kept:
                _let_go(machine, item)
                dropped += 1
        for place, item in enumerate(kept):
            # Of a clock that was set back a wait has no end.
            if item.again_s > now_s and item.again_s - now_s <= LONGEST_S or machine.monotonic() >= end_s:
                left += len(kept) - place
                break
            why = try_now(machine, channel, ask, item.message)
            if why:
                problems.append((channel.title, why))
                pause_s = min(FIRST_S * 2.0**item.tries, LONGEST_S)
                with suppress(InfraKitError):  # then it is tried again sooner
                    _write(machine, item._replace(tries=item.tries + 1, again_s=now_s + pause_s))
                left += len(kept) - place
                break
            _let_go(machine, item)
            sent += 1
    return Sent(sent, left, dropped, tuple(problems))


def _worth(entries: Sequence[Entry], now_s: float) -> list[Entry]:
    """Without what is too old, or too much; who has not heard of a fault is not told that it is over."""
    kept = [item for item in entries if now_s - item.message.at_s < OLDEST_S][-MOST:]
    gone = {_fault(item) for item in entries if item not in kept and item.message.state == ALERT}
    return [item for item in kept if item.message.state != OVER or _fault(item) not in gone]


def _fault(item: Entry) -> tuple[str, float]:
    return item.message.key, item.message.began_s


def try_now(machine: Machine, channel: Channel, ask: Ask, message: Message) -> str:
    """Send one message; why it was not taken, "" where it was."""
    from importlib import import_module

    secrets = {use: ask(name) for use, name in channel.secrets}
    for use, name in channel.secrets:
        if not secrets[use]:
            return f"its secret is not set: sudo infrakit secrets set {name}"
    try:
        return str(import_module(f"infrakit.notify.{channel.kind}").send(machine, channel, secrets, message))
    except InfraKitError as error:
        return error.message


def _hears(channel: Channel, message: Message) -> bool:
    return channel.kind != "alive" and (channel.wants(message.severity) or message.state == TEST)


def _keep(machine: Machine, item: Entry) -> None:
    """On the disk; in memory where that cannot be."""
    try:
        machine.make_folder(ALERTS, 0o700)
        _write(machine, item._replace(path=f"{ALERTS}/{item.path}"))
    except InfraKitError:
        machine.make_folder(IN_MEMORY, 0o700)
        _write(machine, item._replace(path=f"{IN_MEMORY}/{item.path}"))


def _let_go(machine: Machine, item: Entry) -> None:
    """A disk that can only be read keeps the file: that it is done stands elsewhere then."""
    try:
        machine.remove(item.path)
    except InfraKitError:
        machine.append(SENT, item.path.encode())


def _write(machine: Machine, item: Entry) -> None:
    tree = {**item._asdict(), "message": item.message._asdict()}
    machine.write(item.path, json.dumps(tree, sort_keys=True).encode(), 0o600)


def _read(machine: Machine, path: str) -> Entry | None:
    try:
        tree: dict[str, Any] = json.loads(machine.read(path) or b"")
        message = Message(**{name: type_(tree["message"][name]) for name, type_ in Message.__annotations__.items()})
        return Entry(path, str(tree["channel"]), message, int(tree["tries"]), float(tree["again_s"]))
    except (ValueError, KeyError, TypeError):
        return None
