"""Files that are made to hang a reader, or to make it grow: each is refused at a count, never at a time.

And any bytes at all: read or refused, with a place in a file that was given, and the same way each time.
"""

import random
from pathlib import Path

import pytest

from infrakit.composed import Asked, read
from infrakit.composed.tree import MAXIMUM_PROBLEMS

CASES = sorted(Path(__file__).with_name("cases").iterdir())
ONE = "services:\n  a:\n    image: e/a\n"
BOMB = "x-0: &a0 [0,0,0,0,0,0,0,0,0]\n" + "".join(
    f"x-{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
)
MERGED = "x-0: &a0 {k0: v}\n" + "".join(f"x-{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}], k{n}: v}}\n" for n in range(1, 60))
CHAIN = "x-0: &a0 [0]\n" + "".join(f"x-{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 500))
DOUBLED = "A0=xxxxxxxxxx\n" + "".join(f"A{n}=$A{n - 1}$A{n - 1}\n" for n in range(1, 60))
WIDE = "services:\n  base:\n    image: e/a\n    environment: {" + ", ".join(f"K{n}: v" for n in range(2000)) + "}\n"
HOSTILE = {
    "alias-bomb": ({"compose.yaml": BOMB + ONE}, "yaml-nodes"),
    "merge-bomb": ({"compose.yaml": MERGED + ONE}, "yaml-nodes"),
    "alias-depth": ({"compose.yaml": CHAIN + ONE}, "yaml-nodes"),
    "depth": ({"compose.yaml": "x-a: " + "[" * 5000 + "]" * 5000 + "\n" + ONE}, "yaml-depth"),
    "width": ({"compose.yaml": ONE + "x-a: [" + "1," * 30_000 + "]\n"}, "yaml-nodes"),
    "size": ({"compose.yaml": ONE + "#" * 600_000}, "file-too-large"),
    "variables-doubled": ({"compose.yaml": ONE + "    user: $A59\n", ".env": DOUBLED}, "compose-too-much"),
    "variables-nested": ({"compose.yaml": ONE + "    user: " + "${A:-" * 900 + "}" * 900}, "compose-variable-form"),
    "braces": ({"compose.yaml": ONE + "    user: '" + "${A" * 20_000 + "'\n"}, "compose-variable-form"),
    "port-ranges": ({"compose.yaml": ONE + "    ports: [" + "'1-9999', " * 50 + "]\n"}, "compose-too-much"),
    "extends-wide": (
        {
            "compose.yaml": WIDE
            + "".join(f"  s{n}: {{extends: {'base' if not n else f's{n - 1}'}}}\n" for n in range(99))
        },
        "compose-too-much",
    ),
    "extends-deep": (
        {"compose.yaml": ONE + "".join(f"  s{n}: {{extends: s{n + 1}}}\n" for n in range(60)) + "  s60: {image: x}\n"},
        "compose-too-much",
    ),
    "include-doubled": (
        {
            "compose.yaml": "include: [f0.yaml]\n" + ONE,
            **{f"f{n}.yaml": f"include: [f{n + 1}.yaml, ./f{n + 1}.yaml]\nservices: {{}}\n" for n in range(19)},
        },
        "compose-too-much",
    ),
    "include-many": (
        {
            "compose.yaml": "include: [" + ", ".join(f"f{n}.yaml" for n in range(200)) + "]\n" + ONE,
            **{f"f{n}.yaml": f"services: {{s{n}: {{image: e/a}}}}\n" for n in range(200)},
        },
        "compose-too-much",
    ),
    "env-wide": (
        {"compose.yaml": ONE + "    env_file: x\n", "x": "".join(f"A{n}=1\n" for n in range(6000))},
        "compose-env-file",
    ),
    "problems": ({"compose.yaml": ONE + "".join(f"    k{n}: 1\n" for n in range(900))}, "compose-key"),
    "number": ({"compose.yaml": ONE + f"    scale: {'9' * 9000}\n"}, "compose-value"),
}


def asked(files):
    return read(Asked(), {name: text.encode() for name, text in files.items()}.get)


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_refused_at_a_count(name):
    files, code = HOSTILE[name]

    found = asked(files)

    assert found.project is None
    assert code in {problem.code for problem in found.problems}
    assert len(found.problems) <= MAXIMUM_PROBLEMS
    assert all(len(problem.text()) < 4000 for problem in found.problems)


def mutated(chance: random.Random, source: bytes, words: list[bytes]) -> bytes:
    """`source` with a few places cut, doubled, or written over."""
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(len(source) + 1)
        end = min(len(source), start + chance.randint(0, 12))
        inside = chance.choice([b"", source[start:end] * 2, chance.choice(words), bytes([chance.randrange(256)])])
        source = source[:start] + inside + source[end:]
    return source


WORDS = [
    *b"${ } : - , [ ] { } & * ! | > ' \" # ~ << *a &a !reset !override null ${A:-${B}} $$ ? 0x 1e9 -1".split(b" "),
    *b"\n  x:\n \t services: include: extends: ../../.. /dev/null".split(b" "),
    b"\n",
    b"\x00",
    "é\u2028".encode(),
]


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_any_bytes_are_read_or_refused_with_a_place(folder):
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    names = [name for name in ("compose.yaml", "compose.override.yaml") if name in files]
    chance = random.Random(folder.name)
    for _ in range(40):
        name = chance.choice(sorted(files))
        changed = files | {name: mutated(chance, files[name], WORDS)}

        found = read(Asked(names), changed.get)

        assert found == read(Asked(names), changed.get)
        assert (found.project is None) == any(problem.severity == "error" for problem in found.problems)
        for problem in found.problems:
            document, line, column = problem.position
            lines = changed[document].decode("utf-8", "replace").split("\n")
            assert 1 <= line <= len(lines) + 1 and column >= 1, problem
            assert problem.text().isprintable() or "\n" in problem.text()
