"""Content of a configuration file -> the names that it gives values to."""

import re
from collections.abc import Iterator


def assigned(content: str) -> Iterator[tuple[str, str]]:
    """What lines of a configuration file name, with its value: `name = value`, `name: value`, in most forms there
    are."""
    for match in re.finditer(r"""^[\s"'-]*([A-Za-z_][\w.-]*)["']?\s*[:=]\s*(.*?)[\s,;]*$""", content, re.MULTILINE):
        yield match[1].replace("-", "_").replace(".", "_"), match[2].strip("\"'")
