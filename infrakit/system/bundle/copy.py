"""A bundle, here or served by another machine -> the same bundle in a folder, every byte checked on its way; manifest
and signature as they are."""

from collections.abc import Callable, Iterable
from functools import partial

from infrakit.bundle.manifest import MOST_MANIFEST_BYTES, MOST_SIGNATURE_BYTES, NAME, SIGNATURE, FileEntry
from infrakit.system.bundle.folder import Folder
from infrakit.system.bundle.remote import SCHEME, Remote
from infrakit.system.bundle.verify import Trust, Verified, head, verified_bytes
from infrakit.system.bundle.write import Writer, further


def copy(
    source: str,
    target: str,
    trust: Trust,
    version: str,
    progress: Callable[[int, int, str], None],
    fingerprint: str = "",
) -> tuple[Verified, int]:
    """(what was copied, files that were written). What is there already, and whole, stays. Raises Refused where a file
    is damaged.

    `source`: a folder, or an address whose certificate has this `fingerprint`.
    """
    with Remote(source, fingerprint) if source.startswith(SCHEME) else Folder(source) as folder:
        found = head(folder, trust, version)
        content = folder.small(NAME, MOST_MANIFEST_BYTES)
        signature = folder.small(SIGNATURE, MOST_SIGNATURE_BYTES) if found.key else b""
        files = sorted(found.manifest.files.items())
        whole, part, written = sum(entry.size for _, entry in files), 0, 0
        with Writer(target, own=found.manifest.files) as writer:
            for path, entry in files:
                written += writer.blob(
                    path,
                    entry.sha256,
                    entry.size,
                    partial(_pieces, folder, path, entry),
                    partial(further, progress, part, whole, path),
                )
                part += entry.size
            writer.seal_as(content, signature)
    return found._replace(bytes_read=whole), written


def _pieces(origin: Folder | Remote, path: str, entry: FileEntry, offset: int) -> Iterable[bytes]:
    """What comes from elsewhere is checked by the writer alone, when it has all of the file."""
    return (
        origin.stream(path, entry.size, offset)
        if isinstance(origin, Remote)
        else verified_bytes(origin, path, entry, offset)
    )
