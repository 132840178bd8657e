"""Fixtures for all tests. In CI nothing is left out: a skipped test fails the run."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import own_places, runs
from tests.runtime import left
from tests.warm import Warm

ROOT = Path(__file__).parents[1]


def pytest_configure(config):
    """Each process that runs tests has the places of root's InfraKit for itself; with several workers, the first one
    runs none."""
    if not hasattr(config, "workerinput"):
        runs.begin()
        if os.geteuid() == 0 and shutil.which("docker") and shutil.which("ip"):
            left.sweep()
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", None):
        own_places.take()


@pytest.fixture(scope="session")
def pyz() -> Path:
    """The built zipapp; built here where nobody did."""
    path = ROOT / "dist" / "infrakit.pyz"
    if not path.exists():
        subprocess.run([ROOT / "build.sh"], check=True, stdout=subprocess.DEVNULL)
    return path


@pytest.fixture(scope="session")
def warm(pyz) -> Warm:
    """For all tests of this process."""
    return Warm(pyz)


@pytest.fixture
def infrakit(pyz, tmp_path, warm):
    """Run the zipapp in an empty folder, as a user would: infrakit("compile", ...) -> CompletedProcess. From cold only
    where another interpreter, or one told otherwise, is asked for."""

    def run(*words, python=sys.executable, cwd=tmp_path, feed=None, env=None, timeout=60):
        clean = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8", **(env or {})}
        if python == sys.executable and not any(key.startswith(("PYTHON", "LC_", "LANG")) for key in env or ()):
            return warm.run(words, cwd, clean, feed, timeout)
        return subprocess.run(
            [python, str(pyz), *words], cwd=cwd, env=clean, input=feed, capture_output=True, text=True, timeout=timeout
        )

    return run


@pytest.fixture(scope="session")
def machine_engine() -> None:
    """This machine's engine answers, for verbs that ask it; whatever ran before."""
    from tests.e2e.bed.engine import start_engine

    start_engine()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """With several workers (build.sh): what shares a fixture that is dear shares a worker, and what takes long begins
    first."""
    items[:] = sorted(filter(_is_on_its_host, items), key=_rank)
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_host(item) or _street(item) or str(item.path)))


def _is_on_its_host(item) -> bool:
    """Not by `parametrize`: that would give the same host another number, and another place in the order."""
    only = item.get_closest_marker("on")
    return only is None or item.callspec.params["fresh"] in only.args


def _host(item) -> str:
    host = item.callspec.params.get("fresh", "") if hasattr(item, "callspec") else ""
    return f"host {host}" if host else ""


STACKS = (
    *("answers", "doctor_runs", "drift", "environment_set_again", "file_with_secret", "foretold", "generations"),
    *("groups_of_host", "random_changes", "secret_set_again", "serving", "start", "way_back"),
)
"""Of the tests of a real engine those that bring a stack up."""
FROM_ZIPAPP = (
    *("backup", "backup_bare", "backup_damaged", "backup_drill", "backup_mariadb", "backup_servers", "backup_rounds"),
    "halt",
    *("rotate", "side_by_side"),
)
"""And those that do it as a user does; of updates, which take longest, by itself."""


def _street(item) -> str:
    """Four at a time, no more: many of them take the same ports and ranges of addresses."""
    if "runtime" not in item.path.parts:
        return ""
    name = item.path.stem.removeprefix("test_")
    if name == "update":
        return "runtime updates"
    return "runtime stacks" if name in STACKS else "runtime zipapp" if name in FROM_ZIPAPP else "runtime"


def _rank(item) -> tuple[int, bool]:
    """The longest first, whatever they do meanwhile: hosts, which mostly wait, for each other's downloads, too; stacks
    of other engines; then what computes for long."""
    slow = {"fuzz", "system", "zipapp"} & set(item.path.parts)
    kinds = (_host(item), item.path.stem == "test_faulty_registry", _street(item), "e2e" in item.path.parts, slow)
    kind = next((number for number, found in enumerate(kinds) if found), len(kinds))
    return kind, item.get_closest_marker("last") is not None


def pytest_runtest_logreport(report):
    """Whoever waits for a run of a quarter of an hour reads at once what went wrong in it."""
    if report.failed and "PYTEST_XDIST_WORKER" not in os.environ:
        said = [line for line in report.longreprtext.splitlines() if line.startswith("E ")]
        print("\n".join([f"\nFAILED {report.nodeid}", *said[:40]]), flush=True)


def pytest_sessionfinish(session, exitstatus):
    """A hole that nobody sees is worse than a red run."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None and reporter.stats.get("skipped"):
        reporter.write_line("tests were left out, and in CI none may be", red=True)
        session.exitstatus = 1
    if not hasattr(session.config, "workerinput"):
        from tests.e2e.bed import engine

        if engine.PLACE.exists():
            engine.remove(runs.current())
