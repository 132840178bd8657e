"""infrakit backup, restore and drill of apps that say how they are backed up, from the built zipapp, with a real
engine, a real restic and a real SQLite: one that writes all the time while it is copied, and one with a dump of its
own."""

import gzip
import json
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.emit.tree import needs_compose
from tests.runtime.backed import SECRETS, backed, needs_restic
from tests.runtime.engine import needs_engine, shell_archive
from tests.runtime.test_update import ALONE, CHECK

pytestmark = [
    needs_engine,
    needs_compose,
    needs_restic,
    pytest.mark.skipif(not shutil.which("sqlite3"), reason="needs sqlite3 (tests/tools/install.sh)"),
]

FILE = (
    ALONE
    + """\
backup: {{to: /mnt/disk}}
apps:
  vault:
    image: "{at}/team/vault:1"
    health: image
    user: "1234:1234"
    data: [/data]
    backup: {{sqlite: [/data/deep/vault.db]}}
  words:
    image: "{at}/team/words:1"
    health: image
    data: [/words, /more]
    needs: [vault]
    secrets: [words_key]
    backup:
      dump: [/bin/sh, /dump.sh]
      restore: [/bin/sh, /restore.sh]
      holds: [/words]
      ends: of all words
"""
)
WRITES = """
trap 'exit 0' TERM
mkdir -p /data/deep
sqlite3 /data/deep/vault.db 'PRAGMA journal_mode=WAL' || exit
sqlite3 /data/deep/vault.db 'CREATE TABLE IF NOT EXISTS rows (number integer, page text)' || exit
chmod 640 /data/deep/vault.db
: >/tmp/ready
number=$(sqlite3 /data/deep/vault.db 'SELECT count(*) FROM rows')
while :; do
    echo "INSERT INTO rows VALUES ($number, '$number'); SELECT $number || ' ' || hex(zeroblob(1000));"
    number=$((number + 1))
    sleep 0.01
done | sqlite3 -bail -cmd '.timeout 60000' /data/deep/vault.db >/data/acknowledged 2>/data/failed &
wait
"""
"""A row at a time, each in a transaction of its own, and after it a line that says so, so large that no buffer holds
many."""
KEEPS = """
trap 'exit 0' TERM
[ -e /words/kept ] || { cat /proc/sys/kernel/random/uuid >/words/server; echo first >/words/kept; }
: >/tmp/ready
while :; do sleep 1; done
"""
DUMPS = """
cat /run/secrets/words_key >&2
how=$(cat /more/how 2>/dev/null)
[ "$how" != fails ] || exit 3
[ "$how" != nothing ] || exit 0
cat /words/kept
[ "$how" != truncated ] || exit 0
echo of all words
"""
RESTORES = """
cat /run/secrets/words_key >&2
[ "$(cat /words/kept)" = first ] || { echo 'there is something already' >&2; exit 4; }
sed '$d' >/words/kept
"""
LIVE = "deep/vault.db"


@pytest.fixture(scope="module")
def host(tmp_path_factory, pyz):
    with backed(tmp_path_factory, pyz) as made:
        for name, script, programs, more in (
            ("vault", WRITES, ("/usr/bin/sqlite3", "/bin/mkdir", "/bin/chmod", "/bin/cat"), ()),
            ("words", KEEPS, ("/bin/cat", "/bin/sed"), (("dump.sh", DUMPS), ("restore.sh", RESTORES))),
        ):
            shell = gzip.compress(shell_archive(*programs, files=(("run.sh", script), *more)), 1)
            says = {"Cmd": ["/bin/sh", "/run.sh"], "Healthcheck": CHECK, "Env": ["PATH=/usr/bin:/bin", "HOME=/tmp"]}
            made.registry.publish(f"team/{name}", tag="1", contents=[shell], says=says)
        made.up(FILE)
        yield made


def acknowledged(host) -> int:
    """How many rows the app knows to be kept."""
    lines = (host.place("vault-data") / "acknowledged").read_text().splitlines()[:-1]
    return int(lines[-1].split()[0]) + 1 if lines else 0


def wait_for(host, rows: int) -> int:
    """Until that many are acknowledged."""
    while acknowledged(host) < rows:
        assert (host.place("vault-data") / "failed").read_text() == ""
        time.sleep(0.1)
    return acknowledged(host)


