"""Why a container is another one than before, on a whole host: each cause with its line of infrakit.yaml."""

from infrakit.compiler import load
from infrakit.emit import emit
from infrakit.stack import generation
from infrakit.stack.change import applied
from infrakit.stack.change.reasons import World, reasons
from infrakit.system.digest import hex_digest
from infrakit.system.machine import Machine

TEXT = """\
version: 1
domain: home.example.org
pattern: full
tls: {mode: internal}
services:
  glances: {memory: 100m, environment: {A: "1"}}
apps:
  wiki: {image: "example.org/wiki:1", port: 3000}
"""


def causes(tmp_path, monkeypatch, name: str, *changes: tuple[str, str]) -> list[tuple[str, str, str]]:
    """Of a container, after these changes of the text."""
    monkeypatch.setattr(generation, "GENERATIONS", str(tmp_path))
    text = TEXT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (was, _), (now, found) = [_host(item) for item in (TEXT, text)]
    for item in emit(was):
        path = tmp_path / "abc" / item.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(item.content)
    before = applied.Applied("abc", 1, "0.1.0", (), applied.files_of(emit(was), hex_digest), {}, was)
    files = applied.files_of(emit(now), hex_digest)
    world = World(now, emit(now), files, before, Machine(), lambda item: str(found.locate.origin(item)))
    return [tuple(why) for why in reasons(world, name, before)]


def _host(text: str):
    found = load(text.encode(), "infrakit.yaml", lambda _: b"")
    (host,) = found.fleet.deployments
    return host, found


def test_a_value_leads_to_its_line(tmp_path, monkeypatch):
    changes = (("100m", "200m"), ('{A: "1"}', '{B: "2"}'))
    assert causes(tmp_path, monkeypatch, "glances", *changes) == [
        ("file", "memory 100m -> 200m", "infrakit.yaml:6:21"),
        ("file", "environment.A - 1", ""),
        ("file", "environment.B + 2", "infrakit.yaml:6:44"),
    ]


def test_a_line_of_the_caddyfile_leads_to_the_door_that_it_is_of(tmp_path, monkeypatch):
    found = causes(tmp_path, monkeypatch, "caddy", ("port: 3000", "port: 3001"))
    assert ("file", "caddy/Caddyfile", "infrakit.yaml:8:9") in found, found


def test_a_changed_image_leads_to_it(tmp_path, monkeypatch):
    assert causes(tmp_path, monkeypatch, "wiki", ("wiki:1", "wiki:2")) == [
        ("file", "image example.org/wiki:1 -> example.org/wiki:2", "infrakit.yaml:8:17")
    ]


def test_where_nothing_of_the_file_changed_infrakit_did(tmp_path, monkeypatch):
    assert causes(tmp_path, monkeypatch, "wiki") == [("catalogue", "its definition changed", "")]
