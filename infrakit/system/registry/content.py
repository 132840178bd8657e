"""Manifests as bytes -> what they say: an index by processor, or one image with its configuration and layers.

Pure: what is read here was fetched elsewhere, and may be anything.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from infrakit.errors import MachineUnfit
from infrakit.system.registry.names import DIGEST

INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
MANIFESTS = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
LARGEST = 4 << 20
"""A registry need not take a larger manifest (OCI distribution, pushing manifests), and a configuration is not larger
either."""
# dpkg's word -> the architecture and variants as images say them, the best first. A variant left out is the usual one:
# v8 on arm64,
# v7 on arm (containerd, platforms/database.go), and what is made for an older arm runs on a newer one.
PLATFORMS = {
    "amd64": ("amd64", ("", "v1")),
    "arm64": ("arm64", ("", "v8")),
    "armhf": ("arm", ("v7", "", "v6", "v5")),
    "armv6": ("arm", ("v6", "v5")),
}


class NotReadable(Exception):
    """Bytes that are not what they should be, in words."""


class Descriptor(NamedTuple):
    """Content by its digest; `size` in bytes."""

    digest: str
    media_type: str
    size: int


class Content(NamedTuple):
    """A manifest as it came, byte for byte: what its digest was made of."""

    digest: str
    media_type: str
    content: bytes

    @property
    def descriptor(self) -> Descriptor:
        return Descriptor(self.digest, self.media_type, len(self.content))


class PlatformImage(NamedTuple):
    """One image, for one processor (dpkg's word). The digest of its configuration is the image ID of Docker's classic
    store."""

    architecture: str
    manifest: Content
    config: Descriptor
    layers: tuple[Descriptor, ...]

    @property
    def size(self) -> int:
        """Bytes to fetch, each blob once."""
        return len(self.manifest.content) + sum(
            {item.digest: item.size for item in (self.config, *self.layers)}.values()
        )


class Image(NamedTuple):
    """What a name stands for: `top` is the index that the name leads to, or where there is none the one manifest."""

    reference: str
    top: Content
    images: dict[str, PlatformImage]


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def is_index(found: Content) -> bool:
    """Whether it lists images, instead of being one. NotReadable where it is neither, or both."""
    tree = tree_of(found)
    kind = str(tree.get("mediaType") or found.media_type)
    listed = kind in INDEXES or kind not in MANIFESTS and "manifests" in tree
    if kind not in (*INDEXES, *MANIFESTS) and tree.get("schemaVersion") == 1:
        raise NotReadable("a manifest of schema version 1")
    # One document that is an index to some and an image to others is an attack on whoever compares digests (OCI,
    # CVE-2021-41190).
    if (
        "manifests" in tree
        and ("layers" in tree or "config" in tree)
        or not isinstance(tree.get("manifests" if listed else "layers"), list)
    ):
        raise NotReadable(f"not a manifest: {kind or 'it does not say what it is'}")
    return listed


def chosen(index: Content, architecture: str) -> Descriptor | None:
    """The entry for this processor, None where there is none. Attestations and other systems' images are no
    candidates."""
    wanted, variants = PLATFORMS.get(architecture, (architecture, ("",)))
    found: dict[str, Descriptor] = {}
    for entry in entries(index):
        platform = entry.get("platform") or {}
        if platform.get("os") == "linux" and platform.get("architecture") == wanted:
            found.setdefault(str(platform.get("variant") or ""), descriptor_of(entry))
    return next((found[variant] for variant in variants if variant in found), None)


def offered(index: Content) -> tuple[str, ...]:
    """The processors that an index has images for, as it says them."""
    platforms = [entry.get("platform") or {} for entry in entries(index)]
    words = [
        "/".join(str(item.get(key)) for key in ("os", "architecture", "variant") if item.get(key)) for item in platforms
    ]
    return tuple(
        dict.fromkeys(word.removeprefix("linux/") for word in words if word and not word.startswith("unknown"))
    )


def entries(index: Content) -> list[Mapping[str, Any]]:
    """Of an index. NotReadable where it is not made as it should be."""
    listed = tree_of(index)["manifests"]
    if not all(isinstance(entry, dict) and isinstance(entry.get("platform") or {}, dict) for entry in listed):
        raise NotReadable("not a manifest: its list holds something else")
    return list(listed)


def parts_of(architecture: str, manifest: Content) -> PlatformImage:
    """One image's manifest -> what it is made of."""
    tree = tree_of(manifest)
    return PlatformImage(
        architecture,
        manifest,
        descriptor_of(tree.get("config")),
        tuple(descriptor_of(entry) for entry in tree["layers"]),
    )


def runs_on(config: bytes, architecture: str) -> bool:
    """Whether an image's configuration is one for this processor."""
    tree = _json(config)
    wanted, variants = PLATFORMS.get(architecture, (architecture, ("",)))
    return (
        tree.get("os", "linux") == "linux"
        and tree.get("architecture") == wanted
        and str(tree.get("variant") or "") in variants
    )


def made_for(config: bytes) -> str:
    """The processor that an image's configuration names."""
    return str(_json(config).get("architecture") or "nothing that it names")


def descriptor_of(entry: Any) -> Descriptor:
    if (
        isinstance(entry, dict)
        and DIGEST.fullmatch(str(entry.get("digest")))
        and type(entry.get("size")) is int
        and entry["size"] >= 0
    ):
        return Descriptor(entry["digest"], str(entry.get("mediaType") or ""), entry["size"])
    raise NotReadable("not a manifest: it names something without a SHA-256 digest and a size")


def tree_of(found: Content) -> Mapping[str, Any]:
    return _json(found.content)


def _json(content: bytes) -> Mapping[str, Any]:
    try:
        tree = json.loads(content)
    except (ValueError, RecursionError):
        tree = None
    if not isinstance(tree, dict):
        raise NotReadable("not a manifest: not JSON")
    return tree


def verified(parts: Iterable[bytes], blob: Descriptor, hasher: Any = None) -> Iterator[bytes]:
    """The same bytes; MachineUnfit after the last of them where they are not what the digest says.

    `hasher`: a SHA-256 that already has seen what came before, where a blob is gone on with.
    """
    total = hasher or hashlib.sha256()
    for part in parts:
        total.update(part)
        yield part
    if f"sha256:{total.hexdigest()}" != blob.digest:
        raise MachineUnfit(
            f"{blob.digest}: what came is not what its digest says",
            "is a proxy in between? else the registry holds a damaged copy: try again later",
        )
