"""Values as our reader understood them x schema -> where jsonschema, which shares no line with our checker, refuses.

For files that check.py found right; only `validate` asks, since the import alone costs as much as a compile.
"""

from typing import Any

from infrakit.config.check import dotted
from infrakit.config.document import Document


def disagreements(document: Document, schema: dict[str, Any]) -> list[str]:
    """Each place of `document.values` that jsonschema refuses, with the rule of the schema, and never the value."""
    from jsonschema import Draft202012Validator

    found = []
    for error in Draft202012Validator(schema).iter_errors(document.values):
        path = tuple(error.absolute_path)
        place = document.position(path) if path else document.at(document.root)
        found.append(f"{place}: {dotted(path) or 'the file'}: {error.validator}")
    return sorted(found)
