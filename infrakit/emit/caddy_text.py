"""A tree of Caddyfile directives -> text. The one place that quotes.

A token comes out as exactly its value: nothing in it is a placeholder, an import, or the end of a line.
Source of the rules: Caddy's lexer, tried with 2.11.7 (`{$X}` is replaced even inside quotes).
"""

import re
from typing import NamedTuple

from infrakit.model import Origin

_PLAIN = re.compile(r"[A-Za-z0-9_./:@*+?=,|&%~^!<>()\[\]-]+", re.ASCII)


class Live(str):
    """A token with Caddy placeholders that we mean, for instance {host}: printed as it is."""


class Directive(NamedTuple):
    """One line, and the lines of its block (None: no block). The first word is the directive, or a site's address."""

    words: tuple[str, ...]
    block: "tuple[Directive, ...] | None"
    origin: Origin | None = None


def directive(*words: str, block: "tuple[Directive, ...] | None" = None, origin: Origin | None = None) -> Directive:
    """A Directive in the order in which it reads."""
    return Directive(words, block, origin)


def token(value: str) -> str:
    """`value` as one Caddyfile token. Raises ValueError for what no token can say, and for a line break: quotes would
    keep it, but in a site's address it ends the list, and nothing of ours has one."""
    if _PLAIN.fullmatch(value) and not value.startswith("<<"):
        return value
    if "\r" in value or "\n" in value:
        raise ValueError("a Caddyfile cannot say this value")
    if isinstance(value, Live):
        return value
    escaped = value.replace("{", "\\{").replace("}", "\\}") if "{$" not in value else ""
    if "{$" in value:
        raise ValueError("a Caddyfile cannot say this value")
    if "`" not in escaped:
        return f"`{escaped}`"
    if escaped.endswith("\\"):
        raise ValueError("a Caddyfile cannot say this value")
    return '"' + escaped.replace('"', '\\"') + '"'


def lines(directives: tuple[Directive, ...], origin: Origin, depth: int = 0) -> list[tuple[str, Origin]]:
    """The lines of a block, each with why it is there: its own origin, or that of what holds it."""
    found: list[tuple[str, Origin]] = []
    for item in directives:
        cause = item.origin or origin
        words = " ".join(token(word) for word in item.words)
        indent = "\t" * depth
        if item.block is None:
            found.append((f"{indent}{words}", cause))
            continue
        found.append((f"{indent}{words} {{" if words else f"{indent}{{", cause))
        found += lines(item.block, cause, depth + 1)
        found.append((f"{indent}}}", cause))
    return found
