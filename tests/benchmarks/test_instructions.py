"""Gates on work done, counted by valgrind in instructions, as a ratio to a bare `python3 -c pass`. Never seconds.

The limits stand about a tenth above what was measured; raise one only with a reason in the commit.
"""

import shutil
import statistics
import subprocess

import pytest

from tests import own_places
from tests.benchmarks.bare import environment, example
from tests.benchmarks.meter import Meter

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed"),
]


@pytest.fixture(scope="module")
def meter(pyz, tmp_path_factory):
    meter = Meter(tmp_path_factory.mktemp("instructions"), pyz)
    (meter.folder / "infrakit.yaml").write_text(example("full"))
    meter.run("compile")
    return meter


def test_version(meter):
    assert meter.ratio("--version") < 2.4


def test_help(meter):
    assert meter.ratio("--help") < 3.7


def test_compile_of_a_changed_file(meter):
    (meter.folder / "infrakit.yaml").write_text(example("full").replace("family", "friends"))
    assert meter.ratio("compile") < 13.5


def test_compile_of_an_unchanged_file(meter):
    meter.run("compile")
    assert meter.ratio("compile") < 3.0


def test_first_start_ever(meter):
    own_places.empty_cache(meter.folder)
    assert meter.ratio("compile", "--example", "full", "--no-secrets", "-o", "first", warm=False) < 14.8


def test_what_other_verbs_left_behind_costs_a_compile_nothing(meter):
    """The verbs of the other half bring Docker's SDK, click and much of ours into the cache."""
    own_places.empty_cache(meter.folder)
    calls = {"changed": ["compile", "--no-secrets", "-o", "other"], "unchanged": ["compile"], "help": ["--help"]}
    for words in (*calls.values(), *calls.values()):
        meter.run(*words)
    (cache,) = own_places.caches(meter.folder)
    before = cache.read_bytes()
    for verb in ("bundle create", "install", "lock", "logs", "preflight", "status", "uninstall", "up"):
        meter.run(*verb.split(), "--help")
    after = cache.read_bytes()
    assert len(after) > 1.5 * len(before)
    for name, words in calls.items():
        costs = {before: [], after: []}
        # By turns: how much of Python's own files the kernel maps at once depends on what else the machine does. What
        # came along when all was loaded was a quarter more.
        for _ in range(15):
            for content, peaks in costs.items():
                cache.write_bytes(content)
                peaks.append(meter.peak_kib(*words))
        assert statistics.median(costs[after]) == pytest.approx(statistics.median(costs[before]), rel=0.05), name
        instructions = []
        for content in (before, after):
            cache.write_bytes(content)
            instructions.append(meter.ratio(*words, warm=False))
        assert instructions[1] == pytest.approx(instructions[0], rel=0.01), name


def test_compile_imports_nothing_heavy(meter):
    run = subprocess.run(
        [meter.python, "-X", "importtime", meter.pyz, "compile", "--check"],
        cwd=meter.folder,
        env=environment(meter.folder),
        capture_output=True,
        text=True,
    )
    imported = {line.rpartition("|")[2].strip() for line in run.stderr.splitlines() if line.startswith("import time:")}
    heavy = {
        "click",
        "dataclasses",
        "hashlib",
        "_hashlib",
        "importlib.metadata",
        "inspect",
        "jsonschema",
        "pathlib",
        "subprocess",
        "tempfile",
    }
    assert not imported & heavy
