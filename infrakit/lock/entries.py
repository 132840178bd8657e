"""What a lock has of an image, and of a package: a class for each, apart from the lock itself, since a start without a
lock needs none."""

from collections.abc import Mapping
from typing import NamedTuple


class LockedImage(NamedTuple):
    """An image for one processor: the digest of its manifest, its image ID (that of its configuration), and the bytes
    to fetch."""

    manifest: str
    image: str
    size_bytes: int


class LockedName(NamedTuple):
    """What a name stood for when it was locked. `index` is the digest that its tag led to; `images` by dpkg's word for
    the processor."""

    index: str  # type: ignore[assignment]  # a tuple has a method of that name
    images: Mapping[str, LockedImage]


class LockedPackage(NamedTuple):
    """A package of Docker's: its version, the digest of its file ("sha256:..."), and the file's bytes."""

    version: str
    digest: str
    size_bytes: int
