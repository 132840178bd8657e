"""Every string field of the schema: whatever it accepts comes out as exactly that value, wherever it goes; the rest it
refuses.

A field with a pattern refuses every hostile text (or its pattern is the proof that it holds none); a field without one
carries it through. A new string field fails the first test until it is listed here.
"""

import json
import re
from functools import cache
from html.parser import HTMLParser

import pytest
from ruamel.yaml import YAML

from infrakit import emit, resources
from infrakit.backups import Own
from infrakit.compiler import load
from infrakit.config.keys import all_keys
from infrakit.errors import ConfigurationInvalid
from tests.emit.tree import needs_compose, project, write

TEXTS = [
    "plain",
    "it's",
    'a "quoted" word',
    "{brace} {$HOME} {env.HOME} {{x}}",
    "$HOME ${HOME} $$ $${x} $",
    "100% %s %(x)s %%",
    "back\\slash \\n \\",
    "# not a comment: - ! & * ?",
    "`tick` $(id)",
    " space around ",
    "no",
    "0123",
    "1e3",
    "~",
    "null",
    "2024-01-01",
    "<script>alert(1)</script> &amp;",
    "| > @",
    "Ünïcödé 漢字 💩",
    "a: b",
    "[x]",
    "---",
]
BROKEN = [
    "two\nlines",
    "next\u0085line",
    "line\u2028separator",
    "paragraph\u2029separator",
    "nul\u0000",
    "escape\u001b[31m",
    "right\u202eto left",
]
"""What JSON can say in an escape; the reader refuses controls and takes the rest as text."""

NAMES = {
    *("access.users.*.name", "apps.*.title", "apps.*.doors.*.title"),
    *("apps.*.pass.why", "apps.*.doors.*.pass.why", "doctor.ignore.why"),
}
"""Fields that take any text of one line without space at its ends: Authentik cuts that off, and refuses what is left of
a blank one."""
FREE = {
    *("apps.*.environment.*", "apps.*.command", "apps.*.entrypoint", "apps.*.health", "apps.*.labels.*"),
    *("services.*.environment.*", "services.*.options.*", "apps.*.files.*"),
    *("apps.*.backup.dump", "apps.*.backup.restore", "apps.*.backup.ends"),
}
"""Fields that take any text; options go on only where the blueprint's own list of values allows."""


HEADERS = {"apps.*.headers.*", "apps.*.doors.*.headers.*"}
"""Values of headers, as the HTTP of browsers has them: what Caddy makes of each character is asked in tests/runtime."""


def string_fields() -> dict[str, dict]:
    """Dotted path -> schema of every text, and of every list of texts."""
    found = {}
    for key, schema in all_keys(resources.schema("infrakit")):
        for item in (schema, *schema.get("oneOf", ())):
            item = item.get("items", item)
            kind = item.get("type")
            if "string" in (kind if isinstance(kind, list) else [kind]) and "enum" not in item:
                found[key] = item
    return found


def source_of(text: str) -> bytes:
    """A file with `text` in every free field, and as every name."""
    tree = {
        "version": 1,
        "domain": "home.example.org",
        "pattern": "full",
        "tls": {"mode": "internal"},
        "access": {
            "administrators": ["alice"],
            "users": {"alice": {"name": text.strip(), "email": "alice@example.org"}},
        },
        "backup": {"to": "/backups"},
        "services": {"glances": {"environment": {"FREE_TEXT": text}}},
        "apps": {
            "own": {
                "image": "ghcr.io/example/own:1",
                "port": 80,
                "title": text.strip(),
                "environment": {"FREE_TEXT": text},
                "files": {"/free": text},
                "command": ["say", text],
                "entrypoint": ["begin", text],
                "health": ["CMD", "ask", text],
                "labels": {"free": text},
                "data": ["/data"],
                "backup": {"dump": ["save", text], "restore": ["load", text], "holds": ["/data"], "ends": text},
            }
        },
    }
    return json.dumps(tree, ensure_ascii=False).encode()


@cache
def deployment_of(text: str):
    return load(source_of(text), "infrakit.yaml", lambda name: b"").fleet.deployments[0]


@cache
def emitted(text: str):
    """All files; six tests look at those of each text."""
    return emit.emit(deployment_of(text))


def strings(tree) -> set[str]:
    """Every text in a tree of JSON or YAML."""
    if isinstance(tree, dict):
        return set().union(*(strings(value) for value in tree.values()), map(str, tree))
    if isinstance(tree, list):
        return set().union(*map(strings, tree)) if tree else set()
    return {tree} if isinstance(tree, str) else set()


