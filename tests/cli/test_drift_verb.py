"""`drift` on the command line: each thing in a line, and its exit codes."""

import json
import os

import pytest

from tests.cli.test_generation_verbs import PATH, SECOND, two

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root sees it"),
    pytest.mark.usefixtures("machine_engine"),
]
__all__ = ["two"]


def test_a_file_that_was_edited_is_named(infrakit, two):
    place = two / PATH
    place.write_bytes(place.read_bytes() + b"# mine\n")
    done = infrakit("drift")
    assert done.returncode == 6 and f"~ file {place}: was changed\n" in done.stdout, done
    found = json.loads(infrakit("drift", "--json").stdout)
    assert (found["version"], found["generation"]) == (1, 2)
    assert {"kind": "file", "name": str(place), "what": "was changed", "anew": [], "limit": "", "now": ""} in found[
        "drift"
    ]
    gone = {item["name"] for item in found["drift"] if item["what"] == "is gone" and item["kind"] == "container"}
    assert gone == {item.name for service in SECOND.services for item in service.containers}


def test_what_was_edited_comes_back_only_from_a_file_that_still_says_it(infrakit, tmp_path, two):
    (two / PATH).unlink()
    text = f"version: 1\nname: {SECOND.name}\ndomain: home.example.org\ntls: {{mode: internal}}\n"
    (tmp_path / "infrakit.yaml").write_text(f"{text}hosts: {{{SECOND.host}: {{pattern: monitoring}}}}\n")
    done = infrakit("drift", "--revert", "--yes")
    assert done.returncode == 2 and "infrakit.yaml says something else by now" in done.stderr, done


def test_a_way_back_is_shown_first(infrakit, two):
    done = infrakit("drift", "--revert", "--dry-run")
    assert done.returncode == 6, done
    assert done.stdout.startswith(f"take back what was changed by hand on {SECOND.host}: ")
    assert "it is gone" in done.stdout
    assert json.loads(infrakit("drift", "--revert", "--dry-run", "--json").stdout)["version"] == 1


def test_where_nothing_is_in_force_nothing_can_have_drifted(infrakit):
    done = infrakit("drift")
    assert done.returncode == 2 and "no generation is in force" in done.stderr


def test_two_ways_out_are_one_too_many(infrakit, two):
    done = infrakit("drift", "--adopt", "--revert")
    assert done.returncode == 2 and "--revert and --adopt are two ways out of it" in done.stderr
