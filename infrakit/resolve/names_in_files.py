"""Content of a configuration file -> the names that it gives values to, and the same content with other values."""

import re
from collections.abc import Callable, Iterator

_LINE = r"""^[\s"'-]*([A-Za-z_][\w.-]*)["']?\s*[:=]\s*(.*?)[\s,;]*$"""


def assigned(content: str) -> Iterator[tuple[str, str]]:
    """What lines of a configuration file name, with its value: `name = value`, `name: value`, in most forms there
    are."""
    for match in re.finditer(_LINE, content, re.MULTILINE):
        yield _pair(match)


def with_values(content: str, value_of: Callable[[str, str], str]) -> str:
    """The same with what `value_of` says for (name, value), "" where that stays."""

    def said(match: "re.Match[str]") -> str:
        name, value = _pair(match)
        new = value_of(name, value) if value else ""
        if not new:
            return match[0]
        start = match.start(2) - match.start()
        return match[0][:start] + match[0][start:].replace(value, new, 1)

    return re.sub(_LINE, said, content, flags=re.MULTILINE)


def _pair(match: "re.Match[str]") -> tuple[str, str]:
    return match[1].replace("-", "_").replace(".", "_"), match[2].strip("\"'")
