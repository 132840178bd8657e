"""An image of a bundle -> the engine: an archive made while it is sent, without the layers that the engine has. Never
all in memory."""

import tarfile
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from infrakit.bundle.images import Blob, archive, blob_path, known_layers
from infrakit.errors import MachineUnfit
from infrakit.system.bundle.content import Content, Image
from infrakit.system.registry.names import parse_reference

BLOCK = 512
Progress = Callable[[int, int, str], None]


class Body:
    """Pieces whose length in all is known before: HTTP then sends each as it is, and not a copy of it with its length
    around it.

    `len`, which requests asks for where there is no len(): that of a 32-bit Python ends at 2 GiB.
    """

    def __init__(self, pieces: Iterator[bytes], size: int) -> None:
        self._pieces, self.len = pieces, size

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces


def load(engine: Any, content: Content, image: Image, progress: Progress) -> None:
    """`engine`: system/engine.py. MachineUnfit where the engine does not take it, or has something else under its name
    then."""
    known = len(image.parts.layers) - len(needed(content, image, engine.chains()))
    said = _send(engine, content, image, known, progress)
    if said and known and all(content.has(blob_path(layer.digest)) for layer in image.parts.layers):
        said = _send(engine, content, image, 0, progress)  # an engine that wants to see all of it
    if said:
        remedy = (
            "free some space, for instance: sudo docker image prune"
            if "no space left" in said
            else "see: journalctl -u docker -n 50"
        )
        raise MachineUnfit(f"the engine does not take {image.reference}: {said}", remedy)
    found = engine.image_id(image.reference)
    if found not in image.image_ids:
        raise MachineUnfit(
            f"{image.reference} is {found or 'not there'} after it was loaded, not {image.image_ids[0]}",
            "somebody changes images on this machine? run again",
        )


def needed(content: Content, image: Image, chains: Collection[tuple[str, ...]]) -> tuple[Blob, ...]:
    """The layers that an engine with these chains has not. MachineUnfit where the bundle, a delta, leaves one of them
    out."""
    layers = image.parts.layers[known_layers(image.ids, chains) :]
    absent = [layer.digest for layer in layers if not content.has(blob_path(layer.digest))]
    if absent:
        what = f"this bundle leaves out a layer of {image.reference} that this machine has not: {absent[0]}"
        raise MachineUnfit(what, "take a whole bundle, or one that is made for this machine: infrakit inventory")
    return layers


def _send(engine: Any, content: Content, image: Image, known: int, progress: Progress) -> str:
    """What the engine says is wrong, "" where nothing is."""
    blobs = {image.entry.manifest: len(image.manifest), image.parts.config.digest: image.parts.config.size}
    blobs.update({layer.digest: layer.size for layer in image.parts.layers[known:]})
    whole, part = sum(blobs.values()), 0

    def counted() -> Iterator[bytes]:
        nonlocal part
        for piece in tar(content, image, blobs):
            part += len(piece)
            progress(min(part, whole), whole, "loading")
            yield piece
        progress(whole, whole, "unpacking")

    return str(engine.load(Body(ahead(counted()), tar_size(image, blobs))))


def ahead(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same pieces, the next one read and hashed while one is taken."""
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(next, pieces, None)
        while (piece := waiting.result()) is not None:
            waiting = pool.submit(next, pieces, None)
            yield piece


def tar(content: Content, image: Image, blobs: dict[str, int]) -> Iterator[bytes]:
    """The archive, in pieces of one chunk at most. The small files come first."""
    for path, text in _texts(image).items():
        yield _header(path, len(text)) + text + _padding(len(text))
    for digest, size in blobs.items():
        yield _header(f"blobs/sha256/{digest[7:]}", size)
        sent = 0
        for piece in content.stream(blob_path(digest)):
            sent += len(piece)
            yield piece
        if sent != size:
            raise MachineUnfit(f"{digest} has {sent} bytes, and its manifest says {size}", "take another bundle")
        yield _padding(size)
    yield bytes(2 * BLOCK)


def tar_size(image: Image, blobs: dict[str, int]) -> int:
    """The bytes of that archive."""
    sizes = [*map(len, _texts(image).values()), *blobs.values()]
    return sum(BLOCK + size + -size % BLOCK for size in sizes) + 2 * BLOCK


def _texts(image: Image) -> dict[str, bytes]:
    name = parse_reference(image.reference)
    full = f"{name.registry}/{name.repository}:{name.tag or 'latest'}"
    return archive(full, image.entry.manifest, len(image.manifest), image.parts)


def _header(path: str, size: int) -> bytes:
    entry = tarfile.TarInfo(path)
    entry.size, entry.mode = size, 0o644
    return entry.tobuf(tarfile.GNU_FORMAT)


def _padding(size: int) -> bytes:
    return bytes(-size % BLOCK)
