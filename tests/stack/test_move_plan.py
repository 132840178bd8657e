"""A move as plans: what comes before what on either host, in which words, and who else may do what meanwhile."""

import os
import shutil
from pathlib import Path

import pytest

from infrakit.cli.bare import hosts_in
from infrakit.compiler import load
from infrakit.emit import emit
from infrakit.errors import InfraKitError, UsageProblem
from infrakit.plan import Plan, Step, preview
from infrakit.stack.backup.program import program_steps
from infrakit.stack.backup.repository import Repository
from infrakit.stack.change.update import none_restored, none_under_way
from infrakit.stack.install import plan_install
from infrakit.stack.move.arrive import KEY, plan_give_up, plan_over, plan_take
from infrakit.stack.move.away import plan_away, plan_back, plan_confirm
from infrakit.stack.move.copy import TAG, taken
from infrakit.stack.move.file import backed_up, sent
from infrakit.stack.move.group import group_of
from infrakit.stack.move.ticket import Place, Ticket
from infrakit.stack.move.under import (
    ARRIVED,
    ARRIVING,
    BACK,
    CONFIRM,
    GONE,
    MOVES,
    OUT,
    Arriving,
    NoteIt,
    Under,
    all_here,
    arriving,
    copy_name,
    has_arrived,
    judge,
    of,
    whole,
)
from infrakit.stack.move.whole import Note, plan_whole, plan_whole_back
from infrakit.stack.secrets import Given
from infrakit.stack.up import plan_up
from infrakit.system.digest import hex_digest
from infrakit.system.machine import Machine
from tests.stack.test_move_group import FILE

SECRET = b"dies-ist-ein-geheimnis"
APPS = ("wiki-db", "wiki")
AFTER, _ = sent(FILE, "infrakit.yaml", APPS, "core", "shed")
NUMBER = "2026-11-30T21:00:00Z"


def host(content: bytes, name: str):
    return next(item for item in load(content, "infrakit.yaml", lambda _: b"").fleet.deployments if item.host == name)


def up(content: bytes, name: str) -> Plan:
    found = host(content, name)
    return plan_up(found, emit(found), hex_digest)


GROUP = group_of(host(backed_up(FILE, "infrakit.yaml", "/mnt/disk"), "core"), ["wiki"])
UNDER = Under(
    NUMBER, "core", "shed", GROUP, "/mnt/disk/move-wiki", "", "/root/wiki.move", FILE.decode(), AFTER.decode()
)  # fmt: skip
TICKET = Ticket(
    NUMBER, "infrakit", "core", "shed", APPS, GROUP.containers, Place("/mnt/disk/move-wiki", "", "a1", 9),
    {"wiki-data": "/v/_data", "pictures": "/p/_data"}, tuple((dump, "/d/wiki-db.sql") for dump in GROUP.dumps),
    {"wiki_db": "/s/wiki_db"}, AFTER.decode(), None, {},
)  # fmt: skip
COMING = Arriving(NUMBER, APPS, ("infrakit_wiki-data",), FILE.decode())


def away() -> Plan:
    key = Given("move", SECRET)
    return plan_away(UNDER, "infrakit", program_steps("/mnt/disk"), key, up(AFTER, "core"), TICKET)


def take(brings_up: "Plan | None" = None) -> Plan:
    repository, found = Repository("/mnt/disk/move-wiki", "shed", KEY), brings_up or up(AFTER, "shed")
    programs, opens = program_steps("/mnt/disk"), Given("move", SECRET)
    return plan_take(TICKET, host(AFTER, "shed"), repository, programs, opens, found, "/tree", COMING)


def names(plan: Plan) -> list[str]:
    return [step.name for step in plan.steps]


def own_words(plan: Plan, others: Plan) -> str:
    """Of the steps that are not those of a plain `up`."""
    known = set(names(others))
    lines = []
    for step in plan.steps:
        if step.name not in known:
            lines += [f"+ {step.title}", *(f"    {action.text()}" for action in step.actions)]
    return "\n".join(lines) + "\n"


