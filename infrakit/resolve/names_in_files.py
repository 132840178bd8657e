"""Content of a configuration file -> the names that it gives values to, and the same content with other values."""

import re
from collections.abc import Callable, Iterator

_NAME = r"([A-Za-z_][\w.-]*)"
_FORMS = (
    rf"""^[ \t"'-]*(?:export[ \t]+)?{_NAME}["']?[ \t]*[:=][ \t]*(.*?)[ \t,;]*$""",
    rf"""["']{_NAME}["'][ \t]*:[ \t]*["']([^"'\n]*)["']""",
    rf"<{_NAME}>([^<>\n]*)</\1>",
    # Two words are a sentence more often than a setting: this one is no word.
    rf"^[ \t]*{_NAME}[ \t]+([^\s=:]*[^\sA-Za-z=:.,!?-][^\s=:]*)[ \t]*$",
)
"""`name = value`, `name: value` on a line; of JSON, of XML, anywhere in one; `name value`, as of Redis."""


def assigned(content: str) -> Iterator[tuple[str, str]]:
    """What a configuration file names, with its value, in most forms there are."""
    yield from dict.fromkeys(_pair(match) for form in _FORMS for match in re.finditer(form, content, re.MULTILINE))


def with_values(content: str, value_of: Callable[[str, str], str]) -> str:
    """The same with what `value_of` says for (name, value), "" where that stays."""

    def said(match: "re.Match[str]") -> str:
        name, value = _pair(match)
        new = value_of(name, value) if value and "${secret." not in value else ""
        if not new:
            return match[0]
        start = match.start(2) - match.start()
        return match[0][:start] + match[0][start:].replace(value, new, 1)

    for form in _FORMS:
        content = re.sub(form, said, content, flags=re.MULTILINE)
    return content


def _pair(match: "re.Match[str]") -> tuple[str, str]:
    return match[1].replace("-", "_").replace(".", "_"), match[2].strip("\"'")
