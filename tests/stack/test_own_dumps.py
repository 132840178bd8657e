"""What comes of a command that an app says for its dump: whole, or named, and nothing that it says is shown."""

import pytest

from infrakit.backups import BackupPart, Dump, Own
from infrakit.compiler import load as compiled
from infrakit.errors import MachineUnfit, UsageProblem
from infrakit.machine import Done
from infrakit.stack.backup.back import chosen, in_turn, needed_by, plan_restore
from infrakit.stack.backup.dump import load, write_down
from infrakit.stack.backup.repository import Repository

DUMP = Dump("shop", "own", Own(("save", "a b"), ("load", "all\nof it"), ("/data",), "the end"))
TEXT = """\
version: 1
domain: home.example.org
pattern: full
tls: {mode: internal}
backup: {to: /mnt/usb/backups}
volumes: {music: {}}
apps:
  a: {image: "ghcr.io/team/a:1.2", data: [/data], needs: [b, once], mounts: ["music:/music"]}
  b: {image: "ghcr.io/team/b:1.2", data: [/data], needs: [c]}
  c: {image: "ghcr.io/team/c:1.2", data: [/data]}
  once: {image: "ghcr.io/team/once:1.2", data: [/data], once: true}
"""


class Container:
    """Stands for a machine on which a container runs a command of an app's own: how that ends, and what it wrote."""

    def __init__(self, code=0, written="one row\nthe end\n"):
        self.code, self.written, self.calls = code, written, []

    def run(self, words, **how):
        self.calls.append((tuple(words), how.get("into") or how.get("fed_from")))
        if words[0] == "tail":
            return Done(0, self.written, "")
        return Done(self.code, "", "cannot sign in as root:hunter2\nERROR")


def test_it_is_run_as_it_is_said_and_reads_back_what_it_wrote():
    machine = Container()
    write_down(machine, "home", DUMP, "/dumps/shop.dump")
    load(machine, "home", DUMP, "/dumps/shop.dump")
    assert [call for call in machine.calls if call[0][0] == "docker"] == [
        (("docker", "exec", "home-shop-1", "save", "a b"), "/dumps/shop.dump"),
        (("docker", "exec", "--interactive", "home-shop-1", "load", "all\nof it"), "/dumps/shop.dump"),
    ]


@pytest.mark.parametrize(
    ("code", "written", "ends", "what"),
    [
        (3, "one row\nthe end\n", "the end", "the database in shop: save ended with exit code 3"),
        (0, "", "", "the database in shop: nothing was written"),
        (0, "one r", "the end", "the database in shop: it was written down to no end"),
    ],
    ids=["failed", "empty", "truncated"],
)
def test_one_that_is_not_whole_is_named_and_what_it_says_stays_unsaid(code, written, ends, what):
    dump = DUMP._replace(own=DUMP.own._replace(ends=ends))
    with pytest.raises(MachineUnfit) as refused:
        write_down(Container(code, written), "home", dump, "/dumps/shop.dump")
    assert refused.value.message == what
    assert "sudo docker exec -i home-shop-1 save 'a b'" in refused.value.hint
    assert "hunter2" not in refused.value.message + refused.value.hint


def test_who_does_not_take_it_back_is_named_in_one_line():
    with pytest.raises(MachineUnfit) as refused:
        load(Container(4), "home", DUMP, "/dumps/shop.dump")
    assert refused.value.message == "the database in shop: load ended with exit code 4"
    assert refused.value.hint == "see: sudo docker exec -i home-shop-1 load 'all of it'"


def test_whose_dump_is_read_back_finds_those_that_it_needs_with_their_data():
    (host,) = compiled(TEXT.encode(), "infrakit.yaml", lambda _: b"").fleet.deployments
    assert needed_by(host, "a") == ("c", "b") and needed_by(host, "c") == ()
    parts = [BackupPart(name, (), (), (), host.origin) for name in ("a", "volumes/music", "b", "c")]
    assert [part.name for part in in_turn(host, parts)] == ["volumes/music", "c", "b", "a"]


def of_set(about: dict) -> dict:
    return {"parts": {"c": {"snapshot": "abc", "bytes": 1, "rows": {}, **about}}}


FILES = {"volumes": {"infrakit_c-data": "/volumes/c-data"}, "dumps": {}}
WRITTEN = {"volumes": {}, "dumps": {"c": "/dumps/c.dump"}}


def test_a_set_comes_back_as_it_was_made_also_where_the_file_says_another_way_now():
    said = ", backup: {dump: [save], restore: [load], holds: [/data]}}\n  once"
    (plain,) = compiled(TEXT.encode(), "infrakit.yaml", lambda _: b"").fleet.deployments
    (saying,) = compiled(TEXT.replace("}\n  once", said).encode(), "infrakit.yaml", lambda _: b"").fleet.deployments
    for host in (plain, saying):
        (part,) = chosen(host, of_set(FILES), ["c"])
        assert (part.folders, part.dumps) == ((("infrakit_c-data", "/volumes/c-data"),), ())
        plan = plan_restore(host, Repository("/b", host.host), "2030-01-01T00:00:00Z", [part])
        (stop,) = [step for step in plan.steps if step.name == "stop"]
        assert stop.title == "stop c, b, a"
    (part,) = chosen(saying, of_set(WRITTEN), ["c"])
    assert part.folders == () and [dump.own.restore for dump, _ in part.dumps] == [("load",)]
    for host, about in ((plain, WRITTEN), (saying, {**WRITTEN, "dumps": {"c": "/dumps/c.sql"}})):
        with pytest.raises(UsageProblem, match="c was written down in another way than the file says now"):
            chosen(host, of_set(about), ["c"])
