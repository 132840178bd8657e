"""A run of the tests, and its name: by it, what a run that was killed left behind is told from what another one still
uses."""

import os
from pathlib import Path

VARIABLE = "INFRAKIT_TEST_RUN"


def _started(pid: str) -> str:
    """When a process began, in the kernel's ticks (field 22 of /proc/PID/stat, proc(5)); "" where there is none."""
    try:
        return Path(f"/proc/{int(pid)}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, ValueError):
        return ""


def begin() -> None:
    """This process is the run; those that it starts belong to it."""
    os.environ[VARIABLE] = f"{os.getpid()}-{_started(str(os.getpid()))}"


def current() -> str:
    """PID-START of the process whose run this one belongs to."""
    if VARIABLE not in os.environ:
        begin()
    return os.environ[VARIABLE]


def is_alive(run: str) -> bool:
    """Whether that very process is still there, and not another one of its number."""
    pid, _, start = run.partition("-")
    return start != "" and _started(pid) == start
