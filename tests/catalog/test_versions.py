"""Which version is too old, and which pins are: the build fails where a pin is below what is known of its image."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infrakit.catalog import load_catalog
from infrakit.catalog.outdated import pins
from infrakit.catalog.versions import Newer, below_floor, newest, repository_of, tag_of, version

CONTAINERS = [item for blueprint in load_catalog().blueprints.values() for item in blueprint.containers]
ROOT = Path(__file__).parents[2]
LINES = ("2.39.9", "2.45.4", "3.1.0")


@pytest.mark.parametrize("container", CONTAINERS, ids=lambda item: item.name)
def test_no_pin_is_below_the_floor_of_its_image(container):
    assert version(tag_of(container.image))
    assert not below_floor(version(tag_of(container.image)), container.minimum_version)


@pytest.mark.parametrize("container", CONTAINERS, ids=lambda item: item.name)
def test_a_pin_says_when_it_was_looked_up_and_its_floor_says_why(container):
    assert container.seen
    assert bool(container.minimum_version) == bool(container.advisory)


def test_a_build_refuses_a_pin_below_the_floor(tmp_path):
    for name in ("infrakit", "blueprints", "schema"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    place = tmp_path / "blueprints/caddy.yaml"
    place.write_text(re.sub("caddy:[0-9.]+", "caddy:2.6.2", place.read_text()))
    build = [sys.executable, str(tmp_path / "infrakit/packaging/build.py"), "no-wheels"]
    done = subprocess.run(build, capture_output=True, text=True)
    assert done.returncode == 1 and not (tmp_path / "dist").exists()
    assert done.stderr.startswith("blueprints: error: docker.io/library/caddy:2.6.2 (caddy) is below ")


def test_what_is_known_of_an_image_is_the_same_wherever_it_is_pinned():
    known = {}
    for item in CONTAINERS:
        facts = (item.image, item.architectures, item.minimum_version, item.advisory, item.seen)
        assert known.setdefault(repository_of(item.image), facts) == facts, item.name


@pytest.mark.parametrize(
    "tag,floors,old",
    [
        ("2.39.6-alpine", LINES, True),
        ("2.39.9-alpine", LINES, False),
        ("2.45.0", LINES, True),
        ("2.45.4", LINES, False),
        ("2.41.9", LINES, True),
        ("3.0.9", LINES, True),
        ("3.2.0", LINES, False),
        ("2.39", LINES, False),
        ("2", LINES, False),
        ("v10.7.3", ("10.7.4",), True),
        ("v10.10.0", ("10.7.4",), False),
        ("16-alpine", ("15.20", "16.16", "17.12"), False),
        ("16.15-alpine", ("15.20", "16.16", "17.12"), True),
        ("15.20", ("15.20", "16.16", "17.12"), False),
        ("13.30", ("15.20", "16.16", "17.12"), True),
        ("18.1", ("15.20", "16.16", "17.12"), False),
        ("nightly", LINES, False),
        ("20261128090000", LINES, False),
        ("1.0", (), False),
    ],
)
def test_a_version_is_judged_by_the_floor_of_its_line(tag, floors, old):
    assert below_floor(version(tag), floors) is old


def test_an_image_is_listed_once_with_all_that_run_it_and_what_is_newer():
    found = {pin.image: pin for pin in pins(load_catalog(), {"docker.io/library/postgres": ("16.99", "1.0")})}
    postgres = found["docker.io/library/postgres"]
    assert postgres.newer == ("16.99",) and {"authentik-database", "guacamole-database"} <= set(postgres.containers)
    assert len(found) == len({repository_of(item.image) for item in CONTAINERS})
    assert [name for name, pin in found.items() if pin.newer] == ["docker.io/library/postgres"]


def test_a_name_with_a_port_and_a_digest_comes_apart():
    image = f"registry.lan:5000/a/b:1.2@sha256:{'0' * 64}"
    assert (repository_of(image), tag_of(image)) == ("registry.lan:5000/a/b", "1.2")
    assert (repository_of("registry.lan:5000/a/b"), tag_of("registry.lan:5000/a/b")) == ("registry.lan:5000/a/b", "")


POSTGRES = ("16", "16-alpine", "16.16", "16.16-alpine", "16.16-alpine3.22", "16.15-bookworm", "17.12-alpine", "latest")
DOZZLE = (
    "v10.7.3",
    "v10.9.12",
    "v10.10.0",
    "v10.10.0-alpine",
    "v11.0.0",
    "v11.0.0-rc.1",
    "pr-4711",
    "10.99.0",
    "alpine",
)
AUTHENTIK = ("2026.5.6", "2026.8.7", "2026.8.10", "2026.8.8-rc1", "2026.11.0", "2026.8", "gh-next")
LINUXSERVER = (
    "5.1.2",
    "5.1.2-r0-ls92",
    "5.1.2-r0-ls101",
    "5.1.4-r0-ls99",
    "5.1.4-r1-ls1",
    "6.0.0-r0-ls1",
    "amd64-5.9.9-r0-ls1",
)
ZERO = ("0.9.1", "0.9.2", "0.10.0", "1.0.0", "0.9.2-dirty")


@pytest.mark.parametrize(
    "tag,tags,found",
    [
        ("16.15-alpine", POSTGRES, ("16.16-alpine", "17.12-alpine")),
        ("16.15-alpine3.20", POSTGRES, ("16.16-alpine3.22", "")),
        ("16.15", POSTGRES, ("16.16", "")),
        ("16-alpine", POSTGRES, ("", "")),
        ("16.16-alpine3.22", POSTGRES, ("", "")),
        ("v10.7.3", DOZZLE, ("v10.10.0", "v11.0.0")),
        ("v11.0.0", DOZZLE, ("", "")),
        ("alpine", DOZZLE, ("", "")),
        ("2026.8.7", AUTHENTIK, ("2026.8.10", "2026.11.0")),
        ("2026.5.2", AUTHENTIK, ("2026.5.6", "2026.11.0")),
        ("5.1.2-r0-ls92", LINUXSERVER, ("5.1.4-r1-ls1", "6.0.0-r0-ls1")),
        ("0.9.1", ZERO, ("0.9.2", "1.0.0")),
        ("0.9.2", ("0.9.3-beta", "nightly"), ("", "")),
        ("20251101", ("20251129",), ("", "")),
        ("RELEASE.2025-09-07T16-13-09Z", ("RELEASE.2025-10-15T17-29-55Z",), ("", "")),
        ("", ("1.0",), ("", "")),
    ],
)
def test_the_newest_tag_is_of_the_same_form_and_a_later_line_is_told_apart(tag, tags, found):
    assert newest(tag, tags) == newest(tag, reversed(tags)) == Newer(*found)
