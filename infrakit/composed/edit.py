"""Bytes of infrakit.yaml x a path and a value -> its bytes with that value there, or without it; every other byte and
every comment is kept.

Text is put in or taken out, and what comes out is read again: it must hold exactly what it held but at this path, and
the same comments. Where that cannot be had, nothing is given back but the reason.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from infrakit.composed.addition import INDENT, Tree, is_apart, tree
from infrakit.composed.spans import Entry, Span, comments, span_of
from infrakit.composed.written import flow, spelled, written
from infrakit.config import parse
from infrakit.config.check import dotted
from infrakit.config.document import Document, Node, Path
from infrakit.config.keys import alternatives
from infrakit.errors import ConfigurationInvalid, Problem

NOTHING: Tree = ("scalar", True, "")


class Edited(NamedTuple):
    """`content`: the file. `was` and `now`: the value on one line, None where there is none."""

    content: bytes
    was: str | None
    now: str | None


class _Place(NamedTuple):
    """`entries` lead to what there is of a path; `rest` is not there yet. `name` is the file's."""

    text: str
    root: Span
    entries: tuple[Entry, ...]
    rest: Path
    document: Document

    @property
    def holder(self) -> Span:
        """What the next step of `rest` belongs into."""
        return self.entries[-1].value if self.entries else self.root

    @property
    def newline(self) -> str:
        return "\r\n" if "\r\n" in self.text else "\n"

    def line_start(self, at: int) -> int:
        return self.text.rfind("\n", 0, at) + 1

    def column(self, at: int) -> int:
        return at - self.line_start(at)

    def line_end(self, at: int) -> int:
        """Where the line break stands that ends a value, or the text."""
        if self.text[at - 1 : at] != "\n":
            found = self.text.find("\n", at)
            if found < 0:
                return len(self.text)
            at = found + 1
        return at - len(self.newline)


def assigned(source: bytes, name: str, path: Path, schema: Mapping[str, Any], value: str) -> Edited:
    """The file called `name` with VALUE as its schema reads it. ConfigurationInvalid where it cannot be put in."""
    place = _place(source, name, path)
    old, was = (None, None) if place.rest else (place.holder, _said(place.document, path))
    if old is not None and old.text == value and not old.nothing and _is_text(old, schema):
        return Edited(source, was, was)
    above = [place.root, *(entry.value for entry in place.entries[: None if place.rest else -1])]
    brackets = any(span.style == "{" for span in above) or any(isinstance(step, int) for step in place.rest[1:])
    new = written(value, schema, old.style if old is not None else "", in_brackets=brackets)
    node = parse(new.encode(), "VALUE").root
    wanted = _changed(tree(place.document.root), path, tree(node))
    results = _inserted(place, new) if place.rest else [_replaced(place, place.entries[-1], new, node)]
    return Edited(_first(place, source, path, results, wanted), was, flow(node))


def deleted(source: bytes, name: str, path: Path) -> Edited:
    """The file called `name` without that; as it is where it is not in it."""
    place = _place(source, name, path)
    if place.rest:
        return Edited(source, None, None)
    wanted = _changed(tree(place.document.root), path, None)
    return Edited(_first(place, source, path, _without(place), wanted), _said(place.document, path), None)


def _place(source: bytes, name: str, path: Path) -> _Place:
    document = parse(source, name)
    whole = source.decode().removeprefix("\ufeff")
    root = span_of(whole)
    entries: list[Entry] = []
    inside = root
    for step in path:
        found = next((entry for entry in inside.entries if entry.name == step), None)
        if found is None:
            break
        entries.append(found)
        inside = found.value
    return _Place(whole, root, tuple(entries), path[len(entries) :], document)


def _said(document: Document, path: Path) -> str:
    return flow(_node(document, path))


def _node(document: Document, path: Path) -> Node:
    node = document.root
    for step in path:
        pairs = node.value if node.kind == "map" else ()
        node = node.value[step] if isinstance(step, int) else next(child for key, child in pairs if key.value == step)
    return node


