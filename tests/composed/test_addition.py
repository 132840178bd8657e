"""New entries in an infrakit.yaml that is there: every byte of it stays, and it holds what it held, and the entries."""

import random
import re

import pytest

from infrakit.composed.addition import Section, extended, replaced
from infrakit.config import parse
from infrakit.errors import ConfigurationInvalid, Position

AT = Position("compose.yaml", 3, 3)
APPS = Section("apps", ("  new:", "    image: e/new:1", "    # privileged: true  # grants: root"), {"new": AT})
VOLUMES = Section("volumes", ("  data:", "    external: old_data"), {"data": AT})
NEW = "  new:\n    image: e/new:1\n    # privileged: true  # grants: root\n"
HEAD = "version: 1\ndomain: example.org\n"


def added(text, *sections):
    return extended(text.encode(), "infrakit.yaml", sections or (APPS,)).decode()


def tree(text):
    def plain(node):
        if node.kind == "map":
            return {key.value: plain(value) for key, value in node.value}
        return [plain(each) for each in node.value] if node.kind == "list" else (node.value, node.plain)

    return plain(parse(text.encode(), "x").root)


@pytest.mark.parametrize(
    "before, after",
    [
        (HEAD, HEAD + "apps:\n" + NEW),
        (HEAD.rstrip("\n"), HEAD + "apps:\n" + NEW),
        (HEAD + "apps:\n", HEAD + "apps:\n" + NEW),
        (HEAD + "apps:  # mine\ntls: {mode: tunnel}\n", HEAD + "apps:  # mine\n" + NEW + "tls: {mode: tunnel}\n"),
        (
            HEAD + "apps:\n  a: {image: x}\n    # of a\n\n# of tls\ntls: {mode: tunnel}\n",
            HEAD + "apps:\n  a: {image: x}\n    # of a\n" + NEW + "\n# of tls\ntls: {mode: tunnel}\n",
        ),
        (
            HEAD + "apps:\n    a:\n        image: x\n# end\n",
            HEAD + "apps:\n    a:\n        image: x\n" + re.sub("(?m)^", "  ", NEW).rstrip(" ") + "# end\n",
        ),
        (
            HEAD + "apps:\n a: {image: x}\n",
            HEAD + "apps:\n a: {image: x}\n new:\n   image: e/new:1\n   # privileged: true  # grants: root\n",
        ),
        (
            HEAD + "apps:\n  a:\n    files:\n      /x: |\n        one\n        # two\n\ntls: {mode: tunnel}\n",
            HEAD
            + "apps:\n  a:\n    files:\n      /x: |\n        one\n        # two\n"
            + NEW
            + "\ntls: {mode: tunnel}\n",
        ),
        ((HEAD + "tls: {}\n").replace("\n", "\r\n"), (HEAD + "tls: {}\napps:\n" + NEW).replace("\n", "\r\n")),
        ("\ufeff---\n" + HEAD, "\ufeff---\n" + HEAD + "apps:\n" + NEW),
    ],
    ids=["none", "no-line-break", "empty", "comment", "comments", "four", "one", "block-scalar", "windows", "bom"],
)
def test_lines_are_put_in_and_every_other_byte_stays(before, after):
    assert added(before) == after


def test_a_text_that_keeps_its_empty_lines_does_not_grow():
    text = HEAD + "apps:\n  a:\n    files:\n      /x: |+\n        one\n\n\ntls: {mode: tunnel}\n"

    assert tree(added(text))["apps"]["a"] == tree(text)["apps"]["a"]


def test_both_sections_at_once():
    text = "volumes:\n  films: {nfs: 'a:/b'}\n" + HEAD

    assert added(text, APPS, VOLUMES) == (
        "volumes:\n  films: {nfs: 'a:/b'}\n  data:\n    external: old_data\n" + HEAD + "apps:\n" + NEW
    )


