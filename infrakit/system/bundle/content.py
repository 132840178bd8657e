"""A verified bundle -> what is in it, each byte checked against the signed manifest once more while it is read."""

from collections.abc import Iterator
from typing import NamedTuple

from infrakit.bundle.fault import refused
from infrakit.bundle.images import Parts, blob_path, diff_ids, parts_of
from infrakit.bundle.manifest import ImageEntry, Manifest
from infrakit.system.bundle.folder import Folder
from infrakit.system.bundle.verify import verified_bytes

MOST_SMALL = 1 << 26


class Image(NamedTuple):
    """One image for one architecture. `ids`: of its layers when unpacked. `sizes`: of the layers that the bundle has,
    by digest."""

    reference: str
    entry: ImageEntry
    manifest: bytes
    parts: Parts
    ids: tuple[str, ...]

    @property
    def image_ids(self) -> tuple[str, ...]:
        """What an engine may call it: by its configuration (classic store), its manifest or its index
        (containerd's)."""
        return tuple(filter(None, (self.entry.config, self.entry.manifest, self.entry.index)))


class Content:
    """`with Content(path, manifest) as content:`. Whatever is read raises Refused where it is not what was signed."""

    def __init__(self, path: str, manifest: Manifest) -> None:
        self.path, self.manifest = path, manifest
        self._folder = Folder(path)

    def __enter__(self) -> "Content":
        return self

    def __exit__(self, *error: object) -> None:
        self._folder.__exit__()

    def has(self, path: str) -> bool:
        """Whether the bundle has it, split or not."""
        return path in self.manifest.files or path in self.manifest.wholes

    def stream(self, path: str, offset: int = 0) -> Iterator[bytes]:
        """What comes after `offset`, in pieces of one chunk at most."""
        for name in self.manifest.wholes.get(path, (path,)):
            if name not in self.manifest.files:
                raise refused("incomplete", path, "the bundle does not have it")
            entry = self.manifest.files[name]
            if offset < entry.size or not entry.size:
                yield from verified_bytes(self._folder, name, entry, offset)
            offset = max(0, offset - entry.size)

    def size(self, path: str) -> int:
        """Of all its parts."""
        return sum(self.manifest.files[name].size for name in self.manifest.wholes.get(path, (path,)))

    def small(self, path: str) -> bytes:
        """A file that fits in memory."""
        if self.has(path) and self.size(path) > MOST_SMALL:
            raise refused("too-much", path, f"it has {self.size(path)} bytes")
        return b"".join(self.stream(path))

    def image(self, reference: str, architecture: str) -> Image | None:
        """None where the bundle has it not, or not for this architecture."""
        entry = self.manifest.images.get(reference, {}).get(architecture)
        if entry is None:
            return None
        path = blob_path(entry.manifest)
        content = self.small(path)
        parts = parts_of(content, path)
        if parts.config.digest != entry.config:
            raise refused("image", path, f"it is not the manifest of {entry.config}")
        return Image(
            reference,
            entry,
            content,
            parts,
            diff_ids(self.small(blob_path(entry.config)), len(parts.layers), blob_path(entry.config)),
        )

    def packages(self, folder: str) -> list[str]:
        """Paths of the .deb files for one system, "debian-trixie-amd64", and of their index."""
        return sorted(path for path in self.manifest.files if path.startswith(f"packages/{folder}/"))
