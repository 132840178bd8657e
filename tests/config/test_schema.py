"""The schema is the single source: complete, and understood alike by our checker and by jsonschema."""

import random

import pytest
from jsonschema import Draft202012Validator

from infrakit import resources
from infrakit.config import check_schema, parse
from infrakit.config.keys import all_keys, key_facts
from infrakit.errors import ConfigurationInvalid
from tests.config.generate import random_tree, text_of

SCHEMA = resources.schema("infrakit")


def test_the_schema_is_a_schema():
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("key,schema", list(all_keys(SCHEMA)), ids=lambda item: item if isinstance(item, str) else "")
def test_every_key_has_type_description_default_and_example(key, schema):
    assert "type" in schema or "oneOf" in schema
    assert schema["description"].endswith(".") and schema["description"][0].isupper()
    assert schema["examples"]
    assert "default" in schema or key in ("version", "domain") or key.endswith((".redirects", ".acs"))


@pytest.mark.parametrize("key,schema", list(all_keys(SCHEMA)), ids=lambda item: item if isinstance(item, str) else "")
def test_examples_fit_their_own_key(key, schema):
    for example in schema["examples"]:
        assert not list(Draft202012Validator(schema).iter_errors(example)), key


def test_a_key_explains_itself():
    facts = key_facts(SCHEMA, "services.glances.memory")
    assert facts["type"] == "text" and "memory" in facts["description"]


def ours(tree) -> bool:
    """Whether our checker finds a problem in `tree`, read back from YAML."""
    document = parse(text_of(tree).encode(), "infrakit.yaml")
    return bool(check_schema(document, SCHEMA))


@pytest.mark.parametrize("seed", range(20))
def test_jsonschema_agrees_about_generated_documents(seed):
    generator = random.Random(seed)
    judge = Draft202012Validator(SCHEMA)
    for _ in range(100):
        tree = random_tree(generator)
        try:
            mine = ours(tree)
        except ConfigurationInvalid:
            continue
        assert mine == bool(list(judge.iter_errors(tree))), tree


def patterns(schema) -> list[str]:
    """Every pattern below `schema`, of values and of names."""
    if isinstance(schema, list):
        return [found for item in schema for found in patterns(item)]
    if not isinstance(schema, dict):
        return []
    below = [found for key, item in schema.items() if key not in ("examples", "default") for found in patterns(item)]
    return below + [value for key, value in schema.items() if key == "pattern" and isinstance(value, str)]


@pytest.mark.parametrize("name", ["infrakit", "blueprint"])
def test_every_pattern_is_about_the_whole_text_for_whoever_reads_it(name):
    """A `$` alone lets a newline through after it where the reader is Python's; JavaScript knows no `\\Z`."""
    found = patterns(resources.schema(name))
    assert len(found) > 30
    assert [pattern for pattern in found if not (pattern.startswith("^") and pattern.endswith("$(?!\\n)"))] == []


def test_a_pattern_is_about_the_whole_text_for_our_checker_whatever_it_says():
    schema = {
        "type": "object",
        "propertyNames": {"pattern": "a$"},
        "additionalProperties": {"pattern": "b", "type": "string"},
    }
    assert check_schema(parse(b'a: "b"', "x.yaml"), schema) == []
    for source in (b'a: "b\\n"', b"a: bb", b'"a\\n": b', b"aa: b"):
        assert check_schema(parse(source, "x.yaml"), schema), source
