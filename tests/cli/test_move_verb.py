"""`infrakit move` on the command line, where nothing can be moved, or something is under way."""

import json
import os
import shutil
from pathlib import Path

import pytest

from infrakit.stack.layout import CONFIGURATION, STATE
from infrakit.stack.move.ticket import printed as ticket_of
from infrakit.stack.move.under import GONE, MOVES, printed
from tests.stack.test_move_plan import COMING, SECRET, TICKET, UNDER

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root changes a machine")
TEXT = "version: 1\ndomain: home.example.org\npattern: full\ncontact: a@example.org\ntls: {mode: tunnel}\n"


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
        ((), "no app is named\n  hint: infrakit move APP --to HOST"),
        (("wiki",), "where they go is not said\n  hint: infrakit move APP --to HOST"),
        (("wiki", "--to", "shed", "--back"), "--to, --take, --confirm, --back and --list are different calls"),
        (("wiki", "--take", "x"), "--to, --take, --confirm, --back and --list are different calls"),
        (("wiki", "--confirm", "--ticket", "x"), "--to, --take, --confirm, --back and --list are different calls"),
        (("--all", "wiki"), "--to, --take, --confirm, --back and --list are different calls"),
        (("--all", "--confirm"), "--to, --take, --confirm, --back and --list are different calls"),
        (("--all",), "nothing is in force on this machine\n  hint: sudo infrakit up"),
        (("--all", "--back"), "all of this machine is here\n  hint: infrakit move --list"),
        (("wiki", "--to", "shed"), "nothing is in force on this machine\n  hint: sudo infrakit install"),
        (("wiki", "--confirm"), "no move of wiki is under way\n  hint: infrakit move --list"),
        (("wiki", "--back"), "no move of wiki is under way\n  hint: infrakit move --list"),
    ],
)
def test_a_call_that_makes_no_sense_says_which_does(infrakit, words, said):
    done = infrakit("move", *words, "--yes")
    assert done.returncode == 2 and said in done.stderr, done.stderr
    assert not os.path.exists(MOVES)


def test_a_file_in_this_folder_alone_is_not_in_force(infrakit, tmp_path):
    os.unlink(CONFIGURATION)
    (tmp_path / "infrakit.yaml").write_text("version: 1\ndomain: home.example.org\npattern: full\n")
    done = infrakit("move", "wiki", "--to", "shed", "--yes")
    assert done.returncode == 2 and "nothing is in force on this machine" in done.stderr, done.stderr


def test_a_ticket_that_is_none_is_damaged_or_others_may_read_changes_nothing(infrakit, tmp_path):
    path = tmp_path / "wiki.move"
    done = infrakit("move", "--take", str(path), "--yes")
    assert done.returncode in (2, 3) and "Traceback" not in done.stderr and str(path) in done.stderr, done.stderr
    path.write_text(TEXT)
    path.chmod(0o600)
    done = infrakit("move", "--take", str(path), "--yes")
    assert done.returncode == 2 and "is no ticket of a move" in done.stderr, done.stderr
    path.write_bytes(ticket_of(TICKET, SECRET)[:-100])
    done = infrakit("move", "--take", str(path), "--yes")
    assert done.returncode == 1 and "is damaged: it has no end" in done.stderr, done.stderr
    path.write_bytes(ticket_of(TICKET, SECRET))
    done = infrakit("move", "--take", str(path), "--yes")
    assert done.returncode == 2 and "that was never brought up\n  hint: sudo mv" in done.stderr, done.stderr
    assert SECRET.decode() not in done.stdout + done.stderr and not os.path.exists(MOVES)


def test_what_is_under_way_is_listed(infrakit):
    assert infrakit("move", "--list").stdout == "no move is under way\n"
    Path(MOVES).mkdir()
    Path(UNDER.file).write_bytes(printed(UNDER._replace(way=GONE)))
    Path(MOVES, "arriving").write_bytes(COMING.printed())
    text = infrakit("move", "--list").stdout.splitlines()
    assert text == [
        "wiki-db, wiki to shed, since 2026-11-30T21:00:00Z: gone; its data is kept here",
        "wiki-db, wiki to this machine, since 2026-11-30T21:00:00Z: on its way in",
    ]
    rows = json.loads(infrakit("move", "--list", "--json").stdout)["moves"]
    assert [(row["apps"], row["way"]) for row in rows] == [
        (["wiki-db", "wiki"], "gone"),
        (["wiki-db", "wiki"], "arriving"),
    ]
    assert "infrakit_wiki-data" in rows[0]["volumes"]


@pytest.mark.parametrize("words", [("up", "--yes"), ("rollback", "--yes"), ("update", "--yes"), ("backup", "now")])
def test_whoever_changes_the_stack_hears_of_a_move_that_was_broken_off(infrakit, words):
    Path(MOVES).mkdir()
    Path(UNDER.file).write_bytes(printed(UNDER))
    done = infrakit(*words)
    known = "nothing is in force" if words[0] == "backup" else "a move of wiki-db, wiki to shed was broken off"
    assert done.returncode == 2 and known in done.stderr, done.stderr
    other = infrakit("move", "wiki", "--to", "barn", "--yes")
    assert other.returncode == 2 and "a move of wiki-db, wiki to shed is under way" in other.stderr, other.stderr
    early = infrakit("move", "wiki", "--confirm", "--yes")
    assert early.returncode == 2 and "sudo infrakit move wiki --back takes it back" in early.stderr, early.stderr


def test_where_nothing_was_before_a_move_that_was_broken_off_is_given_up(infrakit):
    Path(MOVES, "brought").mkdir(parents=True)
    Path(MOVES, "brought", "secret").write_bytes(SECRET)
    Path(MOVES, "arriving.key").write_bytes(SECRET)
    Path(MOVES, "arriving").write_bytes(COMING._replace(before="").printed())
    refused = infrakit("up", "--yes")
    assert refused.returncode == 2 and "move wiki --back gives it up" in refused.stderr, refused.stderr
    half = infrakit("move", "wiki", "--back", "--yes")
    assert half.returncode == 2 and "sudo infrakit uninstall --purge takes all of it away" in half.stderr, half.stderr
    os.unlink(CONFIGURATION)
    done = infrakit("move", "wiki", "--back", "--yes")
    assert done.returncode == 0 and os.listdir(MOVES) == [], done.stderr
    assert infrakit("move", "--list").stdout == "no move is under way\n"
