"""infrakit backup, from the built zipapp, with a real engine, a real PostgreSQL and a real restic, which reads without
us what is in it. In place of PostgreSQL's image stands one of this machine's own binaries; in place of systemd a
script."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from infrakit.emit.timer import STOPPED
from infrakit.stack.backup.repository import KNOWN
from infrakit.stack.layout import RESTORING
from tests.emit.tree import needs_compose
from tests.ports import own_range
from tests.runtime.backed import SECRETS, backed, needs_restic
from tests.runtime.engine import needs_engine
from tests.runtime.test_rotate import postgres_layer
from tests.runtime.test_update import ALONE, CHECK, WELL, publish

pytestmark = [
    needs_engine,
    needs_compose,
    pytest.mark.skipif(not shutil.which("initdb"), reason="needs PostgreSQL (tests/tools/install.sh)"),
    needs_restic,
]

PLANTED = "dies-ist-ein-geheimnis-4711"
FILE = (
    ALONE
    + f"network: {{{{pool: {own_range()}}}}}\n"
    + """\
backup: {{to: /mnt/disk, keep: {{daily: 2, weekly: 0, monthly: 0}}, without: [other]}}
volumes: {{pictures: {{}}}}
apps:
  wiki:
    image: "{at}/team/wiki:1"
    health: image
    data: [/data]
    mounts: ["pictures:/pictures"]
    needs: [wiki-db]
  near: {{image: "{at}/team/other:1", health: image, network: wiki}}
  wiki-db:
    image: {at}/team/postgres:15
    serves: [5432]
    data: [/var/lib/postgresql/data]
    environment: {{POSTGRES_USER: wiki, POSTGRES_DB: wiki, POSTGRES_PASSWORD_FILE: /run/secrets/wiki_db}}
    secrets: [wiki_db]
    health: image
  other: {{image: "{at}/team/other:1", health: image, data: [/data]}}
