"""infrakit bundle inspect: what is in a bundle, how large, under which licences, and what is different from another
one."""

from typing import Any

import click

from infrakit import VERSION
from infrakit.bundle.difference import differences, images_of, licenses, versions
from infrakit.bundle.images import blob_path
from infrakit.bundle.sbom import file_name
from infrakit.cli.talk import result, result_json, result_text
from infrakit.errors import EXIT_DIFFERENCES, EXIT_OK, UsageProblem
from infrakit.system.bundle.content import Content
from infrakit.system.bundle.folder import Folder
from infrakit.system.bundle.verify import Trust, Verified, head

MEGABYTE = 1e6


@click.command(
    help=(
        "Say what is in the bundle in DIR. Reads the manifest, and checks of the rest only what it prints: infrakit "
        "bundle verify checks all of it."
    )
)
@click.argument("folder", metavar="DIR")
@click.option(
    "--diff",
    "other",
    metavar="OTHER",
    help="Say what is different from the bundle in OTHER, an older one. Exit code 6 where something is.",
)
@click.option("--sbom", "image", metavar="IMAGE", help="Print the bill of materials of one image (CycloneDX).")
@click.option("--architecture", metavar="NAME", help="With --sbom: for which processor, where there are several.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def command(folder: str, other: str | None, image: str | None, architecture: str | None, as_json: bool) -> int:
    seen = opened(folder)
    if image:
        result_text(_bom(seen, image, architecture).decode())
        return EXIT_OK
    if other:
        before = opened(other)
        lines = differences(before.manifest, seen.manifest, _boms(before), _boms(seen))
        if as_json:
            result_json({"before": before.manifest.serial, "after": seen.manifest.serial, "differences": lines})
        else:
            for line in lines:
                result(line)
            result(f"{folder} and {other}: " + (f"{len(lines)} differences" if lines else "no difference"))
        return EXIT_DIFFERENCES if lines else EXIT_OK
    facts = described(seen)
    if as_json:
        result_json(facts)
        return EXIT_OK
    for line in lines_of(facts):
        result(line)
    return EXIT_OK


def opened(folder: str) -> Verified:
    """Its manifest, whose signature is checked where it has one. Raises Refused."""
    with Folder(folder) as found:
        return head(found, Trust(allow_unsigned=True), VERSION)


def _boms(seen: Verified) -> dict[str, bytes]:
    with Content(seen.path, seen.manifest) as content:
        return {path: content.small(path) for path in seen.manifest.files if path.startswith("sbom/")}


def _bom(seen: Verified, image: str, architecture: str | None) -> bytes:
    found = [key for key in images_of(seen.manifest) if key[0] == image and architecture in (None, key[1])]
    if len(found) != 1:
        known = sorted(seen.manifest.images) if not found else sorted(key[1] for key in found)
        raise UsageProblem(
            f"there are {len(found)} images {image} in the bundle",
            f"one of: {', '.join(known)}" + ("; name one with --architecture" if found else ""),
        )
    with Content(seen.path, seen.manifest) as content:
        path = file_name(*found[0])
        if not content.has(path):
            raise UsageProblem(
                f"the bundle has no bill of materials for {image}", "a delta, or one made with --no-sbom, has none"
            )
        return content.small(path)


def described(seen: Verified) -> dict[str, Any]:
    """For a program."""
    manifest = seen.manifest
    systems: dict[str, dict[str, int]] = {}
    for path, entry in manifest.files.items():
        if path.startswith("packages/") and path.endswith(".deb"):
            system = systems.setdefault(path.split("/")[1], {"packages": 0, "bytes": 0})
            system["packages"] += 1
            system["bytes"] += entry.size
    blobs = sum(entry.size for path, entry in manifest.files.items() if path.startswith(blob_path("")))
    return {
        "bundle": seen.path,
        "name": manifest.name,
        "serial": manifest.serial,
        "made_by": manifest.made_by,
        "minimum": manifest.minimum,
        "key": seen.key.fingerprint if seen.key else None,
        "architectures": list(manifest.architectures),
        "images": _images(seen),
        "packages": systems,
        "blob_bytes": blobs,
        "bytes": sum(entry.size for entry in manifest.files.values()),
        "needs": list(manifest.absent),
    }


def _images(seen: Verified) -> list[dict[str, Any]]:
    boms = _boms(seen)
    found = []
    with Content(seen.path, seen.manifest) as content:
        for name, architecture in sorted(images_of(seen.manifest)):
            image = content.image(name, architecture)
            bom = boms.get(file_name(name, architecture), b"")
            if image is not None:
                found.append(
                    {
                        "image": name,
                        "architecture": architecture,
                        "id": image.entry.config,
                        "manifest": image.entry.manifest,
                        "bytes": sum(layer.size for layer in image.parts.layers),
                        "layers": len(image.parts.layers),
                        "layers_here": sum(1 for layer in image.parts.layers if content.has(blob_path(layer.digest))),
                        "unpacked_bytes": sum(seen.manifest.unpacked.get(layer.hex, 0) for layer in image.parts.layers),
                        "components": len(versions(bom)),
                        "licenses": licenses(bom),
                    }
                )
    return found


def lines_of(facts: dict[str, Any]) -> list[str]:
    """For a person."""
    signed = f"signed with {facts['key']}" if facts["key"] else "not signed"
    lines = [
        (
            f"{facts['name']}, serial {facts['serial']}, for {', '.join(facts['architectures'])}, made by infrakit "
            f"{facts['made_by']}, {signed}"
        )
    ]
    for item in facts["images"]:
        missing = item["layers"] - item["layers_here"]
        lacks = f", {missing} of {item['layers']} layers left out" if missing else f", {item['layers']} layers"
        inside = (
            f", {item['components']} packages"
            + (f" under {len(item['licenses'])} licences" if item["licenses"] else "")
            if item["components"]
            else ""
        )
        lines.append(f"  {item['architecture']:6} {item['bytes'] / MEGABYTE:8.1f} MB  {item['image']}{lacks}{inside}")
    for name, item in sorted(facts["packages"].items()):
        lines.append(f"  {item['bytes'] / MEGABYTE:15.1f} MB  {item['packages']} packages for {name}")
    if facts["needs"]:
        lines.append(f"  it is a delta: {len(facts['needs'])} layers must be on the machine already")
    lines.append(
        f"{facts['bytes'] / MEGABYTE:.1f} MB in all, {facts['blob_bytes'] / MEGABYTE:.1f} MB of it blobs of images"
    )
    return lines
