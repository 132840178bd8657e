"""`update` on the command line, where nothing is to move, or something is in the way; tests/runtime has the rest."""

import json
import os
import shutil
from pathlib import Path

import pytest

from infrakit.stack.layout import CONFIGURATION, STATE, UPDATING

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root changes a machine")
TEXT = "version: 1\ndomain: home.example.org\npattern: monitoring\ntls: {mode: internal}\n"
NOTE = {
    "services": ["wiki"],
    "generation": "0123456789abcdef",
    "images": [["wiki:1", "sha256:1"]],
    "well": ["wiki"],
    "doors": [],
    "before": {"file": TEXT, "lock": None},
    "after": {"file": TEXT, "lock": None},
    "way": "forward",
}


@pytest.fixture(autouse=True)
def installed():
    Path(CONFIGURATION).parent.mkdir(exist_ok=True)
    Path(CONFIGURATION).write_text(TEXT)
    yield
    for place in (STATE, "/etc/infrakit"):
        for path in Path(place).iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def test_where_nothing_is_installed_nothing_moves(infrakit, tmp_path):
    Path(CONFIGURATION).unlink()
    (tmp_path / "infrakit.yaml").write_text(TEXT)
    done = infrakit("update", "--yes")
    assert done.returncode == 2 and "nothing is installed on this machine\n  hint: sudo infrakit up" in done.stderr


def test_what_is_in_the_file_and_not_in_force_is_not_brought_in_by_the_way(infrakit):
    done = infrakit("update", "--yes")
    assert done.returncode == 2 and "an update moves images, and nothing else" in done.stderr


def test_there_is_no_way_back_where_nothing_was_broken_off(infrakit):
    done = infrakit("update", "--back", "--yes")
    assert done.returncode == 2 and "no update was broken off\n  hint: infrakit rollback" in done.stderr


@pytest.mark.parametrize("words", [("up", "--yes"), ("rollback", "--yes")])
def test_whoever_changes_the_stack_hears_of_an_update_that_was_broken_off(infrakit, words):
    Path(UPDATING).write_text(json.dumps(NOTE))
    done = infrakit(*words)
    assert done.returncode == 2 and "an update of wiki was broken off\n  hint: sudo infrakit update goes" in done.stderr
    assert infrakit("up", "--dry-run").returncode == 6, "who only looks may look"
    done = infrakit("update", "--dry-run")
    assert done.returncode == 6 and "an update of wiki was broken off; going forward" in done.stderr
    assert infrakit("update", "--json").returncode == 1 and os.path.exists(UPDATING)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", json.dumps({**NOTE, "before": {}}), json.dumps({**NOTE, "more": 1})]
)
def test_a_note_that_cannot_be_read_is_said_to_be_so(infrakit, content):
    Path(UPDATING).write_text(content)
    done = infrakit("update", "--yes")
    assert done.returncode == 1 and f"{UPDATING} was written by another InfraKit, or damaged" in done.stderr


@pytest.mark.parametrize("words", [("glances",), ("--back",)])
def test_a_timer_moves_what_the_file_says_and_nothing_back(infrakit, words):
    done = infrakit("update", "--automatic", *words)
    assert done.returncode == 2 and "--automatic moves what the file says, and nothing back" in done.stderr
