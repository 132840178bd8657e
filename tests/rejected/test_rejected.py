"""Every mistake of this folder: NAME.yaml -> the exact text of NAME.txt. INFRAKIT_UPDATE=1 writes the texts anew, for
review."""

import os
from pathlib import Path

import pytest

from infrakit.compiler import load
from infrakit.errors import ConfigurationInvalid, UsageProblem

HERE = Path(__file__).parent
CASES = sorted(path.stem for path in HERE.glob("*.yaml"))


def beside(name: str) -> bytes:
    """The blueprints of the cases: those below blueprints/ here."""
    if not (HERE / name).is_file():
        raise UsageProblem(f"{name}: no such file or directory")
    return (HERE / name).read_bytes()


@pytest.mark.parametrize("case", CASES)
def test_the_mistake_is_named_with_its_place(case):
    source = (HERE / f"{case}.yaml").read_bytes()
    with pytest.raises(ConfigurationInvalid) as refused:
        load(source, "infrakit.yaml", beside)
    text = "\n".join(problem.text() for problem in refused.value.problems) + "\n"
    expected = HERE / f"{case}.txt"
    if os.environ.get("INFRAKIT_UPDATE"):
        expected.write_text(text, encoding="utf-8")
    assert text == expected.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["", " ", "Wiki", "wiki-", "a/../b", "${x}", "a\\n", "-", "x" * 300, "edge-[b:a]"])
@pytest.mark.parametrize(
    "section", ["apps: {%s: {image: 'x/y:1', port: 80", "hosts: {%s: {pattern: full", "services: {%s: {"]
)
def test_a_name_that_cannot_be_is_one_mistake(section, name):
    quoted = f'"{name}"'
    top = "" if section.startswith("hosts") else "pattern: full\n"
    source = f"version: 1\ndomain: home.example.org\n{top}{section % quoted}}}}}\n"
    with pytest.raises(ConfigurationInvalid) as refused:
        load(source.encode(), "infrakit.yaml", beside)
    assert [problem.code for problem in refused.value.problems] == ["name"]


def test_there_are_at_least_eighty():
    assert len(CASES) >= 80


def test_no_message_has_a_control_character():
    for path in HERE.glob("*.txt"):
        for line in path.read_text(encoding="utf-8").splitlines():
            assert line.isprintable(), path
