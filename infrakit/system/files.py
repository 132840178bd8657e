"""Bytes <-> files, so that a reader, or a run after a kill, sees the old content or the new, never a part.

Every write checks what the kernel says, follows no link at its last step, and has the mode that we give, whatever the
umask. Errors of the machine (no space, read-only, not permitted) become MachineUnfit with the path.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from infrakit.errors import EXIT_LOCKED, InfraKitError, MachineUnfit, UsageProblem

TEMPORARY = ".infrakit.tmp"
MOST_BYTES = 64 << 20
"""Of a file of ours: what is larger is none."""
SMALLEST_SPARSE, BLOCK = 1 << 16, 512
"""Bytes; the second is what st_blocks counts in (stat(3type))."""
_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
_REMEDIES = {
    28: "free some space and run again",
    30: "choose another folder with -o",
    13: "choose a folder of your own with -o",
}


class Locked(InfraKitError):
    """Another run holds the lock."""

    exit_code = EXIT_LOCKED


@contextmanager
def plain_errors(what: str) -> Iterator[None]:
    """OSError inside -> MachineUnfit: "cannot WHAT: PATH: reason"."""
    try:
        yield
    except BrokenPipeError:
        raise  # not of the machine: whoever reads our output has gone
    except OSError as error:
        place = f"{os.fspath(error.filename)}: " if error.filename else ""
        reason = (error.strerror or str(error)).lower()
        raise MachineUnfit(f"cannot {what}: {place}{reason}", _REMEDIES.get(error.errno or 0, "")) from None


def read(path: str) -> bytes | None:
    """The content of a regular file, or None where there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise MachineUnfit(f"{path}: a file of ours should be here, but this is not a file")
        content = os.read(descriptor, min(status.st_size, MOST_BYTES) + 1)
        while len(content) <= MOST_BYTES:
            more = os.read(descriptor, 1 << 20)
            if not more:
                return content
            content += more
        what = f"{path}: a file of ours should be here, but this has more than {MOST_BYTES} bytes"
        raise MachineUnfit(what, "remove it, or move it away, then run again")
    finally:
        os.close(descriptor)


def read_input(path: str, most_bytes: int = MOST_BYTES) -> bytes:
    """A regular file that the user named, through links too. UsageProblem where it cannot be read, or is larger.

    Never waits (for whoever writes into a pipe), and never reads more than that and one byte, whatever the file says of
    its size.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        with open(descriptor, "rb", buffering=0) as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                kind = "is a directory" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "not a regular file"
                raise UsageProblem(f"{path}: {kind}")
            content = b""
            while len(content) <= most_bytes and (more := file.read(most_bytes + 1 - len(content))):
                content += more
    except OSError as error:
        raise UsageProblem(f"{path}: {(error.strerror or str(error)).lower()}") from None
    if len(content) > most_bytes:
        raise UsageProblem(f"{path}: more than {most_bytes} bytes")
    return content


def only_ours(path: str) -> None:
    """UsageProblem where root is to follow a file that somebody else may change: neither root nor who called sudo, or a
    folder above it is open to everybody. Links count by themselves and by where they lead."""
    if os.geteuid():
        return
    whole = os.path.abspath(path)
    for place in dict.fromkeys((whole, os.path.realpath(whole))):
        _only_ours(path, place)


def _only_ours(named: str, place: str) -> None:
    mine = {0, int(os.environ.get("SUDO_UID") or 0)}
    groups = {0, int(os.environ.get("SUDO_GID") or 0)}
    status = os.lstat(place)
    link, remedy = stat.S_ISLNK(status.st_mode), f"sudo chown root: {place}; sudo chmod go-w {place}"
    if status.st_uid not in mine:
        raise UsageProblem(f"{named} belongs to user {status.st_uid}, and root would do what it says", remedy)
    if not link and (status.st_mode & 0o002 or status.st_mode & 0o020 and status.st_gid not in groups):
        raise UsageProblem(f"{named} can be changed by others, and root would do what it says", remedy)
    folder = os.path.dirname(place)
    while True:
        mode = os.stat(folder).st_mode
        if mode & 0o002 and not mode & stat.S_ISVTX:
            raise UsageProblem(
                f"{named}: everybody may change {folder}, and root would do what the file says",
                f"move it to a folder of your own, or: sudo chmod o-w {folder}",
            )
        if folder == os.path.dirname(folder):
            return
        folder = os.path.dirname(folder)


def write_new(path: str, content: bytes, mode: int, *, flushed: bool = False) -> None:
    """Create (or empty) `path` and write all of `content`; for files that nobody can see yet. `flushed`: onto the disk,
    too."""
    descriptor = os.open(path, _NEW, mode)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
        if flushed:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def only_for_us(path: str) -> IO[bytes]:
    """A file that is written to piece by piece, 0600, in a folder that nobody else can look into."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    return open(os.open(path, _NEW, 0o600), "wb")


