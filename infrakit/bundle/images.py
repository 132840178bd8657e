"""OCI manifests and configurations -> what `docker load` is given: one archive that both of Docker's image stores take.

The classic store reads manifest.json, and asks for a layer's file only where it has not that chain of layers already;
containerd's store reads index.json and keeps blobs by digest. Tried with an engine 26.1 in both modes
(tests/e2e/test_bundle.py).
"""

import json
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from infrakit.bundle.fault import refused
from infrakit.bundle.manifest import DIGEST, Manifest

BLOBS = "images/blobs/sha256"
INDEX, LAYOUT = "images/index.json", "images/oci-layout"
LAYOUT_TEXT = b'{"imageLayoutVersion":"1.0.0"}'
MOST_LAYERS = 512
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
PROCESSORS = {"amd64": "amd64", "arm64": "arm64", "armhf": "arm"}
"""dpkg's word -> the architecture that images say they are made for."""


class Blob(NamedTuple):
    """By digest, "sha256:...", with its size and media type."""

    digest: str
    size: int
    kind: str

    @property
    def hex(self) -> str:
        return self.digest[7:]


class Parts(NamedTuple):
    """What an image's OCI manifest names."""

    kind: str
    config: Blob
    layers: tuple[Blob, ...]


def blob_path(digest: str) -> str:
    """Where a blob lies in a bundle: FAT allows no colon."""
    return f"{BLOBS}/{digest.removeprefix('sha256:')}"


def parts_of(content: bytes, path: str) -> Parts:
    """Of an OCI manifest, or Docker's of schema 2. Raises Refused where it is neither."""
    try:
        tree = json.loads(content)
        layers = tuple(_blob(item) for item in tree["layers"])
        found = Parts(str(tree.get("mediaType") or OCI_MANIFEST), _blob(tree["config"]), layers)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise refused("image", path, "it is no manifest of an image") from None
    if len(layers) > MOST_LAYERS:
        raise refused("image", path, f"it has {len(layers)} layers; {MOST_LAYERS} are the most")
    return found


def diff_ids(config: bytes, layers: int, path: str) -> tuple[str, ...]:
    """The digests of the layers when unpacked, from an image's configuration."""
    try:
        found = tuple(json.loads(config)["rootfs"]["diff_ids"])
    except (ValueError, KeyError, TypeError, RecursionError):
        found = ()
    if len(found) != layers or not all(isinstance(item, str) and DIGEST.fullmatch(item) for item in found):
        raise refused("image", path, "its configuration does not fit its layers")
    return found


def known_layers(ids: tuple[str, ...], chains: Collection[tuple[str, ...]]) -> int:
    """How many of the lowest layers the engine has, as the lowest of an image of its own."""
    return next((count for count in range(len(ids), 0, -1) if ids[:count] in chains), 0)


def archive(reference: str, digest: str, size: int, parts: Parts) -> dict[str, bytes]:
    """The small files of the archive, by name; the blobs go beside them as blobs/sha256/<hex>.

    `reference`: the full name that the image gets. `digest`, `size`: of its manifest.
    """
    tag = reference.rpartition(":")[2]
    index = {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [
            {
                "mediaType": parts.kind,
                "digest": digest,
                "size": size,
                "annotations": {"io.containerd.image.name": reference, "org.opencontainers.image.ref.name": tag},
            }
        ],
    }
    classic = [
        {
            "Config": f"blobs/sha256/{parts.config.hex}",
            "RepoTags": [reference],
            "Layers": [f"blobs/sha256/{layer.hex}" for layer in parts.layers],
        }
    ]
    return {"oci-layout": LAYOUT_TEXT, "index.json": _json(index), "manifest.json": _json(classic)}


def layout_index(manifest: Manifest, sizes: Mapping[str, tuple[int, str]]) -> bytes:
    """images/index.json, for other programs that read OCI image layouts. `sizes`: digest -> (size, media type) of a
    manifest."""
    listed = []
    for reference, images in sorted(manifest.images.items()):
        for architecture, image in sorted(images.items()):
            size, kind = sizes[image.manifest]
            listed.append(
                {
                    "mediaType": kind,
                    "digest": image.manifest,
                    "size": size,
                    "platform": platform_of(architecture),
                    "annotations": {
                        "org.opencontainers.image.ref.name": reference,
                        "io.containerd.image.name": reference,
                    },
                }
            )
    return _json({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": listed})


def platform_of(architecture: str) -> dict[str, str]:
    """As an index of images says it. `architecture`: dpkg's word."""
    return {
        "os": "linux",
        "architecture": PROCESSORS.get(architecture, architecture),
        **({"variant": "v7"} if architecture == "armhf" else {}),
    }


def _blob(tree: Any) -> Blob:
    digest, size = tree["digest"], tree["size"]
    if not DIGEST.fullmatch(digest) or type(size) is not int or size < 0:
        raise ValueError
    return Blob(digest, size, str(tree.get("mediaType", "")))


def _json(tree: Any) -> bytes:
    return (json.dumps(tree, sort_keys=True, separators=(",", ":")) + "\n").encode()
