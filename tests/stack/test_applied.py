"""What a generation was made from, written down and read again: a plan made from it is the same plan."""

import json

import pytest

from infrakit.compiler import load
from infrakit.emit import emit
from infrakit.errors import InfraKitError
from infrakit.model import ImagePin
from infrakit.stack import layout
from infrakit.stack.change import applied
from infrakit.stack.change.reasons import told
from infrakit.stack.up import plan_up, wanted_of
from infrakit.system.digest import hex_digest
from infrakit.system.machine import Machine
from tests.emit.examples import hosts

HOSTS = hosts()
FULL = HOSTS["full-homelab"]


def written(host, number=1) -> applied.Applied:
    return applied.Applied("abc", number, "0.1.0", ("+ a",), applied.files_of(emit(host), hex_digest), {"a": "b"}, host)


@pytest.fixture
def keep(tmp_path, monkeypatch):
    """Put content in place of a generation's record; what is read then."""
    monkeypatch.setattr(layout, "GENERATIONS", str(tmp_path))
    (tmp_path / "abc").mkdir()

    def read(content: bytes):
        (tmp_path / "abc" / applied.FILE).write_bytes(content)
        return applied.read(Machine(), "abc")

    return read


def words(plan) -> list:
    return [
        (step.name, step.title, [item.text() for item in step.done_when], [item.text() for item in step.actions])
        for step in plan.steps
    ]


@pytest.mark.parametrize("name", HOSTS)
def test_a_host_comes_back_as_it_was(keep, name):
    host, artifacts = HOSTS[name], emit(HOSTS[name])
    found = keep(applied.to_json(written(host)))
    assert found._replace(deployment=host) == written(host)
    assert wanted_of(found.deployment, artifacts) == wanted_of(host, artifacts)
    assert words(plan_up(found.deployment, artifacts, hex_digest)) == words(plan_up(host, artifacts, hex_digest))


def test_what_another_infrakit_wrote_is_told(keep):
    found = json.loads(applied.to_json(written(FULL)))
    found["deployment"]["colour"] = "red"
    for content in (json.dumps(found).encode(), b"{}", b"", b"[1]", b"\xff"):
        with pytest.raises(InfraKitError, match="generation abc was written by another InfraKit"):
            keep(content)


def test_what_changed_is_told_in_words():
    def changed(**how):
        services = tuple(
            item._replace(containers=(item.containers[0]._replace(**how), *item.containers[1:]))
            if item.name == "glances"
            else item
            for item in FULL.services
        )
        return FULL._replace(services=services)

    before = written(FULL)
    assert told(None, FULL, before.files) == told(before, FULL, before.files) == ()
    assert told(before, changed(memory_bytes=1 << 30, pids=7), before.files) == (
        "~ glances: memory 256m -> 1g",
        "~ glances: pids 100 -> 7",
    )
    assert told(before, changed(image="x/y:2"), before.files)[0].startswith("~ service glances: x/y:2")
    pins = [ImagePin(sign * 9, sign * 9, f"sha256:{sign * 64}", 1) for sign in "ab"]
    locked = written(changed(pin=pins[0]))
    assert told(locked, changed(pin=pins[1]), before.files)[-1] == (
        "~ glances: image sha256:aaaaaaaaaaaa -> sha256:bbbbbbbbbbbb"
    )
    assert told(before, FULL, {**before.files, ".env": (0o644, "0")}) == ("~ .env",)


def test_a_file_in_another_place_says_the_same_and_one_with_another_key_of_its_server_does_not(keep):
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ9pOzMuYTdjJ5ZkUqzNpQ0wX0t4mEqbTzJg8T1Zr3nK"
    text = f"version: 1\ndomain: home.example.org\npattern: full\nbackup: {{to: 'sftp://a@b.lan/c', host_key: {key}}}\n"

    def made(content: str, name: str):
        (found,) = load(content.encode(), name, lambda _: b"").fleet.deployments
        return found

    there = keep(applied.to_json(written(made(text, "infrakit.yaml")))).deployment
    assert applied.same(there, made("# a comment\n" + text, "/etc/infrakit/infrakit.yaml"))
    assert not applied.same(there, made(text.replace("K}", "L}"), "infrakit.yaml"))


@pytest.mark.parametrize("name", HOSTS)
def test_what_was_written_down_says_the_same(keep, name):
    assert applied.same(keep(applied.to_json(written(HOSTS[name]))).deployment, HOSTS[name])
