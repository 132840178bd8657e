"""infrakit secrets rotate, from the built zipapp, with a real engine and a real PostgreSQL: a new value everywhere or
the old one, wherever it is killed. In place of PostgreSQL's image stands one of this machine's own binaries."""

import gzip
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from infrakit.stack.layout import ROTATING, secrets_folder
from tests.emit.tree import needs_compose
from tests.runtime.engine import engine, needs_engine, shell_archive
from tests.runtime.test_update import ALONE, CHECK, WELL, Host, publish
from tests.system import fake_registry

pytestmark = [
    needs_engine,
    needs_compose,
    pytest.mark.skipif(not shutil.which("initdb"), reason="needs PostgreSQL (tests/tools/install.sh)"),
]

SECRETS = f"{secrets_folder('infrakit')}/secrets"
FILE = (
    ALONE
    + """\
apps:
  wiki:
    image: {at}/team/reader:1
    health: image
    data: [/data]
    secrets: [wiki_db, wiki_token]
    needs: [wiki-db]
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
SERVER = """
folder=/var/lib/postgresql/data
chown postgres "$folder"
run() { setpriv --reuid postgres --regid postgres --clear-groups "$@"; }
if [ ! -e "$folder/PG_VERSION" ]; then
    install -m 600 -o postgres "$POSTGRES_PASSWORD_FILE" /tmp/first
    run initdb -D "$folder" -U "$POSTGRES_USER" --pwfile=/tmp/first --no-sync >&2 || exit
    echo 'host all all all scram-sha-256' >>"$folder/pg_hba.conf"
    echo "CREATE DATABASE $POSTGRES_DB" | run postgres --single -D "$folder" postgres >&2
fi
exec setpriv --reuid postgres --regid postgres --clear-groups \
    postgres -D "$folder" -c listen_addresses='*' -c fsync=off -c unix_socket_directories=/tmp
"""
READER = """
trap 'exit 0' TERM
umask 077
{ printf '*:*:*:*:'; cat /run/secrets/wiki_db; echo; } >/tmp/with
if [ -e /data/only ] && [ "$(cat /data/only)" != "$(cat /run/secrets/wiki_db)" ]; then echo 'not mine' >&2; exit 1; fi
while :; do
    if PGPASSFILE=/tmp/with psql -Xqw -h wiki-db -U wiki -d wiki -c '' </dev/null; then
        : >/tmp/ready
    else
        rm -f /tmp/ready
    fi
    sleep 0.2
done
"""
LIBRARIES = ("plpgsql.so", "dict_snowball.so")
PROGRAMS = ("/bin/rm", "/bin/cat", "/bin/chown", "/bin/hostname", "/usr/bin/install", "/usr/bin/setpriv")


def postgres_layer() -> tuple[bytes, str]:
    """This machine's PostgreSQL, with what its own programs need of it, where they look for it; one layer, of which
    the engine makes fewer copies. And its number."""
    program = Path(shutil.which("initdb")).resolve()
    major = program.parents[1]
    names = ("postgres", "initdb", "psql", "pg_isready", "pg_dumpall", "pg_dump")
    binaries = [str(major / "bin" / name) for name in names]
    trees = (*(str(major / "lib" / name) for name in LIBRARIES), f"/usr/share/postgresql/{major.name}")
    users = "root:x:0:0::/:/bin/sh\npostgres:x:70:70::/:/bin/sh\n"
    files = (("etc/passwd", users), ("etc/group", "postgres:x:70:\n"), ("server.sh", SERVER), ("reader.sh", READER))
    return gzip.compress(shell_archive(*PROGRAMS, *binaries, files=files, trees=trees), 1), major.name


class Rotated(Host):
    """A machine on which the file is in force, and the database has a row."""

    def secret(self) -> str:
        return Path(SECRETS, "wiki_db").read_text()

    def opens(self, password: str) -> bool:
        """Whether the database lets its user in by this password, from another container, and has the row."""
        words = ("psql", "-XAtqw", "-h", "wiki-db", "-U", "wiki", "-d", "wiki", "-c", "SELECT page FROM pages")
        said = ["docker", "-H", f"unix://{self.real.socket}", "exec", "-e", f"PGPASSWORD={password}"]
        done = subprocess.run([*said, "infrakit-wiki-1", *words], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 or "password authentication failed" in done.stderr, done.stderr
        return done.stdout == "front\n"

    def rotate(self, *words: str) -> subprocess.CompletedProcess:
        return self.infrakit("secrets", "rotate", "--yes", *words)

    def is_whole(self, *, old: str, new: str) -> None:
        """One value, everywhere, and nothing of the other."""
        assert self.secret() == new and self.opens(new) and not self.opens(old)
        assert {how for _, _, how in self.found().values()} == {"healthy"}
        assert not os.path.exists(ROTATING)
        kept = os.listdir(SECRETS)
        assert [name for name in kept if name.startswith(".")] == []
        assert self.left_to_do() == []


@pytest.fixture(scope="module")
def host(tmp_path_factory, pyz):
    folder = tmp_path_factory.mktemp("rotate")
    with engine(tmp_path_factory.mktemp("rotated")) as real, fake_registry.registry() as registry:
        layer, major = postgres_layer()
        environment = [f"PATH=/usr/lib/postgresql/{major}/bin:/usr/bin:/bin", "PGHOST=/tmp"]
        server = {"Cmd": ["/bin/sh", "/server.sh"], "Env": environment}
        ready = {**CHECK, "Test": ["CMD", "pg_isready", "-U", "wiki", "-d", "wiki", "-h", "127.0.0.1"]}
        registry.publish("team/postgres", tag="15", contents=[layer], says={**server, "Healthcheck": ready})
        reader = {"Cmd": ["/bin/sh", "/reader.sh"], "Env": environment, "Healthcheck": CHECK}
        registry.publish("team/reader", tag="1", contents=[layer], says=reader)
        publish(registry, "other", WELL, tag="1")
        made = Rotated(real, registry, pyz, folder)
        (folder / "infrakit.yaml").write_text(FILE.format(at=registry.address))
        done = made.infrakit("up", "--yes")
        assert done.returncode == 0, done.stdout + done.stderr
        (folder / "infrakit.yaml").unlink()
        statement = "CREATE TABLE pages (page text); INSERT INTO pages VALUES ('front')"
        real.docker("exec", "infrakit-wiki-db-1", "psql", "-Xq", "-U", "wiki", "-d", "wiki", "-c", statement)
        yield made
    for place in ("/var/lib/infrakit", "/etc/infrakit"):
        subprocess.run(["find", place, "-mindepth", "1", "-delete"], check=True)


def test_a_new_value_is_everywhere_and_the_old_one_nowhere(host):
    old, begun = host.secret(), host.begun()
    shown = host.infrakit("secrets", "rotate", "--dry-run", "wiki_db")
    words = "~ wiki_db: the role wiki of wiki-db; then wiki, wiki-db start anew\n"
    assert (shown.returncode, shown.stdout) == (6, words), shown.stderr
    assert (host.secret(), host.begun()) == (old, begun)
    done = host.rotate("wiki_db")
    assert done.returncode == 0, done.stdout + done.stderr
    assert old not in done.stdout + done.stderr and host.secret() not in done.stdout + done.stderr
    host.is_whole(old=old, new=host.secret())
    after = host.begun()
    assert old != host.secret() and after["other"] == begun["other"]
    assert after["wiki"] != begun["wiki"] and after["wiki-db"] != begun["wiki-db"]


def test_what_nobody_has_spoken_of_needs_a_word_and_starts_its_reader_alone(host):
    begun, old = host.begun(), Path(SECRETS, "wiki_token").read_bytes()
    refused = host.rotate("wiki_token")
    assert refused.returncode == 2 and "secrets rotate --restart wiki_token" in refused.stderr, refused.stderr
    done = host.rotate("--restart", "wiki_token")
    assert done.returncode == 0 and Path(SECRETS, "wiki_token").read_bytes() != old, done.stderr
    after = host.begun()
    assert [name for name in begun if begun[name] != after[name]] == ["wiki"]
    host.is_whole(old="none", new=host.secret())


def test_where_a_reader_does_not_get_well_the_old_value_is_back_everywhere(host):
    old = host.secret()
    only = host.real.socket.parent / "data/volumes/infrakit_wiki-data/_data/only"
    only.write_text(old)
    try:
        done = host.rotate("wiki_db")
    finally:
        only.unlink()
    assert done.returncode == 1 and "wiki_db: it did not go well, and is as it was before: " in done.stderr, done
    host.is_whole(old="none", new=old)


def killed(host, number: int) -> bool:
    """Rotate, and kill that when it has told of so many things; False where it was over before."""
    words = host.words("secrets", "rotate", "--yes", "--json", "wiki_db")
    running = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
    for _ in range(number):
        if not running.stdout.readline():
            running.wait()
            running.stdout.close()
            return False
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    running.stdout.close()
    return True


def whole_again(host, old: str, way: str) -> None:
    """By the next run."""
    begun = os.path.exists(ROTATING)
    if way == "on" and begun:
        done = host.infrakit("resume")
    else:
        done = host.rotate(*(["--back"] if way == "back" else []), *([] if begun else ["wiki_db"]))
    nothing = way == "back" and "no rotation was broken off" in done.stderr
    assert done.returncode == (2 if nothing else 0), done.stdout + done.stderr
    new = host.secret()
    assert way == "on" or nothing or new == old
    host.is_whole(old="none" if new == old else old, new=new)


@pytest.mark.parametrize("way", ["on", "back"])
def test_killed_in_the_middle_it_goes_on_or_back(host, way):
    old = host.secret()
    assert killed(host, 4) and os.path.exists(ROTATING)
    refused = host.infrakit("up", "--yes")
    assert refused.returncode == 2 and re.search("a rotation of secrets was broken off", refused.stderr)
    whole_again(host, old, way)


@pytest.mark.soak
@pytest.mark.parametrize("way", ["on", "back"])
def test_killed_after_each_thing_that_it_tells_it_goes_on_or_back(host, way):
    number = 0
    while True:
        old = host.secret()
        if not killed(host, number):
            break
        whole_again(host, old, way)
        number += 1
    assert number > 8
