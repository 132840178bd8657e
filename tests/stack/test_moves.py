"""What a machine holds of earlier runs, on the real file system (tests/own_places.py makes its places empty)."""

import os
import tempfile

import pytest

from infrakit.compiler import load
from infrakit.emit import emit
from infrakit.model import Deployment
from infrakit.plan import Plan, run
from infrakit.stack.layout import CURRENT, GENERATIONS, HOSTS, STATE
from infrakit.stack.moves import Seen, in_force, judge, look, shut
from infrakit.stack.up import plan_up
from infrakit.system.digest import hex_digest
from infrakit.system.machine import Done, Machine
from infrakit.system.tree import remove_tree

FILE = """\
version: 1
domain: home.example.org
{hosts}
apps:
  wiki: {{image: "docker.io/library/nginx:1.27.0", port: 80, data: [/data], secrets: [wiki_db], memory: 64m,
         user_secrets: [wiki_key]}}
"""
ONE = FILE.format(hosts="pattern: full")
NAMED = FILE.format(hosts="hosts: {pi: {pattern: full}}")


def host_of(text: str) -> Deployment:
    (found,) = load(text.encode(), "infrakit.yaml", lambda _: b"").fleet.deployments
    return found


@pytest.fixture(autouse=True)
def machine():
    for name in os.listdir(STATE):
        remove_tree(f"{STATE}/{name}")
    return Machine()


def bring_up(machine: Machine, deployment: Deployment, hosts=(), *, until: str = "") -> None:
    """As far as files go: secrets and the tree; before the step `until`, where that is said."""
    seen = look(machine, deployment, hosts or {deployment.host})
    steps = plan_up(deployment, emit(deployment), hex_digest, former=seen.former).steps
    names = [step.name for step in steps]
    kept = [step for step in steps[: names.index(until) if until else None] if step.name in FILES]
    run(Plan("up", tuple(kept)), machine, lambda event: None, lambda step, action: None)


def forget_trees() -> None:
    """As uninstall does it."""
    os.unlink(CURRENT)
    remove_tree(GENERATIONS)


FILES = ("former secrets", "secrets", "tree", "in force", "former host")


def values(host: str) -> dict[str, bytes]:
    folder = f"{HOSTS}/{host}/secrets"
    return {name: open(f"{folder}/{name}", "rb").read() for name in os.listdir(folder)}


def test_a_machine_knows_what_it_was_brought_up_as(machine):
    assert in_force(machine) == ("", "")
    bring_up(machine, host_of(ONE))
    assert in_force(machine) == ("infrakit", "infrakit")


@pytest.mark.parametrize("until", ["", "secrets", "tree", "in force", "former host"])
def test_a_rename_broken_off_anywhere_is_finished_by_the_next_run(machine, until):
    bring_up(machine, host_of(ONE))
    made = values("infrakit")
    bring_up(machine, host_of(NAMED), until=until)
    # What runs has its secrets all the while.
    assert sorted(os.listdir(f"{CURRENT}/secrets")) == sorted(made)
    bring_up(machine, host_of(NAMED))
    assert values("pi") == made and in_force(machine) == ("infrakit", "pi")
    assert os.listdir(HOSTS) == ["pi"] or until == "former host"


def test_after_an_uninstall_that_kept_data_the_name_may_change_too(machine):
    bring_up(machine, host_of(ONE))
    made = values("infrakit")
    forget_trees()
    bring_up(machine, host_of(NAMED))
    assert values("pi") == made


def test_secrets_of_another_project_are_left_alone(machine):
    bring_up(machine, host_of(ONE))
    forget_trees()
    other = host_of(NAMED.replace("version: 1\n", "version: 1\nname: other\n"))
    assert look(machine, other, {"pi"}).former == ""
    assert look(machine, host_of(NAMED), {"pi", "infrakit"}).former == "", "a host of the file, set up from here"


def test_of_those_that_only_the_user_has_the_last_one_set_counts(machine):
    bring_up(machine, host_of(ONE))
    machine.keep_secret(f"{HOSTS}/infrakit", "wiki_key", b"old", 1)
    os.makedirs(f"{HOSTS}/pi")
    machine.keep_secret(f"{HOSTS}/pi", "wiki_key", b"new", 2)
    bring_up(machine, host_of(NAMED))
    assert values("pi")["wiki_key"] == b"new"


def test_a_secret_that_is_gone_is_not_made_again_beside_its_data(machine):
    host = host_of(ONE)
    bring_up(machine, host)
    os.unlink(f"{HOSTS}/infrakit/secrets/wiki_db")
    seen = look(machine, host, {"infrakit"})
    assert [spec.name for spec in seen.missing] == ["wiki_db"] and shut(seen, host) == []
    there = seen._replace(volumes=frozenset({"infrakit_wiki-data", "infrakit_blog-data"}))
    assert [(spec.name, volume) for spec, volume, _ in shut(there, host)] == [("wiki_db", "infrakit_wiki-data")]
    (finding,) = judge(there, host, {"infrakit"})
    assert finding.code == "secret-lost" and f"{HOSTS}/infrakit/secrets/wiki_db" in finding.remedy
    # A machine that lost all that we kept, and still has the volumes.
    bare = Seen(missing=seen.missing, volumes=there.volumes)
    assert [finding.code for finding in judge(bare, host, {"infrakit"})] == ["secret-lost"]


