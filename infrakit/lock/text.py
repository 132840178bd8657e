"""infrakit.lock: bytes -> Lock -> the same bytes.

One fact a line and a blank line between images, so that git merges two upgrades line by line. A file that is exactly
what we would print is read without a YAML reader; any other one with places for what is wrong.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from infrakit.errors import ConfigurationInvalid, Position, Problem
from infrakit.lock import Lock
from infrakit.lock.entries import LockedImage, LockedName, LockedPackage

HEADING = (
    "# What infrakit.yaml stands for, exactly. Made by `infrakit lock`: keep it beside infrakit.yaml, and in git.\n"
    "---\n"
)
VERSION = 1
ARCHITECTURES = ("amd64", "arm64", "armhf")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
REFERENCE = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._-]*(?::\d+)?(?:/[a-z0-9._-]+)+(?::\w[\w.-]*)?(?:@sha256:[0-9a-f]{64})?", re.ASCII
)
SYSTEM = re.compile(r"[a-z]+-[a-z]+-(amd64|arm64|armhf)")
PACKAGE = re.compile(r"[a-z0-9][a-z0-9.+-]+")
PACKAGE_VERSION = re.compile(r"[A-Za-z0-9.+:~-]+")
LARGEST = 10**15
MAKE = "mend the line, or make the whole lock anew: infrakit lock --upgrade"


def printed(lock: Lock) -> bytes:
    """The file."""
    entries = []
    for name, locked in sorted(lock.images.items()):
        lines = [f'  "{name}":', f"    index: {locked.index}"]
        for architecture, image in sorted(locked.images.items()):
            lines += [
                f"    {architecture}:",
                f"      manifest: {image.manifest}",
                f"      image: {image.image}",
                f"      bytes: {image.size_bytes}",
            ]
        entries.append("\n".join(lines) + "\n")
    systems = []
    for name, packages in sorted(lock.packages.items()):
        lines = [f'  "{name}":']
        for package, found in sorted(packages.items()):
            lines += [
                f'    "{package}":',
                f'      version: "{found.version}"',
                f"      digest: {found.digest}",
                f"      bytes: {found.size_bytes}",
            ]
        systems.append("\n".join(lines) + "\n")
    text = f"{HEADING}version: {VERSION}\n\nimages:" + ("\n" + "\n".join(entries) if entries else " {}\n")
    return (text + ("\npackages:\n" + "\n".join(systems) if systems else "")).encode()


def read(source: bytes, document: str) -> Lock:
    """Raises ConfigurationInvalid with every problem and its place."""
    quick = _as_printed(source, document)
    return quick if quick is not None and printed(quick) == source else Reading(document).lock(source)


def _as_printed(source: bytes, document: str) -> Lock | None:
    """A quick reading, believed only where printing its result gives `source` again and every value is one."""
    try:
        lock = _built(_tree(source.decode()), document)
        return lock if _is_right(lock) else None
    except (ValueError, KeyError, AttributeError, TypeError, IndexError):
        return None


def _built(tree: dict[str, Any], document: str) -> Lock:
    images = {
        name: LockedName(
            entry.pop("index"),
            {key: LockedImage(one["manifest"], one["image"], int(one["bytes"])) for key, one in entry.items()},
        )
        for name, entry in tree["images"].items()
    }
    packages = {
        system: {name: LockedPackage(one["version"], one["digest"], int(one["bytes"])) for name, one in entry.items()}
        for system, entry in tree.get("packages", {}).items()
    }
    return Lock(images, document, packages)


def _is_right(lock: Lock) -> bool:
    parts = [image for locked in lock.images.values() for image in locked.images.values()]
    found = [package for system in lock.packages.values() for package in system.values()]
    digests = (
        *(locked.index for locked in lock.images.values()),
        *(text for part in parts for text in part[:2]),
        *(item.digest for item in found),
    )
    return bool(
        all(map(DIGEST.fullmatch, digests))
        and all(
            0 <= size < LARGEST for size in (*(part.size_bytes for part in parts), *(item.size_bytes for item in found))
        )
        and all(
            REFERENCE.fullmatch(name) and locked.images and set(locked.images) <= set(ARCHITECTURES)
            for name, locked in lock.images.items()
        )
        and all(
            SYSTEM.fullmatch(name) and system and all(map(PACKAGE.fullmatch, system))
            for name, system in lock.packages.items()
        )
        and all(PACKAGE_VERSION.fullmatch(item.version) for item in found)
    )


def _tree(text: str) -> dict[str, Any]:
    """Lines indented by two spaces a level -> mappings of mappings; nothing is checked."""
    levels: list[dict[str, Any]] = [{}]
    for line in text.splitlines():
        if not line or line.startswith(("#", "---")):
            continue
        body = line.lstrip(" ")
        depth = (len(line) - len(body)) // 2
        key, value = (body[:-1], None) if body.endswith(":") else body.split(": ", 1)
        del levels[depth + 1 :]
        levels[depth][key.strip('"')] = {} if value in (None, "{}") else value.strip('"')
        if value is None:
            levels.append(levels[depth][key.strip('"')])
    return levels[0]


class Reading:
    """One file with the YAML reader, every problem with its place."""

    def __init__(self, document: str) -> None:
        self._document = document
        self._problems: list[Problem] = []

    def lock(self, source: bytes) -> Lock:
        from infrakit.config.reader import parse

        top = self._mapping(parse(source, self._document).root, "the lock", ("version", "images"), ("packages",))
        if "version" in top and top["version"].value != str(VERSION):
            hint = (
                f"this InfraKit reads version {VERSION}: use the one that wrote it, or make the lock anew: infrakit "
                "lock --upgrade"
            )
            self._say(top["version"], "it is of another version of the format", "lock-version", hint)
        images = self._named(top, "images", REFERENCE, "no full name of an image", self._name)
        packages = self._named(top, "packages", SYSTEM, "no system, such as debian-trixie-amd64", self._packages)
        if self._problems:
            raise ConfigurationInvalid(self._problems)
        return Lock(images, self._document, packages)

    def _named(
        self, top: Mapping[str, Any], key: str, pattern: re.Pattern[str], what: str, make: Callable[[str, Any], Any]
    ) -> dict[str, Any]:
        """A mapping whose keys are names, each with what `make` makes of its value."""
        found = {}
        for name, node in self._mapping(top[key], key, None).items() if key in top else ():
            if not pattern.fullmatch(name):
                self._say(node, f"{name} is {what}", "lock-value", MAKE)
            found[name] = make(name, node)
        return found

    def _name(self, name: str, node: Any) -> LockedName:
        parts = self._mapping(node, name, ("index",), ARCHITECTURES)
        images = {key: self._image(f"{name}: {key}", value) for key, value in parts.items() if key in ARCHITECTURES}
        if not images and node.kind == "map":
            self._say(node, f"{name}: it has an image for no processor", "lock-key", MAKE)
        return LockedName(self._digest(name, parts, "index"), images)

    def _image(self, name: str, node: Any) -> LockedImage:
        parts = self._mapping(node, name, ("manifest", "image", "bytes"))
        return LockedImage(
            self._digest(name, parts, "manifest"), self._digest(name, parts, "image"), self._size(name, parts)
        )

    def _packages(self, system: str, node: Any) -> dict[str, LockedPackage]:
        return {
            name: self._package(f"{system}: {name}", name, one)
            for name, one in self._mapping(node, system, None).items()
        }

    def _package(self, where: str, name: str, node: Any) -> LockedPackage:
        parts = self._mapping(node, where, ("version", "digest", "bytes"))
        if not PACKAGE.fullmatch(name):
            self._say(node, f"{where} is no name of a package", "lock-value", MAKE)
        version = self._text(where, parts, "version", PACKAGE_VERSION, "no version of a package")
        return LockedPackage(version, self._digest(where, parts, "digest"), self._size(where, parts))

    def _digest(self, name: str, parts: Mapping[str, Any], key: str) -> str:
        return self._text(name, parts, key, DIGEST, "not sha256: and 64 hexadecimal digits")

    def _size(self, name: str, parts: Mapping[str, Any]) -> int:
        node = parts.get("bytes")
        right = node is None or node.kind == "scalar" and node.plain and re.fullmatch("[0-9]{1,15}", node.value)
        if not right:
            self._say(node, f"{name}: bytes is not a number of bytes", "lock-value", MAKE)
        return int(node.value) if node is not None and right else 0

    def _text(self, name: str, parts: Mapping[str, Any], key: str, pattern: re.Pattern[str], what: str) -> str:
        node = parts.get(key)
        value = str(node.value) if node is not None and node.kind == "scalar" else ""
        if node is not None and not pattern.fullmatch(value):
            self._say(node, f"{name}: {key} is {what}", "lock-value", MAKE)
        return value

    def _mapping(
        self, node: Any, name: str, needed: tuple[str, ...] | None, more: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        """Key -> node. `needed` None: any keys."""
        if node.kind != "map":
            self._say(node, f"{name} is not a mapping", "lock-value", MAKE)
            return {}
        for key, _ in node.value:
            if needed is not None and key.value not in (*needed, *more):
                self._say(key, f"{name}: a lock has no key {key.value}", "lock-key", MAKE)
        found = {key.value: value for key, value in node.value}
        for key in needed or ():
            if key not in found:
                self._say(node, f"{name}: {key} is missing", "lock-key", MAKE)
        return found

    def _say(self, node: Any, what: str, code: str, hint: str) -> None:
        self._problems.append(Problem(Position(self._document, node.line, node.column), what, code, hint))
