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
        tree = random_tree(generator, SCHEMA)
        try:
            mine = ours(tree)
        except ConfigurationInvalid:
            continue
        assert mine == bool(list(judge.iter_errors(tree))), tree
