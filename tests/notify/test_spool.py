"""What is to be told waits on the disk until somebody has it: over crashes, slow receivers, disks that take nothing."""

import json
import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from infrakit.channels import Channel
from infrakit.notify.message import Message
from infrakit.notify.spool import IN_MEMORY, LONGEST_S, MOST, OLDEST_S, SENT, queue, send_waiting, waiting
from infrakit.stack.layout import ALERTS, STATE
from infrakit.system.machine import Machine
from tests.notify.receivers import http
from tests.notify.test_channels import ALERT, NOW_S, ORIGIN, no_proxy

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="its places are root's")
__all__ = ["no_proxy"]

OVER = ALERT._replace(state="over", at_s=NOW_S + 600)
WORSE = ALERT._replace(at_s=NOW_S + 60)


class Cut(BaseException):
    """The power goes."""


class Cuttable(Machine):
    """A machine that ends before the n-th thing that it does to the world."""

    def __init__(self, left=1 << 30):
        super().__init__()
        self.left, self.done = left, 0

    def _count(self):
        if self.done >= self.left:
            raise Cut
        self.done += 1

    def write(self, *words, **more):
        self._count()
        super().write(*words, **more)

    def remove(self, *words):
        self._count()
        super().remove(*words)

    def post(self, *words):
        self._count()
        return super().post(*words)


@pytest.fixture(autouse=True)
def empty():
    yield
    for folder in (ALERTS, IN_MEMORY):
        shutil.rmtree(folder, ignore_errors=True)
    Path(SENT).unlink(missing_ok=True)


def hook(server, name="hook", at_least="warning"):
    return Channel("webhook", name, f"{server.url}/{name}", "core", ORIGIN, at_least)


def send(machine, channels, now_s=NOW_S, limit_s=60.0):
    return send_waiting(machine, channels, lambda name: b"", now_s, limit_s=limit_s)


def test_each_channel_hears_each_once_in_order_what_it_is_to_hear():
    machine = Machine()
    with http() as server:
        channels = (hook(server), hook(server, "grave", "error"), Channel("alive", "a", server.url, "core", ORIGIN))
        queue(machine, channels, [ALERT, WORSE._replace(severity="warning")])
        queue(machine, channels, [ALERT])
        assert len(waiting(machine)) == 3 and Path(ALERTS).stat().st_mode & 0o777 == 0o700
        assert send(machine, channels)[:3] == (3, 0, 0)
        assert send(machine, channels)[:3] == (0, 0, 0) == (0, len(waiting(machine)), 0)
    assert [path for path, _, _ in server.taken] == ["/hook", "/hook", "/grave"]
    assert [item["id"] for item in server.bodies()] == [ALERT.id, WORSE.id, ALERT.id]


def test_who_takes_nothing_is_left_alone_longer_each_time_and_keeps_nobody_waiting():
    machine, now_s, asked = Machine(), NOW_S, []
    with http() as dumb, http() as server:
        dumb.answers = [500] * 1000
        channels = (hook(dumb, "dumb"), hook(server))
        queue(machine, channels, [ALERT, WORSE])
        for _ in range(600):
            before = len(dumb.asked)
            found = send(machine, channels, now_s)
            asked += [now_s - NOW_S] * (len(dumb.asked) - before)
            now_s += 60
        assert len(server.taken) == 2 and found.waiting == 2
        pauses = [later - earlier for earlier, later in zip(asked, asked[1:])]
        assert pauses[:5] == [60, 120, 240, 480, 960] and set(pauses[6:]) == {LONGEST_S}
        dumb.answers = []
        assert send(machine, channels, now_s + LONGEST_S).sent == 2 and len(dumb.taken) == 2


def test_a_clock_that_was_set_back_keeps_nothing_waiting():
    machine = Machine()
    with http() as server:
        server.answers = [500]
        queue(machine, (hook(server),), [ALERT])
        assert send(machine, (hook(server),)).problems == (("hook", "answers 500"),)
        assert send(machine, (hook(server),), NOW_S - 86_400).sent == 1