AWAY = """\
+ a key for the copy alone
    keep a key for the copy
+ it is written down that it has begun
    write down: on its way out
+ a copy in /mnt/disk/move-wiki
    make /mnt/disk/move-wiki
+ copy wiki-db, wiki
    copy volumes, databases and secrets, with wiki-db, wiki stopped from then on
+ /root/wiki.move: the ticket for shed
    write /root/wiki.move, for root alone: who has it has the data and the secrets of wiki-db, wiki
+ kept here until you confirm: infrakit_wiki-db-var-lib-postgresql-data, infrakit_wiki-data, shop, infrakit_pictures
    write down: gone; its data is kept here
"""
TAKE = """\
+ the key of the copy
    keep a key for the copy
+ the copy in /mnt/disk/move-wiki
    look whether the copy in /mnt/disk/move-wiki is there
+ no start before the data is here
    write down that it has begun
+ the secrets of wiki-db, wiki
    put wiki_db into their places
+ fetch wiki
    bring wiki here, and read it once more
+ wiki as it was
    make the volumes infrakit_wiki-data, infrakit_pictures
    put infrakit_wiki-data back
    put infrakit_pictures back
    make wiki-db
    stop wiki-db
    move the files of wiki-db aside
    start infrakit-wiki-db-1
    wait until they are well
    load the database of wiki-db
    give the role postgres of wiki-db the password
    write down that wiki is back
+ it is written down that all is here
    say beside the copy that it is here
    write it down
+ what was fetched goes
    remove what was there before
    remove /var/lib/infrakit/moves/brought and all in it
    remove /var/lib/infrakit/moves/secrets-are-here
    remove /var/lib/infrakit/moves/arriving.key
    remove /var/lib/infrakit/moves/arriving
"""
CONFIRMED = """\
+ it is written down that it has begun
    write down: gone; its data here is being removed
+ no infrakit_wiki-db-var-lib-postgresql-data
    remove the volume infrakit_wiki-db-var-lib-postgresql-data and all in it
+ no infrakit_wiki-data
    remove the volume infrakit_wiki-data and all in it
+ no infrakit_pictures
    remove the volume infrakit_pictures and all in it
+ no /var/lib/infrakit/hosts/core/secrets/wiki_db
    remove /var/lib/infrakit/hosts/core/secrets/wiki_db
+ no /var/lib/infrakit/hosts/core/secrets/wiki_token
    remove /var/lib/infrakit/hosts/core/secrets/wiki_token
+ no /var/lib/infrakit/hosts/core/secrets/.wiki-db.env
    remove /var/lib/infrakit/hosts/core/secrets/.wiki-db.env
+ no /var/lib/infrakit/hosts/core/secrets/.wiki.env
    remove /var/lib/infrakit/hosts/core/secrets/.wiki.env
+ no copy in /mnt/disk/move-wiki
    remove the copy in /mnt/disk/move-wiki
    remove /root/wiki.move
    remove /var/lib/infrakit/moves/wiki.taken
    remove /var/lib/infrakit/moves/wiki.key
+ it is over
    remove /var/lib/infrakit/moves/wiki.json
"""


def test_the_plans_say_what_is_stopped_where_all_goes_and_what_is_kept():
    nothing = Plan("", ())
    assert own_words(away(), up(AFTER, "core")) == AWAY
    assert own_words(take(), up(AFTER, "shed")) == TAKE
    assert own_words(plan_confirm(UNDER._replace(way=GONE), host(AFTER, "core")), nothing) == CONFIRMED


def test_it_is_copied_before_it_goes_and_a_ticket_is_there_only_when_it_is_gone():
    found = names(away())
    order = ["key", "begun", "place", "copy", "others", "in force", "ticket", "gone"]
    assert [name for name in found if name in order] == order and found[-1] == "gone"
    assert not any(name.startswith("volume ") for name in found), "what it leaves here stays"


def test_secrets_and_data_are_in_their_places_before_any_of_them_starts():
    found = names(take())
    starts = found.index("service wiki")
    assert found.index("secrets brought") < found.index("secrets") < found.index("fetch wiki")
    assert found.index("back wiki") < min(found.index(f"service {name}") for name in APPS) <= starts
    assert found.index("copy") < found.index("begun"), "where there is none, nothing is begun"
    assert found[-2:] == ["here", "over"]


def test_a_machine_that_has_nothing_is_installed_when_the_copy_is_within_reach_and_before_the_data_comes():
    found = host(AFTER, "shed")
    engine, ours = (Step("engine", "engine", (), ()),), (Step("file", "ours", (), ()),)
    steps = names(take(plan_install(found, emit(found), hex_digest, engine, ours)))
    order = ["copy", "begun", "secrets brought", "engine", "file", "secrets", "fetch wiki", "back wiki", "service wiki"]
    assert [name for name in steps if name in order] == order
    assert steps[0] == "restic" and steps.count("restic") == 1, "without it there are no secrets out of the copy"


def test_where_all_is_here_nothing_is_brought_a_second_time():
    assert names(plan_over(TICKET)) == ["over"]


def test_taken_back_the_note_is_the_last_that_goes():
    found = names(plan_back(UNDER, up(FILE, "core")))
    assert found[0] == "begun" and found[-2:] == ["copy", "over"] and "service wiki" in found
    assert names(plan_give_up(COMING, up(FILE, "shed")))[-2:] == ["volume infrakit_wiki-data", "over"]


def test_no_text_of_a_plan_has_the_key():
    for plan in (away(), take()):
        said = [repr(plan), *(line for item in preview(plan, Machine()) for line in item.actions)]
        assert SECRET.decode() not in "".join(said)


