"""One run at a time: a lock that says who holds it, and that a kill lets go of."""

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from infrakit.system.files import Locked, plain_errors


@contextmanager
def held(path: str) -> Iterator[None]:
    """Hold the lock file for this process. Raises Locked, naming the holder, where another one does."""
    import fcntl

    with plain_errors("lock"):
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Locked(f"another run holds {path}: {_holder(descriptor)}", "wait for it, then run again") from None
        words = " ".join(["infrakit", *sys.argv[1:2]])
        holder = {"pid": os.getpid(), "command": words, "since": time.strftime("%Y-%m-%d %H:%M:%S")}
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(holder).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _holder(descriptor: int) -> str:
    try:
        holder = json.loads(os.pread(descriptor, 4096, 0))
        return f"{holder['command']}, pid {holder['pid']}, since {holder['since']}"
    except (ValueError, KeyError, TypeError, OSError):
        return "it has not said who it is"


def is_held(path: str) -> bool:
    """Whether somebody holds it. Asks the kernel, and takes nothing: who comes at the same moment is not refused."""
    try:
        found = os.stat(path)
        with open("/proc/locks", encoding="ascii", errors="replace") as lines:
            place = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
            return any(words[1] == "FLOCK" and words[5] == place for words in map(str.split, lines) if len(words) > 5)
    except OSError:
        return False
