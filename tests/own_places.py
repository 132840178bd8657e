"""The places of a machine that root's InfraKit writes to, empty and the calling process's own; they end with it, also
when it is killed.

A mount namespace does it. Processes that outlive a run of the tests, such as the machine's engine, start outside of it.
"""

import ctypes
import os
import subprocess
from pathlib import Path

FOLDERS = ("/var/cache/infrakit", "/var/lib/infrakit", "/etc/infrakit", "/run/infrakit")
LOCK = "/run/infrakit.lock"
NEW_MOUNTS, BIND, RECURSIVE, PRIVATE = 0x20000, 0x1000, 0x4000, 0x40000
"""CLONE_NEWNS (unshare(2)), MS_BIND, MS_REC and MS_PRIVATE (mount(2))."""

_outside = -1


def _call(name: str, *values: object) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*values):
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def take() -> None:
    """From now on, for this process and those that it starts. Once; root only."""
    global _outside
    if _outside >= 0 or os.geteuid():
        return
    for place in FOLDERS:
        os.makedirs(place, mode=0o700, exist_ok=True)
    Path(LOCK).touch(0o600)
    _outside = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    _call("unshare", NEW_MOUNTS)
    _call("mount", b"none", b"/", None, RECURSIVE | PRIVATE, None)
    for place in FOLDERS:
        _call("mount", b"tmpfs", place.encode(), b"tmpfs", 0, b"mode=700")
    own_lock = Path(FOLDERS[0], "lock")
    own_lock.touch(0o600)
    _call("mount", bytes(own_lock), LOCK.encode(), None, BIND, None)


def leave() -> None:
    """For `preexec_fn`: the process that starts sees the machine as it is."""
    if _outside >= 0:
        _call("setns", _outside, NEW_MOUNTS)


def run_outside(*words: object) -> None:
    """A command that must end well, there: such as a mount that the machine's engine has to see."""
    subprocess.run(list(map(str, words)), check=True, preexec_fn=leave)


def caches(home: Path) -> list[Path]:
    """What starts of the zipapp keep. `home`: that of the caller, where he is not root."""
    folder = home / ".cache" / "infrakit" if os.geteuid() else Path(FOLDERS[0])
    return list(folder.glob("code-*"))


def empty_cache(home: Path) -> None:
    """As before the first start ever of any build."""
    for path in caches(home):
        path.unlink()
