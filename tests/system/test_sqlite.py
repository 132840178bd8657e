"""SQLite databases that somebody writes to: a copy is of one instant, whole, and of that file and no other."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from infrakit.errors import MachineUnfit, Stopped
from infrakit.system import sqlite
from infrakit.system.stop import Stop

ROOT = Path(__file__).parents[2]
WRITER = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
number = 0
while True:
    database.execute("BEGIN IMMEDIATE")
    database.execute("INSERT INTO rows VALUES (?, 'first')", (number,))
    database.execute("INSERT INTO rows VALUES (?, 'second')", (number,))
    database.execute("COMMIT")
    number += 1
    print(number, flush=True)
"""


def made(path, *, journal="wal", rows=5000) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA journal_mode={journal}")
        database.execute("CREATE TABLE rows (number integer, word text)")
        database.executemany("INSERT INTO rows VALUES (?, ?)", [(-1, "x" * 1000)] * rows)
        database.commit()


@contextmanager
def written(path):
    """While somebody writes two rows at a time, each pair acknowledged by a line."""
    process = subprocess.Popen([sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_a_copy_is_of_one_instant_and_has_all_that_was_acknowledged_before(tmp_path, journal):
    path, copy = tmp_path / "live.db", tmp_path / "copy"
    made(path, journal=journal)
    with written(path) as acknowledged:
        known = [int(acknowledged.readline()) for _ in range(50)][-1]
        sqlite.copy(str(tmp_path), "live.db", str(copy), Stop())
    with closing(sqlite3.connect(copy)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        words = dict(database.execute("SELECT word, count(*) FROM rows WHERE number >= 0 GROUP BY word").fetchall())
    assert words["first"] == words["second"] >= known
    assert sqlite.damage_of(str(copy)) == "" and sqlite.rows_of(str(copy), Stop()) == {
        "rows": 5000 + 2 * words["first"]
    }


def test_owner_and_mode_are_kept_and_nothing_is_left_beside_either(tmp_path):
    path = tmp_path / "live.db"
    made(path)
    path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(path, 1234, 4321)
    sqlite.copy(str(tmp_path), "live.db", str(tmp_path / "copy"), Stop())
    about, wanted = os.stat(tmp_path / "copy"), os.stat(path)
    assert (about.st_mode, about.st_uid, about.st_gid) == (wanted.st_mode, wanted.st_uid, wanted.st_gid)
    sqlite.rows_of(str(tmp_path / "copy"), Stop())
    assert not [item.name for item in tmp_path.iterdir() if item.name.startswith("copy-")]


def test_databases_are_found_by_what_is_in_them_and_links_lead_nowhere(tmp_path):
    (tmp_path / "here/below").mkdir(parents=True)
    made(tmp_path / "here/one.db")
    made(tmp_path / "here/below/without-ending")
    made(tmp_path / "elsewhere.db")
    (tmp_path / "here/link.db").symlink_to(tmp_path / "elsewhere.db")
    (tmp_path / "here/folder").symlink_to(tmp_path)
    (tmp_path / "here/empty.db").touch()
    (tmp_path / "here/other.db").write_bytes(b"\0" * 4096)
    os.mkfifo(tmp_path / "here/pipe.db")
    assert sqlite.found_in(str(tmp_path / "here")) == ["below/without-ending", "one.db"]
    assert sqlite.found_in(str(tmp_path / "none")) == []


@pytest.mark.parametrize("name", ["link.db", "folder/elsewhere.db"])
def test_what_a_container_put_in_the_place_of_a_database_is_not_copied(tmp_path, name):
    (tmp_path / "here").mkdir()
    made(tmp_path / "elsewhere.db")
    (tmp_path / "here/link.db").symlink_to(tmp_path / "elsewhere.db")
    (tmp_path / "here/folder").symlink_to(tmp_path)
    with pytest.raises(MachineUnfit, match="a link leads elsewhere"):
        sqlite.copy(str(tmp_path / "here"), name, str(tmp_path / "copy"), Stop())
    assert (tmp_path / "copy").stat().st_size == 0


def test_a_folder_that_is_reached_by_a_link_of_the_machine_is_itself(tmp_path):
    (tmp_path / "disk").mkdir()
    made(tmp_path / "disk/one.db")
    (tmp_path / "docker").symlink_to(tmp_path / "disk")
    sqlite.copy(str(tmp_path / "docker"), "one.db", str(tmp_path / "copy"), Stop())
    assert sqlite.rows_of(str(tmp_path / "copy"), Stop()) == {"rows": 5000}


def test_what_is_no_database_is_named_in_words_and_a_damaged_one_is_found(tmp_path):
    path = tmp_path / "one.db"
    path.write_bytes(sqlite.MAGIC + os.urandom(4080))
    with pytest.raises(MachineUnfit, match="one.db: file is not a database"):
        sqlite.copy(str(tmp_path), "one.db", str(tmp_path / "copy"), Stop())
    assert sqlite.damage_of(str(path)) == "file is not a database"
    with pytest.raises(MachineUnfit, match="none.db: no such file"):
        sqlite.copy(str(tmp_path), "none.db", str(tmp_path / "copy"), Stop())
    path.unlink()
    made(path, journal="delete")
    content = bytearray(path.read_bytes())
    content[4096 * 100 : 4096 * 104] = os.urandom(4096 * 4)
    path.write_bytes(content)
    assert sqlite.damage_of(str(path))


def test_rows_of_odd_names_count_and_those_of_virtual_tables_do_not(tmp_path):
    with closing(sqlite3.connect(tmp_path / "one.db")) as database:
        database.execute('CREATE TABLE "a ""b"" [c]" (x integer PRIMARY KEY AUTOINCREMENT)')
        database.execute('INSERT INTO "a ""b"" [c]" VALUES (1), (2)')
        database.execute("CREATE VIRTUAL TABLE pages USING fts5(words)")
        database.execute("CREATE VIEW all_of_it AS SELECT 1")
        database.commit()
    found = sqlite.rows_of(str(tmp_path / "one.db"), Stop())
    assert found['a "b" [c]'] == 2 and not {"pages", "all_of_it", "sqlite_sequence"} & set(found)


def test_who_says_stop_waits_for_no_large_copy_and_not_for_each_table(tmp_path):
    made(tmp_path / "one.db")
    stop = Stop()
    stop.asked = True
    with pytest.raises(Stopped):
        sqlite.copy(str(tmp_path), "one.db", str(tmp_path / "copy"), stop)
    with pytest.raises(Stopped):
        sqlite.rows_of(str(tmp_path / "one.db"), stop)


def test_a_python_without_sqlite_is_said_in_words():
    script = "import sys; sys.modules['sqlite3'] = None\nfrom infrakit.system.machine import Machine\n"
    script += "try: Machine().sqlite_in('/')\nexcept Exception as error: print(type(error).__name__, error)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.stdout == "MachineUnfit this python3 has no sqlite3 of its own\n", done.stderr
