"""Strings full of quotes, braces, dollars, backslashes and odd characters come out as exactly that value, in every output."""

import json
import subprocess
from html.parser import HTMLParser

import pytest
from ruamel.yaml import YAML

from infrakit import resources
from infrakit.compiler import load
from infrakit.config.keys import all_keys
from infrakit.emit import emit
from infrakit.errors import ConfigurationInvalid
from tests.emit.test_authentik import read

SCHEMA = resources.schema("infrakit")
NAUGHTY = [
    "plain", "it's", 'say "hi"', "back\\slash", "ends\\", "`tick`", "$HOME", "${HOME}", "$$", "$(id)", "${X:-y}", "{env.HOME}", "{$HOME}", "{{x}}", "}",
    "%s %h %%", "a: b", "- a", "# no comment", "a #b", "!tag", "&anchor", "*alias", "yes", "null", "~", "0123", "1e3", "0x1f", "2024-01-01", "1:30",
    ".inf", "  spaces  ", "line\nbreak", "two\n\nbreaks\n", "tab\there", "ä ö 漢字", "e\u0301", "\U0001f9e8", "\u200b\u202e", "\u00a0", "'; DROP TABLE x; --",
    "<script>alert(1)</script>", "&lt;", "]]>", "|", ">", "? x", "@x", "%TAG", "---", "...", "a" * 900, "`\"'", "\\n", "\\u0041", "!Env X", "!File /etc/passwd",
]
LINES = [text for text in NAUGHTY if "\n" not in text and len(text) < 80]
FREE = {
    "apps.*.command", "apps.*.environment.*", "apps.*.title", "access.users.*.name", "services.*.environment.*", "services.*.options.*",
}


def compiled(**fields):
    tree = {"version": 1, "domain": "home.example.org", "pattern": "full", **fields}
    return list(load(json.dumps(tree, ensure_ascii=False).encode(), "infrakit.yaml", lambda name: b"").fleet.deployments)[0]


def is_free(schema) -> bool:
    """Whether any text may stand there."""
    if "oneOf" in schema:
        return any(is_free(item) for item in schema["oneOf"])
    if schema.get("type") == "array":
        return is_free(schema["items"])
    kind = schema.get("type")
    return "string" in ([kind] if isinstance(kind, str) else kind or []) and "pattern" not in schema and "enum" not in schema


def test_these_are_all_the_fields_that_take_any_text():
    assert {key for key, schema in all_keys(SCHEMA) if is_free(schema)} == FREE


@pytest.mark.parametrize("key", sorted(key for key, schema in all_keys(SCHEMA) if "pattern" in schema))
def test_a_field_with_a_form_refuses_what_could_be_anything_else(key):
    import re

    schema = dict(all_keys(SCHEMA))[key]
    for text in NAUGHTY:
        if re.search(schema["pattern"], text):
            assert not set(text) & set("\"'`${}\\\n #<>|&*!;()") - set("&"), (key, text)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A compiled tree with every naughty string in environments and commands."""
    folder = tmp_path_factory.mktemp("tree")
    host = compiled(
        apps={"wiki": {"image": "x/y:1", "port": 80, "environment": {f"V{n}": text for n, text in enumerate(NAUGHTY)}, "command": NAUGHTY}},
        services={"glances": {"environment": {f"V{n}": text for n, text in enumerate(NAUGHTY)}}},
    )
    for artifact in emit(host):
        path = folder / artifact.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(artifact.content)
    return folder


def test_compose_reads_every_value_as_it_was_typed(tree):
    words = ["docker", "compose", "-f", str(tree / "compose.yaml"), "config", "--format", "json"]
    done = subprocess.run(words, env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/evil"}, capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    # Compose prints `$` doubled, so that its output can be read again.
    services = json.loads(done.stdout)["services"]
    for name in ("wiki", "glances"):
        found = services[name]["environment"]
        assert [found[f"V{n}"].replace("$$", "$") for n in range(len(NAUGHTY))] == NAUGHTY
    assert [word.replace("$$", "$") for word in services["wiki"]["command"]] == NAUGHTY


def test_another_yaml_reader_sees_the_same(tree):
    services = YAML(typ="safe", pure=True).load(tree / "services/wiki.yaml")["services"]
    assert [word.replace("$$", "$") for word in services["wiki"]["command"]] == NAUGHTY


@pytest.mark.parametrize("text", LINES)
def test_a_title_and_a_name_come_out_as_they_were_typed(text):
    host = compiled(
        apps={"wiki": {"image": "x/y:1", "port": 80, "title": text}},
        access={"administrators": ["alice"], "users": {"alice": {"name": text}}},
    )
    entries = read(host)["entries"]
    assert next(entry for entry in entries if entry.get("id") == "application-wiki")["attrs"]["name"] == text
    assert next(entry for entry in entries if entry.get("id") == "user-alice")["attrs"]["name"] == text
    page = next(artifact.content.decode() for artifact in emit(host) if artifact.path == "review.html")
    reader = HTMLParser()
    texts = []
    reader.handle_data = texts.append
    reader.feed(page)
    assert any(text in found for found in texts) or not text.isprintable()


@pytest.mark.parametrize("text", [text for text in NAUGHTY if len(text) < 200])
def test_a_name_of_the_users_is_refused_or_harmless(text):
    for fields in ({"name": text}, {"apps": {text: {"image": "x/y:1"}}}, {"access": {"groups": {text: ["bob"]}}}, {"domain": text}, {"contact": text}):
        try:
            host = compiled(**fields)
        except ConfigurationInvalid:
            continue
        assert text.isascii() and not set(text) & set("\"'`${}\\\n #<>|&*!;()")
        assert host.services
