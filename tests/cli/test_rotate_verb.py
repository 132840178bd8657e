"""`secrets rotate` on the command line, where nothing can be rotated, or one was broken off."""

import json
import os
import shutil
from pathlib import Path

import pytest

from infrakit.stack.layout import CONFIGURATION, ROTATING, STATE

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root changes a machine")
TEXT = "version: 1\ndomain: home.example.org\npattern: full\ncontact: a@example.org\ntls: {mode: tunnel}\n"
NOTE = {"secrets": [["wiki_db", ["wiki-db", "wiki", "wiki"]], ["wiki_token", None]], "way": "forward"}


@pytest.fixture(autouse=True)
def installed():
    Path(CONFIGURATION).write_text(TEXT)
    yield
    for place in (STATE, "/etc/infrakit"):
        for path in Path(place).iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            (),
            "which secret?\n  hint: one of: authentik_database_password, guacamole_database_password, portainer_client",
        ),
        (("tunel_token",), "infrakit has no secret tunel_token\n  hint: did you mean tunnel_token?"),
        (("tunnel_token",), "only you have it\n  hint: sudo infrakit secrets set tunnel_token"),
        (
            ("authentik_secret_key", "portainer_client_secret", "tunnel_token"),
            "authentik_secret_key is not rotated: everybody would be signed out, and what Authentik keeps under it "
            "would be lost; it has no way to convert that; tunnel_token is not rotated: only you have it",
        ),
        (("portainer_client_secret",), "sudo infrakit up; a rotation changes secrets, and nothing else"),
        (
            ("--restart", "--all"),
            "--restart is about secrets that are named\n  hint: infrakit secrets rotate --restart",
        ),
        (("--back",), "no rotation was broken off\n  hint: infrakit secrets rotate NAME"),
    ],
)
def test_what_cannot_be_rotated_is_refused_and_says_why(infrakit, words, said):
    done = infrakit("secrets", "rotate", "--yes", *words)
    assert done.returncode == 2 and said in done.stderr, done.stderr


@pytest.mark.parametrize("words", [("up", "--yes"), ("rollback", "--yes"), ("update", "--yes")])
def test_whoever_changes_the_stack_hears_of_a_rotation_that_was_broken_off(infrakit, words):
    Path(ROTATING).write_text(json.dumps(NOTE))
    done = infrakit(*words)
    assert done.returncode == 2 and "a rotation of secrets was broken off\n  hint: sudo infrakit secrets" in done.stderr
    done = infrakit("secrets", "rotate", "--dry-run")
    assert done.returncode == 6 and "a rotation of wiki_db, wiki_token was broken off; going forward" in done.stderr
    done = infrakit("secrets", "rotate", "--yes", "wiki_db", "wiki_key")
    assert done.returncode == 2 and "of wiki_db, wiki_token was broken off, and wiki_key is another" in done.stderr
    assert infrakit("secrets", "rotate", "--json").returncode == 1 and os.path.exists(ROTATING)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"secrets": [["a", [1]]]}', json.dumps({**NOTE, "more": 1})])
def test_a_note_that_cannot_be_read_is_said_to_be_so(infrakit, content):
    Path(ROTATING).write_text(content)
    done = infrakit("secrets", "rotate", "--yes")
    assert done.returncode == 1 and f"{ROTATING} was written by another InfraKit, or damaged" in done.stderr
