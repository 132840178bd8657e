"""A Pass -> the matcher of Caddy that holds for its requests alone.

What is compared is the request as it was sent, which is also what the backend gets: Caddy's own matcher of paths
decodes and cleans them first, takes both cases for one, and a backend may read the same bytes otherwise.
"""

import re

from infrakit.emit.caddy_text import Directive, Live, directive
from infrakit.model import Pass

SENT = Live("{uri}")
"""The path and the query as they stand in the request (Go, net/url: RequestURI)."""

AMBIGUOUS = (
    "^[^?]*(//|/[.][.]?(/|[?]|$)|[;#\\\\]|[^!-~]|%(2[eEfF35]|5[cC]|3[bBfF]|[01][0-9a-fA-F]|7[fF]"
    "|[cC][01]|[eE]0%[89]|[eE][fF]%[bB][cC]|[fF](0%8|[89a-fA-F])))"
)
"""Paths that two programs may read as two: empty steps, steps upwards, parameters of steps, and what stands for one of
these once or twice decoded (also by overlong UTF-8, by what is none, and by forms of full width). Whoever writes one is
asked to sign in."""

OVERRIDES = ("*method-override*", "x-http-method")
"""Headers by which some programs take one method for another."""


def matcher(name: str, item: Pass) -> Directive:
    """The named matcher of one pass."""
    block = []
    if item.paths:
        block.append(directive("vars_regexp", SENT, f"^({'|'.join(map(_pattern, item.paths))})([?]|$)"))
        block.append(directive("not", "vars_regexp", SENT, AMBIGUOUS))
    if item.sources:
        block.append(directive("client_ip", *item.sources))
    if item.methods:
        block.append(directive("method", *item.methods))
    return directive(name, block=tuple(block), origin=item.origin)


def _pattern(path: str) -> str:
    """One path as a regular expression: * is one step, and at the end all that is below."""
    below = path.endswith("/*")
    steps = path.removesuffix("*").split("/") if below else path.split("/")
    found = "/".join("[^/?]+" if step == "*" else _literally(step) for step in steps)
    return f"{found}[^?]*" if below else found


def _literally(text: str) -> str:
    """`text` for a regular expression, with no backslash."""
    return re.sub("[.+()$|^*?]", r"[\g<0>]", text)


def without_overrides(item: Pass) -> tuple[Directive, ...]:
    """Where a method is written, no header makes another one of it."""
    return tuple(directive("request_header", f"-{name}") for name in OVERRIDES) if item.methods else ()
