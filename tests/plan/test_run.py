"""Plans on a real machine, in a folder of the test's: probed, acted, probed again, and taken back."""

import json
from pathlib import Path
from typing import NamedTuple

import pytest

from infrakit.errors import MachineUnfit
from infrakit.plan import Answers, FileIs, Gone, Interrupted, Plan, Remove, Run, Step, StepFailed, Write, action_from, preview, run, undo
from infrakit.plan.actions import record_of
from infrakit.system.machine import Machine


def write_step(path: Path, text: str) -> Step:
    return Step(path.name, f"write {path.name}", (FileIs(str(path), text.encode()),), (Write(str(path), text.encode()),))


def carried_out(plan: Plan):
    """(how many steps were taken, kinds of events, inverses in the order in which they were kept)."""
    events, kept = [], []
    taken = run(plan, Machine(), events.append, lambda step, action: kept.append((step, action)))
    return taken, [event.kind for event in events], kept


def test_a_step_is_taken_once(tmp_path):
    plan = Plan("two files", (write_step(tmp_path / "one", "1"), write_step(tmp_path / "two", "2")))

    assert [item.acts for item in preview(plan, Machine())] == [True, True]
    assert carried_out(plan)[:2] == (2, ["begin", "done", "begin", "done"])
    assert carried_out(plan)[:2] == (0, ["kept", "kept"])
    assert [item.acts for item in preview(plan, Machine())] == [False, False]


def test_a_preview_changes_nothing(tmp_path):
    preview(Plan("one file", (write_step(tmp_path / "one", "1"),)), Machine())

    assert not list(tmp_path.iterdir())


def test_what_was_done_can_be_taken_back_from_its_record(tmp_path):
    (tmp_path / "old").write_text("before")
    (tmp_path / "old").chmod(0o640)
    plan = Plan("change", (
        write_step(tmp_path / "old", "after"),
        write_step(tmp_path / "new", "new"),
        Step("folder", "a folder", (Answers(("test", "-d", str(tmp_path / "made"))),), (Run(("mkdir", str(tmp_path / "made")), takes_back=(("rmdir", str(tmp_path / "made")),)),)),
    ))
    kept = carried_out(plan)[2]
    records = [(step, action_from(json.loads(json.dumps(record_of(action))))) for step, action in kept]

    assert undo(records, Machine(), lambda event: None) == []
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert (tmp_path / "old").read_text() == "before" and (tmp_path / "old").stat().st_mode & 0o777 == 0o640


def test_the_inverse_is_kept_before_the_change(tmp_path):
    path = tmp_path / "file"
    seen = []
    step = write_step(path, "1")

    run(Plan("one", (step,)), Machine(), lambda event: None, lambda name, action: seen.append((action, path.exists())))

    assert seen == [(Remove(str(path)), False)]


def test_a_step_that_fails_names_what_to_do_and_leaves_the_rest(tmp_path):
    plan = Plan("fails", (
        write_step(tmp_path / "one", "1"),
        Step("bad", "a program", (Gone(str(tmp_path)),), (Run(("sh", "-c", "echo no such thing >&2; exit 3"), remedy="do this"),)),
        write_step(tmp_path / "two", "2"),
    ))
    with pytest.raises(StepFailed) as failed:
        carried_out(plan)

    assert (failed.value.message, failed.value.hint, failed.value.exit_code) == ("a program: sh -c echo no such thing >&2; exit 3: no such thing", "do this", 4)
    assert (tmp_path / "one").exists() and not (tmp_path / "two").exists()


def test_a_step_that_does_not_help_is_a_failure(tmp_path):
    plan = Plan("idle", (Step("idle", "nothing", (Gone(str(tmp_path)),), ()),))

    with pytest.raises(StepFailed, match="it did not help"):
        carried_out(plan)


def test_a_program_that_is_not_there_and_one_that_hangs_are_errors(tmp_path):
    for words, expected in ((("no-such-program",), "no such file"), (("sleep", "60"), "longer than")):
        with pytest.raises(MachineUnfit, match=expected):
            Run(words, timeout_s=1).do(Machine(), lambda event: None)


def test_stopping_is_between_two_changes(tmp_path):
    first, second = write_step(tmp_path / "one", "1"), write_step(tmp_path / "two", "2")
    with pytest.raises(Interrupted):
        run(Plan("stop", (first, second)), Machine(), lambda event: None, lambda step, action: None, stopping=lambda: (tmp_path / "one").exists())

    assert (tmp_path / "one").exists() and not (tmp_path / "two").exists()


class Unanswerable(NamedTuple):
    """A probe whose question cannot be asked yet."""

    def holds(self, machine):
        raise MachineUnfit("not there")

    def text(self):
        return "an answer"


def test_what_cannot_be_asked_does_not_hold():
    (found,) = preview(Plan("ask", (Step("ask", "ask", (Unanswerable(),), ()),)), Machine())

    assert found.acts and found.because == "an answer"
