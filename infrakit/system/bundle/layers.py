"""Layers of a bundle that is being made -> the files in them that say which packages there are, and how large they are
when unpacked.

Read as a stream, bounded in every direction: a layer is somebody else's, and may be a bomb. Nothing of it is written
anywhere.
"""

import gzip
import io
import os
import tarfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO, NamedTuple

from infrakit.bundle.sbom import is_wanted
from infrakit.system.bundle import zstd

MOST_FILE_BYTES, MOST_KEPT_BYTES, MOST_UNPACKED_BYTES, MOST_MEMBERS = 1 << 26, 1 << 28, 1 << 38, 4_000_000
WHITEOUT, OPAQUE = ".wh.", ".wh..wh..opq"
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


class Layer(NamedTuple):
    """`files`: path -> content. `gone`: paths, and folders ending in a slash, that hide what lower layers have.
    `unread`: why it could not be read, "" where it was."""

    files: dict[str, bytes]
    gone: tuple[str, ...]
    unpacked: int
    unread: str = ""


NO_ZSTD, NO_ARCHIVE = (
    "it is compressed with zstd, and that program is not here: apt-get install zstd, and run again",
    "it is no archive that can be read",
)


class Joined(io.RawIOBase):
    """Several files, read as one."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._files = [open(path, "rb", 0) for path in paths]  # noqa: SIM115 -- closed by close()
        self._sizes = [os.fstat(file.fileno()).st_size for file in self._files]
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = max(0, offset + (0, self._at, sum(self._sizes))[whence])
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        start = 0
        for file, size in zip(self._files, self._sizes):
            if self._at < start + size:
                file.seek(self._at - start)
                count = file.readinto(memoryview(buffer)[: start + size - self._at]) or 0
                self._at += count
                return count
            start += size
        return 0

    def close(self) -> None:
        for file in self._files:
            file.close()
        super().close()


def look_into(paths: Sequence[str]) -> Layer:
    """One layer, whose blob lies in these files. Where it is not a readable archive, it counts as not read."""
    with Joined(paths) as raw:
        start = raw.read(4) or b""
        raw.seek(0)
        if start == ZSTD and not zstd.is_here():
            return Layer({}, (), 0, NO_ZSTD)
        try:
            if start == ZSTD:
                with zstd.decompressed(paths) as plain:
                    return _streamed(plain)
            if start[:2] != GZIP:
                return _look(tarfile.open(fileobj=raw, mode="r:"), raw.seek(0, 2))
            with gzip.GzipFile(fileobj=io.BufferedReader(raw, 1 << 20), mode="rb") as stream:
                return _streamed(stream)
        except (tarfile.TarError, EOFError, OSError, zlib.error, ValueError):
            return Layer({}, (), 0, NO_ARCHIVE)


def _streamed(stream: BinaryIO | gzip.GzipFile) -> Layer:
    counted = _Counted(stream)
    with tarfile.open(fileobj=counted, mode="r|", bufsize=1 << 20) as archive:  # type: ignore[call-overload]
        found = _look(archive, 0)
    while counted.read(1 << 20):
        pass
    return found._replace(unpacked=counted.count)


class _Counted:
    """A stream that says how much came, and ends where it becomes absurd."""

    def __init__(self, stream: BinaryIO | gzip.GzipFile) -> None:
        self._stream = stream
        self.count = 0

    def read(self, size: int) -> bytes:
        piece = self._stream.read(size)
        self.count += len(piece)
        if self.count > MOST_UNPACKED_BYTES:
            raise ValueError("a bomb")
        return piece


def _look(archive: tarfile.TarFile, unpacked: int) -> Layer:
    files: dict[str, bytes] = {}
    gone: list[str] = []
    kept = 0
    for number, member in enumerate(archive):
        archive.members = []  # type: ignore[attr-defined]  # it would keep all of them
        path = member.name.removeprefix("./").lstrip("/")
        folder, _, name = path.rpartition("/")
        if number > MOST_MEMBERS:
            raise ValueError("a bomb")
        if name.startswith(WHITEOUT):
            gone.append(f"{folder}/" if name == OPAQUE else f"{folder}/{name.removeprefix(WHITEOUT)}".lstrip("/"))
        elif (
            member.isreg()
            and is_wanted(path)
            and member.size <= MOST_FILE_BYTES
            and kept + member.size <= MOST_KEPT_BYTES
        ):
            content = archive.extractfile(member)
            files[path] = content.read() if content else b""
            kept += member.size
    return Layer(files, tuple(gone), unpacked)


def merged(layers: Sequence[Layer]) -> Mapping[str, bytes]:
    """What an image shows of them, the lowest first."""
    found: dict[str, bytes] = {}
    for layer in layers:
        hidden = [
            path
            for path in found
            if any(path == name or path.startswith(f"{name.rstrip('/')}/") for name in layer.gone)
        ]
        for path in hidden:
            del found[path]
        found.update(layer.files)
    return found


def all_parts(folder: str, path: str, wholes: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """The files that a blob lies in."""
    for name in wholes.get(path, (path,)):
        yield os.path.join(folder, name)
