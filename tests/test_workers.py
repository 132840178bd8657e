"""Tests that share a host run in one worker, or every worker installs a host of its own. pytest 9.2 and xdist 3.8
together do not see to it."""

import subprocess
import sys

TESTS = """
import pytest
pytestmark = [pytest.mark.xdist_group("one host")]
@pytest.mark.parametrize("number", range(8))
def test_of_the_host(number, worker_id):
    with open("workers", "a") as file:
        file.write(worker_id + "\\n")
"""


def test_what_shares_a_host_shares_a_worker(tmp_path):
    (tmp_path / "test_host.py").write_text(TESTS)
    words = ["-q", "-n", "2", "--dist", "loadgroup", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", "."]
    done = subprocess.run([sys.executable, "-m", "pytest", *words, "."], cwd=tmp_path, capture_output=True, text=True)
    workers = (tmp_path / "workers").read_text().split()
    assert done.returncode == 0 and len(workers) == 8 and len(set(workers)) == 1, done.stdout
