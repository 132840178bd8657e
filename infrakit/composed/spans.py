"""Text of infrakit.yaml that the reader took -> where each value of it begins and ends, and its comments.

For edits alone: the reader (config/reader.py) keeps no ends, since a compile needs none.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from infrakit.config.events import engine

COMMENT = re.compile(r"(?:^|(?<=\s))#[^\r\n]*", re.MULTILINE)


class Entry(NamedTuple):
    """Of a map or list: `start` is where its key or dash stands, `after` just behind the colon or dash."""

    name: str | int
    start: int
    after: int
    value: "Span"


class Span(NamedTuple):
    """`start` and `end` are characters of the text. `style`: ' " | > or "" of a scalar, "{" of what has brackets."""

    kind: str
    style: str
    start: int
    end: int
    text: str = ""
    entries: tuple[Entry, ...] = ()

    @property
    def nothing(self) -> bool:
        """Whether nothing was written."""
        return self.kind == "scalar" and not self.style and not self.text

    @property
    def on_lines(self) -> bool:
        """Whether it has lines of its own: a block."""
        return self.style in ("|", ">") or self.kind != "scalar" and self.style == ""


def span_of(text: str) -> Span:
    """The whole; an empty map at its end where nothing is in it."""
    source = engine()[0](text)
    while True:
        event = source.get_event()
        name = type(event).__name__
        if name == "StreamEndEvent":
            break
        if not name.startswith(("Stream", "Document")):
            found = _span(event, source, text)
            if found.nothing:
                break
            return found
    return Span("map", "", len(text), len(text))


def _span(event: Any, source: Any, text: str) -> Span:
    start, end, name = event.start_mark.index, event.end_mark.index, type(event).__name__
    if name == "ScalarEvent":
        style = event.style or ""
        if style in ("|", ">") and "+" not in text[start:end].partition("\n")[0].partition("#")[0]:
            end = start + len(text[start:end].rstrip())
        return Span("scalar", style, start, end, event.value)
    kind, style = "map" if name == "MappingStartEvent" else "list", "{" if event.flow_style else ""
    entries: list[Entry] = []
    last = end if style else start
    while not type(source.peek_event()).__name__.endswith("EndEvent"):
        own = source.get_event()
        if kind == "map":
            entry = _pair(_span(own, source, text), _span(source.get_event(), source, text), text)
        else:
            entry = _item(len(entries), _span(own, source, text), text, start, last, style)
        entries.append(entry)
        last = max(entry.after, entry.value.end)
    closed = source.get_event().end_mark.index
    return Span(kind, style, start, closed if style and text[closed - 1] in "]}" else last, "", tuple(entries))


def _pair(key: Span, value: Span, text: str) -> Entry:
    colon = re.compile(r"\s*:").match(text, key.end)
    after = colon.end() if colon else key.end
    return Entry(key.text, key.start, after, value._replace(start=after, end=after) if value.nothing else value)


def _item(number: int, value: Span, text: str, start: int, last: int, style: str) -> Entry:
    if style:
        return Entry(number, value.start, value.start, value)
    if number:
        column = start - text.rfind("\n", 0, start) - 1
        dash = re.compile(rf"^ {{{column}}}-(?=\s|\Z)", re.MULTILINE).search(text, last)
        start = dash.end() - 1 if dash else value.start
    return Entry(number, start, start + 1, value._replace(start=start + 1, end=start + 1) if value.nothing else value)


def comments(text: str, root: Span) -> list[tuple[int, str]]:
    """(where it begins, its words) of every comment."""
    found, at = [], 0
    for start, end in [*_texts(root, text), (len(text), len(text))]:
        found += [(match.start(), match[0]) for match in COMMENT.finditer(text, at, start)]
        at = max(at, end)
    return found


def _texts(span: Span, text: str) -> Iterator[tuple[int, int]]:
    """What is no place for comments, in the order of the text; those behind | and > are ones."""
    if span.kind == "scalar" and span.end > span.start:
        yield text.find("\n", span.start) if span.on_lines and "\n" in text[span.start :] else span.start, span.end
    for entry in span.entries:
        if isinstance(entry.name, str):
            yield entry.start, entry.after
        yield from _texts(entry.value, text)