def test_a_whole_machine_is_backed_up_when_who_writes_stands_still_and_databases_stop_last():
    plan = plan_whole(host(FILE, "core"), NUMBER, "/root/core.move")
    found = names(plan)
    order = ["begun", "repository", "still", "databases", "backup wiki-db", "host", "all still", "ticket", "gone"]
    assert [name for name in found if name in order] == order
    assert "old" not in found, "what is kept of older backups is not this one's to say"
    (writers,) = next(step for step in plan.steps if step.name == "still").actions
    (last,) = next(step for step in plan.steps if step.name == "all still").actions
    assert writers.waves == last.waves and {"wiki", "door", "wiki-db"} <= {name for wave in last.waves for name in wave}
    assert "wiki-db" in writers.spared and not {"wiki", "door"} & {*writers.spared} and last.spared == ()
    assert names(plan_whole_back(host(FILE, "core"), "/root/core.move")) == ["run", "over"]


@pytest.fixture
def machine():
    yield Machine()
    shutil.rmtree(MOVES, ignore_errors=True)


root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has a place for it")


def test_a_copy_beside_the_backups_of_hosts_is_none_of_a_host(tmp_path):
    for name in ("core", "move-on", copy_name("wiki-db", NUMBER), "empty"):
        (tmp_path / name).mkdir()
        if name != "empty":
            (tmp_path / name / "config").touch()
    assert hosts_in(str(tmp_path), Machine()) == ["core", "move-on"]


@root
@pytest.mark.parametrize("way", [OUT, BACK, CONFIRM])
def test_while_one_is_on_its_way_nobody_else_changes_the_stack(machine, way):
    NoteIt(UNDER._replace(way=way)).do(machine, lambda event: None)
    assert oct(os.stat(UNDER.file).st_mode)[-3:] == "600" and oct(os.stat(MOVES).st_mode)[-3:] == "700"
    assert all_here(machine) == [UNDER._replace(way=way)] == [of(machine, ["wiki-db"])]
    for refuses in (none_under_way, none_restored):
        with pytest.raises(UsageProblem, match="a move of wiki-db, wiki to shed was broken off") as error:
            refuses(machine)
        assert error.value.hint.startswith("sudo infrakit move wiki")


@root
def test_what_is_gone_is_refused_where_the_file_has_it_here_again_and_nothing_else_is(machine):
    NoteIt(UNDER._replace(way=GONE)).do(machine, lambda event: None)
    none_under_way(machine)
    (found,) = judge(machine, host(FILE, "core"))
    assert (found.code, found.severity) == ("moved-away", "error") and "wiki-db, wiki went to shed" in found.what
    assert list(judge(machine, host(AFTER, "core"))) == [] and of(machine, ["door"]) is None


@root
def test_while_one_comes_nobody_starts_it_without_its_data(machine):
    Path(MOVES).mkdir(parents=True)
    assert arriving(machine) is None and not has_arrived(machine, NUMBER)
    Path(ARRIVING).write_bytes(COMING.printed())
    assert arriving(machine) == COMING
    with pytest.raises(UsageProblem, match="a move of wiki-db, wiki to this machine was broken off") as error:
        none_under_way(machine)
    assert "sudo infrakit move wiki --back gives it up" in error.value.hint
    Path(ARRIVED).write_text(f"2026-01-01T00:00:00Z\n{NUMBER}\n")
    assert has_arrived(machine, NUMBER)


@root
@pytest.mark.parametrize("way", ["out", "gone"])
def test_while_all_of_a_machine_is_another_one_nothing_of_it_starts(machine, way):
    Note(way, NUMBER, "/root/core.move").do(machine, lambda event: None)
    assert whole(machine) == {"way": way, "number": NUMBER, "ticket": "/root/core.move"} and all_here(machine) == []
    with pytest.raises(UsageProblem, match="the stack of this machine went to another one") as error:
        none_under_way(machine)
    assert "sudo infrakit move --all --back takes it back" in error.value.hint


@root
@pytest.mark.parametrize("content", ["", "[]", "{}", '{"group": []}', '{"number": 1'])
def test_a_note_that_cannot_be_read_stops_everything_and_says_so(machine, content):
    Path(MOVES).mkdir(parents=True)
    Path(UNDER.file).write_text(content)
    with pytest.raises(InfraKitError, match="was written by another InfraKit, or damaged"):
        none_under_way(machine)
    Path(UNDER.file).unlink()
    Path(ARRIVING).write_text(content)
    with pytest.raises(InfraKitError, match="was written by another InfraKit, or damaged"):
        none_under_way(machine)


@root
def test_a_copy_of_another_move_is_none_of_this_one(machine):
    Path(MOVES).mkdir(parents=True)
    for content in ("", "[]", '{"number": "2020-01-01T00:00:00Z", "snapshot": "a"}'):
        Path(UNDER.taken).write_text(content)
        assert taken(machine, UNDER) == {}
    assert TAG == "infrakit-move"
