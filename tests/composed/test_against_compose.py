"""What a project means to us is what it means to Docker Compose: each folder in cases/, field for field.

A case is compose.yaml with whatever it needs, and compose.override.yaml where it is merged upon it. `config` needs no
engine.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

from infrakit.composed import Asked, read
from tests.composed import printed
from tests.emit.tree import needs_compose

CASES = sorted(Path(__file__).with_name("cases").iterdir())
ENVIRONMENT = {"HOME": "/home/somebody", "OUTSIDE": "from outside"}


def found_in(folder: Path, **asked):
    """The project in `folder`, read as Compose reads it there."""
    files = [name for name in ("compose.yaml", "compose.override.yaml") if (folder / name).exists()]

    def read_file(path):
        place = folder / path
        return place.read_bytes() if place.is_file() else None

    return read(Asked(files, str(folder), ENVIRONMENT["HOME"], ENVIRONMENT, **asked), read_file)


@needs_compose
@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_a_project_is_what_compose_says(folder):
    run = subprocess.run(
        ["docker", "compose", "config", "--format", "json"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], **ENVIRONMENT},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr

    found = found_in(folder)

    assert found.project is not None, "\n".join(problem.text() for problem in found.problems)
    assert printed.project(found.project) == printed.compose(json.loads(run.stdout))


def test_there_are_enough_cases():
    assert len(CASES) >= 25


def test_every_value_has_the_place_it_was_written_at():
    project = found_in(CASES[0].with_name("env-files")).project
    letter = next(service for service in project.services if service.name == "letter")
    places = {each.name: str(each.at) for each in letter.environment}

    assert places["PLAIN"] == "two.env:2:1" and places["HASH"] == "one.env:4:1"
    assert places["AFTER"] == "one.env:15:1", "after values of several lines"
    assert places["FROM"] == "compose.yaml:5:25"
    assert next(each.used for each in letter.environment if each.name == "HAS") == ("PLAIN", "OUTSIDE")
    assert str(letter.places["env_file"]) == "compose.yaml:4:5"


def test_what_comes_by_extends_and_include_stands_where_it_was_written():
    child = found_in(CASES[0].with_name("extends")).project.services[0]
    whole = found_in(CASES[0].with_name("include")).project

    assert str(child.places["restart"]) == "shared/deeper/root.yaml:5:5"
    assert [str(mount.at) for mount in child.volumes][0] == "shared/deeper/root.yaml:6:15"
    assert "parts/attic/compose.yaml" in whole.files and "parts/kitchen/.env" in whole.files


def test_what_is_asleep_is_there_too():
    project = found_in(CASES[0].with_name("profiles")).project

    assert {service.name for service in project.services if not service.active} == {"moon"}
    assert [volume.key for volume in project.volumes] == ["kept", "dropped"]


def test_a_profile_can_be_asked_for():
    assert all(each.active for each in found_in(CASES[0].with_name("profiles"), profiles=["night"]).project.services)