def _is_text(old: Span, schema: Mapping[str, Any]) -> bool:
    return old.kind == "scalar" and any(kind.get("type") == "string" for kind in alternatives(schema))


def _changed(old: Tree, path: Path, value: Tree | None) -> Tree:
    """The tree with the value at `path`, or without what is there."""
    if not path:
        assert value is not None, "a path leads to what is taken out"
        return value
    step, rest = path[0], path[1:]
    kind, _, inside = old
    items: list[Any] = list(inside) if isinstance(inside, tuple) else []
    if isinstance(step, int):
        kept = items[step] if step < len(items) else NOTHING
        items[step : step + 1] = [] if value is None and not rest else [_changed(kept, rest, value)]
        return "list", False, tuple(items)
    pairs = dict(items) if kind == "map" else {}
    if value is None and not rest:
        del pairs[step]
    else:
        pairs[step] = _changed(pairs.get(step, NOTHING), rest, value)
    return "map", False, tuple(pairs.items())


def _first(place: _Place, source: bytes, path: Path, results: Iterable[str], wanted: Tree) -> bytes:
    """The first of the results that holds what is wanted, and every comment."""
    if tree(place.document.root) == wanted:
        return source
    mark = source[: len(source) - len(place.text.encode())]
    said = [words for _, words in comments(place.text, place.root)]
    for result in results:
        content = mark + result.encode()
        try:
            holds = tree(parse(content, place.document.name).root) == wanted
        except ConfigurationInvalid as error:
            if any(problem.code in ("yaml-nodes", "file-too-large") for problem in error.problems):
                raise
            continue
        if holds and [words for _, words in comments(result, span_of(result))] == said:
            return content
    at = place.document.position(path[: len(place.entries)], key=True)
    what = f"{dotted(path)} cannot be edited where it stands without another value or a comment changing, too"
    raise ConfigurationInvalid([Problem(at, what, "edit-shape", "write what it is in on lines of its own, or edit it")])


def _replaced(place: _Place, entry: Entry, new: str, node: Node) -> str:
    """With another value behind the key. Comments within what had lines of its own stay, below it."""
    text, old = place.text, entry.value
    if not old.on_lines:
        gap = "" if not old.nothing else " " if text[entry.after - 1] in ":-" else ": "
        return text[: old.start] + gap + new + text[old.end :]
    stop = place.line_end(old.end)
    beside, kept = _kept(place, entry.after, stop, entry.start)
    lines = [f" {new}{beside}", *kept]
    if node.kind == old.kind != "scalar" and node.value and "\n" in text[entry.after : old.start]:
        pad = " " * place.column(old.start)
        each = (
            [f"- {flow(x)}" for x in node.value]
            if node.kind == "list"
            else [f"{flow(key)}: {flow(x)}" for key, x in node.value]
        )
        lines = [beside, *(pad + line for line in each), *kept]
    return text[: entry.after] + place.newline.join(lines) + text[stop:]


def _kept(place: _Place, start: int, stop: int, column_of: int) -> tuple[str, list[str]]:
    """Of the comments between: the one in the first line, with the space before it, and lines of the others."""
    beside = ""
    lines: list[str] = []
    for at, words in comments(place.text, place.root):
        if start <= at < stop:
            if not lines and place.line_start(at) == place.line_start(start) and start != place.line_start(start):
                beside = f"  {words}"
            else:
                before = place.text[place.line_start(at) : at]
                lines.append((" " * place.column(column_of) if before.strip() else before) + words)
    return beside, lines


