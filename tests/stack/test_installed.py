"""One file is *the* file of a machine: which of two counts, and what a plan says before one takes another's place."""

import json
import os
import shutil
from pathlib import Path

import pytest

from infrakit.plan import Plan, preview, run
from infrakit.plan.actions import state_of
from infrakit.stack.installed import File, Replace, choose, file_steps, known_states, last_states, states_of
from infrakit.stack.layout import CONFIGURATION, INSTALLED, LOCKED
from infrakit.system.machine import Machine

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has a place for it")

FOLDER = Path(CONFIGURATION).parent
ONE = "version: 1\ndomain: home.example.org\npattern: monitoring\n"
OTHER = ONE + "timezone: Europe/Zurich\n"
THIRD = ONE + "timezone: Europe/Oslo\n"


@pytest.fixture(autouse=True)
def nothing_installed():
    for path in FOLDER.iterdir():  # a mount of the tests' own
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    yield
    for path in FOLDER.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def put(content: str, *others: tuple[str, bytes], lock: bytes | None = None, name="infrakit.yaml") -> int:
    """Make it the installed one, as a plan does; how many steps that took."""
    steps = file_steps(File(name, content.encode(), others, lock), other_lock=os.path.exists(LOCKED))
    return run(Plan("x", steps), Machine(), lambda event: None, lambda step, action: None)


@pytest.mark.parametrize(
    ("here", "there", "expected"),
    [
        (ONE, ONE, "installed"),
        (OTHER, ONE, "here"),
        (ONE, OTHER, "installed, differ"),
        (OTHER, OTHER, "installed"),
        (OTHER, THIRD, "both"),
    ],
)
def test_the_one_that_was_changed_since_they_were_the_same_counts(here, there, expected):
    last = states_of(ONE.encode(), None, [])
    found = choose(
        *(last, *(lambda name, text=text: {"infrakit.yaml": text.encode()}.get(name) for text in (here, there)))
    )
    assert found.installed == expected.startswith("installed") and found.both == (expected == "both")
    assert found.differ == (here != there)


def test_a_lock_or_a_blueprint_that_changed_counts_as_well():
    files = {"infrakit.yaml": b"file", "apps/wiki/infrakit-app.yaml": b"app"}
    last = states_of(b"file", None, [("apps/wiki/infrakit-app.yaml", b"app")])
    for change in ({"infrakit.lock": b"lock"}, {"apps/wiki/infrakit-app.yaml": b"newer"}):
        assert choose(last, {**files, **change}.get, files.get) == (False, False, True)
        assert choose(last, files.get, {**files, **change}.get) == (True, False, True)


def test_where_nothing_is_known_of_before_nobody_is_preferred():
    for unknown in (None, b"", b"{", b"[]"):
        found = choose(last_states(unknown), {"infrakit.yaml": b"1"}.get, {"infrakit.yaml": b"2"}.get)
        assert found.both
        assert not choose(last_states(unknown), {"infrakit.yaml": b"1"}.get, {"infrakit.yaml": b"1"}.get).both


def test_a_file_is_put_in_place_once_with_all_that_it_has():
    app = ("apps/wiki/infrakit-app.yaml", b"app")
    assert put(ONE, app, lock=b"lock") == 4
    assert put(ONE, app, lock=b"lock") == 0
    assert (FOLDER / "infrakit.yaml").read_text() == ONE and Path(LOCKED).read_bytes() == b"lock"
    assert (FOLDER / app[0]).read_bytes() == b"app"
    assert all(path.stat().st_mode & 0o077 == 0 for path in FOLDER.rglob("*") if path.is_file())
    assert put(ONE, app) == 2 and not os.path.exists(LOCKED), "a lock of another file stays"


