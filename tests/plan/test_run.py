"""Plans on a real machine, in a folder of the test's: probed, acted, probed again, and taken back."""

import json
import os
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from infrakit.errors import InfraKitError, MachineUnfit
from infrakit.plan import (
    Answers,
    FileIs,
    Gone,
    Interrupted,
    Plan,
    Remove,
    RemoveTree,
    Run,
    Step,
    StepFailed,
    Unless,
    Write,
    action_from,
    actions,
    preview,
    run,
)
from infrakit.plan.actions import PutBack, put_back, record_of, state_of
from infrakit.stack.undo import MOST_BYTES, Record
from infrakit.stack.uninstall import plan_uninstall
from infrakit.system.machine import Machine


def write_step(path: Path, text: str) -> Step:
    return Step(
        path.name, f"write {path.name}", (FileIs(str(path), text.encode()),), (Write(str(path), text.encode()),)
    )


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


def take_back(kept) -> None:
    """As uninstall does, by the lines of the record."""
    take_back_records([json.loads(json.dumps({"step": step, **record_of(action)})) for step, action in kept])


def take_back_records(records) -> None:
    steps = plan_uninstall([], records, keep_data=False, keep_docker=False).steps
    carried_out(Plan("back", tuple(step for step in steps if step.name.startswith("change "))))


def test_what_was_done_can_be_taken_back_from_its_record(tmp_path):
    (tmp_path / "old").write_text("before")
    (tmp_path / "old").chmod(0o640)
    plan = Plan(
        "change",
        (
            write_step(tmp_path / "old", "after"),
            write_step(tmp_path / "new", "new"),
            Step(
                "folder",
                "a folder",
                (Answers(("test", "-d", str(tmp_path / "made"))),),
                (Run(("mkdir", str(tmp_path / "made")), takes_back=(("rmdir", str(tmp_path / "made")),)),),
            ),
        ),
    )
    kept = carried_out(plan)[2]

    take_back(kept)
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert (tmp_path / "old").read_text() == "before" and (tmp_path / "old").stat().st_mode & 0o777 == 0o640


def test_what_somebody_changed_since_is_his(tmp_path):
    """But for what is known to be ours in it: words of a line, keys of a JSON object that have our value."""
    place = {name: tmp_path / name for name in ("gone", "edited", "line", "settings", "removed")}
    place["line"].write_text("root=PARTUUID=1 quiet\n")
    place["settings"].write_text('{"dns": []}')
    place["removed"].write_text("a source")
    kept = [("x", Remove(str(place["removed"])).inverse(Machine())[-1])]
    place["removed"].unlink()
    ours = {"gone": b"1", "edited": b"1", "line": b"root=PARTUUID=1 quiet cgroup_enable=memory\n", "settings": b"{}"}
    options = {
        "line": {"words": ("cgroup_enable=memory",)},
        "settings": {"keys": (("log", '"local"'), ("ipv6", "true"))},
    }
    for name, content in ours.items():
        kept += [("x", put_back(Machine(), str(place[name]), content, **options.get(name, {}))[-1])]
        place[name].write_bytes(content)
    place["gone"].unlink()
    place["edited"].write_text("theirs")
    place["line"].write_text("root=PARTUUID=2 quiet cgroup_enable=memory rootwait\n")
    place["settings"].write_text('{"dns": ["192.0.2.1"], "log": "local", "ipv6": false}')
    place["removed"].write_text("another source")

    take_back(kept)

    assert {name: path.read_text() for name, path in place.items() if path.exists()} == {
        "edited": "theirs",
        "line": "root=PARTUUID=2 quiet rootwait\n",
        "settings": '{\n  "dns": [\n    "192.0.2.1"\n  ],\n  "ipv6": false\n}\n',
        "removed": "another source",
    }


def test_a_file_that_we_wrote_again_and_again_is_kept_once(tmp_path):
    """As the program is, by fifty upgrades; and all of them are ours."""
    path, lines = tmp_path / "program", []
    for number in range(50):
        record = Record(b"\n".join(lines))
        content = bytes([number]) * 100_000
        lines += filter(None, (record.line("file", action) for action in put_back(Machine(), str(path), content)))
        path.write_bytes(content)
    assert len(lines) == 50 and sum(map(len, lines)) < 15_000
    (whole,) = Record(b"\n".join(lines)).whole()
    assert len(whole["wrote"]) == 50 and whole["before"] is None
    take_back_records([whole])
    assert not path.exists()


def test_what_was_there_before_our_last_writing_comes_back(tmp_path):
    """Somebody's own, which took the place of ours meanwhile."""
    path, lines = tmp_path / "file", []
    for content in (b"first of ours", b"theirs", b"second of ours"):
        if content != b"theirs":
            lines += [Record(b"\n".join(lines)).line("x", item) for item in put_back(Machine(), str(path), content)]
        path.write_bytes(content)
    take_back_records(Record(b"\n".join(lines)).whole())
    assert path.read_bytes() == b"theirs"


def test_folders_that_a_file_brought_go_with_it_where_nothing_else_is_in_them(tmp_path):
    for other in ("", "theirs"):
        kept = carried_out(Plan("deep", (write_step(tmp_path / "a" / "b" / "c" / "new", "new"),)))[2]
        if other:
            (tmp_path / "a" / other).write_text("somebody's")
        take_back(kept)
        assert [path.name for path in tmp_path.rglob("*")] == (["a", other] if other else [])


