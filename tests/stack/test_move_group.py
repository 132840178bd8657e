"""What goes when an app goes to another host, what the file says then, and what is refused."""

import json

import pytest

from infrakit.backups import Dump
from infrakit.compiler import load
from infrakit.errors import UsageProblem
from infrakit.stack.move.file import backed_up, brought_back, said, sent, sent_still
from infrakit.stack.move.group import group_of
from infrakit.stack.move.ticket import Damaged, Place, Ticket, printed, read

FILE = b"""\
version: 1
domain: home.example.org
tls: {mode: internal}
backup: {to: /mnt/disk, without: [wiki]}
volumes: {pictures: {}, films: {nfs: "192.168.1.5:/films"}, old: {external: shop}, both: {}}
hosts:
  core: {pattern: edge}
  shed: {pattern: edge}
apps:
  # the family's
  wiki:   # with its pages
    image: "x/wiki:1"
    health: image
    data: [/data]
    mounts: ["pictures:/pictures", "films:/films", "old:/old", "/srv/in:/in", "/srv/read:/read:ro"]
    needs: [wiki-db]
    secrets: [wiki_db, wiki_token]
  wiki-db:
    image: docker.io/library/postgres:16
    serves: [5432]
    data: [/var/lib/postgresql/data]
    environment: {POSTGRES_PASSWORD_FILE: /run/secrets/wiki_db}
    secrets: [wiki_db]
  chat: {image: "x/chat:1", health: image, mounts: ["both:/both"], hosts: [core]}   # for all
  news: {image: "x/news:1", health: image, hosts: [core]}   # of all
  room: {image: "x/room:1", health: image, mounts: ["both:/both"]}
  door: {image: "x/door:1", health: image}
  near: {image: "x/near:1", health: image, network: door}
  twice: {image: "x/twice:1", health: image, hosts: [core, shed]}
  rows: {image: "docker.io/library/postgres:16", mounts: ["/srv/rows:/var/lib/postgresql/data"], health: image,
         secrets: [rows_db], environment: {POSTGRES_PASSWORD_FILE: /run/secrets/rows_db}}
"""


def host(content: bytes = FILE, name: str = "core"):
    whole = backed_up(content, "infrakit.yaml", "/mnt/stick")
    (found,) = [item for item in load(whole, "infrakit.yaml", lambda _: b"").fleet.deployments if item.host == name]
    return found


def test_who_it_needs_goes_along_with_all_that_either_has():
    found = group_of(host(), ["wiki"])
    assert found.services == found.containers == ("wiki-db", "wiki")
    assert dict(found.copied) == {"wiki-data": "infrakit_wiki-data", "pictures": "infrakit_pictures", "old": "shop"}
    assert found.dumps == (Dump("wiki-db", "postgresql"),)
    assert "infrakit_wiki-db-var-lib-postgresql-data" in found.volumes and not set(found.volumes) - {
        name for _, name in found.copied
    } - {"infrakit_wiki-db-var-lib-postgresql-data"}
    assert found.theirs == ("shop",), "somebody else made it, and nobody but him removes it"
    assert found.secrets == ("wiki_db", "wiki_token"), "the key of the backups is this host's own"
    assert found.written == (".wiki-db.env", ".wiki.env") and found.folders == ("/srv/in",)


def test_what_backups_leave_out_goes_along_all_the_same():
    assert ("wiki-data", "infrakit_wiki-data") in group_of(host(), ["wiki"]).copied


def test_who_says_a_dump_of_his_own_stands_still_and_his_files_go():
    own = b"{dump: [wiki, export], restore: [wiki, import], holds: [/data]}"
    content = FILE.replace(b"    needs: [wiki-db]\n", b"    needs: [wiki-db]\n    backup: %s\n" % own)
    assert content != FILE and group_of(host(content), ["wiki"]) == group_of(host(), ["wiki"])


@pytest.mark.parametrize(
    ("names", "what", "hint"),
    [
        (["wikki"], "there is no app wikki on core", "did you mean wiki?"),
        (["wiki-db"], "wiki needs wiki-db, which would go without it", "infrakit move wiki-db wiki ..."),
        (["chat"], "volumes.both is room's, too, and would be two", "infrakit move chat room ..."),
        (["door"], "near needs door, which would go without it", "infrakit move door near ..."),
        (["rows"], "the database of rows is in /srv/rows, a folder of this machine", "give it a volume"),
    ],
)
def test_what_cannot_go_by_itself_is_refused_with_what_to_do(names, what, hint):
    with pytest.raises(UsageProblem) as error:
        group_of(host(), names)
    assert error.value.message == what and hint in error.value.hint


