"""infrakit backup drill, from the built zipapp, with a real engine, a real PostgreSQL and a real restic: a good backup
passes, one that would not come back is told from it, and nothing is left, nor touched, of what runs."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infrakit.emit.timer import STOPPED
from infrakit.stack.backup.outcome import OUTCOME
from infrakit.stack.backup.remains import NOTE
from infrakit.stack.layout import secrets_folder
from tests.emit.tree import needs_compose
from tests.runtime.engine import engine, needs_engine
from tests.runtime.test_rotate import postgres_layer
from tests.runtime.test_update import ALONE, CHECK, WELL, Host, publish
from tests.system import fake_registry

pytestmark = [
    needs_engine,
    needs_compose,
    pytest.mark.skipif(not shutil.which("initdb"), reason="needs PostgreSQL (tests/tools/install.sh)"),
    pytest.mark.skipif(not shutil.which("restic"), reason="needs restic (tests/tools/install.sh)"),
]

SECRETS = f"{secrets_folder('infrakit')}/secrets"
SET = "/var/lib/infrakit/backup/set.json"
READER = """
trap 'exit 0' TERM
umask 077
{ printf '*:*:*:*:'; cat /run/secrets/wiki_db; echo; } >/tmp/with
while :; do
    if { [ -e /srv/here ] || [ "$(cat /data/file /pictures/file)" = "of wiki-dataof pictures" ]; } &&
        PGPASSFILE=/tmp/with psql -Xqw -h wiki-db -U wiki -d wiki -c '' </dev/null >&2
    then : >/tmp/ready; else rm -f /tmp/ready; fi
    sleep 0.2
done
"""
"""Where it has no folder of the host it wants its data, too."""
FILE = (
    ALONE
    + """\
backup: {{to: /mnt/disk, keep: {{daily: 0, weekly: 0, monthly: 0}}}}
volumes: {{pictures: {{}}}}
apps:
  wiki:
    image: "{at}/team/reader:1"
    health: image
    ports: [18080]
    data: [/data]
    mounts: ["pictures:/pictures", "{folder}/host:/srv"]
    needs: [wiki-db]
    secrets: [wiki_db]
  wiki-db:
    image: {at}/team/postgres:15
    serves: [5432]
    data: [/var/lib/postgresql/data]
    environment: {{POSTGRES_USER: wiki, POSTGRES_DB: wiki, POSTGRES_PASSWORD_FILE: /run/secrets/wiki_db}}
    secrets: [wiki_db]
    health: image
  other: {{image: "{at}/team/other:1", health: image}}
