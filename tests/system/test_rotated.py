"""A rotation cut at every change that it makes, on real files: a later run finishes it, or takes it back. In place of
PostgreSQL and of a reader stands what a machine of the test says of them."""

from pathlib import Path
from typing import NamedTuple

import pytest

from infrakit.errors import MachineUnfit
from infrakit.machine import Done
from infrakit.plan import Interrupted, Plan, Step, StepFailed, run
from infrakit.stack import layout
from infrakit.stack.change.rotate import Rotated, Under, carry, plan_rotation, read
from infrakit.stack.change.update import BACK, TakenBack
from infrakit.stack.roles import Role, verifier
from infrakit.stack.secrets import Given
from infrakit.system.digest import hex_digest
from infrakit.system.machine import Machine
from tests.emit.deployments import container, deployment, service

HOST = deployment(service("db", container("db", networks=())), networks=(), secrets=(), routes=())
NOW = Under((Rotated("word", Role("db", "wiki", "wiki")), Rotated("token", None)))


class Cut(BaseException):
    """The power went."""


class Cuts(Machine):
    """`server`: what its role takes; `runs_with`: what the reader began with. Cut at the change of a number, before it
    or after. `silent`: how often the engine does not answer yet; `is_full`: no note can be written over another."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder, self.server, self.runs_with = folder, verifier(b"old"), (b"old", b"old")
        self.left, self.late, self.bad = -1, False, ()
        self.silent, self.is_full = 0, False

    def counted(self, change, *arguments, **how):
        self.left -= 1
        if self.left == 0 and not self.late:
            raise Cut
        change(*arguments, **how)
        if self.left == 0:
            raise Cut

    def write(self, path, *arguments, **how):
        if self.is_full and self.exists(path):
            raise MachineUnfit("no space left on device")
        self.counted(super().write, path, *arguments, **how)

    def keep_secret(self, *arguments, **how):
        self.counted(super().keep_secret, *arguments, **how)

    def remove(self, *arguments):
        self.counted(super().remove, *arguments)

    def run(self, words, *, feed=None, **how):
        if "version" in words:
            self.silent -= 1
            return Done(int(self.silent >= 0), "", "")
        if "sh" in words:
            answers = ["yes" if verifier(line) == self.server else "no" for line in feed.splitlines()]
            return Done(0, "\n".join(answers), "")
        self.counted(setattr, self, "server", feed.decode().split("'")[-2])
        return Done(0, "", "")

    def values(self) -> tuple[bytes, ...]:
        return tuple((self.folder / "core/secrets" / item.name).read_bytes() for item in NOW.secrets)


class Reads(NamedTuple):
    """The reader has both as they are; one of `bad` it does not get well with."""

    def holds(self, machine) -> bool:
        return machine.runs_with == machine.values()

    def do(self, machine, tell) -> None:
        if machine.values() == machine.bad:
            raise StepFailed("the reader is ill")
        machine.counted(setattr, machine, "runs_with", machine.values())

    def text(self) -> str:
        return "reader"


@pytest.fixture
def machine(tmp_path, monkeypatch):
    monkeypatch.setattr(layout, "HOSTS", str(tmp_path))
    monkeypatch.setattr(layout, "ROTATING", str(tmp_path / "rotating.json"))
    made = Cuts(tmp_path)
    (tmp_path / "core").mkdir()
    for item in NOW.secrets:
        made.keep_secret(str(tmp_path / "core"), item.name, b"old")
    made.left = -1
    return made


def rotate(machine, under: Under = NOW, *given: bytes) -> None:
    """As the verb does it; the server runs, and its readers are the reader."""
    fresh = [Given(item.name, value) for item, value in zip(under.secrets, given)]

    def plan(now: Under) -> Plan:
        steps = plan_rotation(HOST, (), hex_digest, now, fresh if now.way == under.way else ()).steps
        mine = [step for step in steps if step.name.startswith(("values", "role ", "secret "))]
        return Plan("rotate", (*mine, Step("reader", "reader", (Reads(),), (Reads(),))))

    carry(
        under, "core", plan, machine, lambda found: run(found, machine, lambda event: None, lambda step, action: None)
    )


def state(machine) -> tuple:
    """Server, files, reader, and what lies about."""
    lies = sorted(path.name for path in machine.folder.rglob("*") if path.is_file())
    return machine.server, machine.values(), machine.runs_with, lies


def all_of(value: bytes) -> tuple:
    return verifier(value), (value, value), (value, value), ["token", "word"]


def cut(machine, number: int, *, late: bool, way: str = "forward") -> bool:
    """Whether it was cut at this change; it is over before there are so many."""
    machine.left, machine.late = number, late
    try:
        rotate(machine, NOW._replace(way=way), *([b"new", b"new"] if way == "forward" else []))
    except Cut:
        return True
    finally:
        machine.left = -1
    return False


@pytest.mark.parametrize("late", [False, True], ids=["before it", "after it"])
@pytest.mark.parametrize("back", [False, True], ids=["on", "back"])
def test_cut_at_any_change_the_next_run_finishes_or_takes_back(machine, late, back):
    number = 1
    while cut(machine, number, late=late):
        under = read(machine)
        if under is None and machine.values() == (b"old", b"old"):
            rotate(machine, NOW, b"new", b"new")
        elif under is None:
            assert late, "it was all done"
        elif back and under.way == "forward":
            rotate(machine, under._replace(way=BACK))
            assert state(machine) == all_of(b"old")
            rotate(machine, NOW, b"new", b"new")
        else:
            rotate(machine, under)
        assert state(machine) == all_of(b"new"), number
        rotate(machine, NOW, b"old", b"old")
        assert state(machine) == all_of(b"old")
        number += 1
    assert number > 12 and state(machine) == all_of(b"new")


@pytest.mark.parametrize("late", [False, True], ids=["before it", "after it"])
def test_where_a_reader_does_not_get_well_all_go_back_also_when_that_is_cut(machine, late):
    machine.bad = (b"new", b"new")
    number = 1
    while True:
        try:
            over = not cut(machine, number, late=late)
        except TakenBack as error:
            assert "word, token: it did not go well, and is as it was before: the reader is ill" in error.message
            over = True
        if over:
            break
        under = read(machine)
        if under is not None and under.way == "forward":
            with pytest.raises(TakenBack):
                rotate(machine, under)
        elif under is not None:
            rotate(machine, under)
        found = state(machine)
        assert found[:3] == all_of(b"old")[:3] and not (under and found != all_of(b"old")), number
        number += 1
    assert number > 15 and state(machine) == all_of(b"old")


def test_a_full_disk_and_an_engine_that_starts_anew_do_not_stop_the_way_back(machine):
    machine.bad, machine.is_full, machine.silent = (b"new", b"new"), True, 2
    with pytest.raises(TakenBack):
        rotate(machine, NOW, b"new", b"new")
    assert machine.silent < 0 and state(machine) == all_of(b"old")


def test_who_says_stop_leaves_it_for_a_later_run(machine):
    def stopped(found: Plan) -> int:
        run(Plan("part", plan.steps[:1]), machine, lambda event: None, lambda step, action: None)
        raise Interrupted("stopped")

    given = [Given(item.name, b"new") for item in NOW.secrets]
    plan = plan_rotation(HOST, (), hex_digest, NOW, given)
    with pytest.raises(Interrupted):
        carry(NOW, "core", lambda now: plan, machine, stopped)
    assert read(machine) == NOW and machine.values() == (b"old", b"old")
    kept = {path.name: oct(path.stat().st_mode & 0o777) for path in (machine.folder / "core/secrets").glob(".*")}
    assert kept == dict.fromkeys([".token.new", ".token.old", ".word.new", ".word.old"], "0o600")
    assert b"new" not in Path(layout.ROTATING).read_bytes().replace(b".new", b"")
