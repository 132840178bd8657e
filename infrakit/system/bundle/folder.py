"""A folder that may be hostile, or on a failing medium -> its names and bytes. Follows no link, opens no device, writes
nothing."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from infrakit.bundle.fault import Refused, refused
from infrakit.bundle.manifest import MOST_DEPTH, MOST_FILES, NAME
from infrakit.errors import MachineUnfit

READ = 1 << 20
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
OF_SYSTEMS = {
    "System Volume Information",
    "$RECYCLE.BIN",
    "lost+found",
    ".Trashes",
    ".fseventsd",
    ".Spotlight-V100",
    ".TemporaryItems",
    ".DS_Store",
    "FOUND.000",
}
"""What systems put beside everything on a medium. Not looked into."""


class Listing(NamedTuple):
    """Path -> size for files, the folders, and what is neither."""

    files: dict[str, int]
    folders: set[str]
    others: dict[str, str]


class Folder:
    """`with Folder(path) as folder:`. Raises MachineUnfit where it cannot be opened at all."""

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            # The last step of what the user named may be a link of his own.
            self._root = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise MachineUnfit(
                f"{path}: {(error.strerror or str(error)).lower()}", "name the folder that holds bundle.json"
            ) from None

    def __enter__(self) -> "Folder":
        return self

    def __exit__(self, *error: object) -> None:
        os.close(self._root)

    def listing(self) -> Listing:
        """All that stands there. Raises Refused where it is too much, or cannot be listed."""
        found = Listing({}, set(), {})
        self._list(self._root, "", found)
        return found

    def _list(self, descriptor: int, above: str, found: Listing) -> None:
        try:
            with os.scandir(descriptor) as entries:
                names = sorted(entry.name for entry in entries)
        except OSError as error:
            raise refused(
                "unreadable", above, f"it cannot be listed: {(error.strerror or str(error)).lower()}"
            ) from None
        for name in names:
            if not above and (name in OF_SYSTEMS or name.startswith(".Trash-")):
                continue
            path = f"{above}/{name}" if above else name
            if (
                len(found.files) + len(found.folders) + len(found.others) > 2 * MOST_FILES
                or path.count("/") > MOST_DEPTH
            ):
                raise refused("too-much", above, "more stands there than any bundle has")
            try:
                self._sort(descriptor, name, path, found)
            except OSError as error:
                raise refused(
                    "unreadable", path, f"it cannot be looked at: {(error.strerror or str(error)).lower()}"
                ) from None

    def _sort(self, descriptor: int, name: str, path: str, found: Listing) -> None:
        status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
        if stat.S_ISREG(status.st_mode):
            found.files[path] = status.st_size
        elif stat.S_ISDIR(status.st_mode):
            found.folders.add(path)
            below = os.open(name, _FOLDER, dir_fd=descriptor)
            try:
                self._list(below, path, found)
            finally:
                os.close(below)
        else:
            found.others[path] = "a link" if stat.S_ISLNK(status.st_mode) else "a device, a pipe or a socket"

    @contextmanager
    def open(self, path: str) -> Iterator[int]:
        """A descriptor of a regular file, by steps of which none is a link. Raises Refused."""
        steps = path.split("/")
        descriptor = self._root
        try:
            for number, step in enumerate(steps):
                try:
                    below = os.open(step, _FILE if number == len(steps) - 1 else _FOLDER, dir_fd=descriptor)
                except OSError as error:
                    raise refused(*_why(error, path)) from None
                finally:
                    if descriptor != self._root:
                        os.close(descriptor)
                    descriptor = self._root
                descriptor = below
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise refused("not-a-file", path, "a file should be here, and it is none")
            yield descriptor
        finally:
            if descriptor != self._root:
                os.close(descriptor)

    def small(self, path: str, most: int) -> bytes:
        """All of a small file. Raises Refused where it is not there, or larger than `most`."""
        with self.open(path) as descriptor:
            size = os.fstat(descriptor).st_size
            if size > most:
                raise refused("too-much", path, f"it has {size} bytes; {most} are the most")
            try:
                return b"".join(read_chunks(descriptor, 0, size))
            except OSError as error:
                raise refused(
                    "unreadable", path, f"it cannot be read: {(error.strerror or str(error)).lower()}"
                ) from None


def read_chunks(descriptor: int, start: int, length: int) -> Iterator[bytes]:
    """The bytes from `start` on, in pieces; fewer where the file ends before."""
    while length > 0:
        piece = os.pread(descriptor, min(length, READ), start)
        if not piece:
            return
        yield piece
        start, length = start + len(piece), length - len(piece)


def from_medium(descriptor: int, start: int = 0, length: int = 0) -> None:
    """Let the kernel forget what it keeps of a file, so that it is read anew from where it lies."""
    try:
        os.posix_fadvise(descriptor, start, length, os.POSIX_FADV_DONTNEED)
    except OSError:
        pass  # a file system without a cache


def _why(error: OSError, path: str) -> tuple[str, str, str]:
    if error.errno == errno.ENOENT:
        return "missing", path, "it is not there"
    if error.errno in (errno.ELOOP, errno.EMLINK, errno.ENOTDIR):
        return "link", path, "it, or a folder above it, is a link or no folder"
    if error.errno in (errno.ENXIO, errno.ENODEV):
        return "not-a-file", path, "a file should be here, and it is none"
    return "unreadable", path, f"it cannot be opened: {(error.strerror or str(error)).lower()}"


def whether_unfinished(path: str) -> Refused:
    """There is no manifest: was a bundle begun here?"""
    try:
        names = set(os.listdir(path))
    except OSError:
        names = set()
    if names & {"images", "packages", f"{NAME}.part", "sbom"}:
        return refused("unfinished", NAME, "it is not there, so this is not a whole bundle")
    return refused("no-bundle", NAME, f"{path} holds no bundle")