def _without(place: _Place) -> Iterator[str]:
    """Without the last of the entries."""
    text, entry = place.text, place.entries[-1]
    holder = place.entries[-2].value if len(place.entries) > 1 else place.root
    number = holder.entries.index(entry)
    end = max(entry.after, entry.value.end)
    if holder.style == "{":
        before = holder.entries[number - 1] if number else None
        if number + 1 < len(holder.entries):
            yield text[: entry.start] + text[holder.entries[number + 1].start :]
        elif before is not None:
            yield text[: max(before.after, before.value.end)] + text[end:]
        comma = re.compile(r"\s*,").match(text, end)
        yield text[: entry.start] + text[comma.end() if comma else end :]
    elif len(holder.entries) == 1 and len(place.entries) > 1:
        empty = Node(holder.kind, [], 1, 1, False)
        yield _replaced(place, place.entries[-2], flow(empty), empty)
    elif text[place.line_start(entry.start) : entry.start].strip():
        yield text[: entry.start] + text[holder.entries[number + 1].start :]
    else:
        yield _without_lines(place, entry, place.line_end(end))


def _without_lines(place: _Place, entry: Entry, stop: int) -> str:
    first = place.line_start(entry.start)
    above, below = place.text[:first], place.text[stop:]
    kept = place.newline.join(_kept(place, first, stop, entry.start)[1])
    if kept:
        return above + kept + below
    return above + below.removeprefix(place.newline) if below else above.removesuffix(place.newline)


def _inserted(place: _Place, new: str) -> Iterator[str]:
    """With `rest` put in, the best place first."""
    text, holder, rest = place.text, place.holder, place.rest
    if any(isinstance(step, int) and step > len(holder.entries if step is rest[0] else ()) for step in rest):
        return  # there is no list, or nothing before it in the list
    if holder.style == "{":
        last = holder.entries[-1] if holder.entries else None
        at = max(last.after, last.value.end) if last else holder.start + 1
        inside = _in_brackets(rest, new)[1:-1]
        yield text[:at] + (f", {inside}" if last else inside) + text[at:]
    elif holder.kind == "scalar":
        if holder.nothing and not isinstance(rest[0], int):
            below = place.line_end(holder.end)
            lines = _lines(rest, new, place.column(place.entries[-1].start) + INDENT)
            yield text[:below] + place.newline + place.newline.join(lines) + text[below:]
        if not holder.style and holder.text in ("", "~", "null"):
            yield text[: holder.start] + " " * holder.nothing + _in_brackets(rest, new) + text[holder.end :]
    else:
        yield from _on_lines(place, new)


def _on_lines(place: _Place, new: str) -> Iterator[str]:
    """Below the last entry and its comments; before what comes next."""
    holder = place.holder
    carriage = place.newline.removesuffix("\n")
    whole = place.text.split("\n")
    end = "\n" if not whole[-1] else ""
    whole[-1:] = [] if end else [whole[-1] + carriage]
    indent = place.column(holder.entries[0].start) if holder.entries else 0
    last = place.text.count("\n", 0, place.line_end(holder.end)) + 1 if holder.entries else 0
    following = min((start for start in _starts(place.root) if start >= holder.end), default=None)
    limit = len(whole) if following is None else place.text.count("\n", 0, following)
    at = limit
    while at > last and is_apart(whole[at - 1], indent):
        at -= 1
    added = [line + carriage for line in _lines(place.rest, new, indent)]
    for line in dict.fromkeys((at, limit, last)):
        result = "\n".join([*whole[:line], *added, *whole[line:]])
        yield result + end if end else result.removesuffix(carriage)


def _starts(span: Span) -> Iterator[int]:
    for entry in span.entries:
        yield entry.start
        yield from _starts(entry.value)


def _lines(rest: Path, new: str, indent: int) -> list[str]:
    step, more = rest[0], rest[1:]
    start = " " * indent + ("-" if isinstance(step, int) else f"{spelled(step, in_brackets=False)}:")
    if more and isinstance(step, str) and isinstance(more[0], str):
        return [start, *_lines(more, new, indent + INDENT)]
    return [f"{start} {_in_brackets(more, new)}"]


def _in_brackets(rest: Path, new: str) -> str:
    for step in reversed(rest):
        new = f"[{new}]" if isinstance(step, int) else f"{{{spelled(step, in_brackets=True)}: {new}}}"
    return new