"""
)


class Drilled(Host):
    """A machine with a backup of what runs on it."""

    def restic(self, *words: str, folder: Path | None = None) -> str:
        """What restic says, that somebody calls who has the folder and the key."""
        own = ["restic", "--repo", self.to / "infrakit", "--password-file", f"{SECRETS}/backup_key", "--no-cache"]
        called = [*own, *words]
        return subprocess.run(called, capture_output=True, text=True, check=True, timeout=120, cwd=folder).stdout

    @property
    def to(self) -> Path:
        return self.folder / "mnt/disk"

    @property
    def data_root(self) -> Path:
        return self.real.socket.parent / "data"

    def drill(self, *words: str) -> tuple[subprocess.CompletedProcess, dict]:
        done = self.infrakit("backup", "drill", "--json", *words)
        return done, json.loads(done.stdout) if done.stdout.startswith("{") else {}

    def things(self) -> dict[str, list[str]]:
        """All that the engine has, by name, and who runs since when."""
        found = {kind: sorted(self.real.docker(kind, "ls", "-q").split()) for kind in ("volume", "network")}
        return {
            **found,
            "container": sorted(self.real.docker("ps", "-aq").split()),
            "begun": sorted(self.begun().items()),
        }

    @contextmanager
    def untouched(self) -> Iterator[None]:
        """What runs is as it was, and nothing is left."""
        before = self.things()
        yield
        assert self.things() == before
        assert not os.path.exists(NOTE) and not (self.data_root / "infrakit-drill").exists()
        assert {how for _, _, how in self.found().values()} == {"healthy"} and not os.path.exists(STOPPED)

    def good(self) -> dict:
        """The list of the set that is as InfraKit made it, as restic has it."""
        row = json.loads(self.infrakit("backup", "list", "--json").stdout)["backups"][0]
        return {**json.loads(self.restic("dump", row["snapshot"], SET)), "host_snapshot": row["snapshot"]}

    def forge(self, tmp_path: Path, number: str, change) -> None:
        """Another set, made by restic alone: what `change` (folder of all files, content) makes of the good one."""
        content = self.good()
        files = tmp_path / "files"
        own = {name: about["snapshot"] for name, about in content["parts"].items()}
        for name, snapshot in {**own, "": content.pop("host_snapshot")}.items():
            self.restic("restore", snapshot, "--target", str(files / (name.replace("/", ".") or "host")))
        change(files, content)
        for name in own:
            content["parts"][name]["snapshot"] = self._snapshot(files / name.replace("/", "."), number, f"part={name}")
        content["set"] = number
        (files / f"host{SET}").write_text(json.dumps(content))
        self._snapshot(files / "host", number, "host")

    def _snapshot(self, folder: Path, number: str, tag: str) -> str:
        """Of what is below a folder, by its paths without that."""
        tags = [f"--tag={item}" for item in ("infrakit", f"set={number}", tag)]
        names = sorted(path.name for path in folder.iterdir())
        said = self.restic("backup", "--json", "--host", "infrakit", *tags, *names, folder=folder)
        return json.loads(said.splitlines()[-1])["snapshot_id"]


@pytest.fixture(scope="module")
def host(tmp_path_factory, pyz):
    folder = tmp_path_factory.mktemp("drill")
    with engine(tmp_path_factory.mktemp("drilled")) as real, fake_registry.registry() as registry:
        layer, major = postgres_layer()
        path = f"PATH=/usr/lib/postgresql/{major}/bin:/usr/bin:/bin"
        ready = {**CHECK, "Test": ["CMD", "pg_isready", "-U", "wiki", "-d", "wiki", "-h", "127.0.0.1"]}
        server = {"Cmd": ["/bin/sh", "/server.sh"], "Env": [path, "PGHOST=/tmp"], "Healthcheck": ready}
        registry.publish("team/postgres", tag="15", contents=[layer], says=server)
        reader = {"Cmd": ["/bin/sh", "-c", READER], "Env": [path], "Healthcheck": CHECK}
        registry.publish("team/reader", tag="1", contents=[layer], says=reader)
        publish(registry, "other", WELL, tag="1")
        made = Drilled(real, registry, pyz, folder)
        systemctl = folder / "systemctl"
        systemctl.write_text("#!/bin/sh\nexit 0\n")
        systemctl.chmod(0o755)
        made.to.mkdir(parents=True)
        (folder / "host").mkdir()
        (folder / "host/here").touch()
        (folder / "infrakit.yaml").write_text(FILE.format(at=registry.address, folder=folder))
        done = made.infrakit("up", "--yes")
        assert done.returncode == 0, done.stdout + done.stderr
        statement = "CREATE TABLE pages (page text); INSERT INTO pages VALUES ('one'), ('two')"
        real.docker("exec", "infrakit-wiki-db-1", "psql", "-Xq", "-U", "wiki", "-d", "wiki", "-c", statement)
        for volume in ("wiki-data", "pictures"):
            (made.data_root / f"volumes/infrakit_{volume}/_data/file").write_text(f"of {volume}")
        (folder / "infrakit.yaml").unlink()
        done = made.infrakit("backup", "now")
        assert done.returncode == 0, done.stdout + done.stderr
        yield made
    for place in ("/var/lib/infrakit", "/etc/infrakit"):
        subprocess.run(["find", place, "-mindepth", "1", "-delete"], check=True)


def test_a_good_backup_passes_and_nothing_is_left_nor_touched(host):
    assert host.good()["parts"]["wiki-db"]["rows"] == {"wiki-db": {"wiki": {"public.pages": 2}}}
    with host.untouched():
        done, found = host.drill()
        assert done.returncode == 0, done.stdout + done.stderr
    assert found["failed"] == [] and sorted(found["well"]) == ["wiki", "wiki-db"]
    assert sorted(found["parts"]) == ["volumes/pictures", "wiki", "wiki-db"]
    assert "2 rows in 1 tables" in found["parts"]["wiki-db"] and "1 files" in found["parts"]["wiki"]
    assert json.loads(Path(OUTCOME).read_text())["failed"] == []
    secrets = [path.read_text() for path in Path(SECRETS).iterdir()]
    assert [item for item in secrets if item in done.stdout + done.stderr + Path(OUTCOME).read_text()] == []


def truncated(files, content):
    (dump,) = (files / "wiki-db").rglob("wiki-db.sql")
    dump.write_bytes(dump.read_bytes()[:-2000])


def shorter(files, content):
    (dump,) = (files / "wiki-db").rglob("wiki-db.sql")
    dump.write_text(dump.read_text().replace("two\n", ""))
    content["parts"]["wiki-db"]["bytes"] -= len("two\n")


def without_volume(files, content):
    (file,) = (files / "wiki").rglob("file")
    file.unlink()
    file.parent.rmdir()
    (file.parent.parent / "other").write_text("x")


def another_password(files, content):
    secret = files / f"host{SECRETS}/wiki_db"
    secret.chmod(0o600)
    secret.write_text("another-one")


@pytest.mark.parametrize(
    ("change", "words", "parts"),
    [
        (truncated, ("the dump of wiki-db has no end", "bytes, and had"), ["volumes/pictures", "wiki"]),
        (shorter, ("public.pages of wiki has 1 rows, and had 2",), ["volumes/pictures", "wiki"]),
        (without_volume, ("the volume infrakit_wiki-data is not in the backup",), ["volumes/pictures", "wiki-db"]),
        (another_password, ("the role wiki of wiki-db does not take the password",), ["volumes/pictures", "wiki"]),
    ],
    ids=["truncated dump", "a row less", "missing volume", "wrong password"],
)
def test_what_would_not_come_back_is_told_and_nothing_is_left(host, tmp_path, change, words, parts):
    number = f"2030-01-01T00:00:0{len(change.__name__) % 10}Z"
    host.forge(tmp_path, number, change)
    with host.untouched():
        done, found = host.drill("--at", number)
    assert done.returncode == 1, done.stdout + done.stderr
    said = "; ".join(found["failed"])
    assert [word for word in words if word not in said] == [], said
    assert sorted(found["parts"]) == parts and "wiki" not in found["well"]
    assert json.loads(Path(OUTCOME).read_text())["failed"] == found["failed"]
    assert "another-one" not in done.stdout + done.stderr


def test_a_name_that_is_somebody_elses_is_refused_and_stays(host):
    host.real.docker("volume", "create", "infrakit_drill_wiki-data")
    try:
        done, found = host.drill("--at", host.good()["set"])
        assert done.returncode == 1 and "a volume infrakit_drill_wiki-data already" in found["failed"][0], done.stderr
        assert "infrakit_drill_wiki-data" in host.real.docker("volume", "ls", "-q")
    finally:
        host.real.docker("volume", "rm", "infrakit_drill_wiki-data")


@pytest.mark.soak
def test_killed_at_each_thing_that_it_tells_the_next_one_begins_anew_and_nothing_is_left(host):
    number, count, killed = host.good()["set"], 1, True
    with host.untouched():
        while killed:
            words = host.words("backup", "drill", "--at", number)
            running = subprocess.Popen(
                words, cwd=host.folder, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
            )
            told = [running.stderr.readline() for _ in range(count)]
            killed = bool(told[-1])
            if killed:
                os.killpg(running.pid, signal.SIGKILL)
            running.wait()
            running.stderr.close()
            count += 2
        assert host.infrakit("backup", "drill", "--remove").returncode == 0
    with host.untouched():
        assert host.drill("--at", number)[0].returncode == 0
    assert count > 7


def test_who_says_stop_gets_all_of_it_taken_away(host):
    number = host.good()["set"]
    with host.untouched():
        running = subprocess.Popen(
            host.words("backup", "drill", "--at", number), cwd=host.folder, stderr=subprocess.PIPE, text=True
        )
        while "infrakit_drill" not in (line := running.stderr.readline()):
            assert line, "it was over before"
        running.send_signal(signal.SIGTERM)
        said = running.communicate(timeout=120)[1]
        assert running.returncode == 4 and "stopp" in said, said
