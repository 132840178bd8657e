"""VALUE of the command line x schema of its key -> YAML on one line, as it can stand in brackets and behind a key."""

import re
from collections.abc import Mapping
from typing import Any

from infrakit.config import parse
from infrakit.config.document import Node
from infrakit.config.keys import alternatives
from infrakit.emit.yaml_text import quoted, scalar

Schema = Mapping[str, Any]
WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./-]*")
KINDS = (("boolean", "true|false"), ("integer", "-?(0|[1-9][0-9]*)"), ("number", r"-?(0|[1-9][0-9]*)(\.[0-9]+)?"))


def written(value: str, schema: Schema, style: str, *, in_brackets: bool) -> str:
    """`style`: the quotes that stand there now, "" where there are none. ConfigurationInvalid where a list or map is
    wanted and this is no YAML."""
    kinds = alternatives(schema)
    scalars = [kind for kind in kinds if kind.get("type") not in ("array", "object")]
    if not scalars or len(kinds) > len(scalars) and value.lstrip().startswith(("[", "{")):
        return flow(parse(value.encode(), "VALUE").root) if value.strip() else '""'
    kind = scalars[0].get("type", "string")
    types = kind if isinstance(kind, list) else [kind]
    if any(name in types and re.fullmatch(form, value) for name, form in KINDS):
        return value
    if "string" not in types:
        return value if WORD.fullmatch(value) else quoted(value)
    if style == '"':
        return quoted(value)
    if style == "'" and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    return spelled(value, in_brackets=in_brackets)


def spelled(value: str, *, in_brackets: bool) -> str:
    """A text that every reader of YAML takes for one: without quotes where it can."""
    if value[:1].isdigit() and WORD.fullmatch(value):
        # No number of YAML 1.1 or 1.2 has a slash, three dots, or one of these letters.
        plain = "/" in value or value.count(".") > 2 or bool(set(value) & set("ghijklmnpqrstuvwyz"))
        return value if plain else quoted(value)
    return scalar(value) if not in_brackets or WORD.fullmatch(value) else quoted(value)


def flow(node: Node) -> str:
    """A value on one line; what had no quotes has none where it needs none."""
    if node.kind == "list":
        return f"[{', '.join(map(flow, node.value))}]"
    if node.kind == "map":
        return f"{{{', '.join(f'{flow(key)}: {flow(value)}' for key, value in node.value)}}}"
    bare = node.plain and not set(node.value) & set(",[]{}\n")
    return str(node.value) if bare else quoted(node.value)
