"""How many rows a dump has: what pg_dumpall writes, with names and values that look like something else."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from infrakit.stack.backup.rows import TABLE, Counter, differing, total

DUMP = r'''
--
-- PostgreSQL database cluster dump
--
\restrict x8Gk
CREATE ROLE wiki;
\connect template1
\connect postgres
COPY public.left_here (a) FROM stdin;
1
\.
CREATE DATABASE wiki;
\connect wiki
COPY public.pages (page, "of (whom)") FROM stdin;
one	\N
COPY public.fake (a) FROM stdin;
\\.
\\connect elsewhere

\.
COPY public.nothing FROM stdin;
\.
COPY "Odd (one)"."of ""all""" ("FROM stdin;") FROM stdin;
x
\.
SELECT pg_catalog.setval('public.pages_id_seq', 3, true);
\connect -reuse-previous=on "dbname='it\'s a=""base""'"
COPY shop.carts (id) FROM stdin;
7
8
\.
'''


def test_each_line_between_copy_and_its_end_is_a_row_whatever_it_looks_like():
    counter = Counter()
    for line in DUMP.splitlines(keepends=True):
        counter(line)
    assert counter.rows == {
        "postgres": {"public.left_here": 1},
        "wiki": {"public.pages": 5, "public.nothing": 0, '"Odd (one)"."of ""all"""': 1},
        'it\'s a="base"': {"shop.carts": 2},
    }
    assert total(counter.rows) == (9, 5)
    assert all(TABLE.fullmatch(name) for tables in counter.rows.values() for name in tables)


def test_a_table_that_has_other_rows_or_is_not_there_is_named():
    wanted = {"wiki": {"public.a": 1, "public.b": 2, "public.c": 3}, "gone": {"public.d": 0}}
    assert differing(wanted, {"wiki": {"public.a": 1, "public.b": 1, "public.more": 1}}) == [
        "public.b of wiki has 1 rows, and had 2",
        "public.c of wiki is not there, and had 3",
        "public.d of gone is not there, and had 0",
    ]
    assert differing(wanted, {**wanted, "other": {"public.e": 1}}) == []


@pytest.mark.parametrize("name", ["public.a; DROP TABLE b", "public", 'public."a"b"', "a.b.c"])
def test_what_is_no_name_of_a_table_is_never_asked_for(name):
    assert not TABLE.fullmatch(name)


HOSTILE = r'''
CREATE TABLE pages (page text);
INSERT INTO pages SELECT E'a\nb\r\\.\tCOPY x FROM stdin;' FROM generate_series(1, 100);
CREATE SCHEMA "Odd (one)";
CREATE TABLE "Odd (one)"."of ""all"" FROM stdin;" ("a) FROM" text);
INSERT INTO "Odd (one)"."of ""all"" FROM stdin;" VALUES (NULL), ('');
CREATE TABLE parent (a int); CREATE TABLE child () INHERITS (parent);
INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2), (3);
CREATE TABLE split (a int) PARTITION BY LIST (a);
CREATE TABLE split_one PARTITION OF split FOR VALUES IN (1);
INSERT INTO split VALUES (1);
CREATE DATABASE "it's a=""base""";
'''


@pytest.mark.skipif(not shutil.which("initdb"), reason="needs PostgreSQL (tests/tools/install.sh)")
def test_a_real_dump_has_as_many_rows_as_its_server():
    with tempfile.TemporaryDirectory() as made:  # pytest's own are for nobody but root
        Path(made).chmod(0o755)
        counted_and_dumped(Path(made))


def counted_and_dumped(place: Path) -> None:
    as_postgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    folder = place / "server"
    folder.mkdir()
    shutil.chown(folder, "postgres")

    def run(*words: str, feed: str = "") -> str:
        done = subprocess.run([*as_postgres, *words], input=feed, capture_output=True, text=True, cwd="/", timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("initdb", "-D", str(folder / "data"), "-U", "wiki", "--no-sync", "-A", "trust")
    options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
    log = str(folder / "log")
    subprocess.run([*as_postgres, "pg_ctl", "-D", folder / "data", "-w", "-l", log, "-o", options, "start"], check=True)
    try:
        asks = ("psql", "-XAtqw", "-F", " ", "-v", "ON_ERROR_STOP=1", "-h", str(folder), "-U", "wiki", "-d", "postgres")
        run(*asks, feed=HOSTILE)
        odd = (*asks[:-1], "dbname='it\\'s a=\"base\"'")
        run(*odd, feed="CREATE TABLE a (b int); INSERT INTO a VALUES (1)")
        counter = Counter()
        for line in run("pg_dumpall", "-h", str(folder), "-U", "wiki").splitlines(keepends=True):
            counter(line)
        asked = "".join(f"SELECT count(*) FROM ONLY {name};\n" for name in counter.rows["postgres"])
        found = [int(word) for word in run(*asks, feed=asked).split()]
    finally:
        run("pg_ctl", "-D", str(folder / "data"), "-m", "immediate", "stop")
    assert counter.rows['it\'s a="base"'] == {"public.a": 1}
    assert list(counter.rows["postgres"].values()) == found
    assert sorted(found) == [1, 1, 2, 2, 100]
