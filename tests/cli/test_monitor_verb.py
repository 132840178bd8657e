"""`monitor` on the command line, where a generation is in force and nothing runs: each fault is told once."""

import json
import os
from pathlib import Path

import pytest

from tests.cli.test_doctor_verb import FILE
from tests.cli.test_generation_verbs import STATE, two

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root sees it"),
    pytest.mark.usefixtures("machine_engine"),
]
__all__ = ["two"]

MEMORY, LOOKED = STATE / "monitor.json", Path("/run/infrakit/looked.json")


@pytest.fixture
def monitor(infrakit, two):
    """Run it. It asks many programs, which may take long on a busy machine."""
    for path in (MEMORY, LOOKED):
        path.unlink(missing_ok=True)
    yield lambda *words: infrakit("monitor", *words, timeout=600)
    for path in (MEMORY, LOOKED):
        path.unlink(missing_ok=True)


def alerts(done):
    assert done.returncode == 0, done
    return {item["key"]: item for item in json.loads(done.stdout)["alerts"]}


def test_a_fault_is_told_at_the_second_look_kept_acknowledged_and_silenced(monitor, infrakit, tmp_path):
    assert monitor("list").stdout == "nothing is known to be wrong\n"
    first = monitor("now", "--automatic")
    assert first.returncode == 0 and "[container-missing]" not in first.stdout, first
    second = monitor("now", "--automatic")
    assert "[container-missing]\n    because: somebody removed it, " in second.stdout
    assert "[container-missing]" not in monitor("now").stdout
    assert MEMORY.stat().st_mode & 0o777 == 0o600
    found = alerts(monitor("list", "--json"))["container-missing"]
    assert found["told"] and found["severity"] == "error" and found["remedy"] == "sudo infrakit up"
    (tmp_path / "infrakit.yaml").write_text(FILE)
    said = infrakit("status", "--json", timeout=600)
    assert "container-missing" in {item["key"] for item in json.loads(said.stdout)["alerts"]}, said
    assert "\n* not there: " in infrakit("status", timeout=600).stdout
    done = monitor("ack", "container-mising")
    assert done.returncode == 2 and "did you mean 'container-missing'?" in done.stderr
    assert monitor("ack", "container-missing").returncode == 0
    assert monitor("silence", "container-*", "--for", "2h", "--because", "on holiday").returncode == 0
    done = monitor("list")
    assert ", acknowledged by root, silent until 20" in done.stdout and "(on holiday)" in done.stdout
    assert "monitor: {}" in done.stderr
    assert monitor("silence", "container-*", "--end").returncode == 0
    assert not alerts(monitor("list", "--json"))["container-missing"]["silent_until"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("silence", "x"), "a silence has an end"),
        (("silence", "x", "--for", "1h", "--end"), "a silence has an end"),
        (("silence", "x", "--for", "1y"), "--for 1y is no time"),
        (("silence", "x", "--for", "9000d"), "--for 9000d is no time"),
        (("silence", "x\n", "--for", "1h"), "is one short line"),
        (("silence", "x", "--end"), "nothing is silent by x"),
        (("ack", "x"), "nothing is known to be wrong by the key x"),
    ],
)
def test_what_makes_no_sense_is_refused(monitor, words, said):
    done = monitor(*words)
    assert done.returncode == 2 and said in done.stderr and not MEMORY.exists(), done


def test_a_look_while_the_stack_is_changed_says_nothing_of_it(monitor, holding_the_lock):
    for _ in range(3):
        assert "container-missing" not in monitor("now").stdout


def test_two_looks_at_a_time_are_one(monitor, holding_the_look):
    done = monitor("now", "--automatic")
    assert done.returncode == 75 and "another run holds" in done.stderr


@pytest.fixture
def holding_the_lock():
    from infrakit.system.lock import held

    with held("/run/infrakit.lock"):
        yield


@pytest.fixture
def holding_the_look():
    from infrakit.system.lock import held

    with held("/run/infrakit/monitor.lock"):
        yield
