"""The printer against readers: what is printed is read back as exactly the same value."""

import io
import json
import subprocess
import sys

import pytest
from ruamel.yaml import YAML

from infrakit.emit.yaml_text import Tagged, leaves, to_yaml

WORDS = [
    "",
    "null",
    "Null",
    "NULL",
    "~",
    "true",
    "True",
    "TRUE",
    "false",
    "yes",
    "Yes",
    "no",
    "NO",
    "on",
    "Off",
    "y",
    "N",
    "nan",
]
NUMBERS = [
    "0",
    "-1",
    "+1",
    "0123",
    "0o17",
    "0x1F",
    "0b1",
    "1_000",
    "1e3",
    "1.5",
    ".5",
    "-.inf",
    ".nan",
    "12:30:45",
    "1:20",
    "2026-11-23",
]
MARKS = [
    "-",
    "- a",
    "? a",
    ": a",
    "a: b",
    "a:",
    "a :b",
    "a #b",
    "#a",
    "a#b",
    "[a]",
    "{a}",
    "a, b",
    "&a",
    "*a",
    "!a",
    "!!str a",
    "|",
    ">",
    "%a",
]
MARKS += [
    "@a",
    "`a",
    "'a'",
    '"a"',
    "a'b",
    'a"b',
    "---",
    "...",
    "<<",
    "=",
    "a\\b",
    "\\",
    "\\n",
    "$HOME",
    "${X:-y}",
    "$$",
    "{{ x }}",
    "%(a)s",
]
SPACES = [
    " a",
    "a ",
    " ",
    "\t",
    "a\tb",
    "a\nb",
    "a\n",
    "\n",
    "\r\n",
    "a\rb",
    "a  b",
    "\x00",
    "\x07",
    "\x1b[31m",
    "\x7f",
    "\x80",
    "\x85",
    "\x9f",
]
UNICODE = [
    "\xa0",
    "\u2028",
    "\u2029",
    "\ufeff",
    "\ufffe",
    "\uffff",
    "\u200b",
    "\u202e",
    "é",
    "日本",
    "😀",
    "\U000e0001",
    "\U0010ffff",
    "ÿ",
]
NAUGHTY = (
    WORDS + NUMBERS + MARKS + SPACES + UNICODE + [a + b for a in ("a", "-", "1") for b in MARKS + SPACES + UNICODE]
)


def read(text: str):
    return YAML(typ="safe", pure=True).load(text)


@pytest.mark.parametrize("text", NAUGHTY, ids=ascii)
def test_any_string_comes_back_as_itself_as_value_and_as_key(text):
    tree = {"value": text, text + "k": {"in": [text, [text, {text: text}]]}}

    assert read(to_yaml(tree)) == tree


def test_a_reader_of_yaml_1_1_agrees():
    yaml = pytest.importorskip("yaml")
    tree = {f"k{number}": text for number, text in enumerate(NAUGHTY)} | dict.fromkeys(NAUGHTY, "v")

    assert yaml.safe_load(to_yaml(tree)) == tree


def test_every_shape_of_tree_comes_back():
    tree = {
        "empty": [{}, [], None, True, False, 0, -5, ""],
        "nested": [[["a"], []], [{"a": [{"b": {"c": [1, 2]}}], "d": 1}], {"e": {}}],
        "x" * 3000: {"y" * 2000: ["z" * 5000, {"w" * 1500: "v"}]},
    }

    assert read(to_yaml(tree)) == tree
    assert json.dumps(read(to_yaml(tree))) == json.dumps(tree)


@pytest.mark.parametrize("scalar", ["a", "", 1, None, True, [], {}])
def test_a_lone_scalar_is_a_document(scalar):
    assert read(to_yaml(scalar)) == scalar


def test_generated_trees_come_back():
    hypothesis = pytest.importorskip("hypothesis")
    some = hypothesis.strategies
    text = some.text(some.characters(exclude_categories=("Cs",)), max_size=20) | some.sampled_from(NAUGHTY)
    scalars = text | some.integers() | some.booleans() | some.none()
    trees = some.recursive(
        scalars, lambda inner: some.lists(inner, max_size=4) | some.dictionaries(text, inner, max_size=4), max_leaves=12
    )

    @hypothesis.settings(max_examples=300, deadline=None, derandomize=True, database=None)
    @hypothesis.given(trees)
    def comes_back(tree):
        assert read(to_yaml(tree)) == tree

    comes_back()


def test_depth_is_no_limit():
    tree: list = []
    for _ in range(5 * sys.getrecursionlimit()):
        tree = [tree]

    assert to_yaml(tree).endswith("- []\n")
    assert list(leaves(tree).values()) == [[]]


def test_a_lone_surrogate_is_refused():
    with pytest.raises(ValueError, match="surrogate"):
        to_yaml({"a": "\ud800"})


@pytest.mark.parametrize("value", [1.5, b"x", object()], ids=lambda value: type(value).__name__)
def test_other_kinds_of_value_are_refused(value):
    with pytest.raises(TypeError):
        to_yaml([value])


def test_tags_are_written_as_flow():
    tree = {
        "flow": Tagged("!Find", ["authentik_flows.flow", ["slug", "a b: c"]]),
        "pk": Tagged("!KeyOf", "yes"),
        "key": Tagged("!File", "/run/secrets/x"),
    }

    assert to_yaml(tree) == (
        (
            '---\nflow: !Find [authentik_flows.flow, [slug, "a b: c"]]\npk: !KeyOf "yes"\nkey: !File "/run/secrets/x"\n'
        ).replace('"/run/secrets/x"', "/run/secrets/x")
    )


def test_a_tag_that_only_looks_like_one_stays_a_string():
    assert read(to_yaml({"a": "!Find [x, [y, z]]"})) == {"a": "!Find [x, [y, z]]"}


def test_leaves_are_named_by_dotted_paths():
    tree = {"services": {"caddy": {"ports": ["80", {"a": 1}], "x": {}}}}

    assert leaves(tree) == {"services.caddy.ports.0": "80", "services.caddy.ports.1.a": 1, "services.caddy.x": {}}


def test_the_output_pleases_yamllint(tmp_path):
    pytest.importorskip("yamllint")
    tree = {
        "services": {"a": {"list": ["x", {"k": ["v"], "l": "no"}], "empty": {}, "none": [], "text": 'say "hi"'}},
        "n": [["a"]],
    }
    file = tmp_path / "tree.yaml"
    file.write_text(to_yaml(tree, heading="One line\nand another"), encoding="utf-8")

    done = subprocess.run([sys.executable, "-m", "yamllint", "--strict", str(file)], capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (0, "")


def test_the_heading_is_a_comment():
    assert io.StringIO(to_yaml({"a": "b"}, heading="Made by a tool")).readline() == "# Made by a tool\n"
