"""Files -> a bundle on a medium. The manifest comes last, so half a bundle is none; what is whole already is kept, what
is begun goes on.

While a bundle is being made `bundle.json.part` stands in it: an empty file, or the manifest of the bundle that is
replaced.
"""

import os
import stat
import time
from collections.abc import Callable, Iterable

from infrakit.bundle.manifest import FAT_BYTES, NAME, SIGNATURE, FileEntry, Manifest, bad_path, parse, to_bytes
from infrakit.errors import InfraKitError, MachineUnfit, UsageProblem
from infrakit.system.bundle import signing
from infrakit.system.bundle.folder import OF_SYSTEMS
from infrakit.system.bundle.parts import Digests, Parts
from infrakit.system.files import locked, plain_errors, remove, replace, sync, write_new

BEGUN = f"{NAME}.part"
FOLDERS = ("images", "packages", "sbom")
FILES = ("infrakit.pyz", "infrakit.yaml", "infrakit.lock", NAME, SIGNATURE, BEGUN)
Fetch = Callable[[int], Iterable[bytes]]
"""Offset -> the bytes from there on."""
Progress = Callable[[int], None]


def further(progress: Callable[[int, int, str], None], before: int, whole: int, what: str, part: int) -> None:
    """Of several files, one after the other: `part` of this one after the `before` bytes of the others."""
    progress(before + part, whole, what)


class Writer:
    """`with Writer(path) as writer:` then `put` and `blob` for each file, and `seal`. Raises UsageProblem where
    something else stands there."""

    def __init__(self, path: str, split: int = FAT_BYTES, own: Iterable[str] = ()) -> None:
        """`own`: names of files that will be written besides those that every bundle has."""
        self.path = path
        self.split = min(split, FAT_BYTES)
        self.files: dict[str, FileEntry] = {}
        self.wholes: dict[str, tuple[str, ...]] = {}
        self._own = {name.partition("/")[0] for name in own}
        self._lock = locked(path)

    def __enter__(self) -> "Writer":
        with plain_errors("write"):
            os.makedirs(self.path, exist_ok=True)
            self._lock.__enter__()
            self.before = self._before()
            known = {
                *FOLDERS,
                *FILES,
                *OF_SYSTEMS,
                *self._own,
                *(name.partition("/")[0] for name in (self.before.files if self.before else ())),
            }
            others = sorted(
                name for name in os.listdir(self.path) if name not in known and not name.startswith(".Trash-")
            )
            if others:
                raise UsageProblem(f"{self.path} holds {others[0]}, which is not of a bundle", "choose an empty folder")
            self._begin()
        return self

    def __exit__(self, *error: object) -> None:
        self._lock.__exit__(None, None, None)

    def _before(self) -> Manifest | None:
        """What is replaced: also that which a broken-off run began to replace."""
        for name in (NAME, BEGUN):
            try:
                with open(os.path.join(self.path, name), "rb") as file:
                    return parse(file.read(), "999999")
            except (OSError, InfraKitError):
                continue
        return None

    def _begin(self) -> None:
        """From here on it is no bundle, until it is a whole one."""
        manifest, begun = os.path.join(self.path, NAME), os.path.join(self.path, BEGUN)
        if os.path.exists(manifest):
            os.rename(manifest, begun)
        elif not os.path.exists(begun):
            write_new(begun, b"", 0o644)
        remove(os.path.join(self.path, SIGNATURE))

    def put(self, path: str, content: bytes) -> None:
        """A small file, where it is not there like that already."""
        target = self._target(path)
        with plain_errors("write"):
            if not _is(target, content):
                replace(target, content)
        digests = Digests()
        digests.update(content)
        self.files[path] = digests.entry()

    def blob(self, path: str, sha256: str, size: int, fetch: Fetch, progress: Progress = lambda part: None) -> bool:
        """A file that is known by its SHA-256; what is there of it is not fetched again. Whether anything was
        fetched."""
        self._target(path)
        for _ in range(2):
            parts = Parts(self.path, path, size, self.split)
            with plain_errors("write"):
                begun = parts.resume()
                progress(begun)
                if begun < size or not size:
                    self._fetch(parts, fetch(begun), progress)
            if parts.is_whole(sha256):
                self.files.update(parts.entries())
                if parts.names != [path]:
                    self.wholes[path] = tuple(parts.names)
                return begun < size
            for name in parts.names:
                remove(os.path.join(self.path, name))
        raise MachineUnfit(
            f"{path}: what came is not what it should be",
            "is a proxy or a mirror on the way that changes what it passes on? run again",
        )

    def _fetch(self, parts: Parts, content: Iterable[bytes], progress: Progress) -> None:
        try:
            for piece in content:
                parts.append(piece)
                progress(parts.written)
        except ValueError:
            pass  # it is not whole: seen by whoever asks
        finally:
            parts.close()

    def _target(self, path: str) -> str:
        bad = bad_path(path)
        if bad:
            raise UsageProblem(
                f"{path}: no file of a bundle can be called so: {bad}", "use letters, digits, dots and dashes"
            )
        target = os.path.join(self.path, path)
        with plain_errors("write"):
            os.makedirs(os.path.dirname(target), exist_ok=True)
        return target

    def serial(self, given: int | None) -> int:
        """The given one; else one more than that of the bundle that is replaced, or the seconds since 1970 where they
        are more.

        The clock only proposes: what a target compares is the number.
        """
        return given if given is not None else max(self.before.serial + 1 if self.before else 0, int(time.time()))

    def seal(self, manifest: Manifest, key: str = "") -> bytes:
        """The last step: sweep what does not belong, sign, and let it be a bundle by one rename. `key`: to sign with,
        "" for none."""
        content = to_bytes(manifest._replace(files=dict(sorted(self.files.items())), wholes=self.wholes))
        self.seal_as(content, signing.sign(content, key) if key else b"")
        return content

    def seal_as(self, content: bytes, signature: bytes) -> None:
        """The same with a manifest and a signature that are there already; b"" where it has none."""
        with plain_errors("write"):
            self._sweep()
            if signature:
                replace(os.path.join(self.path, SIGNATURE), signature)
            sync(self.path)
            replace(os.path.join(self.path, NAME), content)
            remove(os.path.join(self.path, BEGUN))
            sync(self.path)

    def _sweep(self) -> None:
        """Remove files of bundles before this one, and folders that they leave empty."""
        tops = [*FOLDERS, *self._own, *(name.partition("/")[0] for name in (self.before.files if self.before else ()))]
        for top in dict.fromkeys(tops):
            _sweep_one(self.path, top, self.files)
        for name in FILES[:3]:
            if name not in self.files:
                remove(os.path.join(self.path, name))


def _sweep_one(folder: str, path: str, kept: dict[str, FileEntry]) -> None:
    target = os.path.join(folder, path)
    try:
        status = os.lstat(target)
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(status.st_mode):
        if path not in kept:
            os.unlink(target)
        return
    for name in os.listdir(target):
        _sweep_one(folder, f"{path}/{name}", kept)
    try:
        os.rmdir(target)
    except OSError:
        pass  # not empty


def _is(path: str, content: bytes) -> bool:
    """Whether a file has this content already."""
    try:
        with open(path, "rb") as file:
            return os.fstat(file.fileno()).st_size == len(content) and file.read() == content
    except OSError:
        return False
