"""A Python with nothing installed, an environment with nothing in it, and the calls that are measured."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
SYSTEM_PYTHON = "/usr/bin/python3"
START = """
import os, sys, time
nothing = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_WRONLY, 0) for number in (1, 2)]
started = time.perf_counter()
child = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=nothing)
_, status, usage = os.wait4(child, 0)
print(usage.ru_utime + usage.ru_stime, time.perf_counter() - started, usage.ru_maxrss, os.waitstatus_to_exitcode(status))
"""  # noqa: E501 -- verbatim text
"""Starts a command from a process as small as a bare Python: Linux counts the memory of who started it as the command's
own peak."""


class Cost(NamedTuple):
    """Of one call: seconds of processor and of the clock, most resident memory."""

    cpu_s: float
    wall_s: float
    peak_kib: int


def bare_python(folder: Path) -> str:
    """The interpreter of a virtual environment without packages: a .pth file somewhere would triple the start."""
    base = SYSTEM_PYTHON if os.path.exists(SYSTEM_PYTHON) else sys.executable
    subprocess.run([base, "-m", "venv", "--without-pip", folder / "bare"], check=True)
    return str(folder / "bare" / "bin" / "python3")


def environment(folder: Path) -> dict[str, str]:
    """No PYTHONDONTWRITEBYTECODE and the like, which would measure something else."""
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONHASHSEED": "0"}


def example(name: str) -> str:
    """The text of an embedded example."""
    return (ROOT / "infrakit" / "examples" / f"{name}.yaml").read_text()


def measure(python: str, words: list[str], folder: Path, codes: tuple[int, ...] = (0,)) -> Cost:
    """What a command costs; it must end with one of `codes`."""
    run = subprocess.run(
        [python, "-I", "-S", "-c", START, *map(str, words)],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        check=True,
    )
    cpu_s, wall_s, peak_kib, code = run.stdout.split()
    assert int(code) in codes, f"{words}: exit code {code}"
    return Cost(float(cpu_s), float(wall_s), int(peak_kib))
