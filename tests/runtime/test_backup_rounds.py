"""Under writers of fifty a second into PostgreSQL, SQLite and a file: backed up and restored, again and again, from the
built zipapp with a real engine and real servers. What was acknowledged before a backup began is there after it came
back, in a restore by restic alone, too; files are as they were, to the last hole."""

import gzip
import os
import random
import shutil
import sqlite3
import subprocess
import threading
import time
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.emit.tree import needs_compose
from tests.runtime.backed import Backed, backed, needs_restic
from tests.runtime.engine import needs_engine, shell_archive
from tests.runtime.pair import picture, plant
from tests.runtime.test_backup_own import LIVE, WRITES, acknowledged, rows_of
from tests.runtime.test_rotate import postgres_layer
from tests.runtime.test_update import ALONE, CHECK

pytestmark = [
    needs_engine,
    needs_compose,
    needs_restic,
    pytest.mark.skipif(not shutil.which("initdb"), reason="needs PostgreSQL (tests/tools/install.sh)"),
    pytest.mark.skipif(not shutil.which("sqlite3"), reason="needs sqlite3 (tests/tools/install.sh)"),
]
FILE = (
    ALONE
    + """\
backup: {{to: /mnt/disk, keep: {{daily: 2, weekly: 0, monthly: 0}}}}
apps:
  vault:
    {{image: "{at}/team/vault:1", health: image, user: "1234:1234", data: [/data], backup: {{sqlite: [/data/deep]}}}}
  notes: {{image: "{at}/team/notes:1", health: image, data: [/data]}}
  wiki-db:
    image: {at}/team/postgres:15
    serves: [5432]
    data: [/var/lib/postgresql/data]
    environment: {{POSTGRES_USER: wiki, POSTGRES_DB: wiki, POSTGRES_PASSWORD_FILE: /run/secrets/wiki_db}}
    secrets: [wiki_db]
    health: image
"""
)
NOTES = """
trap 'exit 0' TERM
: >>/data/log
number=$(grep -c . /data/log)
: >/tmp/ready
while :; do echo "line $number" >>/data/log; number=$((number + 1)); sleep 0.02; done
"""
SQL = ("psql", "-XqtA", "-U", "wiki", "-d", "wiki")


@pytest.fixture(scope="module")
def host(tmp_path_factory, pyz):
    with backed(tmp_path_factory, pyz) as made:
        layer, major = postgres_layer()
        server = {"Cmd": ["/bin/sh", "/server.sh"]}
        server["Env"] = [f"PATH=/usr/lib/postgresql/{major}/bin:/usr/bin:/bin", "PGHOST=/tmp"]
        ready = {**CHECK, "Test": ["CMD", "pg_isready", "-U", "wiki", "-d", "wiki", "-h", "127.0.0.1"]}
        made.registry.publish("team/postgres", tag="15", contents=[layer], says={**server, "Healthcheck": ready})
        for name, script in (("vault", WRITES), ("notes", NOTES)):
            programs = ("/usr/bin/sqlite3", "/bin/mkdir", "/bin/chmod", "/bin/cat", "/bin/grep")
            shell = gzip.compress(shell_archive(*programs, files=(("run.sh", script),)), 1)
            says = {"Cmd": ["/bin/sh", "/run.sh"], "Healthcheck": CHECK, "Env": ["PATH=/usr/bin:/bin", "HOME=/tmp"]}
            made.registry.publish(f"team/{name}", tag="1", contents=[shell], says=says)
        made.up(FILE)
        made.real.docker("exec", "infrakit-wiki-db-1", *SQL, "-c", "CREATE TABLE rows (number integer)")
        plant(made.place("notes-data"))
        yield made


class Pages:
    """Rows of PostgreSQL, each in a transaction of its own; `known` are acknowledged."""

    def __init__(self, host: Backed):
        self.known = int(host.real.docker("exec", "infrakit-wiki-db-1", *SQL, "-c", "SELECT count(*) FROM rows"))
        words = ["docker", "-H", f"unix://{host.real.socket}", "exec", "--interactive", "infrakit-wiki-db-1", *SQL]
        self.client = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.asks = threading.Thread(target=self.ask)
        self.asks.start()

    def ask(self) -> None:
        try:
            while True:
                words = f"INSERT INTO rows VALUES ({self.known}) RETURNING number;\n"
                self.client.stdin.write(words.encode())
                self.client.stdin.flush()
                if int(self.client.stdout.readline() or -1) != self.known:
                    return  # it was stopped for the restore
                self.known += 1
                time.sleep(0.02)
        except (OSError, ValueError):
            return


