"""bundle.json <-> Manifest. Whatever is not exactly of this shape is refused, before anything in it is believed.

Files up to CHUNK bytes have one SHA-256; a larger one has one per chunk, so that a damaged place can be named, and
every byte is still hashed once. `sha256` of a larger file is what its maker saw; its chunks are what is checked.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from infrakit.bundle.fault import refused

NAME, SIGNATURE = "bundle.json", "bundle.json.sig"
FORMAT = 1
CHUNK = 1 << 24
MOST_MANIFEST_BYTES, MOST_SIGNATURE_BYTES = 1 << 25, 1 << 14
MOST_FILES, MOST_FILE_BYTES, MOST_SERIAL = 100_000, 1 << 40, 1 << 62
MOST_PATH, MOST_DEPTH = 240, 6
FAT_BYTES = (1 << 32) - 1
"""The largest file that FAT32 can hold."""

# Names that FAT, and every other file system, can hold; none begins with a dot, so none is hidden or leads upwards.
PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+~%@=-]*", re.ASCII)
HEX = re.compile("[0-9a-f]{64}")
DIGEST = re.compile("sha256:[0-9a-f]{64}")
WORD = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}", re.ASCII)
VERSION = re.compile(r"\d{1,6}(\.\d{1,6}){0,3}", re.ASCII)
REFERENCE = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._/:@-]{0,400}", re.ASCII)


class FileEntry(NamedTuple):
    """`chunks` is empty for a file of one chunk."""

    size: int
    sha256: str
    chunks: tuple[str, ...] = ()


class ImageEntry(NamedTuple):
    """One image for one architecture, by digests: its OCI manifest, its configuration (the classic store's image ID),
    and "" or the index that listed it."""

    manifest: str
    config: str
    index: str = ""  # type: ignore[assignment]  # a tuple has a method of that name


class Manifest(NamedTuple):
    """`minimum`: the oldest InfraKit that can read it. `wholes`: path -> its parts, for files that were split.

    `images`: reference -> architecture -> ImageEntry. `unpacked`: hex digest of a layer -> its bytes when unpacked.
    `absent`: blobs, and packages by name and version, that a delta left out because the target has them.
    """

    serial: int
    minimum: str
    made_by: str
    name: str
    architectures: tuple[str, ...]
    files: Mapping[str, FileEntry]
    wholes: Mapping[str, tuple[str, ...]]
    images: Mapping[str, Mapping[str, ImageEntry]]
    unpacked: Mapping[str, int]
    absent: tuple[str, ...] = ()


def to_bytes(manifest: Manifest) -> bytes:
    """The same manifest, the same bytes."""
    tree = {
        "bundle": FORMAT,
        "serial": manifest.serial,
        "minimum": manifest.minimum,
        "made_by": manifest.made_by,
        "name": manifest.name,
        "architectures": list(manifest.architectures),
        "chunk": CHUNK,
        "files": {path: _file_tree(entry) for path, entry in manifest.files.items()},
        "wholes": {path: list(parts) for path, parts in manifest.wholes.items()},
        "images": {
            name: {key: entry._asdict() for key, entry in found.items()} for name, found in manifest.images.items()
        },
        "unpacked": dict(manifest.unpacked),
        "absent": list(manifest.absent),
    }
    return (json.dumps(tree, sort_keys=True, indent=0, separators=(",", ":")) + "\n").encode()


def _file_tree(entry: FileEntry) -> dict[str, Any]:
    return {"size": entry.size, "sha256": entry.sha256, **({"chunks": list(entry.chunks)} if entry.chunks else {})}


def parse(content: bytes, ours: str) -> Manifest:
    """`ours`: the version of this InfraKit. Raises Refused."""
    tree = _tree(content)
    if type(tree.get("bundle")) is not int or tree["bundle"] != FORMAT:
        raise refused("format", NAME, f"its format is {str(tree.get('bundle'))[:20]}, and this InfraKit reads {FORMAT}")
    minimum = _text(tree, "minimum", VERSION)
    if version_key(minimum) > version_key(ours):
        raise refused("minimum-version", NAME, f"it needs InfraKit {minimum} or newer, and this is {ours}")
    keys = {
        "bundle",
        "serial",
        "minimum",
        "made_by",
        "name",
        "architectures",
        "chunk",
        "files",
        "wholes",
        "images",
        "unpacked",
        "absent",
    }
    if set(tree) != keys:
        raise _wrong(f"keys are missing or unknown: {', '.join(sorted(set(tree) ^ keys))[:200]}")
    if _number(tree["chunk"], CHUNK) != CHUNK:
        raise _wrong(f"chunk is not {CHUNK}")
    files = _files(tree["files"])
    return Manifest(
        serial=_number(tree["serial"], MOST_SERIAL),
        minimum=minimum,
        made_by=_text(tree, "made_by", VERSION),
        name=_text(tree, "name", WORD),
        architectures=_texts(tree["architectures"], WORD),
        files=files,
        wholes=_wholes(tree["wholes"], files),
        images=_images(tree["images"]),
        unpacked=_mapping(tree["unpacked"], HEX, lambda name, size: _number(size, MOST_FILE_BYTES)),
        absent=_texts(tree["absent"], re.compile(r"[!-~]{1,300}")),
    )


def _tree(content: bytes) -> dict[str, Any]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise refused("duplicate", NAME, f"it has {twice[:MOST_PATH]} twice")
        return found

    def no_constant(word: str) -> Any:
        raise ValueError(word)

    try:
        tree = json.loads(
            content.decode("utf-8"), object_pairs_hook=once, parse_float=no_constant, parse_constant=no_constant
        )
    except (ValueError, RecursionError):
        raise _wrong("it is not a JSON object as InfraKit writes it") from None
    if not isinstance(tree, dict):
        raise _wrong("it is not an object")
    return tree


def _files(tree: Any) -> dict[str, FileEntry]:
    found = _mapping(tree, None, _file)
    if len(found) > MOST_FILES:
        raise refused("too-much", NAME, f"it lists {len(found)} files; {MOST_FILES} are the most")
    seen: dict[str, str] = {}
    for path in found:
        bad = bad_path(path)
        if bad or path in (NAME, SIGNATURE):
            raise refused(
                "path", NAME, f"{path[:MOST_PATH]!r} is no path of a bundle: {bad or 'it cannot list itself'}"
            )
        # FAT knows no upper and lower case.
        if seen.setdefault(path.lower(), path) != path:
            raise refused("duplicate", NAME, f"{path} and {seen[path.lower()]} are one name on a stick")
    folders = {folder.lower() for path in found for folder in parents(path)}
    for path in found:
        if path.lower() in folders:
            raise refused("duplicate", NAME, f"{path} is a file and a folder")
    return found


def bad_path(path: str) -> str:
    """What is wrong with a path of the manifest; "" where nothing is."""
    parts = path.split("/")
    if len(path) > MOST_PATH or len(parts) > MOST_DEPTH:
        return "it is too long"
    if not all(PART.fullmatch(part) for part in parts):
        return "it leads elsewhere, or has a character that not every file system can hold"
    return "a name ends with a dot" if any(part.endswith(".") for part in parts) else ""


def parents(path: str) -> list[str]:
    """The folders above a path."""
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def _file(path: str, tree: Any) -> FileEntry:
    if not isinstance(tree, dict) or not {"size", "sha256"} <= set(tree) <= {"size", "sha256", "chunks"}:
        raise _wrong(f"{path[:MOST_PATH]} has not size and sha256")
    size = _number(tree["size"], MOST_FILE_BYTES)
    chunks = _texts(tree.get("chunks", []), HEX)
    if len(chunks) != chunk_count(size):
        raise _wrong(f"{path[:MOST_PATH]} has {len(chunks)} chunks, and {chunk_count(size)} are right for its size")
    return FileEntry(size, _text(tree, "sha256", HEX), chunks)


def chunk_count(size: int) -> int:
    """How many chunks are listed for a file of this size: none where it is one."""
    return -(-size // CHUNK) if size > CHUNK else 0


def _wholes(tree: Any, files: Mapping[str, FileEntry]) -> dict[str, tuple[str, ...]]:
    found = _mapping(tree, None, lambda path, parts: _texts(parts, None))
    for path, parts in found.items():
        if (
            bad_path(path)
            or path in files
            or not parts
            or not set(parts) <= set(files)
            or any(part.rpartition(".part")[0] != path for part in parts)
        ):
            raise _wrong(f"{path[:MOST_PATH]} is not made of parts that it lists")
    return found


def _images(tree: Any) -> dict[str, dict[str, ImageEntry]]:
    def image(name: str, found: Any) -> ImageEntry:
        if not isinstance(found, dict) or set(found) != {"manifest", "config", "index"}:
            raise _wrong(f"an image has not manifest, config and index: {name}")
        index = _text(found, "index", DIGEST) if found["index"] else ""
        return ImageEntry(_text(found, "manifest", DIGEST), _text(found, "config", DIGEST), index)

    return _mapping(tree, REFERENCE, lambda name, found: _mapping(found, WORD, image))


def _mapping(tree: Any, names: Any, value: Callable[[str, Any], Any]) -> dict[str, Any]:
    if not isinstance(tree, dict):
        raise _wrong("a mapping is missing")
    for name in tree:
        if names is not None and not names.fullmatch(name):
            raise _wrong(f"{name[:MOST_PATH]!r} is no name that it can hold")
    return {name: value(name, found) for name, found in tree.items()}


def _number(value: Any, most: int) -> int:
    if type(value) is not int or value < 0:
        raise _wrong(f"{str(value)[:40]} is no number")
    if value > most:
        raise refused("too-much", NAME, f"{str(value)[:40]} is more than {most}")
    return value


def _text(tree: Mapping[str, Any], key: str, pattern: "re.Pattern[str]") -> str:
    value = tree.get(key)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise _wrong(f"{key} is not as it should be")
    return value


def _texts(value: Any, pattern: "re.Pattern[str] | None") -> tuple[str, ...]:
    if not isinstance(value, list) or not all(
        isinstance(item, str) and (pattern is None or pattern.fullmatch(item)) for item in value
    ):
        raise _wrong("a list is not as it should be")
    return tuple(value)


def version_key(version: str) -> tuple[int, ...]:
    """Versions compared by their numbers: 0.10 comes after 0.9."""
    return tuple(int(part) for part in version.split("."))


def _wrong(what: str) -> Exception:
    return refused("manifest", NAME, what)
