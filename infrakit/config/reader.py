"""Bytes of a YAML file -> Document: every scalar as the user typed it, every key and value with its place.

Works on ruamel.yaml's event stream and refuses, with a place, whatever a hostile or broken file may hold:
no anchors, aliases, tags or second documents; sizes, depth and counts are limited; a key stands once.
Source of the limits: what a YAML loader was seen to do with such files (alias bombs, deep nesting, huge numbers).
"""

from typing import Any

from infrakit.config.document import NO_BREAK, NO_BREAKS, Document, Node
from infrakit.config.events import engine
from infrakit.errors import ConfigurationInvalid, Position, Problem

MAXIMUM_BYTES = 256 * 1024
MAXIMUM_DEPTH = 32
MAXIMUM_NODES = 20_000
BRACKETED = ("flow", "quoted")
"""In what ruamel.yaml was reading: a bracket or quote is missed at the end only, so we say where it was opened."""
BREAKS = {
    "\t": "tab",
    "\u0085": "next line",
    "\u2028": "line separator",
    "\u2029": "paragraph separator",
    "\ufeff": "byte order mark",
}


def parse(source: bytes, name: str) -> Document:
    """The document in `source`. Raises ConfigurationInvalid with every problem that can be known."""
    text = decoded(source, name, MAXIMUM_BYTES)
    composer = Composer(name)
    root = composer.compose(text)
    if composer.problems:
        raise ConfigurationInvalid(composer.problems)
    return Document(name, root)


