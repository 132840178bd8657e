"""`plan` on the command line: what it says for a person and for a program, and its exit codes."""

import json
import os
from pathlib import Path

import pytest

from infrakit.cli.plan import as_object, show_changes
from infrakit.stack.change.differences import Difference
from infrakit.stack.change.reasons import Why

TEXT = "version: 1\ndomain: home.example.org\npattern: monitoring\ntls: {mode: internal}\n"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root keeps and applies plans")
PAGES = tuple(f"{name}.example.org" for name in "abcdef")
CHANGES = (
    Difference("+", "image", "docker.io/example/wiki:2"),
    Difference("+", "container", "wiki", (Why("file", "it is new", "infrakit.yaml:5:3"),)),
    Difference("~", "step", "/etc/infrakit/infrakit.yaml", (Why("follows", "replace it:"), Why("follows", "  +a"))),
    Difference("-/+", "container", "notes", (Why("file", "memory 64m -> 128m", "infrakit.yaml:9:13"),), 35, PAGES),
    Difference("-/+", "container", "db", (Why("lock", "image 1 -> 2", "infrakit.lock:3:3"),), 15, (), ("notes_db",)),
    Difference(">", "container", "agent", (Why("secret", "token was set again"),), 5),
    Difference("-", "container", "old\x1b", (Why("file", "it is in the file no more"),), 0, PAGES[:1]),
)
SAID = """\
bring x up: 2 to create, 1 to change, 2 to re-create, 1 to restart, 1 to remove
  + image docker.io/example/wiki:2
  + container wiki: it is new (infrakit.yaml:5:3)
  ~ /etc/infrakit/infrakit.yaml
      replace it:
        +a
-/+ container notes: memory 64m -> 128m (infrakit.yaml:9:13)
      away for about 35 s: a.example.org, b.example.org, c.example.org, d.example.org and 2 more
-/+ container db: image 1 -> 2 (infrakit.lock:3:3)
      away for about 15 s
      another image opens its data, which may not be undone: notes_db
  > container agent: token was set again
      away for about 5 s
  - container old\\x1b: it is in the file no more
      away: a.example.org
"""


def test_a_plan_in_words(capsys):
    show_changes("bring x up", CHANGES)
    assert capsys.readouterr().out == SAID
    show_changes("bring x up", ())
    assert capsys.readouterr().out == "bring x up: nothing to change\n"


def test_a_plan_for_a_program():
    found = json.loads(json.dumps(as_object("bring x up", CHANGES, ())))
    assert (found["version"], found["plan"], found["steps"]) == (1, "bring x up", [])
    assert found["changes"][3] == {
        "action": "re-create",
        "data": [],
        "kind": "container",
        "name": "notes",
        "pages": list(PAGES),
        "seconds": 35,
        "sign": "-/+",
        "why": [{"at": "infrakit.yaml:9:13", "kind": "file", "what": "memory 64m -> 128m"}],
    }


@pytest.mark.parametrize(("more", "code"), [((), 0), (("--exit-code",), 6), (("--exit-code", "--json"), 6)])
def test_differences_are_an_exit_code_where_that_is_asked_for(infrakit, tmp_path, more, code):
    (tmp_path / "infrakit.yaml").write_text(TEXT)
    done = infrakit("plan", *more)
    assert done.returncode == code, done.stderr
    if "--json" in more:
        found = json.loads(done.stdout)
        assert {item["kind"] for item in found["changes"]} >= {"container", "image", "volume", "secret"}
        assert {step["name"] for step in found["steps"]} >= {"tree", "in force"}
    else:
        assert "  + container glances: it is new (infrakit.yaml:" in done.stdout


def test_a_file_that_is_wrong_is_as_wrong_as_for_up(infrakit, tmp_path):
    (tmp_path / "infrakit.yaml").write_text(TEXT + "colour: red\n")
    assert infrakit("plan").returncode == infrakit("up", "--dry-run").returncode == 2


@pytest.fixture
def kept(machine_engine, infrakit, tmp_path):
    """A plan that was kept, of a file with a lock's place beside it, on a machine with one secret."""
    (tmp_path / "infrakit.yaml").write_text(TEXT)
    secret = Path("/var/lib/infrakit/hosts/infrakit/secrets/authentik_secret_key")
    secret.parent.mkdir(parents=True)
    secret.write_text("not-to-be-seen")
    done = infrakit("plan", "--out", "kept")
    assert done.returncode == 0, done.stderr
    yield tmp_path / "kept", secret
    secret.unlink()
    for folder in secret.parents[:3]:
        folder.rmdir()


@as_root
def test_a_kept_plan_is_for_root_alone_and_has_no_secret(kept):
    path, _ = kept
    assert path.stat().st_mode & 0o777 == 0o600
    text = path.read_text()
    assert "not-to-be-seen" not in text and "secret authentik_secret_key" in text


@as_root
def test_a_kept_plan_that_still_holds_is_shown_and_asked_for(infrakit, kept):
    """It would be carried out: all that is missing is somebody who says yes."""
    done = infrakit("apply", "kept", "--json")
    assert done.returncode == 1 and "--json asks no question" in done.stdout, done


@as_root
@pytest.mark.parametrize("what", ["file", "secret", "another secret"])
def test_what_moved_since_is_named_and_nothing_is_done(infrakit, tmp_path, kept, what):
    _, secret = kept
    other = secret.parent / "another"
    if what == "file":
        (tmp_path / "infrakit.yaml").write_text(f"# a word more\n{TEXT}")
        named = str(tmp_path / "infrakit.yaml")
    elif what == "secret":
        os.utime(secret, (1, 1))
        named = "secret authentik_secret_key"
    else:
        other.write_text("x")
        named = "secret another"
    done = infrakit("apply", "kept", "--yes")
    other.unlink(missing_ok=True)
    assert done.returncode == 6, done
    assert f"not as it was when the plan was made: {named}; nothing was changed" in done.stderr
    assert "hint: look again: infrakit plan --out kept" in done.stderr
    assert not os.path.lexists("/var/lib/infrakit/generations")


@as_root
@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 2}', "version: 1"])
def test_what_is_no_plan_is_refused(infrakit, tmp_path, content):
    (tmp_path / "kept").write_text(content)
    done = infrakit("apply", "kept", "--yes")
    assert done.returncode == 2 and "kept is not a plan that this InfraKit wrote" in done.stderr, done
