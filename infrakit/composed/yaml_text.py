"""Bytes of one Compose file -> Item, by infrakit.yaml's own reader and with what that refuses: anchors, aliases, merge
keys, `!reset` and `!override`.

An alias is counted with all that it stands for, before anything is copied: a bomb is refused where it would go off.
"""

from typing import Any

from infrakit.composed.scalars import resolved
from infrakit.composed.tree import Item, Reading
from infrakit.config.document import Node
from infrakit.config.reader import Composer, decoded
from infrakit.errors import ConfigurationInvalid, Position, Problem

MAXIMUM_BYTES = 512 * 1024
MAXIMUM_NODES = 20_000
MAXIMUM_EXPANDED = 50_000
MAXIMUM_DEPTH = 40
CORE = "tag:yaml.org,2002:"
TAGS = {"!reset": "reset", "!override": "override"}
MERGE = "<<"


def parsed(source: bytes, name: str, reading: Reading) -> Item | None:
    """The tree of a file called `name`; None, and problems, where it is not YAML."""
    try:
        text = decoded(source, name, MAXIMUM_BYTES, allowed="\n\t")
    except ConfigurationInvalid as error:
        reading.say_all(error)
        return None
    reading.count_characters("read", len(text), Position(name, 1, 1))
    composer = _Expanding(name)
    root = composer.compose(text)
    for problem in composer.problems:
        reading.say(problem)
    if composer.problems:
        return None
    item = _Items(name, reading).item(root, None)
    return None if any(problem.position.document == name for problem in reading.problems) else item


class _Tagged(Node):
    """A node with what it is worth when all aliases in it are written out."""

    __slots__ = ("tag", "size", "depth")

    def __init__(self, kind: str, value: Any, line: int, column: int, plain: bool) -> None:
        super().__init__(kind, value, line, column, plain)
        self.tag = ""
        self.size = self.depth = 1


class _Expanding(Composer):
    most_nodes = MAXIMUM_NODES
    deepest = MAXIMUM_DEPTH

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._anchors: dict[str, Node] = {}
        self._named: dict[int, str] = {}
        self._full = False

    def opened(self, event: Any, kind: str, mark: Any) -> Node:
        """A scalar, an alias as what it stands for, or a list or map with nothing in it yet."""
        line, column = mark.line + 1, mark.column + 1
        if kind == "AliasEvent":
            return self._meant(event.anchor, mark)
        if kind == "ScalarEvent":
            if not event.value.isprintable():
                self.check_escapes(event.value, mark)
            node = _Tagged("scalar", event.value, line, column, event.style is None)
        else:
            node = _Tagged("map" if kind == "MappingStartEvent" else "list", [], line, column, False)
        tag = str(event.ctag) if event.ctag is not None else ""
        if tag in TAGS:
            node.tag = TAGS[tag]
        elif tag in ("!", CORE + "str"):
            node.plain = False
        elif tag in (CORE + "int", CORE + "float", CORE + "bool", CORE + "null") and kind == "ScalarEvent":
            node.plain = True
        elif tag not in ("", CORE + "map", CORE + "seq", CORE + "merge"):
            self.refuse(mark, f"the tag {tag.replace(CORE, '!!')}", "yaml-tag", "remove the tag")
        if event.anchor and node.kind == "scalar":
            self._anchors[event.anchor] = node
        elif event.anchor:
            self._named[id(node)] = event.anchor
        return node

    def _meant(self, anchor: str, mark: Any) -> Node:
        line, column = mark.line + 1, mark.column + 1
        target = self._anchors.get(anchor)
        if not isinstance(target, _Tagged):
            self.refuse(
                mark, f"the alias *{anchor} has no anchor before it", "yaml-alias", f"write &{anchor} at the value"
            )
            return _Tagged("scalar", "", line, column, False)
        node = _Tagged(target.kind, target.value, line, column, target.plain)
        node.tag, node.size, node.depth = target.tag, target.size, target.depth
        return node

    def closed(self, opened: tuple[Node, list[Node]]) -> Node:
        """The list or map, with what stands in it."""
        items = opened[1]
        node = super().closed(opened)
        assert isinstance(node, _Tagged)
        for each in items:
            assert isinstance(each, _Tagged)
            node.size += each.size
            node.depth = max(node.depth, each.depth + 1)
        place = Position(self.name, node.line, node.column)
        if node.size > MAXIMUM_EXPANDED or node.depth > MAXIMUM_DEPTH:
            if not self._full:
                what = f"more than {MAXIMUM_EXPANDED} values, or {MAXIMUM_DEPTH} within each other, by its aliases"
                self.problems.append(Problem(place, what, "yaml-nodes", "write the file with fewer aliases"))
            self._full = True
            node.value, node.size, node.depth = [], 1, 1
        name = self._named.pop(id(node), None)
        if name is not None:
            self._anchors[name] = node
        return node


class _Items:
    """Nodes -> Items, merge keys done."""

    def __init__(self, name: str, reading: Reading) -> None:
        self.name = name
        self.reading = reading

    def item(self, node: Node, key: Position | None) -> Item:
        at = Position(self.name, node.line, node.column)
        self.reading.count(1, at)
        tag = node.tag if isinstance(node, _Tagged) else ""
        if node.kind == "scalar":
            return Item(resolved(node.value) if node.plain else node.value, at, key, tag)
        if node.kind == "list":
            return Item([self.item(each, None) for each in node.value], at, key, tag)
        own: dict[str, Item] = {}
        merged: dict[str, Item] = {}
        for name, value in node.value:
            if name.value == MERGE and name.plain:
                merged = self._merged(value)
            else:
                own[name.value] = self.item(value, Position(self.name, name.line, name.column))
        return Item({**merged, **own}, at, key, tag)

    def _merged(self, value: Node) -> dict[str, Item]:
        """What a merge key brings along: of several maps the first that has a key gives it."""
        found: dict[str, Item] = {}
        for each in value.value if value.kind == "list" else [value]:
            if each.kind != "map":
                at = Position(self.name, each.line, each.column)
                self.reading.refuse(at, "<< with something that is no map", "yaml-merge", "name the anchor of a map")
                continue
            for name, item in self.item(each, None).entries().items():
                found.setdefault(name, item)
        return found
