"""A bundle's images -> what a registry says of them: by name and tag, and by digest (OCI distribution specification,
"Pull").

An image is found as `images.mirror` asks for it, docker.io/library/caddy, and as a mirror of its registry is asked,
library/caddy.
"""

import json
import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import NamedTuple

from infrakit.bundle.fault import refused
from infrakit.bundle.images import OCI_INDEX, OCI_MANIFEST, blob_path, platform_of
from infrakit.bundle.manifest import ImageEntry, Manifest
from infrakit.lock import full_name, untagged

HUB = "docker.io/"
KIND = re.compile(r"[a-z0-9.+-]{1,60}/[a-z0-9.+-]{1,100}", re.ASCII)


class Document(NamedTuple):
    """A manifest or an index: its media type and its bytes."""

    kind: str
    content: bytes


class Offer(NamedTuple):
    """`tags`: name -> tag -> digest. `documents`: by digest."""

    tags: Mapping[str, Mapping[str, str]]
    documents: Mapping[str, Document]


def offer(manifest: Manifest, read: Callable[[str], bytes]) -> Offer:
    """`read`: a file of the bundle, verified. Raises Refused where it is not what it should be."""
    documents: dict[str, Document] = {}
    tops = {}
    for reference, images in ((reference, images) for reference, images in manifest.images.items() if images):
        for digest in dict.fromkeys(entry.manifest for entry in images.values()):
            documents[digest] = _document(read, digest, OCI_MANIFEST)
        first = next(iter(images.values()))
        if not first.index:
            tops[reference] = first.manifest
        elif blob_path(first.index) in (*manifest.files, *manifest.wholes):
            tops[reference] = first.index
            documents[first.index] = _document(read, first.index, OCI_INDEX)
        else:
            made = _index(images, documents)
            tops[reference] = f"sha256:{sha256(made).hexdigest()}"
            documents[tops[reference]] = Document(OCI_INDEX, made)
    return Offer(_named(tops), documents)


def _document(read: Callable[[str], bytes], digest: str, usual: str) -> Document:
    """`usual`: what it is where it does not say it."""
    content = read(blob_path(digest))
    try:
        kind = str(json.loads(content).get("mediaType") or usual)
    except (ValueError, AttributeError, RecursionError):
        raise refused("image", blob_path(digest), "it is no manifest of an image") from None
    if not KIND.fullmatch(kind):  # it becomes a header
        raise refused("image", blob_path(digest), "its media type is none")
    return Document(kind, content)


def _index(images: Mapping[str, ImageEntry], documents: Mapping[str, Document]) -> bytes:
    """For a bundle that has not the one of the registry."""
    listed = [
        {
            "mediaType": documents[entry.manifest].kind,
            "digest": entry.manifest,
            "size": len(documents[entry.manifest].content),
            "platform": platform_of(architecture),
        }
        for architecture, entry in sorted(images.items())
    ]
    return json.dumps(
        {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": listed}, sort_keys=True, separators=(",", ":")
    ).encode()


def _named(tops: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """A short name that several registries have is that of Docker's."""
    found: dict[str, dict[str, str]] = {}
    short: dict[str, dict[str, str]] = {}
    for reference, digest in sorted(tops.items(), key=lambda item: (not full_name(item[0]).startswith(HUB), item[0])):
        full = full_name(reference)
        name = untagged(full)
        tag = full.removeprefix(name).removeprefix(":") or "latest"
        registry, _, path = name.partition("/")
        if ":" not in registry:  # a port cannot stand in a name
            found.setdefault(name, {})[tag] = digest
        short.setdefault(path, {}).setdefault(tag, digest)
    for path, tags in short.items():
        found[path] = {**tags, **found.get(path, {})}
    return found
