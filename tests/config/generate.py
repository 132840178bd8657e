"""A seed -> trees that look like infrakit.yaml: mostly right, now and then wrong in one place; and their YAML text."""

import json
import random
from typing import Any

from infrakit import resources
from infrakit.config.keys import expanded

WRONG = (
    "",
    "no",
    "x y",
    "Ä",
    "-1",
    3,
    True,
    [],
    {},
    ["a", "a"],
    {"zz": 1},
    "a" * 300,
    "line\nbreak",
    "$(x)",
    "{y}",
    "192.168.1.999",
)


SCHEMA = expanded(resources.schema("infrakit"))


def random_tree(generator: random.Random) -> Any:
    """One document."""
    return _value(generator, SCHEMA, depth=0)


def text_of(tree: Any) -> str:
    """JSON is YAML; our reader takes plain numbers and quoted strings as they are."""
    return json.dumps(tree, ensure_ascii=False, indent=1)


def _value(generator: random.Random, schema: dict, depth: int) -> Any:
    if "oneOf" in schema:
        return _value(generator, generator.choice(schema["oneOf"]), depth)
    kind = schema.get("type")
    if depth and generator.random() < 0.01:
        wrong = generator.choice(WRONG)
        # A word where text is wanted is that text, whatever YAML would make of it: `name: true` is a name.
        return json.dumps(wrong) if kind == "string" and isinstance(wrong, (bool, int)) else wrong
    if kind == "object":
        return _object(generator, schema, depth)
    if kind == "array":
        return [_value(generator, schema["items"], depth + 1) for _ in range(generator.randint(0, 2))]
    return generator.choice([*schema.get("examples", ["x"]), *schema.get("enum", [])])


def _object(generator: random.Random, schema: dict, depth: int) -> dict[str, Any]:
    found = {}
    for name, value in schema.get("properties", {}).items():
        if name in schema.get("required", ()) and generator.random() < 0.97 or generator.random() < 0.35:
            found[name] = _value(generator, value, depth + 1)
    extra = schema.get("additionalProperties")
    if isinstance(extra, dict):
        for _ in range(generator.randint(0, 2)):
            name = generator.choice(["alpha", "beta", "edge-[01:09]", "LOG_LEVEL", "x_1", "Bad Name"])
            found[name] = _value(generator, extra, depth + 1)
    if generator.random() < 0.02:
        found["unknown"] = 1
    return found
