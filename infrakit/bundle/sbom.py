"""Package databases found in an image -> its bill of materials, CycloneDX 1.5 as JSON. The same image, the same bytes.

Sources: dpkg's status and status.d, apk's installed (P, V, A, L, o), /etc/os-release; licences from apk's database and
from machine-readable /usr/share/doc/*/copyright of Debian. What no database knows of (a program that was copied in) is
not in it.
"""

import json
import re
import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple

DPKG, DPKG_PARTS = "var/lib/dpkg/status", "var/lib/dpkg/status.d/"
APK = ("lib/apk/db/installed", "usr/lib/apk/db/installed")
RELEASE = ("etc/os-release", "usr/lib/os-release")
COPYRIGHT = re.compile(r"usr/share/doc/([a-z0-9][a-z0-9+.-]*)/copyright")
LICENSE = re.compile(r"^License:[ \t]*(\S.*)$", re.MULTILINE)
FIELD = re.compile(r"^([A-Za-z][A-Za-z-]*):[ \t]*(.*)$", re.MULTILINE)
UNSAFE = re.compile(r"[^A-Za-z0-9.~_-]")
NAMESPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")
MOST_LICENSES = 12


class Component(NamedTuple):
    """`kind`: "deb" or "apk", as package URLs say it. `licenses` as the image's own files word them."""

    kind: str
    name: str
    version: str
    architecture: str
    licenses: tuple[str, ...]


def is_wanted(path: str) -> bool:
    """Whether a file of a layer says something about packages."""
    return (
        path in (DPKG, *APK, *RELEASE)
        or path.startswith(DPKG_PARTS)
        and not path.endswith(".md5sums")
        or COPYRIGHT.fullmatch(path) is not None
    )


def components(files: Mapping[str, bytes]) -> list[Component]:
    """By name and version, each once."""
    text = {path: content.decode("utf-8", "replace") for path, content in files.items()}
    found = [item for path in text if path == DPKG or path.startswith(DPKG_PARTS) for item in _dpkg(text[path], text)]
    found += [item for path in APK if path in text for item in _apk(text[path])]
    return sorted(set(found))


def _dpkg(status: str, text: Mapping[str, str]) -> list[Component]:
    found = []
    for paragraph in status.split("\n\n"):
        fields = dict(FIELD.findall(paragraph))
        if {"Package", "Version"} <= set(fields) and fields.get("Status", "x installed").split()[-1] == "installed":
            name = fields["Package"]
            found.append(
                Component(
                    "deb",
                    name,
                    fields["Version"],
                    fields.get("Architecture", ""),
                    _licenses(text.get(f"usr/share/doc/{name}/copyright", "")),
                )
            )
    return found


def _licenses(copyright_text: str) -> tuple[str, ...]:
    """Of a copyright file that follows DEP 5; any other says it in prose."""
    if not copyright_text.lstrip().startswith("Format"):
        return ()
    return tuple(sorted({name.strip()[:100] for name in LICENSE.findall(copyright_text)})[:MOST_LICENSES])


def _apk(installed: str) -> list[Component]:
    found = []
    for paragraph in installed.split("\n\n"):
        fields = dict(line.split(":", 1) for line in paragraph.splitlines() if line[1:2] == ":" and line[0] in "PVAL")
        if {"P", "V"} <= set(fields):
            found.append(
                Component(
                    "apk", fields["P"], fields["V"], fields.get("A", ""), (fields["L"],) if fields.get("L") else ()
                )
            )
    return found


def release(files: Mapping[str, bytes]) -> dict[str, str]:
    """ID, VERSION_ID and PRETTY_NAME of the image's system, where it has one."""
    content = next((files[path] for path in RELEASE if files.get(path)), b"").decode("utf-8", "replace")
    pairs = dict(line.split("=", 1) for line in content.splitlines() if "=" in line and not line.startswith("#"))
    return {key: pairs[key].strip().strip("\"'") for key in ("ID", "VERSION_ID", "PRETTY_NAME") if key in pairs}


def document(
    reference: str, architecture: str, image_id: str, files: Mapping[str, bytes], unread: Mapping[str, str]
) -> bytes:
    """`unread`: digest of a layer that could not be looked into -> why."""
    system = release(files)
    distribution = system.get("ID", "")
    listed: list[dict[str, Any]] = []
    if distribution:
        listed.append(
            {
                "type": "operating-system",
                "bom-ref": f"os:{distribution}",
                "name": distribution,
                "version": system.get("VERSION_ID", ""),
                "description": system.get("PRETTY_NAME", ""),
            }
        )
    listed += [_component(item, distribution) for item in components(files)]
    tree = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "serialNumber": f"urn:uuid:{uuid.uuid5(NAMESPACE, f'{reference} {architecture} {image_id}')}",
        "metadata": {
            "component": {
                "type": "container",
                "bom-ref": f"image:{image_id}",
                "name": reference.rpartition(":")[0] or reference,
                "version": reference.rpartition(":")[2],
                "hashes": [{"alg": "SHA-256", "content": image_id.removeprefix("sha256:")}],
                "properties": [
                    {"name": "infrakit:architecture", "value": architecture},
                    {"name": "infrakit:layers-not-read", "value": str(len(unread))},
                    *(
                        {"name": "infrakit:layer-not-read", "value": f"{digest}: {why}"}
                        for digest, why in sorted(unread.items())
                    ),
                ],
            }
        },
        "components": listed,
    }
    return (json.dumps(tree, sort_keys=True, indent=1) + "\n").encode()


def _component(item: Component, distribution: str) -> dict[str, Any]:
    where = distribution or ("debian" if item.kind == "deb" else "alpine")
    quoted = UNSAFE.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), item.version)
    url = f"pkg:{item.kind}/{where}/{UNSAFE.sub(lambda found: f'%{ord(found[0]):02X}', item.name)}@{quoted}" + (
        f"?arch={item.architecture}" if item.architecture else ""
    )
    licenses = {"licenses": [{"license": {"name": name}} for name in item.licenses]} if item.licenses else {}
    return {"type": "library", "bom-ref": url, "name": item.name, "version": item.version, "purl": url, **licenses}


def file_name(reference: str, architecture: str) -> str:
    """Where it lies in a bundle."""
    return f"sbom/{re.sub(r'[^A-Za-z0-9._-]', '_', reference)}-{architecture}.cdx.json"
