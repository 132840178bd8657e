"""A file whose size is known, as one or several files on the medium: hashed while it is written, and gone on with where
a run broke off."""

import hashlib
import os
from typing import Any

from infrakit.bundle.manifest import CHUNK, FileEntry, chunk_count
from infrakit.system.bundle.folder import READ

_NEW = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


class Digests:
    """Bytes, as they come -> what the manifest says of a file."""

    def __init__(self) -> None:
        self.size = 0
        self._whole = hashlib.sha256()
        self._chunk = hashlib.sha256()
        self._chunks: list[str] = []

    def update(self, piece: Any) -> None:
        self._whole.update(piece)
        view = memoryview(piece)
        while view:
            room = CHUNK - self.size % CHUNK
            self._chunk.update(view[:room])
            self.size += len(view[:room])
            view = view[room:]
            if self.size % CHUNK == 0:
                self._chunks.append(self._chunk.hexdigest())
                self._chunk = hashlib.sha256()

    def entry(self) -> FileEntry:
        """Of all that came."""
        last = [self._chunk.hexdigest()] if self.size % CHUNK else []
        return FileEntry(
            self.size, self._whole.hexdigest(), tuple([*self._chunks, *last] if chunk_count(self.size) else [])
        )


class Parts:
    """`resume`, then `append` until all is there, then `close`. Raises OSError."""

    def __init__(self, folder: str, path: str, size: int, split: int) -> None:
        self._folder, self._split, self._size = folder, split, size
        self.names = (
            [path] if size <= split else [f"{path}.part{number:04}" for number in range(1, -(-size // split) + 1)]
        )
        self._digests = [Digests() for _ in self.names]
        self._whole = hashlib.sha256()
        self._open = -1
        self.written = 0

    def resume(self) -> int:
        """How many bytes an earlier run left, of one piece; they are hashed."""
        buffer = memoryview(bytearray(READ))
        for name in self.names:
            try:
                descriptor = os.open(os.path.join(self._folder, name), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            except FileNotFoundError:
                break
            end = min(self._size, (self.written // self._split + 1) * self._split)
            try:
                while self.written < end and (count := os.readv(descriptor, [buffer[: end - self.written]])):
                    self._hash(buffer[:count])
            finally:
                os.close(descriptor)
            if self.written < end:
                break
        return self.written

    def append(self, piece: bytes) -> None:
        """Write and hash. More than fits is refused with ValueError."""
        view = memoryview(piece)
        if self.written + len(view) > self._size:
            raise ValueError("more came than was announced")
        while view:
            if self._open < 0:
                self._open_part()
            count = os.write(self._open, view[: self._split - self.written % self._split])
            self._hash(view[:count])
            view = view[count:]
            if self.written % self._split == 0:
                self.close()

    def close(self) -> None:
        """Let go of the part that is written to; an empty file is made where the whole is empty."""
        if not self._size and self._open < 0:
            self._open_part()
        if self._open >= 0:
            os.close(self._open)
            self._open = -1

    def entries(self) -> dict[str, FileEntry]:
        """Of the files on the medium."""
        return {name: digests.entry() for name, digests in zip(self.names, self._digests)}

    def is_whole(self, sha256: str) -> bool:
        """Whether all of it is there, and is what it should be."""
        return self.written == self._size and self._whole.hexdigest() == sha256

    def _open_part(self) -> None:
        number, offset = divmod(self.written, self._split)
        self._open = os.open(os.path.join(self._folder, self.names[number]), _NEW, 0o644)
        os.ftruncate(self._open, offset)
        os.lseek(self._open, offset, os.SEEK_SET)

    def _hash(self, view: memoryview) -> None:
        if len(self.names) > 1:
            self._digests[self.written // self._split].update(view)
            self._whole.update(view)
        else:
            self._digests[0].update(view)
            self._whole = self._digests[0]._whole
        self.written += len(view)
