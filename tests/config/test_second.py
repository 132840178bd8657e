"""jsonschema as the second judge of `validate`: it finds right what our reader understood, and is told where it does
not."""

import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infrakit import resources
from infrakit.config import check_schema, parse
from infrakit.config.second import disagreements
from infrakit.errors import ConfigurationInvalid
from tests.config.generate import random_tree, text_of

ROOT = Path(__file__).parents[2]
SCHEMA = resources.schema("infrakit")
TEXT = "version: 1\ndomain: home.example.org\npattern: full\nname: true\ntimezone: UTC\n"


def understood(text, schema):
    """The document as our checker leaves it, or None where it refuses."""
    document = parse(text.encode(), "infrakit.yaml")
    return None if check_schema(document, schema) else document


def test_scalars_are_what_the_schema_says():
    document = understood(TEXT + "services: {glances: {cpus: 0.5, environment: {A: 012, B: no}}}\n", SCHEMA)
    assert document.values["name"] == "true" and disagreements(document, SCHEMA) == []


@pytest.mark.parametrize("seed", range(10))
def test_both_judges_find_the_same_files_right(seed):
    generator, right = random.Random(seed), 0
    for _ in range(200):
        try:
            document = understood(text_of(random_tree(generator)), SCHEMA)
        except ConfigurationInvalid:
            continue
        if document:
            right += 1
            assert disagreements(document, SCHEMA) == []
    assert right


@pytest.mark.parametrize("name", resources.blueprint_names())
def test_both_judges_find_the_catalogue_right(name):
    schema = resources.schema("blueprint")
    document = understood(resources.blueprint_source(name).decode(), schema)
    assert disagreements(document, schema) == []


def test_a_disagreement_names_the_place_and_the_rule_and_no_value():
    document = understood(TEXT, SCHEMA)
    document.values = {**document.values, "domain": 7, "name": "Hunter2!"}
    assert disagreements(document, SCHEMA) == ["infrakit.yaml:2:9: domain: type", "infrakit.yaml:4:7: name: pattern"]


@pytest.fixture
def disagreeing(tmp_path):
    """A checkout with rules in its schemas that our checker does not know: it reads no `not`."""
    for folder in ("infrakit", "schema", "blueprints"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name, key in (("infrakit", '"timezone": {'), ("blueprint", '"title": {')):
        path = tmp_path / "schema" / f"{name}.schema.json"
        text = path.read_text()
        assert key in text
        path.write_text(text.replace(key, f'{key} "not": {{"const": "Etc/GMT+7"}},', 1))
    (tmp_path / "own.yaml").write_text(
        "name: own\ntitle: TITLE\nsummary: An app.\nsource: the test\ncontainers:\n  own:\n"
        f"    image: docker.io/a/own:1@sha256:{'0' * 64}\n    architectures: [amd64]\n    memory: 64m\n"
        "    health: {test: [CMD, 'true']}\n"
    )
    return tmp_path


def validate(folder, zone, title, verb="validate"):
    own = folder / "own.yaml"
    own.write_text(own.read_text().replace("TITLE", title))
    text = f"version: 1\ndomain: home.example.org\npattern: edge\ntimezone: {zone}\n"
    (folder / "infrakit.yaml").write_text(f"{text}tls: {{mode: internal}}\napps: {{own: {{blueprint: own.yaml}}}}\n")
    return subprocess.run([sys.executable, "-m", "infrakit", verb], cwd=folder, capture_output=True, text=True)


def test_a_file_that_both_find_right_is_right(disagreeing):
    done = validate(disagreeing, "UTC", "Own")
    assert (done.returncode, done.stdout) == (0, "infrakit.yaml is right: 1 host\n"), done.stderr


@pytest.mark.parametrize(
    "zone,title,place",
    [("Etc/GMT+7", "Own", "infrakit.yaml:4:11: timezone: not"), ("UTC", "Etc/GMT+7", "./own.yaml:2:8: title: not")],
)
def test_a_disagreement_refuses_and_is_told_as_a_bug(disagreeing, zone, title, place):
    done = validate(disagreeing, zone, title)
    assert done.returncode == 1 and not done.stdout
    assert place in done.stderr and "this is a bug in InfraKit" in done.stderr and "Traceback" not in done.stderr


def test_compile_does_not_ask(disagreeing):
    assert validate(disagreeing, "Etc/GMT+7", "Own", verb="compile").returncode == 0