WAYS = (
    "secrets: [wiki_db], ",
    "environment: {A: '${secret.wiki_db}', B: '${secret.old}'}, ",
    "files: {/etc/x: 'a = ${secret.wiki_db}'}, ",
)
"""How a service reads a secret of its own, or of another one that made it."""
MINTS = "\n  mint: {image: 'x/y:1', secrets: [wiki_db, old]}\n"


@pytest.mark.parametrize("way", WAYS)
def test_however_it_is_read_what_it_made_is_not_met_by_a_new_one(machine, way):
    host = host_of(ONE.replace(WAYS[0], way) + MINTS)
    bring_up(machine, host)
    os.unlink(f"{HOSTS}/infrakit/secrets/wiki_db")
    seen = look(machine, host, {"infrakit"})._replace(volumes=frozenset({"infrakit_wiki-data"}))
    assert [finding.code for finding in judge(seen, host, {"infrakit"})] == ["secret-lost"]


@pytest.mark.parametrize("way", WAYS[:2])
def test_a_secret_by_a_new_name_does_not_meet_what_the_old_one_made(machine, way):
    host = host_of(ONE.replace(WAYS[0], way) + MINTS)
    bring_up(machine, host_of((ONE.replace(WAYS[0], way) + MINTS).replace("wiki_db", "notes_db")))
    seen = look(machine, host, {"infrakit"})._replace(volumes=frozenset({"infrakit_wiki-data"}))
    (finding,) = judge(seen, host, {"infrakit"})
    assert finding.code == "secret-renamed" and "made with notes_db" in finding.what
    assert f"secrets/notes_db {HOSTS}/infrakit/secrets/wiki_db;" in finding.remedy
    machine.keep_secret(f"{HOSTS}/infrakit", "wiki_db", b"as it was", 2)
    assert judge(look(machine, host, {"infrakit"})._replace(volumes=seen.volumes), host, {"infrakit"}) == []


@pytest.mark.parametrize("way", WAYS)
def test_a_service_may_begin_to_read_a_secret(machine, way):
    before = "environment: {B: '${secret.old}'}, " if "old" in way else ""
    bring_up(machine, host_of(ONE.replace(WAYS[0], before) + (MINTS.replace("wiki_db, ", "") if before else "")))
    host = host_of(ONE.replace(WAYS[0], way) + MINTS)
    seen = look(machine, host, {"infrakit"})._replace(volumes=frozenset({"infrakit_wiki-data"}))
    assert "wiki_db" in {spec.name for spec in seen.missing} and judge(seen, host, {"infrakit"}) == []


ELSEWHERE = """\
version: 1
domain: home.example.org
pattern: full
volumes: {rows: {external: shop_rows}}
apps: {wiki: {image: "x/y:1", secrets: [wiki_db], mounts: ["PLACE:/var/lib/postgresql/data"]}}
"""


class WithDocker(Machine):
    """A stand-in for Docker's program, which has one volume."""

    folder = ""

    def run(self, words, **more):
        return Done(0, f"{self.folder}\n", "") if words[-1] == "shop_rows" else super().run(words, **more)


@pytest.mark.parametrize("place", ["rows", "FOLDER"])
def test_data_in_a_place_of_somebody_elses_does_not_meet_a_new_secret(place):
    machine = WithDocker()
    with tempfile.TemporaryDirectory(dir="/srv") as folder:
        machine.folder = folder
        host = host_of(ELSEWHERE.replace("PLACE", place.replace("FOLDER", folder)))
        os.mkdir(f"{folder}/lost+found")
        assert judge(look(machine, host, {"infrakit"}), host, {"infrakit"}) == [], "it is empty"
        os.mkdir(f"{folder}/base")
        (finding,) = judge(look(machine, host, {"infrakit"}), host, {"infrakit"})
        assert finding.code == "secret-lost" and "infrakit secrets set wiki_db" in finding.remedy
        assert (folder if place == "FOLDER" else "shop_rows") in finding.what
        photographs = host_of(ELSEWHERE.replace("PLACE:/var/lib/postgresql/data", f"{folder}:/photos"))
        assert judge(look(machine, photographs, {"infrakit"}), photographs, {"infrakit"}) == [], "it may be anything"
        os.makedirs(f"{HOSTS}/infrakit")
        machine.keep_secret(f"{HOSTS}/infrakit", "wiki_db", b"as it was", 1)
        assert judge(look(machine, host, {"infrakit"}), host, {"infrakit"}) == []


def test_another_project_or_another_host_of_the_file_is_refused():
    host = host_of(NAMED)
    other = Seen(project="home", host="pi", left=("a", "b"))
    assert [finding.code for finding in judge(other, host, {"pi"})] == ["other-name"]
    assert judge(other._replace(left=()), host, {"pi"}) == [], "nothing of it is left"
    moved = Seen(project="infrakit", host="nas", former="nas")
    assert [finding.code for finding in judge(moved, host, {"pi", "nas"})] == ["other-host"]
    assert judge(moved, host, {"pi"}) == []
