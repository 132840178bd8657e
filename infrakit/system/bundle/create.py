"""Images from their registries -> the image layout of a bundle: every blob once, verified while it is written, gone on
with after a break."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from infrakit.bundle.images import INDEX, LAYOUT, LAYOUT_TEXT, blob_path, diff_ids, layout_index
from infrakit.bundle.inventory import Inventory, left_out
from infrakit.bundle.manifest import ImageEntry, Manifest
from infrakit.errors import MachineUnfit
from infrakit.lock import untagged
from infrakit.model import ImagePin
from infrakit.system.bundle.inside import Inside
from infrakit.system.bundle.write import Writer, further
from infrakit.system.registry import Client, Descriptor, Image, PlatformImage

Progress = Callable[[int, int, str], None]


class Wish(NamedTuple):
    """An image by name, for these architectures; each with what a lock says it is, None where there is no lock."""

    reference: str
    pins: Mapping[str, ImagePin | None]


class Fetched(NamedTuple):
    """What the manifest of the bundle says of images. `absent`: digests of blobs that the targets have."""

    images: dict[str, dict[str, ImageEntry]]
    absent: tuple[str, ...]
    fetched: int


def resolve(client: Client, wishes: Sequence[Wish], tell: Callable[[str], None]) -> list[Image]:
    """What each name stands for. MachineUnfit, in words, where one cannot be had for an architecture."""
    found = []
    for number, wish in enumerate(wishes, 1):
        tell(f"{number} of {len(wishes)}: {wish.reference}")
        found.append(_resolved(client, wish))
    return found


def _resolved(client: Client, wish: Wish) -> Image:
    """Of a locked image the one that the lock names, whatever its tag means by now."""
    pin = next((pin for pin in wish.pins.values() if pin), None)
    reference = f"{untagged(wish.reference)}@{pin.index}" if pin else wish.reference
    found = client.image(reference, wish.pins)
    for architecture, image in found.images.items():
        wanted = wish.pins[architecture]
        if wanted and image.config.digest != wanted.image:
            raise MachineUnfit(
                f"{wish.reference} for {architecture} is {image.config.digest}, and the lock says {wanted.image}",
                "is infrakit.lock edited by hand? infrakit lock --upgrade makes it anew",
            )
    return found._replace(reference=wish.reference)


def fetch(
    client: Client,
    writer: Writer,
    images: Sequence[Image],
    inventories: Sequence[Inventory],
    progress: Progress,
    inside: Inside | None,
) -> Fetched:
    """`inventories`: of the machines that it is for; layers that all of them have are left out. `inside`: looks into
    each layer."""
    blobs, wanted = {}, {}
    sizes: dict[str, tuple[int, str]] = {}
    for image in images:
        # The index, too: a lock names it, and a host that serves the bundle is asked for it by its digest (serve.py).
        _put(writer, image.top.digest, image.top.content)
        for one in image.images.values():
            sizes[one.manifest.digest] = (len(one.manifest.content), one.manifest.media_type)
            _put(writer, one.manifest.digest, one.manifest.content)
            config = client.small(image.reference, one.config)
            _put(writer, one.config.digest, config)
            known = (
                left_out(inventories, one.architecture, diff_ids(config, len(one.layers), image.reference))
                if inventories
                else 0
            )
            blobs.update({layer.digest: (image.reference, layer) for layer in one.layers})
            wanted.update({layer.digest: (image.reference, layer) for layer in one.layers[known:]})
    whole, before, fetched = sum(blob.size for _, blob in wanted.values()), 0, 0
    for digest, (reference, blob) in sorted(wanted.items()):
        fetched += _blob(client, writer, reference, blob, partial(further, progress, before, whole, reference))
        before += blob.size
        if inside is not None:
            inside.look(digest)
    entries = {image.reference: {key: _entry(image, one) for key, one in image.images.items()} for image in images}
    writer.put(LAYOUT, LAYOUT_TEXT)
    writer.put(INDEX, layout_index(_manifest(entries), sizes))
    return Fetched(entries, tuple(sorted(set(blobs) - set(wanted))), fetched)


def _put(writer: Writer, digest: str, content: bytes) -> None:
    writer.blob(blob_path(digest), digest[7:], len(content), lambda offset: [content[offset:]])


def _blob(client: Client, writer: Writer, reference: str, blob: Descriptor, progress: Callable[[int], None]) -> int:
    """Bytes that were fetched."""
    return (
        blob.size
        if writer.blob(
            blob_path(blob.digest),
            blob.digest[7:],
            blob.size,
            lambda offset: client.blob(reference, blob, offset),
            progress,
        )
        else 0
    )


def _entry(image: Image, one: PlatformImage) -> ImageEntry:
    return ImageEntry(
        one.manifest.digest, one.config.digest, image.top.digest if image.top.digest != one.manifest.digest else ""
    )


def _manifest(images: Mapping[str, Mapping[str, ImageEntry]]) -> Manifest:
    return Manifest(0, "0", "0", "x", (), {}, {}, images, {})