def test_who_is_killed_with_the_file_in_place_has_edited_nothing():
    """Between two writes: the file is there, and that is not written down; it is known all the same."""
    put(ONE)
    replace = file_steps(File("x", OTHER.encode()))[0].actions[0]
    replace.do(Machine(), lambda event: None)
    record = Machine().read(INSTALLED)
    assert known_states(record) == {state_of(ONE.encode()), state_of(OTHER.encode())}
    assert last_states(record) == states_of(ONE.encode(), None, []), "of two files the same counts as before"
    put(OTHER)
    assert known_states(Machine().read(INSTALLED)) == {state_of(OTHER.encode())}


def test_a_link_to_the_file_stays_a_link(tmp_path):
    (tmp_path / "mine.yaml").write_text(ONE)
    os.symlink(tmp_path / "mine.yaml", CONFIGURATION)
    put(ONE, name=str(tmp_path / "mine.yaml"))
    assert os.path.islink(CONFIGURATION)


def test_a_plan_shows_what_changes_in_the_file_and_no_more_than_one_can_read():
    put(ONE)
    (shown, *_) = preview(Plan("x", file_steps(File("new.yaml", OTHER.encode()))), Machine())
    assert shown.step.title == f"{CONFIGURATION}, from new.yaml"
    assert shown.actions[0] == f"replace {CONFIGURATION}:" and "  +timezone: Europe/Zurich" in shown.actions
    assert not any(line.strip().startswith("-") for line in shown.actions)
    long = "".join(f"# {number}\n" for number in range(1000))
    lines = Replace(CONFIGURATION, (ONE + long).encode()).foretold(Machine())
    assert len(lines) < 120 and lines[-1].endswith("lines more")


@pytest.fixture
def planned(infrakit, tmp_path):
    """What `up` would do in a folder with this file: (exit code, the step about the file, what was said)."""

    def ask(content: str | None, *words):
        if content is not None:
            (tmp_path / "infrakit.yaml").write_text(content)
        done = infrakit("up", *(words or ("--dry-run",)), "--json")
        steps = json.loads(done.stdout).get("steps", [])
        return (
            done.returncode,
            next((step for step in steps if step["name"] == f"file {CONFIGURATION}"), {}),
            done.stdout + done.stderr,
        )

    return ask


def test_up_takes_the_edited_one_of_two_and_says_so(planned):
    put(ONE)
    code, step, said = planned(OTHER)
    assert (code, step["title"]) == (6, f"{CONFIGURATION}, from infrakit.yaml") and step["acts"], said
    (FOLDER / "infrakit.yaml").write_text(THIRD)
    code, step, said = planned(ONE)
    assert (code, step["title"], step["acts"]) == (6, CONFIGURATION, False)
    assert f"note: {CONFIGURATION} was changed, and counts" in said


def test_up_asks_which_where_both_were_edited(planned):
    put(ONE)
    (FOLDER / "infrakit.yaml").write_text(THIRD)
    code, step, said = planned(OTHER)
    assert code == 2 and not step and "-f infrakit.yaml, or -f /etc/infrakit/infrakit.yaml" in said


def test_nothing_that_was_edited_is_overwritten_unseen(planned):
    put(ONE)
    (FOLDER / "infrakit.yaml").write_text(THIRD)
    code, _, said = planned(OTHER, "-f", "infrakit.yaml", "--yes")
    assert code == 3 and "[file-edited]" in said and "--accept file-edited" in said, said
    assert (FOLDER / "infrakit.yaml").read_text() == THIRD
    code, step, said = planned(OTHER, "-f", "infrakit.yaml", "--dry-run")
    assert code == 6 and {"  -timezone: Europe/Oslo", "  +timezone: Europe/Zurich"} <= set(step["actions"])
    assert "[file-edited]" in said


def test_verbs_about_what_runs_look_at_the_installed_one(infrakit, tmp_path):
    put(ONE)
    (tmp_path / "infrakit.yaml").write_text("version: 1\n")
    done = infrakit("status")
    assert "infrakit.yaml:1" not in done.stderr, done.stderr
