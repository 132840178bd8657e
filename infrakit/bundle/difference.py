"""Two manifests, and the bills of materials of both -> what is different, in lines for a person."""

import json
from collections.abc import Mapping

from infrakit.bundle.images import blob_path
from infrakit.bundle.manifest import ImageEntry, Manifest

Boms = Mapping[str, bytes]
"""Path below the bundle -> content."""
MOST_COMPONENTS = 40


def images_of(manifest: Manifest) -> dict[tuple[str, str], ImageEntry]:
    """By reference and architecture."""
    return {
        (name, architecture): entry for name, found in manifest.images.items() for architecture, entry in found.items()
    }


def differences(before: Manifest, after: Manifest, boms_before: Boms, boms_after: Boms) -> list[str]:
    """ "+" is new, "-" is gone, "~" is another one now."""
    lines = [] if before.serial == after.serial else [f"~ serial {before.serial} -> {after.serial}"]
    old, new = images_of(before), images_of(after)
    for key in sorted({*old, *new}):
        name = f"image {key[0]} for {key[1]}"
        if key not in old or key not in new:
            lines.append(f"{'+' if key in new else '-'} {name}")
        elif old[key].config != new[key].config:
            lines.append(f"~ {name}: {old[key].config[7:19]} -> {new[key].config[7:19]}")
    lines += _files(before, after)
    for path in sorted({*boms_before} & {*boms_after}):
        lines += [
            f"{line} in {path.removeprefix('sbom/').removesuffix('.cdx.json')}"
            for line in _components(boms_before[path], boms_after[path])
        ]
    return lines


def _files(before: Manifest, after: Manifest) -> list[str]:
    """What is neither a blob nor derived from one."""
    lines = []
    for path in sorted({*before.files, *after.files}):
        if path.startswith((blob_path(""), "images/", "sbom/")):
            continue
        if path not in before.files or path not in after.files:
            lines.append(f"{'+' if path in after.files else '-'} {path}")
        elif before.files[path].sha256 != after.files[path].sha256:
            lines.append(f"~ {path}")
    return lines


def _components(before: bytes, after: bytes) -> list[str]:
    old, new = versions(before), versions(after)
    lines = []
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            lines.append(
                f"  ~ {name} {old[name]} -> {new[name]}"
                if name in old and name in new
                else f"  {'+' if name in new else '-'} {name} {new.get(name) or old.get(name)}"
            )
    return (
        lines
        if len(lines) <= MOST_COMPONENTS
        else [*lines[:MOST_COMPONENTS], f"  and {len(lines) - MOST_COMPONENTS} more"]
    )


def versions(bom: bytes) -> dict[str, str]:
    """Component -> version, of a bill of materials as we write it; {} where it is none."""
    try:
        return {str(item["name"]): str(item["version"]) for item in json.loads(bom)["components"]}
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}


def licenses(bom: bytes) -> dict[str, int]:
    """License, as the image words it -> how many components have it."""
    counts: dict[str, int] = {}
    try:
        for item in json.loads(bom)["components"]:
            for license_ in item.get("licenses", ()):
                name = str(license_["license"]["name"])
                counts[name] = counts.get(name, 0) + 1
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return counts
