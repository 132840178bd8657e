"""Fixtures for all tests. In CI nothing is left out: a skipped test fails the run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def pyz() -> Path:
    """The built zipapp; built here where nobody did."""
    path = ROOT / "dist" / "infrakit.pyz"
    if not path.exists():
        subprocess.run([ROOT / "build.sh"], check=True, stdout=subprocess.DEVNULL)
    return path


@pytest.fixture
def infrakit(pyz, tmp_path):
    """Run the zipapp in an empty folder, as a user would: infrakit("compile", ...) -> CompletedProcess."""

    def run(*words, python=sys.executable, cwd=tmp_path, feed=None, env=None, timeout=60):
        clean = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8", **(env or {})}
        return subprocess.run(
            [python, str(pyz), *words], cwd=cwd, env=clean, input=feed, capture_output=True, text=True, timeout=timeout
        )

    return run


def pytest_sessionfinish(session, exitstatus):
    """A hole that nobody sees is worse than a red run."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None and reporter.stats.get("skipped"):
        reporter.write_line("tests were left out, and in CI none may be", red=True)
        session.exitstatus = 1
