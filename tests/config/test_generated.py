"""Whole files out of a seed, through every stage: files, or problems with places. INFRAKIT_FILES=10000 asks for more of
them."""

import os
import random

import pytest

from infrakit import resources
from infrakit.compiler import load
from infrakit.config.nearest import distance, nearest
from infrakit.emit import emit
from infrakit.errors import ConfigurationInvalid
from tests.config.generate import random_tree, text_of

FILES = int(os.environ.get("INFRAKIT_FILES", "200"))
SCHEMA = resources.schema("infrakit")
NAMES = {"Bad Name": "wiki", "x_1": "zeta", "LOG_LEVEL": "omega"}


def likely(generator: random.Random, tree):
    """The tree, with what would stop nearly every generated file at the schema put right."""
    if isinstance(tree, dict):
        return {NAMES.get(key, key): likely(generator, value) for key, value in tree.items()}
    if isinstance(tree, list):
        items = [likely(generator, value) for value in tree]
        return [item for place, item in enumerate(items) if item not in items[:place]] or ["alice"]
    return tree


def generated(seed: int) -> bytes:
    generator = random.Random(seed)
    tree = likely(generator, random_tree(generator))
    tree.update(version=1, domain="home.example.org")
    if generator.random() < 0.7:
        tree.pop("hosts", None)
        tree.pop("profiles", None)
        tree["pattern"] = "full"
    if generator.random() < 0.6:
        tree["tls"] = {"mode": generator.choice(["acme", "internal", "files", "tunnel"])}
    return text_of(tree).encode()


@pytest.mark.parametrize("part", range(10))
def test_generated_files_are_compiled_or_refused(part):
    for seed in range(part, FILES, 10):
        try:
            fleet = load(generated(seed), "infrakit.yaml", lambda name: resources.blueprint_source("glances")).fleet
        except ConfigurationInvalid as invalid:
            assert invalid.problems, seed
            continue
        for deployment in list(fleet.deployments)[:3]:
            assert emit(deployment), seed


def test_a_typo_among_thousands_of_names_is_still_found():
    names = [f"person-{number:04d}" for number in range(3000)]
    assert nearest("person-0420x", names) == "person-0420"
    assert nearest("nobody-at-all", names) == ""


@pytest.mark.parametrize(
    "first,second,edits",
    [
        ("", "", 0),
        ("a", "", 1),
        ("domian", "domain", 1),
        ("memroy", "memory", 1),
        ("kitten", "sitting", 3),
        ("ab", "ba", 1),
    ],
)
def test_edits_are_counted(first, second, edits):
    assert distance(first, second) == distance(second, first) == edits