def test_every_text_without_a_pattern_is_looked_at_here():
    assert {key for key, schema in string_fields().items() if "pattern" not in schema} == FREE


def test_there_are_as_many_fields_as_the_schema_has():
    assert len(string_fields()) >= 30


@pytest.mark.parametrize(
    "field",
    sorted(key for key, schema in string_fields().items() if "pattern" in schema and key not in NAMES | HEADERS),
)
def test_a_field_with_a_pattern_takes_no_text_that_means_something_elsewhere(field):
    """What Compose, Caddy, YAML or a shell would read as more than text."""
    pattern = re.compile(string_fields()[field]["pattern"])
    special = set("\"'`\\${}<>|;#*!()\n\r\t \u0085\u2028\u2029\u0000\u202e")
    for character in special:
        for text in (
            character,
            f"a{character}",
            f"{character}a",
            f"/a{character}b",
            f"a.b{character}",
            f"a@b.c{character}",
            f"1{character}",
        ):
            assert not pattern.search(text), (field, text)


@pytest.mark.parametrize("text", BROKEN)
def test_text_that_breaks_lines_never_reaches_an_output_raw(text):
    """Refused by name and place, or carried as one value: no output of ours gets a line that the user's file smuggled
    in."""
    try:
        deployment = deployment_of(text)
    except ConfigurationInvalid as refused:
        assert all(line.isprintable() for problem in refused.problems for line in problem.text().split("\n"))
        return
    for artifact in emit.emit(deployment):
        content = artifact.content.decode()
        if artifact.path.endswith(".yaml") or artifact.path == "own/free":
            continue
        assert text not in content, artifact.path


@needs_compose
@pytest.mark.parametrize("text", TEXTS)
def test_compose_reads_exactly_this_value(tmp_path, text):
    host = deployment_of(text)
    services = project(write(tmp_path, emitted(text), host))["services"]
    assert services["glances"]["environment"]["FREE_TEXT"] == text
    assert services["own"]["environment"]["FREE_TEXT"] == text
    assert services["own"]["command"] == ["say", text]
    assert services["own"]["entrypoint"] == ["begin", text]
    assert services["own"]["healthcheck"]["test"] == ["CMD", "ask", text]
    assert services["own"]["labels"]["free"] == text
    assert (tmp_path / "own" / "free").read_text() == text


@pytest.mark.parametrize("text", TEXTS)
def test_a_command_of_a_backup_is_exactly_these_words(text):
    (part,) = [part for part in deployment_of(text).backup.parts if part.name == "own"]
    assert part.dumps[0].own == Own(("save", text), ("load", text), ("/data",), text)


@pytest.mark.parametrize("text", TEXTS)
def test_the_authentik_blueprint_holds_exactly_this_value(text):
    for artifact in emitted(text):
        if artifact.path == "authentik/blueprints/infrakit.yaml":
            found = strings(_plain(YAML(typ="rt", pure=True).load(artifact.content.decode())))
            assert text.strip() in found, artifact.path


def _plain(node):
    """A round-trip tree without tags."""
    if isinstance(node, dict):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(value) for value in node]
    value = getattr(node, "value", node)
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)


@pytest.mark.parametrize("text", TEXTS)
def test_caddy_reads_the_same_whatever_the_text(text):
    """No free text goes into the Caddyfile: what Caddy reads is the same for all of them."""
    assert _caddyfile(text) == _caddyfile("plain")


def _caddyfile(text: str) -> bytes:
    return next(artifact.content for artifact in emitted(text) if artifact.path == "caddy/Caddyfile")


@pytest.mark.parametrize("text", TEXTS)
def test_the_environment_file_holds_none_of_it(text):
    plain = next(artifact.content for artifact in emitted("plain") if artifact.path == ".env")
    assert plain == next(artifact.content for artifact in emitted(text) if artifact.path == ".env")


@pytest.mark.parametrize("text", TEXTS)
def test_the_review_shows_it_as_text(text):
    """The page holds the title once read as HTML, and no tag that the user's file brought."""
    page = next(artifact.content.decode() for artifact in emitted(text) if artifact.path == "review.html")
    seen: list[str] = []
    tags: list[str] = []

    class Reader(HTMLParser):
        def handle_data(self, data):
            seen.append(data)

        def handle_starttag(self, tag, attributes):
            tags.append(tag)

    Reader(convert_charrefs=True).feed(page)
    assert "script" not in tags
    assert any(text.strip() in data for data in seen), text
