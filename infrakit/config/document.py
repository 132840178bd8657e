"""A parsed file: nodes with places, before any schema gave them a type."""

from collections.abc import Iterator
from typing import Any

from infrakit.errors import Position

Path = tuple[str | int, ...]
NO_BREAK = "\u00a0"
NO_BREAKS = "a no-break space (U+00A0) indents nothing, and is no space to YAML: write plain ones"


class Node:
    """kind: "scalar" (value: the text as typed), "list" (value: nodes) or "map" (value: pairs of nodes).

    `plain` is true for a scalar without quotes: only such a one can be a number or a truth value.
    """

    __slots__ = ("kind", "value", "line", "column", "plain")

    def __init__(self, kind: str, value: Any, line: int, column: int, plain: bool) -> None:
        self.kind = kind
        self.value = value
        self.line = line
        self.column = column
        self.plain = plain


class Document:
    """A file called `name`. `values` are typed by the schema it was checked against, None until then and where it was
    refused.

    `faults` are the paths that it was refused at, `misnamed` those of entries whose name alone was.
    """

    def __init__(self, name: str, root: Node) -> None:
        self.name = name
        self.root = root
        self.values: Any = None
        self.faults: list[Path] = []
        self.misnamed: list[Path] = []

    def at(self, node: Node) -> Position:
        return Position(self.name, node.line, node.column)

    def position(self, path: Path, key: bool = False) -> Position:
        """Where the value at `path` stands, or its key. KeyError where there is none."""
        node, label = self.root, self.root
        for step in path:
            if node.kind == "map":
                found = next((pair for pair in node.value if pair[0].value == step), None)
                if found is None:
                    raise KeyError(path)
                label, node = found
            elif node.kind == "list" and isinstance(step, int) and step < len(node.value):
                node = label = node.value[step]
            else:
                raise KeyError(path)
        return self.at(label if key else node)


def leaves(node: Node, path: Path = ()) -> Iterator[tuple[Path, Node]]:
    """Every scalar below `node`, with its path."""
    if node.kind == "scalar":
        yield path, node
        return
    children = ((key.value, child) for key, child in node.value) if node.kind == "map" else enumerate(node.value)
    for step, child in children:
        yield from leaves(child, (*path, step))
