"""A move where there is too little room, where a secret is another one on the host that it goes to, and where its
ticket was lost."""

import json
import os
import shutil
from pathlib import Path

import pytest

from infrakit.cli import move_away, move_take
from infrakit.compiler import load
from infrakit.errors import InfraKitError, MachineUnfit
from infrakit.machine import Done
from infrakit.stack.backup.repository import Repository
from infrakit.stack.layout import HOSTS, secrets_folder
from infrakit.stack.move.arrive import KEY, SECRETS, STAGE, BringSecrets
from infrakit.stack.move.away import ticket_step
from infrakit.stack.move.ticket import read
from infrakit.stack.move.under import MOVES
from infrakit.system.machine import Machine
from tests.stack.test_move_plan import AFTER, GROUP, SECRET, TICKET, UNDER

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has a place for it")
MB = 1_000_000
SHARED = AFTER.replace(b'"x/twice:1", health: image', b'"x/twice:1", health: image, secrets: [wiki_db]')

TAKEN = json.dumps(
    {"number": UNDER.number, "snapshot": "c3", "bytes": 7, "volumes": {}, "secrets": {}, "dumps": {"wiki-db": "/d.sql"}}
).encode()


class Filled(Machine):
    """A machine with so much data, or so much room, and an engine that is a folder."""

    used = free = 0

    def run(self, words, **how):
        if words[0] == "du":
            return Done(0, f"{self.used}\t{words[-1]}\n{self.used}\ttotal\n", "")
        return Done(0, f"Avail\n{self.free}\n", "")


class Folder:
    """Stands in for an engine that has nothing but its folder."""

    def __init__(self, path):
        self.path = path

    def folder(self):
        return str(self.path)


@pytest.fixture
def filled(tmp_path):
    for name in GROUP.volumes:
        (tmp_path / "volumes" / name / "_data").mkdir(parents=True)
    (tmp_path / "stick").mkdir()
    made = Filled()
    made.engine = Folder(tmp_path)
    return made


def test_a_copy_that_has_no_room_is_refused_before_anything_stops(filled, tmp_path):
    place = f"{tmp_path}/stick/move-wiki"
    filled.used = shutil.disk_usage(tmp_path).free - MB
    move_away._need_room(filled, GROUP, place)
    filled.used += 10**15
    with pytest.raises(MachineUnfit) as refused:
        move_away._need_room(filled, GROUP, place)
    assert refused.value.message.startswith(f"wiki-db, wiki has {filled.used / 1e6:.0f} MB, and there is room for ")
    assert refused.value.hint == f"make room in {tmp_path}/stick, or name another place: --through PLACE"
    move_away._need_room(filled, GROUP, "sftp:somebody@nas:/copies/move-wiki")


def test_what_does_not_fit_on_the_other_host_is_not_begun_there(filled, tmp_path):
    ticket = TICKET._replace(place=TICKET.place._replace(bytes=5_000 * MB))
    filled.free = 100_000 * MB
    move_take._need_room(filled, ticket)
    filled.free = 4_999 * MB
    with pytest.raises(MachineUnfit, match="wiki-db, wiki has 5000 MB, and there is room for") as refused:
        move_take._need_room(filled, ticket)
    assert refused.value.hint == f"make room in {tmp_path}; nothing was changed"


class Restic(Machine):
    """A machine on which restic is a stand-in that has one secret in its copy."""

    def run(self, words, **how):
        assert words[0] == "restic" and "--include" in words
        path = Path(STAGE + TICKET.secrets["wiki_db"])
        path.parent.mkdir(parents=True)
        path.write_bytes(SECRET)
        return Done(0, "", "")


@pytest.fixture
def machine():
    made = Restic()
    os.makedirs(MOVES)
    yield made
    for place in (MOVES, HOSTS):
        shutil.rmtree(place, ignore_errors=True)


def bring(machine, content: bytes) -> None:
    fleet = load(content, "infrakit.yaml", lambda _: b"").fleet
    (shed,) = [item for item in fleet.deployments if item.host == "shed"]
    repository = Repository("/mnt/disk/move-wiki", "shed", KEY)
    BringSecrets(TICKET, shed, repository).do(machine, lambda event: None)


def keep(machine, value: bytes) -> None:
    machine.make_folder(secrets_folder("shed"))
    machine.keep_secret(secrets_folder("shed"), "wiki_db", value)


def here(machine) -> "bytes | None":
    return machine.read(f"{secrets_folder('shed')}/secrets/wiki_db")


def test_a_secret_that_is_another_one_here_and_that_others_read_is_never_replaced(machine):
    keep(machine, b"of-twice")
    with pytest.raises(MachineUnfit) as refused:
        bring(machine, SHARED)
    assert refused.value.message == "the secret wiki_db is another one here, and twice reads it"
    assert SECRET.decode() not in str(refused.value) + refused.value.hint
    assert here(machine) == b"of-twice" and not machine.exists(SECRETS)


@pytest.mark.parametrize(
    ("content", "before"),
    [(SHARED, SECRET), (AFTER, b"left of a former one"), (AFTER, None)],
    ids=["the same", "nobody else's", "none"],
)
def test_a_secret_that_nobody_else_needs_as_it_is_becomes_what_came(machine, content, before):
    if before is not None:
        keep(machine, before)
    bring(machine, content)
    assert here(machine) == SECRET and machine.read(SECRETS) == TICKET.number.encode()
    assert not machine.exists(STAGE), "what was fetched is left nowhere else"


def test_a_ticket_that_was_lost_or_damaged_is_written_anew_and_is_the_same(tmp_path):
    machine, under = Machine(), UNDER._replace(ticket=str(tmp_path / "wiki.move"))
    path = Path(under.ticket)
    step = ticket_step(under, TICKET)
    (probe,), (action,) = step.done_when, step.actions
    with pytest.raises(InfraKitError, match="there is no copy of"):
        action.do(machine, lambda event: None)
    os.makedirs(MOVES)
    try:
        machine.write(under.key, SECRET, 0o600)
        machine.write(under.taken, TAKEN, 0o600)
        for spoil in (lambda: None, path.unlink, lambda: path.write_bytes(path.read_bytes()[:-9])):
            spoil()
            assert not probe.holds(machine)
            action.do(machine, lambda event: None)
            assert probe.holds(machine) and path.stat().st_mode & 0o777 == 0o600
            found, key = read(path.read_bytes(), "wiki.move")
            assert key == SECRET and (found.place.snapshot, found.place.bytes) == ("c3", 7)
        path.chmod(0o644)
        assert not probe.holds(machine), "one that others may read"
    finally:
        shutil.rmtree(MOVES)
