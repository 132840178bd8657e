"""Bytes of infrakit.yaml without one app, every other byte of it kept.

Its lines are taken out, with the comment right above them, and what is left is read again: it must hold exactly what it
held, but the app. Where that cannot be had, nothing is given back but the reason.
"""

from infrakit.composed.addition import children
from infrakit.config import Document, parse
from infrakit.config.document import Node
from infrakit.errors import ConfigurationInvalid, Position, Problem, UsageProblem

SECTION = "apps"


def placed(before: bytes, after: bytes, problem: Problem) -> tuple[Problem, bool]:
    """What is wrong with the file `after` an edit, with its places in the file as it was, and whether it is at a line
    of the edit."""
    old, new = before.split(b"\n"), after.split(b"\n")
    first = next((number for number, (was, now) in enumerate(zip(old, new)) if was != now), min(len(old), len(new)))
    end = len(new)
    while end > first and end - len(new) + len(old) > first and new[end - 1] == old[end - 1 - len(new) + len(old)]:
        end -= 1

    def moved(place: Position) -> Position:
        if place.document != problem.position.document or place.line <= first:
            return place
        line = place.line - (len(new) - len(old) if place.line > end else 0)
        return place._replace(line=min(line, len(old)))

    related = moved(problem.related) if problem.related else None
    within = first < problem.position.line <= end
    return problem._replace(position=moved(problem.position), related=related), within


def without(source: bytes, name: str, app: str) -> bytes:
    """The file called `name` without `apps.APP`. UsageProblem where it is not in it; ConfigurationInvalid where it
    stands there in a way that cannot be taken out by its lines."""
    document = parse(source, name)
    section = next((value for key, value in _pairs(document.root) if key.value == SECTION), None)
    entries = _pairs(section) if section is not None else []
    place = next((number for number, (key, _) in enumerate(entries) if key.value == app), None)
    if section is None or place is None:
        there = ", ".join(str(key.value) for key, _ in entries)
        raise UsageProblem(f"there is no app {app} in {name}", f"its apps: {there}" if there else "it has none")
    lines = source.decode().splitlines(keepends=True)
    first, last = _range(document, lines, place)
    result = "".join(lines[:first] + lines[last:]).encode()
    if not _holds(result, name, document, app):
        what = f"{SECTION}.{app} cannot be taken out by its lines"
        at = document.at(entries[place][0])
        raise ConfigurationInvalid(
            [Problem(at, what, "remove-shape", "it shares a line with others: take it out by hand")]
        )
    return result


def _pairs(node: Node) -> list[tuple[Node, Node]]:
    return list(node.value) if node.kind == "map" else []


def _range(document: Document, lines: list[str], place: int) -> tuple[int, int]:
    """(first line, line after the last), from 0, of an entry with its comment; of the whole section where it is
    the only one."""
    own = next(key for key, _ in document.root.value if key.value == SECTION)
    entries = _pairs(next(value for key, value in document.root.value if key.value == SECTION))
    following = [key.line - 1 for key, _ in document.root.value if key.line > own.line]
    end = min(following, default=len(lines))
    key = own if len(entries) == 1 else entries[place][0]
    first, indent = key.line - 1, key.column - 1
    last = entries[place + 1][0].line - 1 if place + 1 < len(entries) else end
    while last > first + 1 and _is_before(lines[last - 1], indent):
        last -= 1
    while first and lines[first - 1].startswith(" " * indent + "#"):
        first -= 1
    return first, last


def _is_before(line: str, indent: int) -> bool:
    """Whether a line is empty, or a comment of what comes after the entry."""
    bare = line.lstrip(" ")
    return not bare.strip() or bare.startswith("#") and len(line) - len(bare) <= indent


def _holds(result: bytes, name: str, before: Document, app: str) -> bool:
    try:
        after = parse(result, name)
    except ConfigurationInvalid:
        return False
    old, new = children(before.root), children(after.root)
    kind, plain, entries = old.pop(SECTION)
    left = tuple(entry for entry in entries if entry[0] != app) if isinstance(entries, tuple) else ()
    wanted = {**old, SECTION: (kind, plain, left)} if left else old
    return new == wanted
