"""Bytes of infrakit.yaml x new entries of `apps:` and `volumes:` -> its bytes with them, every byte of it kept.

Lines are put in, and what comes out is read again: it must hold exactly what it held, and the entries. Where that
cannot be had, nothing is given back but the reason.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from infrakit.config import Document, parse
from infrakit.config.document import Node
from infrakit.errors import ConfigurationInvalid, Position, Problem

Tree = tuple[str, bool, object]
INDENT = 2
"""Spaces before the names in `Section.lines`."""


class Section(NamedTuple):
    """Lines below a key at the top: names with two spaces before them. `names`: each with where it comes from."""

    key: str
    lines: Sequence[str]
    names: Mapping[str, Position]


def extended(source: bytes, name: str, sections: Sequence[Section]) -> bytes:
    """The file called `name` with these entries. ConfigurationInvalid where one of them is there already, or a section
    is written in a way that nothing can be put into."""
    document = parse(source, name)
    problems = [problem for section in sections for problem in _refused(document, source, section)]
    if problems:
        raise ConfigurationInvalid(problems)
    for section in sections:
        if section.names:
            source = _with(source, name, section)
    return source


def text_at(source: bytes, name: str, path: Sequence[str]) -> str:
    """A text of the file called `name`; "" where nothing is said."""
    node: Node | None = parse(source, name).root
    for key in path:
        node = _entry(node, key) if node is not None and node.kind == "map" else None
    return str(node.value) if node is not None and node.kind == "scalar" else ""


def replaced(source: bytes, name: str, path: tuple[str, ...], old: str, new: str) -> bytes:
    """The file with another text at `path`, which begins with `old` on one line. ConfigurationInvalid where it does
    not."""
    place = parse(source, name).position(path)
    lines = source.decode().split("\n")
    at = place.column - 1 + lines[place.line - 1].startswith("\ufeff")
    at += lines[place.line - 1][at : at + 1] in ("'", '"')
    if lines[place.line - 1].startswith(old, at):
        lines[place.line - 1] = lines[place.line - 1][:at] + new + lines[place.line - 1][at + len(old) :]
        result = "\n".join(lines).encode()
        if text_at(result, name, path) == new:
            return result
    what = f"{'.'.join(path)} cannot be edited"
    raise ConfigurationInvalid([Problem(place, what, "edit-shape", f"write it on one line, or edit it: {new}")])


def names_in(source: bytes, name: str) -> tuple[frozenset[str], frozenset[str]]:
    """What `apps` and `volumes` of the file called `name` are called."""
    root = parse(source, name).root
    found = [_entry(root, key) if root.kind == "map" else None for key in ("apps", "volumes")]
    apps, volumes = (
        frozenset(key.value for key, _ in node.value) if node is not None and node.kind == "map" else frozenset()
        for node in found
    )
    return apps, volumes


def secrets_said(source: bytes, name: str) -> frozenset[str]:
    """Names of secrets that apps of the file have."""
    keys = _keys_of_apps(source, name)
    lists = [value for key, value in keys if key.value in ("secrets", "user_secrets") and value.kind == "list"]
    return frozenset(each.value for listed in lists for each in listed.value if each.kind == "scalar")


def hostnames_said(source: bytes, name: str) -> frozenset[str]:
    """What apps of the file call themselves: Docker finds them by that, too."""
    said = [value for key, value in _keys_of_apps(source, name) if key.value == "hostname"]
    return frozenset(value.value.lower() for value in said if value.kind == "scalar")


def _keys_of_apps(source: bytes, name: str) -> list[tuple[Node, Node]]:
    apps = _entry(parse(source, name).root, "apps")
    return [pair for _, app in (_pairs(apps) if apps is not None else ()) for pair in _pairs(app)]


def _pairs(node: Node) -> list[tuple[Node, Node]]:
    return node.value if node.kind == "map" else []


def _refused(document: Document, source: bytes, section: Section) -> Iterator[Problem]:
    if document.root.kind != "map":
        yield Problem(document.at(document.root), "not a map of keys", "import-shape", "infrakit init writes one")
        return
    found = _entry(document.root, section.key)
    if found is None or not section.names:
        return
    if found.kind == "map":
        for key, _ in found.value:
            if key.value in section.names:
                what = f"{section.key}.{key.value} is there already"
                hint = "delete or rename one of the two, or add it with --prefix NAME"
                yield Problem(document.at(key), what, "import-name", hint, related=section.names[key.value])
    if not _takes_lines(found, source):
        hint = f"write {section.key}: and below it each of its entries on lines of its own, without braces"
        yield Problem(document.at(found), f"nothing can be put into {section.key}", "import-shape", hint)


def _entry(root: Node, key: str) -> Node | None:
    return next((value for name, value in root.value if name.value == key), None)


def _takes_lines(found: Node, source: bytes) -> bool:
    """Whether entries can follow: a map without braces, or nothing at all."""
    if found.kind != "map":
        return found.kind == "scalar" and found.plain and found.value == ""
    lines = source.decode().removeprefix("\ufeff").split("\n")
    return not lines[found.line - 1][found.column - 1 :].startswith("{")


def _with(source: bytes, name: str, section: Section) -> bytes:
    before = parse(source, name)
    text = source.decode()
    end = "\r\n" if "\r\n" in text else "\n"
    *whole, rest = text.split("\n")
    lines = [*(f"{line}\n" for line in whole), *([rest] if rest else [])]
    for at, indent in _places(before, lines, section.key):
        head = [] if indent else [f"{section.key}:"]
        shift = " " * ((indent or INDENT) - INDENT) if (indent or INDENT) >= INDENT else ""
        cut = max(0, INDENT - (indent or INDENT))
        added = [line + end for line in (*head, *(shift + each[cut:] for each in section.lines))]
        above = lines[:at]
        if above and not above[-1].endswith("\n"):
            above[-1] += end
        result = "".join([*above, *added, *lines[at:]]).encode()
        if _holds(result, name, before, section):
            return result
    what = f"nothing can be put into {section.key} without changing what the file holds"
    hint = "infrakit import --dry-run prints the lines: put them in by hand"
    raise ConfigurationInvalid([Problem(Position(name, 1, 1), what, "import-shape", hint)])


def _places(document: Document, lines: Sequence[str], key: str) -> Iterator[tuple[int, int]]:
    """(index of the line before which entries may be put, spaces before their names), the best first; no spaces where
    the section is not there."""
    found = _entry(document.root, key)
    if found is None:
        yield len(lines), 0
        return
    own = next(name for name, _ in document.root.value if name.value == key)
    following = [name.line - 1 for name, _ in document.root.value if name.line > own.line]
    last = min(following, default=len(lines))
    if found.kind != "map":
        yield own.line, INDENT
        return
    indent = found.column - 1
    at = last
    while at > own.line and is_apart(lines[at - 1], indent):
        at -= 1
    yield at, indent
    yield last, indent
    yield found.line - 1, indent


def is_apart(line: str, indent: int) -> bool:
    """Whether a line is empty, or a comment that belongs to no entry."""
    bare = line.strip()
    return not bare or bare.startswith("#") and len(line) - len(line.lstrip(" ")) < indent


def _holds(result: bytes, name: str, before: Document, section: Section) -> bool:
    """Whether the file holds what it held before, and the entries of the section, and nothing else."""
    try:
        after = parse(result, name)
        wanted = parse("\n".join([f"{section.key}:", *section.lines, ""]).encode(), name)
    except ConfigurationInvalid as error:
        if any(problem.code in ("yaml-nodes", "file-too-large") for problem in error.problems):
            raise
        return False
    old, new = children(before.root), children(after.root)
    inside, added = new.pop(section.key, None), children(wanted.root)[section.key]
    kept = old.pop(section.key, None)
    if inside is None or list(old.items()) != list(new.items()) or not isinstance(inside[2], tuple):
        return False
    whole = dict(inside[2])
    names = dict(added[2]) if isinstance(added[2], tuple) else {}
    others = {key: value for key, value in whole.items() if key not in names}
    stayed = dict(kept[2]) if kept is not None and isinstance(kept[2], tuple) else {}
    mine = [(key, value) for key, value in whole.items() if key in names]
    return list(others.items()) == list(stayed.items()) and mine == list(names.items())


def children(root: Node) -> dict[str, Tree]:
    """The keys of a map, each with its value without places."""
    return {key.value: tree(value) for key, value in root.value} if root.kind == "map" else {}


def tree(node: Node) -> Tree:
    """A value without its places: what two files have in common."""
    if node.kind == "map":
        return node.kind, False, tuple((key.value, tree(value)) for key, value in node.value)
    if node.kind == "list":
        return node.kind, False, tuple(tree(each) for each in node.value)
    return node.kind, node.plain, node.value
