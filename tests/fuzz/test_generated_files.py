"""Generated files: each compiles or is refused with places. None ends in a traceback, a hang, or without memory.

INFRAKIT_FILES=10000 for as many; the first 300 else, and 10,000 after them in a soak.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.files import generated

ROOT = Path(__file__).parents[2]
FILES = int(os.environ.get("INFRAKIT_FILES", "300"))
SOAK = 10_000
WORKERS = 2
IN_ZIPAPP = 24


def judged(first: int, last: int) -> None:
    """The files of these seeds."""
    share = (last - first) // WORKERS
    started = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.fuzz.worker",
                *map(str, (first + number * share, first + (number + 1) * share)),
            ],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(WORKERS)
    ]
    results = []
    for process in started:
        out, err = process.communicate(timeout=900 + last - first)
        assert process.returncode == 0, err[-3000:]
        results.append(json.loads(out))
    wrong = {seed: text for result in results for seed, text in result["wrong"].items()}
    assert not wrong, f"{len(wrong)} files, for instance seed {min(wrong, key=int)}:\n{wrong[min(wrong, key=int)]}"
    assert sum(result["compiled"] + result["refused"] for result in results) == last - first
    assert sum(result["compiled"] for result in results) > (last - first) // 100


def test_files_are_compiled_or_refused():
    judged(0, FILES)


@pytest.mark.soak
def test_thousands_of_files_are_compiled_or_refused():
    judged(FILES, FILES + SOAK)


def test_the_zipapp_says_the_same_without_a_traceback(infrakit, tmp_path):
    for seed in range(FILES, FILES + IN_ZIPAPP):
        (tmp_path / "infrakit.yaml").write_bytes(generated(seed))
        done = infrakit("validate")
        assert done.returncode in (0, 2), (seed, done.stderr)
        assert "Traceback" not in done.stderr, (seed, done.stderr)