def test_a_folder_of_data_goes_with_all_that_is_in_it(tmp_path):
    (tmp_path / "data" / "deep").mkdir(parents=True)
    (tmp_path / "data" / "deep" / "file").write_text("data")
    (tmp_path / "data" / "link").symlink_to(tmp_path / "outside")
    (tmp_path / "outside").mkdir()
    action = action_from(json.loads(json.dumps(record_of(RemoveTree(str(tmp_path / "data"))))))

    action.do(Machine(), lambda event: None)
    action.do(Machine(), lambda event: None)

    assert [path.name for path in tmp_path.iterdir()] == ["outside"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_what_is_mounted_in_a_folder_of_data_is_not_touched(tmp_path):
    theirs = tmp_path / "data" / "theirs"
    theirs.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", theirs], check=True)
    try:
        (theirs / "file").write_text("somebody's")
        with pytest.raises(MachineUnfit, match="something is mounted on"):
            RemoveTree(str(tmp_path / "data")).do(Machine(), lambda event: None)
        RemoveTree(str(theirs)).do(Machine(), lambda event: None)
        assert theirs.is_dir() and not list(theirs.iterdir()), "a file system itself is emptied, and stays"
    finally:
        subprocess.run(["umount", theirs], check=True)


def test_the_inverse_is_kept_before_the_change(tmp_path):
    path = tmp_path / "file"
    seen = []
    step = write_step(path, "1")

    run(Plan("one", (step,)), Machine(), lambda event: None, lambda name, action: seen.append((action, path.exists())))

    assert seen == [(PutBack(str(path), None, 0, (state_of(b"1"),)), False)]


def test_a_step_that_fails_names_what_to_do_and_leaves_the_rest(tmp_path):
    plan = Plan(
        "fails",
        (
            write_step(tmp_path / "one", "1"),
            Step(
                "bad",
                "a program",
                (Gone(str(tmp_path)),),
                (Run(("sh", "-c", "echo no such thing >&2; exit 3"), remedy="do this"),),
            ),
            write_step(tmp_path / "two", "2"),
        ),
    )
    with pytest.raises(StepFailed) as failed:
        carried_out(plan)

    assert (failed.value.message, failed.value.hint, failed.value.exit_code) == (
        "a program: sh -c echo no such thing >&2; exit 3: no such thing",
        "do this",
        4,
    )
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
        run(
            Plan("stop", (first, second)),
            Machine(),
            lambda event: None,
            lambda step, action: None,
            stopping=lambda: (tmp_path / "one").exists(),
        )

    assert (tmp_path / "one").exists() and not (tmp_path / "two").exists()


def test_a_step_that_waits_is_no_change(tmp_path):
    """Neither in the plan, nor in the count, nor in what is said of it."""
    made = str(tmp_path / "made")
    steps = (
        Step("make", "make", (FileIs(made, b"1"),), (Write(made, b"1"),)),
        Step("wait", "wait", (FileIs(made + "2", b"2"),), (Run(("sh", "-c", f"printf 2 >{made}2")),), waits=True),
    )

    assert [(item.acts, item.changes) for item in preview(Plan("both", steps), Machine())] == [
        (True, True),
        (True, False),
    ]
    assert carried_out(Plan("both", steps))[:2] == (1, ["begin", "done", "begin", "kept"])


def test_an_action_is_left_out_where_what_came_before_did_its_work(tmp_path):
    made, again = tmp_path / "made", tmp_path / "again"
    actions = [Unless(Answers(("test", "-e", str(made))), Run(("touch", str(place)))) for place in (made, again)]
    carried_out(
        Plan("unless", (Step("make", "make", (Gone(str(again)), Answers(("test", "-e", str(made)))), tuple(actions)),))
    )

    assert made.exists() and not again.exists()


class Unanswerable(NamedTuple):
    """A probe whose question cannot be asked yet."""

    def holds(self, machine):
        raise MachineUnfit("not there")

    def text(self):
        return "an answer"


def test_what_cannot_be_asked_does_not_hold():
    (found,) = preview(Plan("ask", (Step("ask", "ask", (Unanswerable(),), ()),)), Machine())

    assert found.acts and found.because == "an answer"


def test_what_is_larger_than_can_be_kept_is_not_replaced(tmp_path, monkeypatch):
    monkeypatch.setattr(actions, "MOST_KEPT", 10)
    (tmp_path / "large").write_bytes(b"x" * 11)
    with pytest.raises(InfraKitError, match=r"large has more than 10 bytes") as error:
        carried_out(Plan("replace", (write_step(tmp_path / "large", "ours"),)))
    assert "move it away" in error.value.hint and (tmp_path / "large").read_bytes() == b"x" * 11


def test_what_somebody_made_too_large_since_stays(tmp_path, monkeypatch):
    _, _, kept = carried_out(Plan("write", (write_step(tmp_path / "one", "ours"),)))
    monkeypatch.setattr(actions, "MOST_KEPT", 10)
    (tmp_path / "one").write_bytes(b"y" * 11)
    take_back(kept)
    assert (tmp_path / "one").read_bytes() == b"y" * 11


def test_a_record_of_any_size_is_read_to_its_end(tmp_path):
    """At 64 MiB its end, what is taken back first, was once left out without a word."""
    path = tmp_path / "undo.jsonl"
    large = record_of(PutBack("/etc/large", b"z" * (65 << 20), 0o644, ("0",)))
    path.write_text(
        "".join(json.dumps({"step": "x", **item}) + "\n" for item in (large, record_of(Remove("/etc/new"))))
    )
    found = Record(Machine().whole(str(path), MOST_BYTES) or b"").whole()
    assert [item["path"] for item in found] == ["/etc/large", "/etc/new"]
