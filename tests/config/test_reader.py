"""Whatever the bytes: a document, or problems with places. Nothing else ever comes out of the reader."""

import random

import pytest

from infrakit import resources
from infrakit.config import bind, check_schema, parse
from infrakit.config.reader import MAXIMUM_BYTES, MAXIMUM_NODES
from infrakit.errors import ConfigurationInvalid

EXAMPLES = [resources.example_source(name) for name in ("full", "edge", "monitoring", "hybrid")]
PIECES = [
    b"&a ",
    b"*a",
    b"!!python/x ",
    b"? ",
    b"- ",
    b": ",
    b"{",
    b"}",
    b"[",
    b"]",
    b"'",
    b'"',
    b"|",
    b">",
    b"%",
    b"---\n",
    b"...\n",
    b"\t",
    b"\x00",
    b"\xff",
    b"\xc2\x85",
    b"\xe2\x80\xa8",
    b"\xef\xbb\xbf",
    b"\r",
    b"<<: ",
    b"#",
    b"`",
    b"@",
    b"\\u0000",
    b"0x" + b"f" * 500,
]


def outcome(source: bytes) -> str:
    try:
        document = parse(source, "infrakit.yaml")
        problems = check_schema(document, resources.schema("infrakit"))
        if not problems:
            bind(document)
        return "read"
    except ConfigurationInvalid as invalid:
        assert invalid.problems
        for problem in invalid.problems:
            assert problem.position.line >= 1 and problem.position.column >= 1
            assert all(line.isprintable() for line in problem.text().split("\n"))
        return "refused"


@pytest.mark.parametrize("seed", range(40))
def test_mutated_files_are_read_or_refused(seed):
    generator = random.Random(seed)
    for _ in range(25):
        source = bytearray(generator.choice(EXAMPLES))
        for _ in range(generator.randint(1, 6)):
            place = generator.randrange(len(source))
            choice = generator.random()
            if choice < 0.4:
                source[place:place] = generator.choice(PIECES)
            elif choice < 0.7:
                del source[place : place + generator.randint(1, 30)]
            else:
                source[place] = generator.randrange(256)
        outcome(bytes(source))


@pytest.mark.parametrize(
    "source",
    [
        b"a: &a [*a]",
        b"[" * 5000,
        b"{" * 2000,
        b"- " * 3000 + b"x",
        b"a: " + b"9" * 100000,
        b"a: 2024-13-45",
        b"!!binary x",
        b"\xfe\xff\x00a",
        b"? ? ? a",
        b"%TAG ! x\n---\n!a b",
        b"a: |\n\n\n",
        b"key: >-\n x\n\t y",
        b"'",
        b'"\\ud800"',
        b"&",
        b"*",
        b"@",
        b"`",
        b"- - - -",
        b": :",
        b"{? a}",
        b"a: !<tag:x> b",
        b"--- a\n--- b",
        b"\n" * 10000,
        b"#" * 200000,
        b"a" * 200000 + b": b",
        b"[a, b]: c",
        b"{[a]: b}: c",
        b"- !",
        b"- %",
        b"!!set {a}",
    ],
)
def test_hostile_files_are_read_or_refused(source):
    outcome(source)


def test_a_file_may_be_so_large_and_no_larger():
    comment = b"#" * (MAXIMUM_BYTES - len(EXAMPLES[1]))
    assert outcome(EXAMPLES[1] + comment) == "read"
    assert outcome(EXAMPLES[1] + comment + b"#") == "refused"


def test_a_file_may_have_so_many_values_and_no_more():
    assert outcome(b"[" + b"a," * (MAXIMUM_NODES + 1) + b"]") == "refused"


@pytest.mark.parametrize("text", ["0123", "1e3", "no", "2024-01-01", "1_000", "0o17", ".5", "~x", "1:30", "true"])
def test_text_stays_what_the_user_typed(text):
    document = parse(
        f"version: 1\ndomain: a.example.org\npattern: edge\nservices: {{x: {{environment: {{V: {text}}}}}}}\n".encode(),
        "infrakit.yaml",
    )
    assert check_schema(document, resources.schema("infrakit")) == []
    assert document.values["services"]["x"]["environment"]["V"] == text


def test_a_byte_order_mark_is_not_part_of_the_file():
    assert outcome(b"\xef\xbb\xbf" + EXAMPLES[0]) == "read"


def values(node):
    """A node as plain lists, mappings and texts."""
    if node.kind == "map":
        return {key.value: values(child) for key, child in node.value}
    return [values(child) for child in node.value] if node.kind == "list" else node.value


@pytest.mark.parametrize(
    "source,meaning",
    [
        ("%YAML 1.2\n---\na: b", {"a": "b"}),
        ("%YAML 1.2 # the version\n---\na: b", {"a": "b"}),
        ('a: {"b":c, d: :e, :f: g}', {"a": {"b": "c", "d": ":e", ":f": "g"}}),
        ("a: {? b : c, d: , http://e: f}", {"a": {"b": "c", "d": "", "http://e": "f"}}),
        ("a: [b#c, -1, d :e, f] # comment", {"a": ["b#c", "-1", "d :e", "f"]}),
        ("a: | # comment\n  b", {"a": "b"}),
        ("a: [b,\n#c\n d]", {"a": ["b", "d"]}),
    ],
)
def test_yaml_means_what_its_specification_says(source, meaning):
    assert values(parse(source.encode(), "x.yaml").root) == meaning


@pytest.mark.parametrize(
    "source,column",
    [
        ("a: { ?foo: bar }", 6),
        ("a: {b:,}", 7),
        ("a: {b:}", 7),
        ("a: [b:]", 7),
        ("a: [?x]", 5),
        ("a: [-]", 6),
        ("a: [-,b]", 6),
        ('a: "v"#x', 7),
        ("a: 'v'#x", 7),
        ("a: [b]#x", 7),
        ("a: [b,#x\n c]", 7),
        ("a: {b: c}#x", 10),
        ("%YAML 1.1\n---\na: b", 7),
        ("%YAML 1.20\n---\na: b", 7),
        ('a: "\\Uffffffff"', 7),
    ],
)
def test_what_would_be_read_otherwise_than_the_specification_is_refused_in_its_place(source, column):
    with pytest.raises(ConfigurationInvalid) as refused:
        parse(source.encode(), "x.yaml")
    (problem,) = refused.value.problems
    assert (problem.code, problem.position.line, problem.position.column) == ("yaml-syntax", 1, column)
