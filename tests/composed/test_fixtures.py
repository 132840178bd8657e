"""Compose projects after what people run, in our own words: what each becomes, line for line and row for row.

A folder of fixtures/ is a project; expected.yaml and expected.txt are what it is converted to (INFRAKIT_UPDATE=1 writes
them anew), asked.json says what is asked of it besides. Every value that is a secret has HUSH in it.
"""

import json
import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from infrakit.catalog import load_catalog
from infrakit.compiler import load
from infrakit.composed import Asked, read
from infrakit.composed.apps import converted
from infrakit.composed.apps_text import lines, table
from infrakit.composed.fit import fitted
from infrakit.composed.names import Taken, reserved, reserved_volumes
from infrakit.composed.service import KEYS
from infrakit.composed.words import OUTCOMES, REFUSED, WITHHELD
from infrakit.config import parse
from infrakit.errors import ConfigurationInvalid
from infrakit.resources import schema
from tests.composed import printed
from tests.composed.test_hostile import WORDS, mutated
from tests.emit.tree import needs_compose

FIXTURES = sorted(Path(__file__).with_name("fixtures").iterdir())
HUSH = "hush"
HOME = "/home/ada"
HEAD = "version: 1\ndomain: home.example.org\npattern: full\ntls: {mode: internal}\n"
UNPINNED = {"latest"}
"""Fixtures whose images have no version: `validate` wants one, and nobody but a person can choose it."""
NOT_IN_A_FIXTURE: dict[str, str] = {}
"""Properties of a service that no fixture has -> why."""
PROPERTIES = Path(__file__).with_name("service-properties.txt").read_text().split()
"""Of a service, in the schema of the Compose specification (compose-spec.json)."""
YOUNGER = {"local-ai"}
"""Fixtures with keys that the Compose of Debian 12 does not know."""


def asked_of(folder):
    """What is read of a fixture, as if it stood where people keep such things."""
    place = f"/srv/stacks/{folder.name}"
    more = folder / "asked.json"

    def read_file(path):
        found = folder / path
        return found.read_bytes() if found.is_file() else None

    return Asked((), place, HOME, {}, **(json.loads(more.read_text()) if more.exists() else {})), read_file


def project_of(folder):
    asked, read_file = asked_of(folder)
    found = read(asked, read_file)
    assert found.project is not None, "\n".join(problem.text() for problem in found.problems)
    return found.project


def converted_of(folder):
    return converted(
        project_of(folder),
        f"/srv/stacks/{folder.name}",
        Taken(reserved(load_catalog()), reserved_volumes(load_catalog())),
    )


each = pytest.mark.parametrize("folder", FIXTURES, ids=lambda folder: folder.name)


@each
def test_a_project_becomes_apps_and_every_key_has_its_row(folder):
    found = converted_of(folder)

    for name, text in (("expected.yaml", lines(found)), ("expected.txt", table(found))):
        if os.environ.get("INFRAKIT_UPDATE"):
            (folder / name).write_text(text)
        assert (folder / name).read_text() == text
    assert {row.outcome for row in found.rows} <= set(OUTCOMES)
    assert all(row.said for row in found.rows if row.outcome in (REFUSED, WITHHELD))


@each
def test_no_secret_is_in_what_is_written_or_said(folder):
    found = converted_of(folder)
    assert HUSH not in lines(found) + table(found) + repr(found.apps) + repr(found.rows)
    assert all(value not in lines(found) + table(found) for value in found.secrets.values())
    assert all(HUSH in value for value in found.secrets.values())


@each
def test_what_a_project_becomes_is_right_for_validate(folder):
    found = converted_of(folder)
    known = schema("infrakit")
    keys = known["properties"]["apps"]["additionalProperties"]["properties"]
    assert {key for app in found.apps.values() for key in app} <= set(keys)
    codes = set()
    try:
        load(f"{HEAD}{lines(fitted(found, known))}".encode(), "infrakit.yaml", lambda name: b"")
    except ConfigurationInvalid as error:
        codes = {problem.code for problem in error.problems if problem.severity == "error"}
        text = "\n".join(problem.text() for problem in error.problems)
        assert codes <= ({"image-not-pinned"} if folder.name in UNPINNED else set()), text
    assert folder.name not in UNPINNED or "image-not-pinned" in codes


@needs_compose
@pytest.mark.parametrize(
    "folder", [folder for folder in FIXTURES if folder.name not in YOUNGER], ids=lambda folder: folder.name
)
def test_a_fixture_is_to_us_what_it_is_to_compose(folder, tmp_path):
    place = tmp_path / folder.name
    shutil.copytree(folder, place)
    asked, read_file = asked_of(folder)
    words = [*(f"--profile={each}" for each in asked.profiles), *(["-p", asked.name] if asked.name else [])]
    run = subprocess.run(
        ["docker", "compose", *words, "config", "--format", "json"],
        cwd=place,
        env={"PATH": os.environ["PATH"], "HOME": HOME},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr

    found = read(asked._replace(folder=str(place)), read_file)

    assert found.project is not None
    assert printed.project(found.project) == printed.compose(json.loads(run.stdout))


@each
def test_whatever_compose_can_read_becomes_lines_that_can_be_read(folder):
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    asked, _ = asked_of(folder)
    names = [name for name in files if not name.startswith(("expected", "asked"))]
    chance = random.Random(folder.name)
    for _ in range(12):
        name = chance.choice(names)
        changed = files | {name: mutated(chance, files[name], WORDS)}
        project = read(asked, changed.get).project
        if project is not None:
            found = fitted(converted(project, asked.folder), schema("infrakit"))
            tree = parse(lines(found).encode(), "infrakit.yaml")
            assert [key.value for key, _ in tree.root.value] == ["apps", "volumes"][: 1 + bool(found.volumes)]
            assert all(str(row.at) in table(found) for row in found.rows)


def test_every_property_of_a_service_is_in_a_fixture():
    said = {key for folder in FIXTURES for service in project_of(folder).services for key in service.places}
    said |= {"extends"} if any("extends:" in path.read_text() for path in FIXTURES[0].parent.rglob("*.y*ml")) else set()

    assert {*PROPERTIES} - said == {*NOT_IN_A_FIXTURE}
    assert {*PROPERTIES} == {*KEYS}
    assert len(FIXTURES) >= 25 and all(NOT_IN_A_FIXTURE.values())