def rows_of(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return [number for (number,) in database.execute("SELECT number FROM rows ORDER BY number")]


def test_a_database_that_is_written_to_all_the_time_comes_back_whole_and_its_app_was_never_stopped(host, tmp_path):
    known, began = wait_for(host, 100), host.begun()
    began_s = time.monotonic()
    done = host.now()
    took_s = time.monotonic() - began_s
    assert done.returncode == 0, done.stdout + done.stderr
    assert host.begun()["vault"] == began["vault"]
    during = wait_for(host, known + 1) - known
    print(f"{during} rows in {took_s:.1f} s")
    (found,) = host.sets()
    host.restic("restore", found["parts"]["vault"], "--target", str(tmp_path))
    place = tmp_path / str(host.place("vault-data")).removeprefix("/")
    assert sorted(path.name for path in place.rglob("*")) == ["acknowledged", "deep", "failed"]
    wait_for(host, acknowledged(host) + 50)
    done = host.infrakit("restore", "--yes", "--without-backup", "vault")
    assert done.returncode == 0, done.stdout + done.stderr
    assert host.is_well()
    host.real.docker("stop", "--time", "1", "infrakit-vault-1")
    live = host.place("vault-data") / LIVE
    about = live.stat()
    assert (about.st_uid, about.st_gid, about.st_mode & 0o777) == (1234, 1234, 0o640)
    there = rows_of(live)
    assert there == list(range(len(there))) and len(there) >= known
    host.real.docker("start", "infrakit-vault-1")


def test_files_beside_have_the_database_among_them(host, tmp_path):
    done = host.infrakit("restore", "--beside", str(tmp_path / "beside"), "vault")
    assert done.returncode == 0, done.stdout + done.stderr
    place = tmp_path / "beside" / str(host.place("vault-data")).removeprefix("/")
    there = rows_of(place / LIVE)
    assert there == list(range(len(there))) and len(there) >= 100
    assert not list((tmp_path / "beside").rglob("*.sqlite"))


def test_a_dump_of_its_own_is_read_back_by_its_own_command_into_empty_folders(host):
    words, more = host.place("words-words"), host.place("words-more") / "page"
    (words / "kept").write_text("one\ntwo\n")
    more.write_text("of before")
    before = (words / "server").read_text()
    done = host.now()
    assert done.returncode == 0, done.stdout + done.stderr
    (words / "kept").write_text("three\n")
    more.write_text("of after")
    back = host.infrakit("restore", "--yes", "--without-backup", "words")
    assert back.returncode == 0, back.stdout + back.stderr
    assert (words / "kept").read_text() == "one\ntwo\n" and more.read_text() == "of before"
    assert (words / "server").read_text() != before and host.is_well()
    secret = Path(SECRETS, "words_key").read_text()
    assert secret not in done.stdout + done.stderr + back.stdout + back.stderr


@pytest.mark.parametrize(
    ("how", "what"),
    [
        ("fails", "the database in words: /bin/sh ended with exit code 3"),
        ("nothing", "the database in words: it was written down to no end"),
        ("truncated", "the database in words: it was written down to no end"),
    ],
)
def test_a_dump_that_is_not_whole_is_named_and_no_backup_is_called_whole(host, how, what):
    place = host.place("words-more") / "how"
    place.write_text(how)
    done = host.now()
    place.unlink()
    assert done.returncode == 1 and what in done.stderr, done.stdout + done.stderr
    assert sorted(host.sets()[-1]["parts"]) == ["vault"] and "2 parts" not in done.stdout
    assert not Path("/var/lib/infrakit/backup/dumps").exists() and host.is_well()
    assert Path(SECRETS, "words_key").read_text() not in done.stdout + done.stderr


def test_a_drill_takes_both_along_and_counts(host):
    done = host.now()
    assert done.returncode == 0, done.stdout + done.stderr
    done = host.infrakit("backup", "drill", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["failed"] == [] and sorted(found["well"]) == ["vault", "words"]
    assert "rows in 1 tables" in found["parts"]["vault"] and "rows not recorded" in found["parts"]["words"]


def test_a_database_that_is_not_where_the_file_says_is_named(host):
    host.real.docker("stop", "--time", "1", "infrakit-vault-1")
    live = host.place("vault-data") / LIVE
    live.rename(live.with_name("moved.db"))
    done = host.now()
    live.with_name("moved.db").rename(live)
    host.real.docker("start", "infrakit-vault-1")
    assert done.returncode == 1 and "vault: no SQLite database is at deep/vault.db" in done.stderr, done.stderr
    assert sorted(host.sets()[-1]["parts"]) == ["words"]
