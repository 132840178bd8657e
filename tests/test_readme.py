"""README.md is in step with the code. INFRAKIT_UPDATE=1 writes its generated parts anew."""

import json
import os
import re
from pathlib import Path

import pytest

from infrakit import resources
from infrakit.cli.program import VERBS
from infrakit.compiler import load
from infrakit.config.keys import all_keys, key_facts
from infrakit.emit import EMITTERS
from infrakit.policy import RULES
from infrakit.resolve import PASSES

README = Path(__file__).parents[1] / "README.md"


def first_line(function) -> str:
    """The first paragraph of its docstring, as one line."""
    return " ".join((function.__doc__ or "").strip().partition("\n\n")[0].split())


def shown(text: str) -> str:
    """A placeholder such as <service>, or a bar, as text: not as HTML, not as a cell."""
    return text.replace("<", "\\<").replace("|", "\\|")


def generated() -> dict[str, str]:
    return {
        "verbs": "| verb | |\n| --- | --- |\n" + "".join(f"| `{verb}` | {text} |\n" for verb, text in VERBS.items()),
        "passes": "".join(f"1. `{item.__name__}`: {first_line(item)}\n" for item in PASSES),
        "rules": "".join(f"- {first_line(item)}\n" for item in RULES),
        "keys": keys(),
        "outputs": "".join(f"- `{item.__name__.rpartition('.')[2]}`: {shown(first_line(item))}\n" for item in EMITTERS),
    }


def keys() -> str:
    """A row for each key of infrakit.yaml; NAME is a name of the user's own."""
    schema = resources.schema("infrakit")
    rows = "| key | type | default | |\n| --- | --- | --- | --- |\n"
    for key, _ in all_keys(schema):
        facts = key_facts(schema, key)
        default = "" if facts["default"] in (None, "", [], {}) else f"`{json.dumps(facts['default'])}`"
        if not key.endswith("*"):
            rows += f"| `{key.replace('*', 'NAME')}` | {facts['type']} | {default} | {shown(facts['description'])} |\n"
    return rows


@pytest.mark.parametrize("name", ["verbs", "passes", "rules", "keys", "outputs"])
def test_a_generated_part_is_current(name):
    pattern = re.compile(f"(<!-- {name} -->\n)(.*?)(<!-- /{name} -->)", re.DOTALL)
    text = README.read_text(encoding="utf-8")
    if os.environ.get("INFRAKIT_UPDATE"):
        text = pattern.sub(lambda match: match.group(1) + generated()[name] + match.group(3), text)
        README.write_text(text, encoding="utf-8")
    found = pattern.search(text)
    assert found and found.group(2) == generated()[name]


@pytest.mark.parametrize(
    "source", re.findall("```yaml\n(# infrakit.yaml\n.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
)
def test_an_example_compiles(source):
    assert len(load(source.encode(), "infrakit.yaml", lambda name: b"").fleet.deployments)


def test_every_folder_of_the_map_exists():
    map_of_code = (
        README.read_text(encoding="utf-8").partition("## The map of the code")[2].partition("\n\nThe passes")[0]
    )
    names = re.findall("`([a-z/._]+)`", map_of_code)
    assert len(names) >= 10 and [name for name in names if not (README.parent / name).exists()] == []


def test_the_two_commands_are_what_ci_runs():
    text = (README.parent / ".ci/run").read_text()
    assert "./build.sh\n" in text and "./build.sh test\n" in text
