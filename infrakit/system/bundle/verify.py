"""A folder and whom we trust -> Verified, or Refused with everything that is wrong. Every byte is read; nothing is
written.

The signature is checked before a word of the manifest is believed, the manifest before a file is opened. No clock is
asked.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, Protocol

from infrakit.bundle.fault import Fault, Refused, refused
from infrakit.bundle.manifest import (
    CHUNK,
    MOST_MANIFEST_BYTES,
    MOST_SIGNATURE_BYTES,
    NAME,
    SIGNATURE,
    FileEntry,
    Manifest,
    parents,
    parse,
)
from infrakit.bundle.signature import PublicKey, signer
from infrakit.system.bundle import signing
from infrakit.system.bundle.folder import READ, Folder, Listing, from_medium, whether_unfinished

MOST_FAULTS = 200
Progress = Callable[[int, int, str], None]


class Opened(Protocol):
    """What a manifest is read from: a Folder, or what another machine serves."""

    path: str

    def small(self, path: str, most: int) -> bytes:
        """Raises Refused where it is not there, or larger than `most`."""
        ...


class Trust(NamedTuple):
    """`keys` that are believed; () believes the first that comes. `serial`: that of the bundle before."""

    keys: tuple[PublicKey, ...] = ()
    serial: int = 0
    allow_unsigned: bool = False
    allow_downgrade: bool = False


class Verified(NamedTuple):
    """`key` is None where it is unsigned, and that was allowed. `notes`: what had to be read twice."""

    path: str
    manifest: Manifest
    sha256: str
    key: PublicKey | None
    pinned: bool
    bytes_read: int
    notes: tuple[str, ...]


def head(folder: Opened, trust: Trust, version: str) -> Verified:
    """The manifest alone, signed and understood: what is in the files is not yet known. Raises Refused."""
    try:
        content = folder.small(NAME, MOST_MANIFEST_BYTES)
    except Refused as error:
        raise whether_unfinished(folder.path) if error.faults[0].code == "missing" else error from None
    key = _signed(folder, content, trust)
    manifest = parse(content, version)
    if manifest.serial < trust.serial and not trust.allow_downgrade:
        raise refused("lower-serial", NAME, f"its serial is {manifest.serial}, and {trust.serial} was here before it")
    return Verified(folder.path, manifest, hashlib.sha256(content).hexdigest(), key, key in trust.keys, 0, ())


def verify(
    path: str, trust: Trust, version: str, *, fresh: bool = False, progress: Progress = lambda part, whole, text: None
) -> Verified:
    """`fresh`: read from the medium, not from what the kernel still has of it. Raises Refused with all that is
    wrong."""
    with Folder(path) as folder:
        found = head(folder, trust, version)
        faults, notes = _layout(found.manifest, folder.listing()), []
        known = {fault.path for fault in faults}
        whole, part = sum(entry.size for entry in found.manifest.files.values()), 0
        contents: dict[tuple[int, object] | None, str] = {
            _content(entry.size, entry.sha256, entry.chunks): name for name, entry in found.manifest.files.items()
        }
        for name, entry in sorted(found.manifest.files.items()):
            if name not in known:
                try:
                    notes += _check(folder, name, entry, contents, fresh)
                except Refused as error:
                    faults += error.faults
            part += entry.size
            progress(part, whole, name)
        faults = _renamed(folder, found.manifest, faults)
    if faults:
        raise Refused(faults[:MOST_FAULTS])
    return found._replace(bytes_read=whole, notes=tuple(notes))


def _signed(folder: Opened, content: bytes, trust: Trust) -> PublicKey | None:
    """Whose signature it has; None where it has none, and may."""
    try:
        signature = folder.small(SIGNATURE, MOST_SIGNATURE_BYTES)
    except Refused as error:
        if error.faults[0].code != "missing":
            raise
        if not trust.allow_unsigned:
            raise refused("unsigned", SIGNATURE, "it is not there: nobody says where this bundle comes from") from None
        return None
    key = signer(signature)
    if trust.keys and key not in trust.keys:
        raise refused(
            "other-key",
            SIGNATURE,
            (
                f"it was signed with {key.fingerprint}, and this machine trusts "
                f"{', '.join(item.fingerprint for item in trust.keys)}"
            ),
        )
    if trust.allow_unsigned and not signing.can_verify():
        return None
    signing.verify(content, signature, key)
    return key


def _layout(manifest: Manifest, found: Listing) -> list[Fault]:
    """What is there that should not be, and the other way round. Whether a signature must be there was settled
    before."""
    faults = []
    expected = {*manifest.files, NAME, *({SIGNATURE} & set(found.files))}
    for path in sorted(expected - set(found.files)):
        if path in found.others:
            faults.append(
                Fault(
                    "link" if found.others[path] == "a link" else "not-a-file",
                    path,
                    f"{found.others[path]} stands in its place",
                )
            )
        elif path in found.folders:
            faults.append(Fault("not-a-file", path, "a folder stands in its place"))
        else:
            faults.append(Fault("missing", path, "it is not there"))
    faults += [Fault("extra", path, "it does not belong to the bundle") for path in sorted(set(found.files) - expected)]
    folders = {folder for path in expected for folder in parents(path)}
    faults += [
        Fault("extra", path, "this folder does not belong to the bundle")
        for path in sorted(found.folders - folders - expected)
    ]
    for path, what in sorted(found.others.items()):
        if path not in expected:
            faults.append(
                Fault("link" if what == "a link" else "not-a-file", path, f"{what} does not belong to the bundle")
            )
    blobs = {path.rpartition("/")[2] for path in (*manifest.files, *manifest.wholes)}
    for name, images in manifest.images.items():
        faults += [
            Fault("incomplete", NAME, f"the manifest of {name} for {key} is not in it")
            for key, image in images.items()
            if image.manifest[7:] not in blobs
        ]
    return faults


def _check(
    folder: Folder, path: str, entry: FileEntry, contents: Mapping[tuple[int, object] | None, str], fresh: bool
) -> list[str]:
    """What had to be read twice. Raises Refused where the file is not what it should be."""
    with folder.open(path) as descriptor:
        size = os.fstat(descriptor).st_size
        if fresh:
            from_medium(descriptor)
        if size != entry.size:
            other = (
                contents.get(_content_of(descriptor, size)) if any(key and key[0] == size for key in contents) else None
            )
            if other:
                raise refused("swapped", path, f"it holds what {other} should hold")
            if size < entry.size:
                raise refused("truncated", path, f"it ends after {size} of {entry.size} bytes")
            raise refused("wrong-size", path, f"it has {size} bytes, not {entry.size}")
        faults, notes = [], []
        for number, (start, length, digest) in enumerate(pieces(entry), 1):
            where = (
                f"chunk {number} of {len(entry.chunks)} (bytes {start} to {start + length - 1})"
                if entry.chunks
                else "it"
            )
            problem = _piece(descriptor, start, length, digest)
            if problem:
                faults.append((where, problem))
                from_medium(descriptor, start, length)
                if not _piece(descriptor, start, length, digest):  # media, readers and cables err now and then
                    faults.pop()
                    notes.append(f"{path}: {where} was read wrong once")
        if faults:
            other = (
                contents.get(_content_of(descriptor, size))
                if all(problem == "damaged" for _, problem in faults)
                else None
            )
            if other:
                raise refused("swapped", path, f"it holds what {other} should hold")
            raise Refused(
                [
                    Fault(
                        "damaged" if problem == "damaged" else "unreadable",
                        path,
                        f"{where} is {problem}" if problem == "damaged" else f"{where} cannot be read: {problem}",
                    )
                    for where, problem in faults
                ]
            )
        return notes


def pieces(entry: FileEntry) -> Iterator[tuple[int, int, str]]:
    """(start, length, SHA-256) of what is checked at once."""
    if not entry.chunks:
        yield 0, entry.size, entry.sha256
    for number, digest in enumerate(entry.chunks):
        yield number * CHUNK, min(CHUNK, entry.size - number * CHUNK), digest


def _piece(descriptor: int, start: int, length: int, digest: str) -> str:
    """What is wrong: "damaged", or why it cannot be read; "" where nothing is."""
    try:
        return "" if digest_of(descriptor, start, length) == digest else "damaged"
    except OSError as error:
        return (error.strerror or str(error)).lower()


def digest_of(descriptor: int, start: int, length: int, kept: bytearray | None = None) -> str:
    """SHA-256 of a part of a file, "" where it ends before; what was read goes into `kept`, where there is one of that
    length. Raises OSError."""
    total = hashlib.sha256()
    buffer = memoryview(bytearray(min(length, READ)) if kept is None else kept)
    done = 0
    while done < length:
        place = buffer[: length - done] if kept is None else buffer[done : done + READ]
        count = os.preadv(descriptor, [place], start + done)
        if not count:
            return ""
        total.update(place[:count])
        done += count
    return total.hexdigest()


def _content(size: int, sha256: str, chunks: tuple[str, ...]) -> tuple[int, object]:
    return size, chunks or sha256


def _content_of(descriptor: int, size: int) -> tuple[int, object] | None:
    """What a file holds, to be looked up among what others should hold."""
    try:
        starts = range(0, size, CHUNK)
        digests = tuple(digest_of(descriptor, start, min(CHUNK, size - start)) for start in starts)
    except OSError:
        return None
    return _content(size, digests[0] if digests else hashlib.sha256().hexdigest(), digests if size > CHUNK else ())


def _renamed(folder: Folder, manifest: Manifest, faults: list[Fault]) -> list[Fault]:
    """A file that is missing, and one too many that holds the same, are one that was renamed."""
    missing: dict[tuple[int, object] | None, Fault] = {
        _content(entry.size, entry.sha256, entry.chunks): fault
        for fault in faults
        if fault.code == "missing" and (entry := manifest.files.get(fault.path))
    }
    for extra in [fault for fault in faults if fault.code == "extra"]:
        try:
            with folder.open(extra.path) as descriptor:
                size = os.fstat(descriptor).st_size
                lost = (
                    missing.get(_content_of(descriptor, size))
                    if any(key and key[0] == size for key in missing)
                    else None
                )
        except Refused:
            continue
        if lost is not None and lost in faults:
            faults = [
                Fault("renamed", lost.path, f"it is there under another name: {extra.path}") if fault is lost else fault
                for fault in faults
                if fault is not extra
            ]
    return faults


def verified_bytes(folder: Folder, path: str, entry: FileEntry, offset: int = 0) -> Iterator[bytes]:
    """The content of a file from `offset` on, each piece only after it was seen to be what was signed. Raises
    Refused."""
    with folder.open(path) as descriptor:
        for start, length, digest in pieces(entry):
            if offset and start + length <= offset:
                continue
            for _attempt in (1, 2):
                try:
                    piece = bytearray(length)
                    problem = (
                        ""
                        if digest_of(descriptor, start, length, piece) == digest
                        else "it changed after it was verified, or is damaged"
                    )
                except OSError as error:
                    problem = f"it cannot be read: {(error.strerror or str(error)).lower()}"
                if not problem:
                    break
                from_medium(descriptor, start, length)
            else:
                raise refused("damaged" if "changed" in problem else "unreadable", path, problem)
            yield piece[max(0, offset - start) :]  # type: ignore[misc]  # a bytearray: no copy