def test_of_the_catalogue_nothing_moves():
    content = FILE.replace(b"{pattern: edge}", b"{pattern: [edge, monitoring]}", 1)
    name = next(item.name for item in host(content).services if item.kind == "catalogue")
    with pytest.raises(UsageProblem, match=f"{name} is of the catalogue"):
        group_of(host(content), [name])


def test_two_that_share_go_together_and_who_is_in_a_network_goes_with_its_owner():
    assert set(group_of(host(), ["chat", "room"]).services) == {"chat", "room"}
    assert group_of(host(), ["near"]).services == ("door", "near")


def test_the_file_says_the_new_host_and_keeps_every_comment_and_comes_back_as_it_was():
    after, was = sent(FILE, "infrakit.yaml", ("wiki-db", "wiki", "news"), "core", "shed")
    assert was == (("wiki-db", ()), ("wiki", ()), ("news", ("core",)))
    assert [said(after, "infrakit.yaml", name) for name in ("wiki", "wiki-db", "news")] == [("shed",)] * 3
    assert [line for line in FILE.splitlines() if b"#" in line] == [
        line.replace(b"[shed]", b"[core]") for line in after.splitlines() if b"#" in line
    ]
    assert brought_back(after, "infrakit.yaml", was) == FILE
    edited = after.replace(b"x/door:1", b"x/door:2")
    assert brought_back(edited, "infrakit.yaml", was) == FILE.replace(b"x/door:1", b"x/door:2")
    names = {item.name for item in host(after, "shed").services}
    assert {"wiki", "wiki-db", "news"} <= names and "wiki" not in {item.name for item in host(after).services}


def test_an_app_that_is_on_both_hosts_is_refused_but_not_by_the_call_that_goes_on():
    with pytest.raises(UsageProblem, match="twice is on shed already, and on core"):
        sent(FILE, "infrakit.yaml", ("twice",), "core", "shed")
    after, _ = sent(FILE, "infrakit.yaml", ("chat",), "core", "shed")
    assert sent_still(after, "infrakit.yaml", ("chat",), "core", "shed") == after
    assert sent_still(FILE, "infrakit.yaml", ("chat",), "core", "shed") == after


TICKET = Ticket(
    "2026-11-30T21:00:00Z", "infrakit", "core", "shed", ("wiki-db", "wiki"), ("wiki-db", "wiki"),
    Place("/mnt/disk/move-wiki", "", "a1", 9), {"wiki-data": "/v/_data"},
    tuple((dump, "/d.sql") for dump in group_of(host(), ["wiki"]).dumps), {"wiki_db": "/s/wiki_db"},
    FILE.decode(), None, {"blue/print.yaml": "x: 1"},
)  # fmt: skip
KEY = b"dies-ist-ein-geheimnis"


def test_a_ticket_is_read_as_it_was_written():
    assert read(printed(TICKET, KEY), "wiki.move") == (TICKET, KEY)


@pytest.mark.parametrize(
    ("content", "kind", "what"),
    [
        (b"version: 1\n", UsageProblem, "wiki.move is no ticket of a move"),
        (b'{"kind": "other"}', UsageProblem, "wiki.move is no ticket of a move"),
        (printed(TICKET, KEY)[:-40], Damaged, "wiki.move is damaged: it has no end"),
        (printed(TICKET, KEY).replace(b"shed", b"barn"), Damaged, "wiki.move is damaged: it is not as it was written"),
        (printed(TICKET, KEY).replace(KEY, KEY[::-1]), Damaged, "wiki.move is damaged: it is not as it was written"),
        (
            json.dumps({**json.loads(printed(TICKET, KEY)), "infrakit": "99.0.0"}).encode(),
            UsageProblem,
            "InfraKit 99.0.0 wrote wiki.move",
        ),
    ],
)
def test_a_ticket_that_is_none_or_not_whole_is_told_from_one_that_is(content, kind, what):
    with pytest.raises(kind) as error:
        read(content, "wiki.move")
    assert error.value.message.startswith(what) and KEY.decode() not in error.value.message + error.value.hint