"""
)


@pytest.fixture(scope="module")
def host(tmp_path_factory, pyz):
    with backed(tmp_path_factory, pyz) as made:
        layer, major = postgres_layer()
        server = {"Cmd": ["/bin/sh", "/server.sh"]}
        server["Env"] = [f"PATH=/usr/lib/postgresql/{major}/bin:/usr/bin:/bin", "PGHOST=/tmp"]
        ready = {**CHECK, "Test": ["CMD", "pg_isready", "-U", "wiki", "-d", "wiki", "-h", "127.0.0.1"]}
        made.registry.publish("team/postgres", tag="15", contents=[layer], says={**server, "Healthcheck": ready})
        publish(made.registry, "wiki", WELL, tag="1")
        publish(made.registry, "other", WELL, tag="1")
        made.up(FILE)
        statement = f"CREATE TABLE pages (page text); INSERT INTO pages VALUES ('{PLANTED}')"
        made.real.docker("exec", "infrakit-wiki-db-1", "psql", "-Xq", "-U", "wiki", "-d", "wiki", "-c", statement)
        for volume in ("wiki-data", "pictures", "other-data"):
            (made.place(volume) / "file").write_text(f"{PLANTED} of {volume}")
        yield made


def test_restic_reads_without_us_what_is_in_a_backup_and_nobody_without_its_key(host, tmp_path):
    before = host.begun()
    none = host.infrakit("backup", "list")
    assert (none.returncode, none.stdout) == (0, "no backup in /mnt/disk/infrakit yet: sudo infrakit backup now\n"), (
        none
    )
    done = host.now("--json")
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = host.sets()
    assert sorted(found["parts"]) == ["volumes/pictures", "wiki", "wiki-db"]
    after = host.begun()
    assert sorted(name for name in before if before[name] != after[name]) == ["near", "wiki"] and host.is_well()
    for snapshot in (found["snapshot"], *found["parts"].values()):
        host.restic("restore", snapshot, "--target", str(tmp_path))
    for volume in ("wiki-data", "pictures"):
        whole = tmp_path / str(host.place(volume) / "file").removeprefix("/")
        assert whole.read_text() == f"{PLANTED} of {volume}"
    assert not (tmp_path / str(host.place("other-data")).removeprefix("/")).exists()
    assert not (tmp_path / str(host.place("wiki-db-data")).removeprefix("/")).exists()
    (dump,) = tmp_path.rglob("wiki-db.sql")
    assert PLANTED in dump.read_text() and "PASSWORD 'SCRAM-SHA-256$" in dump.read_text()
    kept = {path.name for path in (tmp_path / SECRETS.removeprefix("/")).iterdir()}
    assert kept == {"backup_key", "wiki_db"}
    assert (tmp_path / "etc/infrakit/infrakit.yaml").read_bytes() == Path("/etc/infrakit/infrakit.yaml").read_bytes()
    (tree,) = tmp_path.rglob("generations/*/compose.yaml")
    assert tree.read_bytes() == Path("/var/lib/infrakit/current/compose.yaml").read_bytes()
    (whole,) = tmp_path.rglob("set.json")
    assert json.loads(whole.read_text())["parts"]["wiki"]["snapshot"] == found["parts"]["wiki"]
    assert not list(Path("/var/lib/infrakit/backup").glob("dumps"))
    secrets = [PLANTED, *(path.read_text() for path in Path(SECRETS).iterdir())]
    content = b"".join(path.read_bytes() for path in host.to.rglob("*") if path.is_file())
    assert [item for item in secrets if item.encode() in content or item in done.stdout + done.stderr] == []


def test_what_each_service_takes_of_the_disk_is_said_the_largest_first(host):
    large, page = host.place("other-data") / "large", host.place("pictures") / "large"
    large.write_bytes(os.urandom(6 << 20))
    page.write_bytes(os.urandom(2 << 20))
    said = json.loads(host.infrakit("status", "--disk", "--json").stdout)["disk"]
    shown = host.infrakit("status", "--disk").stdout.splitlines()
    large.unlink()
    page.unlink()
    rows = {item["service"]: item for item in said}
    assert set(rows) == {"wiki", "near", "wiki-db", "other", "volumes/pictures", "infrakit"}
    assert 6 << 20 <= rows["other"]["data"] < 7 << 20 and 2 << 20 <= rows["volumes/pictures"]["data"] < 3 << 20
    assert rows["wiki-db"]["data"] > 10 << 20 and rows["wiki-db"]["images"] > 10 << 20 and rows["infrakit"]["data"] > 0
    assert [line.split()[0] for line in shown[1:]] == [item["service"] for item in said]
    owns = [item["data"] + item["layer"] + item["logs"] for item in said]
    assert owns == sorted(owns, reverse=True)


def test_only_the_last_of_a_day_stays_and_all_that_belongs_to_no_set_goes(host):
    before, large = host.sets()[-1]["set"], host.folder / "large"
    large.write_bytes(os.urandom(32 << 20))
    host.restic("backup", "--host", "infrakit", "--tag", "infrakit", "--tag", "live", str(large))
    host.restic("backup", "--host", "infrakit", "--tag", "somebody-elses", "/etc/hostname")
    assert host.now().returncode == 0
    (found,) = host.sets()
    assert found["set"] > before
    left = json.loads(host.restic("snapshots", "--json"))
    assert [item["tags"] for item in left if f"set={found['set']}" not in item["tags"]] == [["somebody-elses"]]
    assert len(left) == 1 + 1 + len(found["parts"])
    assert sum(path.stat().st_size for path in host.to.rglob("*") if path.is_file()) < 16 << 20


def test_killed_while_somebody_stands_still_he_runs_again_at_once_and_the_next_run_goes_well(host):
    words, quiet = host.words("backup", "now"), subprocess.DEVNULL
    running = subprocess.Popen(words, cwd=host.folder, stderr=quiet, start_new_session=True)
    while host.found()["wiki"][2] == "healthy":
        assert running.poll() is None, "it was over before"
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    while {how for _, _, how in host.found().values()} != {"healthy"}:
        time.sleep(0.2)
    assert os.path.exists(STOPPED)
    resumed = host.infrakit("resume")
    assert (resumed.returncode, resumed.stderr.count("a backup was broken off")) == (0, 1), resumed.stderr
    assert host.is_well()


def test_a_disk_that_is_not_there_is_named_and_nobody_is_stopped(host):
    began, elsewhere = host.begun(), host.folder / "elsewhere"
    host.to.rename(elsewhere)
    try:
        gone = host.now()
        host.to.mkdir()
        empty = host.now()
        listed = host.infrakit("backup", "list")
        host.to.rmdir()
    finally:
        elsewhere.rename(host.to)
    assert gone.returncode == 4 and "/mnt/disk is not there" in gone.stderr, gone.stderr
    assert listed.returncode == 3 and "/mnt/disk/infrakit is not there\n" in listed.stderr, listed.stderr
    assert empty.returncode == 4 and "is not there any more" in empty.stderr and KNOWN in empty.stderr, empty.stderr
    assert host.begun() == began


def page(host) -> str:
    words = ("psql", "-XAtqw", "-U", "wiki", "-d", "wiki", "-c", "SELECT string_agg(page, ',') FROM pages")
    return host.real.docker("exec", "infrakit-wiki-db-1", *words).strip()


def spoil(host) -> None:
    """What was backed up is another thing by now."""
    (host.place("wiki-data") / "file").write_text("spoilt")
    (host.place("wiki-data") / "more").write_text("spoilt")
    words = ("psql", "-Xqw", "-U", "wiki", "-d", "wiki", "-c")
    host.real.docker("exec", "infrakit-wiki-db-1", *words, "UPDATE pages SET page = 'spoilt'")
    host.real.docker("exec", "infrakit-wiki-db-1", *words, "CREATE TABLE more (page text)")


def is_as_before(host) -> None:
    assert page(host) == PLANTED
    files = {path.name: path.read_text() for path in host.place("wiki-data").iterdir()}
    assert files == {"file": f"{PLANTED} of wiki-data"}
    assert host.is_well() and not os.path.exists(RESTORING)
    assert not (host.real.socket.parent / "data/infrakit-restore").exists()


def test_what_was_spoilt_is_as_it_was_and_what_it_was_then_is_in_a_backup_of_its_own(host, tmp_path):
    number = host.sets()[-1]["set"]
    spoil(host)
    shown = host.infrakit("restore", "--dry-run", "wiki")
    assert shown.returncode == 6 and "+ wiki as it was" in shown.stdout, shown.stderr
    done = host.infrakit("restore", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    is_as_before(host)
    newest = host.sets()[-1]
    assert newest["set"] > number
    beside = host.infrakit("restore", "--at", newest["set"], "--beside", str(tmp_path), "wiki")
    assert beside.returncode == 0, beside.stderr
    (spoilt,) = tmp_path.rglob("more")
    assert spoilt.read_text() == "spoilt" and beside.stdout == f"wiki: {spoilt.parent}\n"
    is_as_before(host)
    assert host.left_to_do() == []


@pytest.mark.soak
def test_a_service_alone_is_put_back_and_the_password_of_now_opens_its_database(host):
    assert host.now().returncode == 0
    rotated = host.infrakit("secrets", "rotate", "--yes", "wiki_db")
    assert rotated.returncode == 0, rotated.stderr
    spoil(host)
    done = host.infrakit("restore", "--yes", "--without-backup", "wiki-db")
    assert done.returncode == 0, done.stdout + done.stderr
    assert page(host) == PLANTED and (host.place("wiki-data") / "more").read_text() == "spoilt"
    password = Path(SECRETS, "wiki_db").read_text()
    words = ("exec", "-e", f"PGPASSWORD={password}", "infrakit-wiki-db-1", "sh", "-c")
    host.real.docker(*words, 'psql -Xqw -h "$(hostname)" -U wiki -d wiki -c ""')
    assert host.infrakit("restore", "--yes", "--without-backup").returncode == 0
    is_as_before(host)


@pytest.mark.soak
def test_killed_at_each_thing_that_it_tells_it_goes_on(host):
    assert host.now().returncode == 0
    number = 2
    while True:
        spoil(host)
        words = host.words("restore", "--yes", "--without-backup", "--json")
        running = subprocess.Popen(
            words, cwd=host.folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )
        told = [running.stdout.readline() for _ in range(number)]
        over = not told[-1]
        if not over:
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        running.stdout.close()
        if over:
            break
        if os.path.exists(RESTORING):
            refused = host.infrakit("up", "--yes")
            assert refused.returncode == 2 and "a restore was broken off" in refused.stderr, refused.stderr
        again = ("resume",) if number % 2 else ("restore", "--yes", "--without-backup")
        done = host.infrakit(*again)
        assert done.returncode == 0, done.stdout + done.stderr
        is_as_before(host)
        number += 3
    is_as_before(host)
    assert number > 8


def test_a_part_that_is_not_there_is_named_before_anything_is_touched(host):
    began = host.begun()
    none = host.infrakit("restore", "--yes", "wikki")
    assert none.returncode == 2 and "the backup has no wikki" in none.stderr, none.stderr
    when = host.infrakit("restore", "--yes", "--at", "2020-01-01T00:00:00Z")
    assert when.returncode == 2 and "there is no backup 2020" in when.stderr, when.stderr
    assert host.begun() == began


def test_a_database_that_does_not_answer_is_named_and_the_rest_is_backed_up(host):
    host.real.docker("stop", "infrakit-wiki-db-1")
    done = host.now()
    host.real.docker("start", "infrakit-wiki-db-1")
    assert done.returncode == 1 and "the database in wiki-db: " in done.stderr, done.stderr
    assert sorted(host.sets()[-1]["parts"]) == ["volumes/pictures", "wiki"]
    shown = host.infrakit("restore", "--dry-run")
    assert shown.returncode == 6 and "not in this backup, and left as it is: wiki-db\n" in shown.stderr, shown.stderr
