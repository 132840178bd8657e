"""Layers, looked into while the next ones are fetched -> a bill of materials for each image, and what layers take when
unpacked.

Decompressing takes longer than anything else that is done with a layer, but for fetching it: a thread of its own does
it meanwhile.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from infrakit.bundle import sbom
from infrakit.bundle.images import blob_path
from infrakit.system.bundle.layers import Layer, all_parts, look_into, merged
from infrakit.system.bundle.write import Writer
from infrakit.system.registry import Image


class Inside:
    """`with Inside(writer) as inside:` then `look` for each layer that was written, and `describe` at the end. Each
    layer is read once."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._pool = ThreadPoolExecutor(1)
        self._layers: dict[str, Future[Layer]] = {}

    def __enter__(self) -> "Inside":
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def look(self, digest: str) -> None:
        """Begin with a layer."""
        parts = list(all_parts(self._writer.path, blob_path(digest), self._writer.wholes))
        self._layers[digest] = self._pool.submit(look_into, parts)

    def describe(self, images: Sequence[Image], tell: Callable[[str], None]) -> dict[str, int]:
        """Writes sbom/, for images of which no layer is left out; layer -> bytes when unpacked, for those that could be
        read.

        `tell` gets a line for each image with a layer that could not.
        """
        known = {digest: found.result() for digest, found in self._layers.items()}
        for image in images:
            for one in image.images.values():
                if any(layer.digest not in known for layer in one.layers):
                    continue
                layers = [known[layer.digest] for layer in one.layers]
                unread = {
                    layer.digest: known[layer.digest].unread for layer in one.layers if known[layer.digest].unread
                }
                if unread:
                    tell(
                        f"note: the bill of materials of {image.reference} for {one.architecture} lacks what "
                        f"{len(unread)} of {len(layers)} layers hold: {next(iter(unread.values()))}"
                    )
                content = sbom.document(image.reference, one.architecture, one.config.digest, merged(layers), unread)
                self._writer.put(sbom.file_name(image.reference, one.architecture), content)
        return {digest[7:]: layer.unpacked for digest, layer in sorted(known.items()) if not layer.unread}
