"""Files that somebody could have written: whatever of them compiles is right, and real programs take it.

Each file has 2 s of the processor's time to compile in (one of ten from its text, and with its review). Of every host
of each that compiles, in pure Python: the Deployment, its Compose files as bytes, Caddy's reading of its Caddyfile, and
Authentik's importer (a stand-in for it, tests/emit/importer.py) on its blueprint, twice. Of the real programs (more in
programs.py) HAProxy and Caddy read every file that differs from those before; Caddy validates the first shapes; Compose
reads the first shapes as they are, and of the rest every container that differs in more than words.

INFRAKIT_FILES=20000 for as many; the first 3,000 else, and the 50,000 after them in a soak.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.emit.tree import needs_compose
from tests.runtime.caddy import needs_caddy

ROOT = Path(__file__).parents[2]
FILES = int(os.environ.get("INFRAKIT_FILES", "3000"))
SOAK = 50_000
WORKERS = 2
PATIENCE_S = 1200
"""For all files of one worker: whoever takes longer hangs, and is ended."""


def judged(folder: Path, first: int, last: int) -> dict[str, int]:
    """What became of the files of these seeds; fails with the first that went wrong."""
    share = -(-(last - first) // WORKERS)
    started = []
    for number in range(WORKERS):
        place = folder / str(number)
        place.mkdir()
        begin = first + number * share
        started.append(
            subprocess.Popen(
                [sys.executable, "-m", "tests.fuzz.plausible_worker", str(begin), str(min(last, begin + share)), place],
                cwd=ROOT,
                env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    wrong: dict[str, str] = {}
    total: dict[str, int] = {}
    try:
        for process in started:
            out, err = process.communicate(timeout=PATIENCE_S * (1 + (last - first) // 5000))
            assert process.returncode == 0, err[-3000:]
            result = json.loads(out)
            wrong |= result["wrong"]
            for name, count in (result["counts"] | result["asked"]).items():
                total[name] = total.get(name, 0) + count
    finally:
        for process in started:
            process.kill()
    assert not wrong, f"{len(wrong)} files, for instance seed {min(wrong, key=int)}:\n{wrong[min(wrong, key=int)]}"
    return total


def enough(total: dict[str, int], files: int) -> None:
    """Most files compile, on one host and on several, and every program was asked."""
    print(total)
    assert total["compiled"] + total["refused"] == files
    assert total["compiled"] > files // 2
    assert total["hosts"] > files
    assert total["adapted"] > files // 4
    assert min(total.values()) > 0


@needs_caddy
@needs_compose
def test_what_compiles_is_right_and_taken_by_the_real_programs(tmp_path):
    enough(judged(tmp_path, 0, FILES), FILES)


@pytest.mark.soak
@needs_caddy
@needs_compose
def test_ten_times_as_many_are_right(tmp_path):
    enough(judged(tmp_path, FILES, FILES + SOAK), SOAK)
