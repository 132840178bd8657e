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


@pytest.mark.parametrize("name", ["infrakit", "blueprint"])
def test_whatever_has_a_form_says_how_it_may_be_written(name):
    """As a hint, or by an example: its own, or that of the list or mapping that it stands in."""
    unsaid = []

    def look(schema, around, at):
        shown = any(key in one for one in (schema, around) for key in ("x-hint", "examples"))
        if "pattern" in schema and not shown:
            unsaid.append(at)
        for key in ("items", "additionalProperties"):
            if isinstance(schema.get(key), dict):
                look(schema[key], schema, f"{at}.{key}")
        for key, inner in schema.get("properties", {}).items():
            look(inner, {}, f"{at}.{key}")
        for inner in schema.get("oneOf", ()):
            look(inner, {**around, **schema}, at)

    look(resources.schema(name), {}, name)
    assert not unsaid


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("requires: [Dozzle!]", "for instance [authentik]"),
        ("containers: {a: {docker: {allow: ['GET /{any}']}}}", "for instance [GET /_ping, "),
        ("containers: {a: {settings: {ulimits: {nofile: much}}}}", "for instance {nofile: "),
        ("containers: {a: {secrets: [A B]}}", "for instance wiki_token"),
    ],
)
def test_who_writes_an_item_wrongly_sees_how_the_list_is_written(line, hint):
    problems = check_schema(parse(f"name: a\nsource: b\n{line}\n".encode(), "a.yaml"), resources.schema("blueprint"))
    assert [problem.hint.startswith(hint) for problem in problems if problem.code == "wrong-form"] == [True], problems