def replace(path: str, content: bytes, mode: int = 0o644, *, flushed: bool = False) -> None:
    """Put `content` at `path` by one rename. `flushed`: a power cut, too, leaves the old or the new, and after we
    return the new.

    Without, a power cut may leave an empty file: the rename may reach the disk before the bytes do.
    """
    folder = os.path.dirname(path)
    temporary = os.path.join(folder, TEMPORARY)
    try:
        write_new(temporary, content, mode, flushed=flushed)
        os.chmod(temporary, mode)
        os.rename(temporary, path)
    except OSError as error:
        remove(temporary)
        error.filename = path  # what was asked for, and no name of ours
        raise
    if flushed:
        flush_names(folder)


def replace_alike(path: str, content: bytes) -> None:
    """Put `content` at `path`, through links, with the mode and owner of the file that is there; a new one is for who
    called sudo."""
    place = os.path.realpath(path)
    owner, group, mode = int(os.environ.get("SUDO_UID") or -1), int(os.environ.get("SUDO_GID") or -1), 0o644
    if os.path.lexists(place):
        status = os.stat(place)
        owner, group, mode = status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)
    replace(place, content, mode, flushed=True)
    if not os.geteuid():
        os.chown(place, owner, group)


def replace_as_read(path: str, before: bytes, after: bytes) -> None:
    """`after` in the place of `before`, as it was read. InfraKitError where somebody else has changed it since."""
    only_ours(path)
    if read_input(path) != before:
        raise InfraKitError(f"{path} was changed in the meantime", "run it again")
    with plain_errors("write"):
        replace_alike(path, after)


def flush_names(folder: str) -> None:
    """Have what was made, renamed or removed in a folder on the disk."""
    descriptor = os.open(folder or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: str) -> None:
    """Unlink `path` where it is."""
    try:
        os.unlink(path)
    except (FileNotFoundError, NotADirectoryError):
        pass


def link(source: str, target: str) -> None:
    """The same file under a second name; where the file system has no links, a copy with its mode. Of a symbolic link,
    the link."""
    try:
        os.link(source, target, follow_symlinks=False)
        return
    except OSError:
        if os.path.islink(source):
            os.symlink(os.readlink(source), target)
            return
    reading = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(reading)
        if not stat.S_ISREG(status.st_mode):
            raise MachineUnfit(f"{source}: not a file, and it cannot be linked", "move it out of the tree")
        writing = os.open(target, _NEW | os.O_EXCL, 0o600)
        try:
            while os.sendfile(writing, reading, None, 1 << 24):
                pass
            os.fchmod(writing, status.st_mode & 0o7777)
        finally:
            os.close(writing)
    finally:
        os.close(reading)


def exchange(new: str, old: str) -> None:
    """`new` and `old` change names at one instant; where the system cannot, `old` goes to `.new` first."""
    here, swap = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    if _call("renameat2", here, os.fsencode(new), here, os.fsencode(old), swap) != 0:
        folder, name = os.path.split(new)
        os.rename(old, os.path.join(folder, "." + name))
        os.rename(new, old)


def sparse(folder: str) -> Iterator[str]:
    """Files below `folder` that take less of the disk than they are long; small ones are not worth it."""
    for place, _, names in os.walk(folder):
        for path in (os.path.join(place, name) for name in names):
            try:
                about = os.lstat(path)
            except OSError:  # it is gone meanwhile
                continue
            is_large = stat.S_ISREG(about.st_mode) and about.st_size >= SMALLEST_SPARSE
            if is_large and about.st_blocks * BLOCK < about.st_size:
                yield path


def sync(folder: str) -> None:
    """Flush what was written below `folder` to the disk: one call for the file system that holds it, not one per
    file."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if _call("syncfs", descriptor) != 0:
            os.sync()  # of every disk
    finally:
        os.close(descriptor)


def _call(name: str, *words: int | bytes) -> int:
    """A function of the C library that `os` does not have; -1 where it fails, or is not there."""
    try:
        import _ctypes  # `ctypes` itself would cost a third of a bare start

        library = _ctypes.dlopen(None, 0)  # type: ignore[arg-type]  # None: the program itself
        return int(_ctypes.call_function(_ctypes.dlsym(library, name), words))
    except (ImportError, AttributeError, OSError):
        return -1


@contextmanager
def locked(folder: str) -> Iterator[None]:
    """Hold `folder` for this process. Raises Locked where another one does; a kill lets go of it."""
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Locked(f"{folder}: another run of infrakit is writing there", "wait for it, then run again") from None
        yield
    finally:
        os.close(descriptor)