def test_after_a_long_outage_comes_what_is_worth_it():
    machine = Machine()
    with http() as server:
        old = ALERT._replace(key="old", at_s=NOW_S - OLDEST_S - 1)
        messages = [old, old._replace(state="over", at_s=NOW_S - 9)]
        messages += [ALERT._replace(key=f"k{number}", at_s=NOW_S + number) for number in range(MOST + 20)]
        queue(machine, (hook(server),), messages)
        found = send(machine, (hook(server),), NOW_S, 1e9)
        assert found.sent + found.dropped == MOST + 22 and found.waiting == 0 and MOST - 1 <= found.sent <= MOST
        assert "old" not in {item["key"] for item in server.bodies()}


def test_a_channel_that_is_in_the_file_no_more_is_told_nothing():
    machine = Machine()
    with http() as server:
        queue(machine, (hook(server),), [ALERT])
        assert send(machine, ()).waiting == 0 and waiting(machine) == [] and server.asked == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"message": {}}', b"\xff"])
def test_what_cannot_be_read_keeps_nobody_waiting(content):
    machine = Machine()
    with http() as server:
        queue(machine, (hook(server),), [ALERT])
        Path(ALERTS, "000000000000000-0000-00.json").write_bytes(content)
        assert send(machine, (hook(server),)).sent == 1


def test_cut_at_any_moment_nothing_is_lost_and_what_comes_twice_has_the_same_id():
    messages = (ALERT, WORSE, OVER)
    for left in range(40):
        with http() as server:
            channels = (hook(server), hook(server, "other"))
            machine = Cuttable(left)
            try:
                queue(machine, channels, messages)
                send(machine, channels)
                was_cut = False
            except Cut:
                was_cut = True
            machine = Machine()
            queue(machine, channels, messages)  # who was cut before it was written down that it is told does so
            send(machine, channels)
            assert waiting(machine) == []
            came = [(path, item["id"]) for (path, _, _), item in zip(server.taken, server.bodies())]
            assert set(came) == {(f"/{name}", item.id) for name in ("hook", "other") for item in messages}
        if not was_cut:
            break
    else:
        pytest.fail("it was cut each time")


@pytest.fixture
def disk():
    """The place of our state on a small disk of its own; a function that has it full, or read-only."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", STATE], check=True)

    def worse(how):
        if how == "full":
            with suppress(OSError):
                Path(STATE, "filler").write_bytes(b"x" * (1 << 20))
        else:
            subprocess.run(["mount", "-o", "remount,ro", STATE], check=True)

    yield worse
    subprocess.run(["umount", STATE], check=True)


@pytest.mark.parametrize("how", ["full", "read-only"])
def test_a_disk_that_takes_nothing_is_no_reason_to_say_nothing(disk, how):
    machine = Machine()
    with http() as server:
        channels = (hook(server),)
        queue(machine, channels, [ALERT])
        disk(how)
        queue(machine, channels, [WORSE])
        assert [item.path.rpartition("/")[0] for item in waiting(machine)] == [ALERTS, IN_MEMORY]
        server.answers = [500]
        assert send(machine, channels).sent == 0
        assert send(machine, channels, NOW_S + 61).sent == 2
        assert send(machine, channels, NOW_S + 122).sent == 0
        assert [item["id"] for item in server.bodies()] == [ALERT.id, WORSE.id]


def test_what_is_kept_is_what_was_said():
    machine = Machine()
    message = Message("a b", "alert", "error", "core", "lab", "x\n", "ü", "", 1.5, NOW_S)
    queue(machine, (Channel("ntfy", "n", "https://ntfy.sh/x", "core", ORIGIN),), [message])
    (found,) = waiting(machine)
    assert found.message == message and (found.channel, found.tries, found.again_s) == ("n", 0, 0.0)
    assert json.loads(Path(found.path).read_text())["message"]["why"] == "ü"
