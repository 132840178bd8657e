"""A key of infrakit.yaml -> what the schema says about it; the reference manual is made of this."""

from collections.abc import Iterator, Mapping
from typing import Any

from infrakit.config.nearest import nearest
from infrakit.errors import UsageProblem

Schema = Mapping[str, Any]
MAPPED = "*"


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
    close = nearest(step, known)
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