@pytest.mark.parametrize(
    "text, code, place",
    [
        (HEAD + "apps:\n  other: {image: x}\n  new: {image: x}\n", "import-name", "5:3"),
        (HEAD + "apps: {new: {image: x}}\n", "import-name", "3:8"),
        (HEAD + "apps: {a: {image: x}}\n", "import-shape", "3:7"),
        (HEAD + "apps: {}\n", "import-shape", "3:7"),
        (HEAD + "apps: []\n", "import-shape", "3:7"),
        (HEAD + "apps: none\n", "import-shape", "3:7"),
        (HEAD + "apps: ''\n", "import-shape", "3:7"),
        ("{version: 1, domain: example.org}\n", "import-shape", "1:1"),
        (HEAD + "...\n", "import-shape", "1:1"),
        ("- version\n", "import-shape", "1:1"),
        ("a: &b c\n", "yaml-anchor", "1:4"),
    ],
)
def test_what_cannot_be_added_to_is_refused_with_its_place(text, code, place):
    with pytest.raises(ConfigurationInvalid) as error:
        added(text)

    assert code in [problem.code for problem in error.value.problems]
    first = error.value.problems[0].position
    assert f"{first.line}:{first.column}" == place


def test_all_names_that_are_there_are_said_with_both_places():
    text = HEAD + "apps:\n  new: {image: x}\nvolumes:\n  data: {}\n"

    with pytest.raises(ConfigurationInvalid) as error:
        added(text, APPS, VOLUMES)

    assert [(str(each.position), str(each.related)) for each in error.value.problems] == [
        ("infrakit.yaml:4:3", "compose.yaml:3:3"),
        ("infrakit.yaml:6:3", "compose.yaml:3:3"),
    ]


PIECES = (
    *("apps:\n", "  a:\n", "  a: {image: x}\n", "    image: x\n", "    # of a\n", "  # below\n", "# above\n", "\n"),
    *("tls:\n", "  mode: tunnel\n", "volumes:\n", "  v: {}\n", "    files:\n", "      /x: |\n", "        text\n"),
    *("      /y: |+\n", "      /z: >-\n", "        # no comment\n", '    command: ["a",\n', '      "b"]\n', "...\n"),
    *("    k: 'one\n", "      two'\n", "---\n", " \n", "    list:\n", "    - one\n", "      - two\n", "name: x\n"),
)


@pytest.mark.parametrize("seed", range(40))
def test_whatever_the_file_is_like_it_holds_what_it_held_or_is_refused(seed):
    chance = random.Random(seed)
    for _ in range(60):
        text = HEAD + "".join(chance.choices(PIECES, k=chance.randint(1, 14)))
        try:
            before = tree(text)
            after = added(text, APPS, VOLUMES)
        except ConfigurationInvalid:
            continue
        found = tree(after)
        for key, name in (("apps", "new"), ("volumes", "data")):
            entries = found.pop(key)
            assert entries.pop(name)
            kept = before.pop(key, {})
            assert (kept if isinstance(kept, dict) else {}) == entries
        assert found == before
        rest = iter(after.splitlines())
        assert all(line in rest for line in text.splitlines()), "every line stays, in its order"


@pytest.mark.parametrize(
    "before, after",
    [
        ("apps:\n  a:\n    image: e/a:1.0  # of a\n", "apps:\n  a:\n    image: e/a:1.1  # of a\n"),
        ('apps: {b: {image: e/a:1.0}, a: {image: "e/a:1.0"}}', 'apps: {b: {image: e/a:1.0}, a: {image: "e/a:1.1"}}'),
        ("apps:\r\n  a: {image: 'e/a:1.0'}\r\n", "apps:\r\n  a: {image: 'e/a:1.1'}\r\n"),
        ("\ufeffapps: {a: {image: e/a:1.0}}\n", "\ufeffapps: {a: {image: e/a:1.1}}\n"),
        ("apps:\n  a:\n    image:\n      e/a:1.0\n", "apps:\n  a:\n    image:\n      e/a:1.1\n"),
    ],
)
def test_a_text_is_replaced_and_every_other_byte_stays(before, after):
    assert replaced(before.encode(), "x", ("apps", "a", "image"), "e/a:1.0", "e/a:1.1") == after.encode()


@pytest.mark.parametrize(
    "text", ["apps: {a: {image: >-\n e/a:1.0}}", 'apps: {a: {image: "e\\/a:1.0"}}', "apps: {a: {image: !!str e/a:1.0}}"]
)
def test_what_is_not_on_one_line_is_not_edited_and_its_place_is_said(text):
    with pytest.raises(ConfigurationInvalid) as refused:
        replaced(text.encode(), "x", ("apps", "a", "image"), "e/a:1.0", "e/a:1.1")
    assert refused.value.problems
