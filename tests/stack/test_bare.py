"""A restore onto a machine that has nothing, as a plan: what comes before what, and what goes on after a cut."""

import json
import os
from pathlib import Path

import pytest

from infrakit.compiler import load
from infrakit.emit import emit
from infrakit.errors import UsageProblem
from infrakit.plan import Step, preview
from infrakit.resolve.backups import KEY
from infrakit.stack.backup.back import chosen
from infrakit.stack.backup.bare import HOST_BACK, Begun, MakeContainer, MakeVolumes, Origin, PutHost, begun, plan_bare
from infrakit.stack.backup.exchange import Complete, Empty, Exchange, Load, Mark, StartAll
from infrakit.stack.backup.repository import Repository
from infrakit.stack.change.update import none_restored
from infrakit.stack.install import plan_install
from infrakit.stack.layout import RESTORING
from infrakit.stack.secrets import Given
from infrakit.system.digest import hex_digest
from infrakit.system.machine import Machine

FILE = b"""\
version: 1
domain: home.example.org
pattern: edge
tls: {mode: internal}
backup: {to: /mnt/disk}
volumes: {pictures: {}, theirs: {external: theirs}}
apps:
  wiki: {image: "x/wiki:1", data: [/data], mounts: ["pictures:/pictures", "theirs:/theirs"], needs: [wiki-db]}
  wiki-db:
    image: docker.io/library/postgres:16
    serves: [5432]
    data: [/var/lib/postgresql/data]
    environment: {POSTGRES_PASSWORD_FILE: /run/secrets/wiki_db}
    secrets: [wiki_db]
"""
(HOST,) = load(FILE, "infrakit.yaml", lambda _: b"").fleet.deployments
OLD = "/srv/docker/volumes"
CONTENT = {
    "parts": {
        "wiki": {"snapshot": "a1", "bytes": 9, "volumes": {"infrakit_wiki-data": f"{OLD}/x/_data"}, "dumps": {}},
        "wiki-db": {"snapshot": "b2", "bytes": 9, "volumes": {}, "dumps": {"wiki-db": "/var/lib/d/wiki-db.sql"}},
        "volumes/pictures": {"snapshot": "c3", "volumes": {"infrakit_pictures": f"{OLD}/p/_data"}, "dumps": {}},
        "volumes/theirs": {"snapshot": "d4", "volumes": {"theirs": f"{OLD}/t/_data"}, "dumps": {}},
    }
}
NUMBER = "2026-09-14T02:00:00Z"
ORIGIN = Origin("/mnt/new", Repository("/mnt/new/infrakit", "infrakit"), NUMBER, "e5")
SECRET = b"lusab-babad-gutih-tugad-fimol-vozam-kanij-zozoz"


def plan(host=HOST, content=CONTENT):
    engine, ours = (Step("engine", "engine", (), ()),), (Step("file", "ours", (), ()),)
    install = plan_install(host, emit(host), hex_digest, engine, ours)
    file = (Step("the file", "the file", (), ()),)
    return plan_bare(host, install, ORIGIN, chosen(host, content, ()), [Given(KEY, SECRET)], "/tree", file)


def names() -> list[str]:
    return [step.name for step in plan().steps]


def step(name: str) -> Step:
    (found,) = [item for item in plan().steps if item.name == name]
    return found


def test_all_data_is_in_its_place_before_anybody_starts():
    starts = min(at for at, name in enumerate(names()) if name.startswith("service "))
    for part in CONTENT["parts"]:
        assert names().index(f"fetch {part}") < names().index(f"back {part}") < starts
    assert max(names().index(name) for name in names() if name.startswith("fetch ")) < names().index("back wiki")


def test_key_and_note_come_first_then_the_file_and_secrets_and_only_then_the_engine():
    assert names()[:5] == [f"secret {KEY}", "begun", "host", "the file", "engine"]
    assert names().index("host") < names().index("secrets") and names()[-1] == "over"


def test_volumes_are_made_as_compose_knows_its_own_and_somebody_elses_without_a_label():
    made = {name: labels for part in CONTENT["parts"] for action in step(f"back {part}").actions
            if isinstance(action, MakeVolumes) for name, labels in action.volumes}  # fmt: skip
    project, volume = "com.docker.compose.project=infrakit", "com.docker.compose.volume="
    assert made["infrakit_wiki-data"] == (project, f"{volume}wiki-data")
    assert made["infrakit_pictures"] == (project, f"{volume}pictures") and made["theirs"] == ()


def test_a_database_is_made_and_loaded_before_who_needs_it_is_made():
    kinds = [type(action) for action in step("back wiki-db").actions]
    assert kinds.index(MakeContainer) < kinds.index(Empty) < kinds.index(Load) and kinds[-1] is Mark
    assert [type(action) for action in step("back wiki").actions] == [MakeVolumes, Exchange, Mark]


def test_a_dump_of_an_apps_own_is_read_back_with_what_the_app_needs_beside_it_and_sqlites_copies_come_first():
    said = b"data: [/data, /x], backup: {dump: [save], restore: [load], holds: [/data], sqlite: [/x/one.db]}"
    (host,) = load(FILE.replace(b"data: [/data]", said), "infrakit.yaml", lambda _: b"").fleet.deployments
    about = {"volumes": {"infrakit_wiki-x": "/x"}, "dumps": {"wiki": "/dumps/wiki.dump"}}
    about["sqlite"] = {"/x/one.db": {"copy": "/dumps/wiki.0.sqlite", "rows": {}}}
    parts = {**CONTENT["parts"], "wiki": {**CONTENT["parts"]["wiki"], **about}}
    back = [item for item in plan(host, {"parts": parts}).steps if item.name.startswith("back ")]
    assert [item.name for item in back][-2:] == ["back wiki-db", "back wiki"]
    kinds = [type(action) for action in back[-1].actions]
    assert kinds[:5] == [MakeVolumes, Complete, Exchange, MakeContainer, MakeContainer]
    assert kinds.index(Empty) < kinds.index(StartAll) < kinds.index(Load)
    made = [action.container for action in back[-1].actions if isinstance(action, MakeContainer)]
    assert made == ["wiki-db", "wiki"]


def test_no_text_of_the_plan_has_the_key():
    said = [repr(plan()), *(line for item in preview(plan(), Machine()) for line in item.actions)]
    assert not any(word in "".join(said) for word in SECRET.decode().split("-"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has a place for it")
def test_until_it_is_over_nobody_else_starts_anything_and_the_same_call_knows_where_it_was():
    machine = Machine()
    note = Begun(ORIGIN, ("wiki",))
    assert begun(machine) == ("", "", "") and not note.holds(machine)
    note.do(machine, lambda event: None)
    try:
        assert note.holds(machine) and begun(machine) == ("/mnt/new", "infrakit", NUMBER)
        with pytest.raises(UsageProblem, match="a restore was broken off"):
            none_restored(machine)
        Path(RESTORING).write_text(json.dumps({"set": NUMBER, "parts": ["wiki"]}))
        assert begun(machine) == ("", "", ""), "one in place of what runs is another thing"
    finally:
        Path(RESTORING).unlink()


def test_a_file_that_was_put_in_its_place_is_taken_away_by_uninstall():
    class Gone:
        """An action that says how it is taken back."""

        def inverse(self, machine):
            return ("taken back",)

    assert PutHost(ORIGIN, (Gone(),)).inverse(Machine()) == ("taken back",)
    assert HOST_BACK.startswith("/var/lib/infrakit/")
