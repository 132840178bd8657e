"""The words after `compile` -> its options, where each word is plain; else None, and click reads them.

click's declaration in compile.py is the definition; a test holds this table against it.
"""

from infrakit.cli.source import EXAMPLES

MYPY = False
if MYPY:
    from typing import Any  # nothing that a start would pay for

VALUES = {
    "-f": "file",
    "--file": "file",
    "-o": "output",
    "--output": "output",
    "--host": "host",
    "--example": "example",
}
FLAGS = {"--check": "check", "--diff": "diff", "--no-secrets": "no_secrets", "--force": "force", "--json": "as_json"}


def compile_options(words: list[str]) -> "dict[str, Any] | None":
    """Keyword arguments of `compile_file`, or None where click has to say what the words mean."""
    options: dict[str, Any] = {
        "file": None,
        "output": "build",
        "host": None,
        "example": None,
        **dict.fromkeys(FLAGS.values(), False),
    }
    rest = iter(words)
    for word in rest:
        if word in FLAGS:
            options[FLAGS[word]] = True
        elif word in VALUES:
            value = next(rest, None)
            if value is None or value.startswith("-"):
                return None
            options[VALUES[word]] = value
        else:
            return None
    if options["example"] is not None and options["example"] not in EXAMPLES:
        return None
    return options