@contextmanager
def pages(host: Backed):
    writer = Pages(host)
    yield writer
    writer.client.kill()
    writer.asks.join()
    writer.client.wait()


def log(path: Path) -> int:
    """Lines of a log that is as it was written."""
    whole = path.read_text()
    lines = whole.splitlines()
    assert whole.endswith("\n") and lines == [f"line {number}" for number in range(len(lines))]
    return len(lines)


def disturb(folder: Path, chance: random.Random) -> None:
    """Some files come, change and go."""
    for name in chance.sample(range(30), 6):
        path = folder / f"deep/file-{name}"
        if path.exists() and chance.random() < 0.3:
            path.unlink()
            continue
        path.write_bytes(chance.randbytes(chance.randrange(200_000)))
        with open(path, "r+b") as file:
            file.truncate(chance.randrange(400_000))
        path.chmod(chance.choice((0o600, 0o644, 0o755)))
        os.chown(path, chance.randrange(3000), chance.randrange(3000))


def goes_round(host: Backed, place: Path, chance: random.Random) -> None:
    notes, vault = host.place("notes-data"), host.place("vault-data")
    disturb(notes, chance)
    fixed = picture(notes / "deep")
    with pages(host) as writer:
        before = (acknowledged(host), writer.known, log_now(notes))
        while (acknowledged(host), writer.known, log_now(notes)) <= tuple(number + 20 for number in before):
            time.sleep(0.05)
        sqlite_known, pages_known, lines_known = acknowledged(host), writer.known, log_now(notes)
        done = host.now()
        assert done.returncode == 0, done.stdout + done.stderr
        assert writer.asks.is_alive(), "PostgreSQL was asked all the time"
    found = host.sets()[-1]["parts"]

    for part in ("vault", "notes", "wiki-db"):
        host.restic("restore", found[part], "--target", str(place))
    (copy,) = place.rglob("vault.*.sqlite")
    assert rows_of(copy) == list(range(len(rows_of(copy)))) and len(rows_of(copy)) >= sqlite_known
    (dump,) = place.rglob("wiki-db.sql")
    numbers = dump.read_text().partition("COPY public.rows")[2].partition("\\.")[0].splitlines()[1:]
    assert [int(number) for number in numbers] == list(range(len(numbers))) and len(numbers) >= pages_known
    assert log(place / str(notes / "log").removeprefix("/")) >= lines_known
    shutil.rmtree(place)

    disturb(notes, chance)
    done = host.infrakit("restore", "--yes", "--without-backup")
    assert done.returncode == 0, done.stdout + done.stderr
    assert host.is_well() and picture(notes / "deep") == fixed
    rows = host.real.docker("exec", "infrakit-wiki-db-1", *SQL, "-c", "SELECT number FROM rows ORDER BY number")
    assert [int(row) for row in rows.split()] == list(range(len(numbers)))
    assert log_now(notes) >= lines_known
    with closing(sqlite3.connect(f"file:{vault / LIVE}?mode=ro", uri=True, timeout=60)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        numbers = [number for (number,) in database.execute("SELECT number FROM rows ORDER BY number")]
        assert numbers == list(range(len(numbers))) and len(numbers) >= sqlite_known


def log_now(notes: Path) -> int:
    """Whole lines of one that is being written."""
    return (notes / "log").read_text().count("\n")


def test_once_round(host, tmp_path):
    goes_round(host, tmp_path / "restored", random.Random(1))


@pytest.mark.soak
def test_fifty_times_round(host, tmp_path):
    chance = random.Random(int(os.environ.get("INFRAKIT_SEED", "1")))
    for number in range(int(os.environ.get("INFRAKIT_ROUNDS", "50"))):
        goes_round(host, tmp_path / "restored", chance)
        print(f"round {number + 1}: as it was")
