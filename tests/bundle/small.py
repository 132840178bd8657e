"""A small bundle that is made in a moment: one image of two layers, a package that is none, and a signature."""

import hashlib
import json
import subprocess
from functools import cache
from pathlib import Path

from infrakit.bundle import ImageEntry, Manifest
from infrakit.system.bundle.write import Writer

VERSION = "0.1.0"
REFERENCE = "registry.example.org/team/app:1.2"


@cache
def key(folder: Path, name: str = "key", kind: str = "ed25519") -> Path:
    """The private key of a new pair."""
    path = folder / name
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "", "-f", str(path)], check=True)
    return path


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def noise(count: int, seed: str = "") -> bytes:
    """Bytes that are always the same, and do not repeat."""
    return hashlib.shake_256(f"noise{seed}".encode()).digest(count)


def blobs(layers: tuple[bytes, ...] = (noise(9000, "1"), noise(5000, "2"))) -> tuple[dict[str, bytes], ImageEntry]:
    """The blobs of an image, and what the manifest says of it."""
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest(layer)}" for layer in layers]},
        }
    ).encode()
    parts = [{"digest": f"sha256:{digest(part)}", "size": len(part)} for part in (config, *layers)]
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": parts[0],
            "layers": parts[1:],
        }
    ).encode()
    return {digest(part): part for part in (manifest, config, *layers)}, ImageEntry(
        f"sha256:{digest(manifest)}", f"sha256:{digest(config)}"
    )


def make(
    folder: Path,
    sign: Path | None,
    *,
    serial: int = 7,
    minimum: str = VERSION,
    split: int = 1 << 30,
    more: dict[str, bytes] = None,
) -> Path:
    """A whole bundle."""
    if more is None:
        more = {}
    found, image = blobs()
    with Writer(str(folder), split, own=more) as writer:
        for path, content in {
            "infrakit.yaml": b"version: 1\n",
            "packages/debian-trixie-amd64/docker-ce_1_amd64.deb": noise(6000, "deb"),
            **more,
        }.items():
            writer.put(path, content)
        for name, content in found.items():
            writer.blob(
                f"images/blobs/sha256/{name}", name, len(content), lambda offset, content=content: [content[offset:]]
            )
        writer.seal(
            Manifest(serial, minimum, VERSION, "homelab", ("amd64",), {}, {}, {REFERENCE: {"amd64": image}}, {}),
            str(sign) if sign else "",
        )
    return folder