def decoded(source: bytes, name: str, maximum: int, allowed: str = "\n") -> str:
    """The text of a file of at most `maximum` bytes; of the controls it may hold those in `allowed`."""
    if len(source) > maximum:
        what = f"the file has {len(source)} bytes, more than {maximum}"
        raise ConfigurationInvalid(
            [Problem(Position(name, 1, 1), what, "file-too-large", "split it, or use ranges of hosts")]
        )
    try:
        text = source.decode("utf-8")
    except UnicodeDecodeError as error:
        before = source[: error.start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        problem = Problem(Position(name, line, column), "not valid UTF-8", "not-utf8", "save the file as UTF-8")
        raise ConfigurationInvalid([problem]) from None
    text = text.removeprefix("\ufeff")
    if text.isprintable() or not any(_refused(character) for character in set(text).difference(allowed)):
        return text
    problems = []
    for number, row in enumerate(text.split("\n"), 1):
        for column, character in enumerate(row, 1):
            if _refused(character) and character not in allowed and not (character == "\r" and column == len(row)):
                shown = BREAKS.get(character, f"control character U+{ord(character):04X}")
                hint = "indent with spaces" if character == "\t" else "delete this character"
                problems.append(
                    Problem(Position(name, number, column), f"{shown} in the file", "control-character", hint)
                )
    if problems:
        raise ConfigurationInvalid(problems[:100])
    return text


def _refused(character: str) -> bool:
    return (character != "\n" and _unprintable(character)) or character in BREAKS


def _unprintable(character: str) -> bool:
    """Controls, halves of a character, and what is no character: none of them can stand in a file, or be sent
    anywhere."""
    return (
        (character < " ")
        or "\x7f" <= character <= "\x9f"
        or "\ud800" <= character <= "\udfff"
        or character in "\ufffe\uffff"
    )


class Composer:
    """Events -> nodes, with a stack of its own: no depth of the input can exhaust the interpreter's.

    A reader of other files than ours (composed/yaml_text.py) has other limits, and says `opened` and `closed` anew.
    Events and marks are ruamel.yaml's, told apart by the names of their classes: Any, since those are imported late.
    """

    most_nodes = MAXIMUM_NODES
    deepest = MAXIMUM_DEPTH

    def __init__(self, name: str) -> None:
        self.name = name
        self.problems: list[Problem] = []

    def compose(self, text: str) -> Node:
        """The tree in `text`; empty where it holds none, or `problems` says why not."""
        events, errors = engine()
        empty = Node("map", [], 1, 1, True)
        source = events(text)
        try:
            return self._composed(source) or empty
        except errors.MarkedYAMLError as error:
            what = _plain(error.problem or error.context or "not YAML")
            mark, opened = error.problem_mark or error.context_mark, None
            if error.context_mark and any(word in (error.context or "") for word in BRACKETED):
                # A node that is missing has no place: the list or mapping that it is missed in has.
                missing = "flow node" in error.context and source.marks
                opened = self._position(source.marks[-1] if missing else error.context_mark)
            hint = "check quotes, colons and indentation"
            if error.context_mark and "simple key" in (error.context or ""):
                mark, what = error.context_mark, "there is no value here"
                hint = "write KEY: VALUE, with a space between"
            elif NO_BREAK in text:
                hint = NO_BREAKS
            self.refuse(mark, what, "yaml-syntax", hint, opened)
        except errors.YAMLError as error:
            self.refuse(None, _plain(str(error)), "yaml-syntax", "")
        except (
            AssertionError,
            AttributeError,
            IndexError,
            NotImplementedError,
            OverflowError,
            RecursionError,
            TypeError,
            ValueError,
        ):
            mark = source.get_mark()
            hint = "check quotes, colons and indentation"
            hint += ", and what is written as \\U: the last character is 0010FFFF" if "\\U" in text else ""
            self.refuse(mark, "not YAML that can be read", "yaml-syntax", hint)
        return empty

    def refuse(self, mark: Any, what: str, code: str, hint: str, related: Position | None = None) -> None:
        """A problem at the place of ruamel.yaml's `mark`."""
        position = self._position(mark) if mark else Position(self.name, 1, 1)
        self.problems.append(Problem(position, what, code, hint, related=related))

    def _position(self, mark: Any) -> Position:
        return Position(self.name, mark.line + 1, mark.column + 1)

    def _composed(self, source: Any) -> Node | None:
        root: Node | None = None
        stack: list[tuple[Node, list[Node]]] = []
        nodes = documents = 0
        while True:
            event = source.get_event()
            kind = type(event).__name__
            mark = event.start_mark
            if kind == "StreamEndEvent":
                return root
            if kind == "DocumentStartEvent":
                documents += 1
                if documents > 1:
                    self.refuse(mark, "a second document", "yaml-documents", "keep one document in the file")
                    return root
                continue
            if kind in ("StreamStartEvent", "DocumentEndEvent"):
                continue
            if kind in ("MappingEndEvent", "SequenceEndEvent"):
                node = self.closed(stack.pop())
            else:
                nodes += 1
                if nodes > self.most_nodes:
                    self.refuse(
                        mark,
                        f"more than {self.most_nodes} values",
                        "yaml-nodes",
                        "use ranges of hosts, or split the file",
                    )
                    return root
                node = self.opened(event, kind, mark)
                if kind != "ScalarEvent" and kind != "AliasEvent":
                    if len(stack) >= self.deepest:
                        self.refuse(mark, f"nested more than {self.deepest} deep", "yaml-depth", "")
                        return root
                    stack.append((node, []))
                    continue
            if stack:
                stack[-1][1].append(node)
            else:
                root = node

    def opened(self, event: Any, kind: str, mark: Any) -> Node:
        """A scalar, or a list or map with nothing in it yet."""
        line, column = mark.line + 1, mark.column + 1
        if kind == "AliasEvent":
            self.refuse(mark, f"the alias *{event.anchor}", "yaml-alias", "write the value out")
            return Node("scalar", "", line, column, False)
        if event.anchor:
            self.refuse(mark, f"the anchor &{event.anchor}", "yaml-anchor", "write the value out where it is needed")
        if event.ctag is not None and str(event.ctag):
            tag = str(event.ctag).replace("tag:yaml.org,2002:", "!!")
            self.refuse(mark, f"the tag {tag}", "yaml-tag", "remove the tag")
        if kind == "ScalarEvent":
            if not event.value.isprintable():
                self.check_escapes(event.value, mark)
            return Node("scalar", event.value, line, column, event.style is None)
        return Node("map" if kind == "MappingStartEvent" else "list", [], line, column, False)

    def check_escapes(self, text: str, mark: Any) -> None:
        """A text in double quotes can spell characters ("\\0") that the file itself may not hold; line breaks and tabs
        may stay."""
        bad = next((character for character in text if character not in "\n\t" and _unprintable(character)), None)
        if bad is not None:
            self.refuse(
                mark,
                f"the text holds the control character U+{ord(bad):04X}",
                "control-character",
                "write it without this escape",
            )

    def closed(self, opened: tuple[Node, list[Node]]) -> Node:
        """The list or map, with what stands in it."""
        node, items = opened
        if node.kind == "list":
            node.value = items
            return node
        seen: dict[str, Node] = {}
        for key, value in zip(items[::2], items[1::2]):
            if key.kind != "scalar":
                self.problems.append(
                    Problem(Position(self.name, key.line, key.column), "a key that is not a word", "yaml-key", "")
                )
                continue
            if key.value in seen:
                first = seen[key.value]
                self.problems.append(
                    Problem(
                        Position(self.name, key.line, key.column),
                        f"the key {key.value} stands twice",
                        "duplicate-key",
                        "rename one of the two, or remove it",
                        related=Position(self.name, first.line, first.column),
                    )
                )
                continue
            if value.kind == "scalar" and value.plain and not value.value:
                # Nothing was written: ruamel.yaml puts it at the start of the next line.
                value.line, value.column = key.line, key.column
            seen[key.value] = key
            node.value.append((key, value))
        return node


def _plain(text: str) -> str:
    return " ".join(text.split())
