"""A text with variables x environment -> the text with their values: `$X ${X} ${X:-y} ${X-y} ${X:?m} ${X?m} ${X:+r}
${X+r} $$`, each within each other.

Raises Malformed with what is wrong; the caller knows where. Values that are put in are not read again.
"""

import re
from collections.abc import Callable

from infrakit.composed.tree import MAXIMUM_DEPTH, Environment, Item, Reading

LONGEST = 65_536
"""Characters of one value: more than an environment may hold."""
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
OPERATOR = re.compile(r":?[-?+]")


class Malformed(Exception):
    """What is wrong with a text, and a hint."""

    def __init__(self, what: str, code: str, hint: str) -> None:
        super().__init__(what)
        self.what, self.code, self.hint = what, code, hint


class Filled:
    """One text after another, each variable looked up by `lookup`; keeps which were used, and which nobody set."""

    def __init__(self, lookup: Callable[[str], str | None]) -> None:
        self.lookup = lookup
        self.used: dict[str, None] = {}
        self.unset: dict[str, None] = {}

    def text(self, source: str, depth: int = 0) -> str:
        """`source` with its variables replaced."""
        if depth > MAXIMUM_DEPTH:
            raise Malformed(f"variables nested more than {MAXIMUM_DEPTH} deep", "compose-variable-form", "")
        parts, position, length = [], 0, 0
        while True:
            dollar = source.find("$", position)
            parts.append(source[position:] if dollar < 0 else source[position:dollar])
            if dollar < 0:
                break
            value, position = self._variable(source, dollar + 1, depth)
            parts.append(value)
            length += len(value)
            if length > LONGEST:
                raise Malformed(
                    f"more than {LONGEST} characters after its variables are replaced", "compose-too-much", ""
                )
        return "".join(parts)

    def _variable(self, source: str, start: int, depth: int) -> tuple[str, int]:
        """(value, where the rest begins) of what stands after a dollar sign at `start`."""
        if source.startswith("$", start):
            return "$", start + 1
        if not source.startswith("{", start):
            name = NAME.match(source, start)
            if name is None:
                return "$", start  # one alone stands for itself, as before "5" or at the end
            return self._value(name[0]) or "", name.end()
        name = NAME.match(source, start + 1)
        end = _closing(source, start)
        if name is None or end < 0:
            hint = "write ${NAME}, ${NAME:-default}, or $$ for a dollar sign"
            raise Malformed("a ${ without a name or a } after it", "compose-variable-form", hint)
        operator = OPERATOR.match(source, name.end())
        if name.end() == end:
            return self._value(name[0]) or "", end + 1
        if operator is None:
            hint = "after the name stands }, or one of :- - :? ? :+ +"
            raise Malformed(f"${{{name[0]} is followed by no operator", "compose-variable-form", hint)
        return self._decided(name[0], operator[0], source[operator.end() : end], depth), end + 1

    def _decided(self, name: str, operator: str, operand: str, depth: int) -> str:
        value = self.lookup(name)
        self.used[name] = None
        there = value is not None and (value != "" or ":" not in operator)
        if operator[-1] == "+":
            return self.text(operand, depth + 1) if there else ""
        if there:
            assert value is not None
            return value
        if operator[-1] == "-":
            return self.text(operand, depth + 1)
        said = self.text(operand, depth + 1)
        raise Malformed(
            f"the variable {name} must be set{': ' if said else ''}{said}", "compose-variable-required", f"set {name}"
        )

    def _value(self, name: str) -> str | None:
        value = self.lookup(name)
        self.used[name] = None
        if value is None:
            self.unset[name] = None
        return value


def _closing(source: str, start: int) -> int:
    """Where the brace at `start` is closed; -1 if nowhere."""
    depth = 0
    for position in range(start, len(source)):
        if source[position] == "{":
            depth += 1
        elif source[position] == "}":
            depth -= 1
            if not depth:
                return position
    return -1


def interpolated(item: Item, environment: Environment, reading: Reading) -> Item:
    """The tree with every text in it filled; what is wrong or not set is said at its place."""
    if isinstance(item.value, dict):
        return item.of({name: interpolated(each, environment, reading) for name, each in item.value.items()})
    if isinstance(item.value, list):
        return item.of([interpolated(each, environment, reading) for each in item.value])
    if not isinstance(item.value, str) or "$" not in item.value:
        return item
    filled = Filled(environment.get)
    try:
        value = filled.text(item.value)
    except Malformed as error:
        reading.refuse(item.at, error.what, error.code, error.hint)
        return item.of("")
    reading.count_characters("put in", len(value), item.at)
    for name in filled.unset:
        hint = "set it in .env, or give it a default: ${" + name + ":-value}"
        reading.warn(item.at, f"the variable {name} is not set: nothing stands in its place", "compose-variable", hint)
    return Item(value, item.at, item.key, item.tag, tuple(filled.used))
