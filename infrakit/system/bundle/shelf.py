"""A verified bundle -> what a request's path stands for: a registry's manifests and blobs, packages, every file as it
is.

No path of a request becomes one of the disk: it is looked up among names that the signed manifest has.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from infrakit.bundle.fault import refused
from infrakit.bundle.images import blob_path
from infrakit.bundle.manifest import MOST_MANIFEST_BYTES, MOST_SIGNATURE_BYTES, NAME, SIGNATURE
from infrakit.bundle.offer import offer
from infrakit.system.bundle.content import Content
from infrakit.system.bundle.folder import Folder
from infrakit.system.bundle.verify import Verified

# OCI distribution specification, "Endpoints": end-1, end-2, end-3, end-8a.
ASKED = re.compile(
    r"/v2/(?P<name>[a-z0-9][a-z0-9._/-]*)/(?:manifests/(?P<reference>[A-Za-z0-9_][A-Za-z0-9._:-]*)|blobs/(?P<blob>sha256:[0-9a-f]{64})|tags/(?P<tags>list))",
    re.ASCII,
)
BYTES, TEXT, JSON = "application/octet-stream", "text/plain; charset=utf-8", "application/json"


class Item(NamedTuple):
    """`digest`: "sha256:...", or "" where nobody asks for one. `read(offset)`: pieces, each verified before it comes;
    may raise Refused."""

    kind: str
    digest: str
    size: int
    read: Callable[[int], Iterator[bytes]]


class Missing(NamedTuple):
    """Nothing of this name; `code` as the specification has it, "" outside of the registry."""

    code: str
    what: str


class Shelf:
    """`with Shelf(found) as shelf:`. Raises Refused where the bundle is not any more what was verified."""

    def __init__(self, found: Verified) -> None:
        with Folder(found.path) as folder:
            manifest = folder.small(NAME, MOST_MANIFEST_BYTES)
            signature = folder.small(SIGNATURE, MOST_SIGNATURE_BYTES) if found.key else b""
        if hashlib.sha256(manifest).hexdigest() != found.sha256:
            raise refused("damaged", NAME, "it changed after it was verified")
        self._content = Content(found.path, found.manifest)
        self.manifest = found.manifest
        self.offer = offer(found.manifest, self._content.small)
        self._fixed = {
            "/v2/": _text(b"{}", JSON),
            f"/{NAME}": _text(manifest, JSON),
            **({f"/{SIGNATURE}": _text(signature)} if signature else {}),
        }

    def __enter__(self) -> "Shelf":
        return self

    def __exit__(self, *error: object) -> None:
        self._content.__exit__()

    def put(self, path: str, content: bytes) -> None:
        """A text of our own, where the bundle has nothing of that name."""
        if path.lstrip("/") not in self.manifest.files:
            self._fixed[path] = _text(content)

    def find(self, target: str) -> Item | Missing:
        """`target`: of the request, as it came."""
        path = unquote(urlsplit(target).path, errors="replace").replace("/./", "/")
        if path in self._fixed:
            return self._fixed[path]
        if path.startswith("/v2/"):
            return self._registered(path)
        entry = self.manifest.files.get(path[1:]) if path.startswith("/") else None
        if entry is None:
            return Missing("", f"{path} is not in the bundle")
        return Item(BYTES, f"sha256:{entry.sha256}", entry.size, lambda offset: self._content.stream(path[1:], offset))

    def _registered(self, path: str) -> Item | Missing:
        asked = ASKED.fullmatch(path)
        tags = self.offer.tags.get(asked["name"]) if asked else None
        if asked is None or tags is None:
            return Missing("NAME_UNKNOWN", "the bundle has no image of this name")
        if asked["tags"]:
            return _text(json.dumps({"name": asked["name"], "tags": sorted(tags)}).encode(), JSON)
        if asked["blob"]:
            return self._blob(asked["blob"])
        digest = tags.get(asked["reference"], asked["reference"])
        document = self.offer.documents.get(digest)
        if document is None:
            return Missing("MANIFEST_UNKNOWN", f"the bundle has no {asked['name']} called {asked['reference']}")
        return _text(document.content, document.kind, digest)

    def _blob(self, digest: str) -> Item | Missing:
        path = blob_path(digest)
        if not self._content.has(path):
            return Missing("BLOB_UNKNOWN", "the bundle does not have this blob")
        return Item(BYTES, digest, self._content.size(path), lambda offset: self._content.stream(path, offset))


def _text(content: bytes, kind: str = TEXT, digest: str = "") -> Item:
    return Item(kind, digest, len(content), lambda offset: iter([content[offset:]]))


def problem(missing: Missing) -> tuple[bytes, str]:
    """What is said about it, and its media type."""
    if not missing.code:
        return f"{missing.what}\n".encode(), TEXT
    tree: Any = {"errors": [{"code": missing.code, "message": missing.what, "detail": None}]}
    return json.dumps(tree).encode(), JSON
