"""`generations`, `diff` and `rollback` on the command line, on a machine with two generations."""

import json
import os
import shutil
from pathlib import Path

import pytest

from infrakit.emit import emit
from infrakit.stack.change import applied
from infrakit.stack.generation import generation_id
from infrakit.stack.layout import CONFIGURATION
from infrakit.system.digest import hex_digest
from tests.emit.examples import hosts

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root sees them"),
    pytest.mark.usefixtures("machine_engine"),
]
STATE = Path("/var/lib/infrakit")
FIRST = hosts()["monitoring-watch"]
SERVICE = FIRST.services[0]
PATH = f"services/{SERVICE.name}.yaml"
SMALL, LARGE = (
    SERVICE._replace(containers=tuple(item._replace(memory_bytes=size) for item in SERVICE.containers))
    for size in (99 << 20, 1 << 30)
)
FIRST, SECOND = (FIRST._replace(services=(item, *FIRST.services[1:])) for item in (SMALL, LARGE))


def put(host, number: int, *changed: str) -> Path:
    """Write a generation as `up` does, and put it in force."""
    artifacts = emit(host)
    name = generation_id(artifacts, hex_digest)
    folder = STATE / "generations" / name
    for item in artifacts:
        path = folder / item.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(item.content)
        path.chmod(item.mode)
    files = applied.files_of(artifacts, hex_digest)
    record = applied.to_json(applied.Applied(name, number, "0.1.0", changed, files, {}, host))
    (folder / applied.FILE).write_bytes(record)
    os.utime(folder / applied.FILE, (number, number))
    (STATE / "current").unlink(missing_ok=True)
    (STATE / "current").symlink_to(f"generations/{name}")
    return folder


@pytest.fixture
def two():
    put(FIRST, 1)
    yield put(SECOND, 2, "~ .env", "~ more")
    shutil.rmtree(STATE / "generations")
    (STATE / "current").unlink()


def test_they_are_listed_with_what_each_changed(infrakit, two):
    lines = infrakit("generations").stdout.splitlines()
    assert lines == [
        "    1  1970-01-01T00:00:01Z  InfraKit 0.1.0  the first",
        "*   2  1970-01-01T00:00:02Z  InfraKit 0.1.0  ~ .env (and 1 more)",
    ]
    found = json.loads(infrakit("generations", "--json").stdout)
    assert found["version"] == 1 and [item["in_force"] for item in found["generations"]] == [False, True]
    assert found["generations"][1]["changed"] == ["~ .env", "~ more"]


@pytest.mark.parametrize("words", [("1", "2"), ("1",)])
def test_what_is_different_between_two(infrakit, two, words):
    secret = two / "secrets"
    secret.mkdir()
    (secret / "word").write_text("not-to-be-seen")
    done = infrakit("diff", *words)
    assert done.returncode == 0 and f"--- a/{PATH}\n+++ b/{PATH}\n" in done.stdout
    assert "99m" in done.stdout and "1g" in done.stdout
    assert "not-to-be-seen" not in done.stdout
    found = json.loads(infrakit("diff", *words, "--json").stdout)
    assert (found["from"], found["to"]) == (1, 2) and PATH in found["files"]


def test_one_and_the_same_has_no_difference(infrakit, two):
    assert infrakit("diff", "2", "2").stdout == "generations 2 and 2: the same files\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("rollback", "7"), "there is no generation 7\n  hint: one of: 1, 2\n"),
        (("diff", "7", "1"), "there is no generation 7\n  hint: one of: 1, 2\n"),
    ],
)
def test_a_number_that_is_not_there_is_refused(infrakit, two, words, said):
    done = infrakit(*words)
    assert done.returncode == 2 and said in done.stderr


def test_a_way_back_is_shown_before_it_is_gone(infrakit, two):
    done = infrakit("rollback", "1", "--dry-run")
    assert done.returncode == 6, done
    assert done.stdout.startswith(f"take {FIRST.name} on {FIRST.host} back to generation 1: ")
    assert done.stdout.endswith("data does not go back: what newer versions made of it stays as they left it\n")
    found = json.loads(infrakit("rollback", "1", "--dry-run", "--json").stdout)
    assert found["version"] == 1 and found["changes"]
    assert os.readlink(STATE / "current") == f"generations/{two.name}"


def test_where_nothing_was_in_force_there_is_nothing_to_go_back_to(infrakit):
    done = infrakit("rollback")
    assert done.returncode == 2 and "no generation is in force" in done.stderr
    assert infrakit("generations").stdout == ""


@pytest.fixture
def installed():
    Path(CONFIGURATION).parent.mkdir(exist_ok=True)
    Path(CONFIGURATION).write_text("version: 1\ndomain: home.example.org\npattern: monitoring\ntls: {mode: internal}\n")
    yield
    Path(CONFIGURATION).unlink()


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("verb", ["up", "plan", "install", "preflight", "rollback 1"])
def test_a_release_that_does_not_open_the_data_is_refused(infrakit, verb):
    """By each verb that would start it; nothing is done."""

    def of(tag: str):
        services = (
            item._replace(
                containers=tuple(
                    part._replace(image=f"ghcr.io/goauthentik/server:{tag}") if "goauthentik" in part.image else part
                    for part in item.containers
                )
            )
            for item in FIRST.services
        )
        return FIRST._replace(services=tuple(services))

    try:
        put(of("2025.12.4"), 1)
        last = put(of("2026.2.3"), 2)
        done = infrakit(*verb.split())
        said = done.stdout + done.stderr
        assert done.returncode == 3 and "authentik ran ghcr.io/goauthentik/server:2026.2.3, and 20" in said
        assert "[other-line]" in said or "stay with 2026.2.3" in said
        assert os.readlink(STATE / "current") == f"generations/{last.name}"
    finally:
        shutil.rmtree(STATE / "generations")
        (STATE / "current").unlink()


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    "verb", ["up", "apply kept", "install", "update", "rollback", "drift --revert", "secrets rotate --all"]
)
def test_an_older_infrakit_changes_nothing_of_what_a_newer_one_put_in_force(infrakit, two, verb):
    """Whatever else the newer one writes there; who only looks may look."""
    kept = infrakit("plan", "--out", "kept")
    assert kept.returncode == 0, kept.stderr
    record = json.loads((two / applied.FILE).read_text()) | {"program": "0.10.0", "format": 2, "deployment": []}
    (two / applied.FILE).write_text(json.dumps(record))
    done = infrakit(*verb.split(), "--yes")
    assert done.returncode == 2 and "InfraKit 0.10.0 put in force what runs here, and this is 0.1.0" in done.stderr
    assert infrakit("up", "--dry-run").returncode == 6
