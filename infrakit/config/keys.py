"""A key of infrakit.yaml -> what the schema says about it; the reference manual is made of this."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from infrakit.config.document import Node, Path
from infrakit.config.nearest import nearest
from infrakit.errors import UsageProblem

Schema = Mapping[str, Any]
MAPPED = "*"
MOST_DOTS = 8
"""In a name that is not in the file yet, but for its last."""


def key_facts(schema: Schema, key: str) -> dict[str, Any]:
    """Type, description, default, examples and the keys below of e.g. "services.glances.memory" or
    "services.*.memory"."""
    found = expanded(schema)
    walked: list[str] = []
    for step in key.split("."):
        found = _below(found, step, walked)
        walked.append(step)
    return {
        "key": key,
        "type": _type(found),
        "description": found.get("description", ""),
        "default": found.get("default"),
        "examples": found.get("examples", []),
        "values": found.get("enum", []),
        "keys": sorted(_object(found).get("properties", {})),
    }


def expanded(schema: Schema) -> Schema:
    """The same with what each `$ref` in it leads to in its place."""

    def whole(node: Any) -> Any:
        if isinstance(node, list):
            return [whole(item) for item in node]
        if not isinstance(node, dict):
            return node
        if "$ref" not in node:
            return {key: whole(value) for key, value in node.items()}
        target: Any = schema
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        return whole({**target, **{key: value for key, value in node.items() if key != "$ref"}})

    found: Schema = whole(schema)
    return found


def located(schema: Schema, key: str, root: Node) -> tuple[Path, Schema]:
    """The path that check.dotted() prints as `key`, and what stands there by the schema. KEY[+] is the index behind the
    last. Of two names with dots that it can be, the one in the file is meant, or else the shorter."""
    found = next(_located(expanded(schema), key, root, ()), None)
    if found is not None:
        return found
    key_facts(schema, re.sub(r"\[[^]]*]", "", key))
    raise UsageProblem(f"there is no key {key} in infrakit.yaml", "infrakit explain KEY says what is in one")


def _located(schema: Schema, rest: str, node: Node | None, path: Path) -> Iterator[tuple[Path, Schema]]:
    if path and not rest:
        yield path, schema
    index = re.match(r"\[([0-9]{1,5}|[+])]", rest)
    for kind in alternatives(schema):
        if index and kind.get("type") == "array":
            items = node.value if node is not None and node.kind == "list" else []
            number = len(items) if index[1] == "+" else int(index[1])
            child = items[number] if number < len(items) else None
            yield from _located(kind.get("items", {}), rest[index.end() :], child, (*path, number))
        elif kind.get("type") == "object" and (not path or rest.startswith(".")):
            yield from _named(kind, rest[1:] if path else rest, node, path)


def _named(schema: Schema, rest: str, node: Node | None, path: Path) -> Iterator[tuple[Path, Schema]]:
    there = {key.value: value for key, value in node.value} if node is not None and node.kind == "map" else {}
    ends = [*[found.start() for found in re.finditer(r"[.[]", rest)][:MOST_DOTS], len(rest)]
    mine = [name for name in there if rest == name or rest.startswith((f"{name}.", f"{name}["))]
    for name in dict.fromkeys([*sorted(mine, key=len, reverse=True), *(rest[:end] for end in ends)]):
        below = schema.get("properties", {}).get(name) or schema.get("additionalProperties")
        if isinstance(below, dict) and name and (name in there or _may_be(name, schema)):
            yield from _located(below, rest[len(name) :], there.get(name), (*path, name))


def _may_be(name: str, schema: Schema) -> bool:
    """Whether a name with a dot in it can be one; of any other what is wrong with it is said when it is read."""
    pattern = schema.get("propertyNames", {}).get("pattern", "")
    return "." not in name or re.search(pattern, name) is not None


def alternatives(schema: Schema) -> list[Schema]:
    """The kinds of value that a key takes."""
    return [{**schema, **kind} for kind in schema["oneOf"]] if "oneOf" in schema else [schema]


def all_keys(schema: Schema) -> Iterator[tuple[str, Schema]]:
    """Every key with its schema, in the order of the schema; a name of the user's own is "*"."""
    yield from _keys(expanded(schema), "")


def _keys(schema: Schema, prefix: str) -> Iterator[tuple[str, Schema]]:
    described = _object(schema)
    for name, value in described.get("properties", {}).items():
        yield f"{prefix}{name}", value
        yield from _keys(value, f"{prefix}{name}.")
    extra = described.get("additionalProperties")
    if isinstance(extra, dict):
        yield f"{prefix}{MAPPED}", extra
        yield from _keys(extra, f"{prefix}{MAPPED}.")


def _below(schema: Schema, step: str, walked: list[str]) -> Schema:
    described = _object(schema)
    known: Mapping[str, Schema] = described.get("properties", {})
    if step in known:
        return known[step]
    extra = described.get("additionalProperties")
    if isinstance(extra, dict) and step:
        return extra
    where = ".".join(walked) or "infrakit.yaml"
    deeper = [name.replace(MAPPED, "NAME") for name, _ in all_keys(schema) if name.endswith(f".{step}")]
    close = " or ".join(deeper[:3]) if deeper and not walked else nearest(step, known)
    hint = f"did you mean {close}?" if close else f"known there: {', '.join(sorted(known)) or 'nothing'}"
    raise UsageProblem(f"there is no key {step} in {where}", hint)


def _object(schema: Schema) -> Schema:
    items: Schema = schema.get("items", {})
    if items.get("type") == "object":
        return items
    return next((item for item in schema.get("oneOf", ()) if item.get("type") == "object"), schema)


def _type(schema: Schema) -> str:
    if "oneOf" in schema:
        return " or ".join(_type(item) for item in schema["oneOf"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if schema.get("type") == "object":
        return "mapping"
    kind = schema.get("type", "")
    first = kind[0] if isinstance(kind, list) else kind
    return {"string": "text", "integer": "whole number", "boolean": "true or false"}.get(first, "any value")
