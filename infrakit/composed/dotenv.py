"""Bytes of a `.env` or `env_file` -> its variables, each with its place, by the syntax that Compose reads.

A line is a comment, or `[export] NAME=value` (or `NAME: value`), or a NAME alone, which takes its value from outside.
Values: plain up to ` #`, 'literal', or "with \\n, \\" and $VARIABLES"; in quotes also over several lines.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from infrakit.composed.interpolate import Filled, Malformed
from infrakit.composed.tree import Reading
from infrakit.config.reader import decoded
from infrakit.errors import ConfigurationInvalid, Position

MAXIMUM_BYTES = 256 * 1024
MAXIMUM_VARIABLES = 5000
NAME = re.compile(r"(?:export[ \t]+)?([A-Za-z0-9_.\-]+)[ \t]*")
QUOTED = {'"': re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL), "'": re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL)}
REST = re.compile(r"[ \t]*(?:#[^\n]*)?(?=\n|\Z)")
COMMENT = re.compile(r"[ \t]#")
ESCAPE = re.compile(r"\\(.)", re.DOTALL)
SPOKEN = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$$"}


class Variable(NamedTuple):
    """`value` None: a name alone. `used`: the variables in its value."""

    name: str
    value: str | None
    at: Position
    used: tuple[str, ...] = ()


def variables(
    source: bytes, name: str, reading: Reading, outside: Callable[[str], str | None], literal: bool = False
) -> list[Variable]:
    """The variables of a file called `name`. Those in values are looked up in the file, then by `outside`; `literal`:
    every line as it is, as `env_file` with `format: raw` wants it."""
    try:
        text = decoded(source, name, MAXIMUM_BYTES, allowed="\n\t").replace("\r\n", "\n")
    except ConfigurationInvalid as error:
        reading.say_all(error)
        return []
    reading.count_characters("read", len(text), Position(name, 1, 1))
    return _Lines(text, name, reading, outside).raw() if literal else _Lines(text, name, reading, outside).all()


class _Lines:
    def __init__(self, text: str, name: str, reading: Reading, outside: Callable[[str], str | None]) -> None:
        self.text = text
        self.name = name
        self.reading = reading
        self.outside = outside
        self.known: dict[str, str] = {}
        self.found: list[Variable] = []

    def raw(self) -> list[Variable]:
        for number, line in enumerate(self.text.split("\n"), 1):
            name, sign, value = line.partition("=")
            if line.strip() and not line.lstrip().startswith("#"):
                self._keep(Variable(name.strip(), value if sign else None, Position(self.name, number, 1)))
        return self.found

    def all(self) -> list[Variable]:
        position, line, start = 0, 1, 0
        while position < len(self.text):
            end = self.text.find("\n", position)
            end = len(self.text) if end < 0 else end
            stripped = self.text[position:end].lstrip(" \t")
            if stripped and stripped[0] != "#":
                start = end - len(stripped)
                end = self._statement(start, end, Position(self.name, line, start - position + 1))
            line += self.text.count("\n", position, end + 1)
            position = end + 1
        return self.found

    def _statement(self, start: int, end: int, at: Position) -> int:
        """Reads what begins at `start`; where the last line of it ends."""
        name = NAME.match(self.text, start, end)
        after = self.text[name.end() : name.end() + 1] if name else ""
        if name is None or (after not in "=:" and after != "\n") or (after and name.end() > end):
            self._refuse(at, "a line that is no NAME=value", "write NAME=value, or # before a comment")
            return end
        if name.end() >= end:
            self._keep(Variable(name[1], None, at))
            return end
        begin = value = name.end() + 1
        while value < end and self.text[value] in " \t":
            value += 1
        quote = self.text[value : value + 1]
        if quote and quote in QUOTED and value < end:
            return self._quoted(name[1], QUOTED[quote].match(self.text, value), quote, at, end)
        written = COMMENT.split(self.text[begin:end], maxsplit=1)[0].strip()
        self._fill(name[1], written, at)
        return end

    def _quoted(self, name: str, found: "re.Match[str] | None", quote: str, at: Position, end: int) -> int:
        if found is None:
            self._refuse(at, f"the value of {name} has no {quote} at its end", "close the quote")
            return len(self.text)
        rest = REST.match(self.text, found.end())
        if rest is None:
            self._refuse(at, f"the value of {name} goes on after its quote", "put all of it within the quotes")
            return max(end, self._line_end(found.end()))
        if quote == "'":
            self._keep(Variable(name, found[1].replace("\\'", "'"), at))
        else:
            spoken = ESCAPE.sub(lambda one: SPOKEN.get(one[1], one[0]), found[1])
            self._fill(name, spoken, at)
        return rest.end()

    def _line_end(self, position: int) -> int:
        end = self.text.find("\n", position)
        return len(self.text) if end < 0 else end

    def _fill(self, name: str, written: str, at: Position) -> None:
        filled = Filled(self._lookup)
        try:
            value = filled.text(written)
        except Malformed as error:
            self.reading.refuse(at, f"{name}: {error.what}", error.code, error.hint)
            return
        self.reading.count_characters("put in", len(value), at)
        for other in filled.unset:
            hint = "write $$ for a dollar sign, or put the value in single quotes"
            self.reading.warn(at, f"{name}: the variable {other} is not set", "compose-variable", hint)
        self._keep(Variable(name, value, at, tuple(filled.used)))

    def _lookup(self, name: str) -> str | None:
        outside = self.outside(name)
        return self.known.get(name) if outside is None else outside

    def _keep(self, variable: Variable) -> None:
        if len(self.found) >= MAXIMUM_VARIABLES:
            self._refuse(variable.at, f"more than {MAXIMUM_VARIABLES} variables", "split the file")
            self.found.clear()
        self.found.append(variable)
        if variable.value is not None:
            self.known[variable.name] = variable.value

    def _refuse(self, at: Position, what: str, hint: str) -> None:
        self.reading.refuse(at, what, "compose-env-file", hint)
