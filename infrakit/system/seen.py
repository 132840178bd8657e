"""A file of this machine, and a process in a container that mounts it -> whether that has the file as it is now.

Who replaces a file by a rename leaves the old one where it is mounted, until the container starts again: the engine
looks for the source of a mount at each start. So the process itself is asked, through /proc/PID/root (proc(5)); nothing
needs to be remembered, and no value leaves this module.
"""

import os
import time

from infrakit.system.files import MOST_BYTES

_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def started_with(path: str, pid: int, inside: str, started_at: str) -> bool:
    """Whether the process `pid`, which sees the file as `inside`, has read it since it was written last. `pid` 0: it
    has ended. `started_at` as the engine says it."""
    try:
        with open(path, "rb") as file:
            ours, now = os.fstat(file.fileno()), file.read(MOST_BYTES)
    except OSError:
        return True  # nothing to start anew with
    found = _seen(pid, inside) if pid else None
    if found is not None and (found[0].st_dev, found[0].st_ino) != (ours.st_dev, ours.st_ino):
        return found[1] == now
    # A clock that is behind the file's says nothing: a Raspberry Pi has none of its own, and starts in the past.
    return not _seconds(started_at) < ours.st_mtime <= time.time()


def _seen(pid: int, inside: str) -> tuple[os.stat_result, bytes] | None:
    """What stands at a path for a process; None where it cannot be asked. A link is not followed: an absolute one
    would lead to a file of ours."""
    *folders, name = inside.strip("/").split("/")
    opened: list[int] = []
    try:
        opened.append(os.open(f"/proc/{pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
        for folder in folders:
            opened.append(os.open(folder, _FOLDER, dir_fd=opened[-1]))
        opened.append(os.open(name, _FILE, dir_fd=opened[-1]))
        with open(opened[-1], "rb", closefd=False) as file:
            return os.fstat(opened[-1]), file.read(MOST_BYTES)
    except OSError:
        return None
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _seconds(started_at: str) -> float:
    """2026-11-28T21:29:25.123456789Z -> seconds of the clock; 0 for none."""
    whole, _, rest = started_at.rstrip("Z").partition(".")
    from datetime import datetime

    return datetime.fromisoformat(f"{whole}+00:00").timestamp() + float(f"0.{rest or 0}") if whole else 0.0
