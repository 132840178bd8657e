"""A role of a real PostgreSQL of the test's own gets another password; in place of `docker exec` stands a script that
runs the command here, as the server's user."""

import os
import pwd
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from infrakit.errors import InfraKitError
from infrakit.plan import Plan, Step, run
from infrakit.stack.roles import Role, RoleTakes, SetRole
from infrakit.system.machine import Machine

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("initdb"), reason="needs root and PostgreSQL (tests/tools/install.sh)"
)
USER = "postgres"
ROLE = Role("wiki-db", 'wi"ki', "postgres")
EXEC = """#!/bin/sh
[ "$1 $2 $3" = "exec --interactive infrakit-wiki-db-1" ] || exit 9
shift 3
printf '%s\\n' "$*" >>{folder}/words
exec setpriv --reuid {user} --regid {group} --clear-groups env PGHOST={folder} PGPORT={port} \
    PATH={folder}/inside:"$PATH" "$@"
"""
ENTRIES = "local all all trust\nhost all all all {}\n"
"""As the image has them, but for 127.0.0.1: from there one comes to 127.0.0.2, too."""


class Server:
    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.log = folder / "log"

    def own(self, *words: object) -> str:
        """What it wrote, by way of a file: a server that it starts would hold a pipe open."""
        said = self.folder / "said"
        with said.open("w") as file:
            done = subprocess.run(
                list(map(str, words)), user=USER, group=USER, cwd=self.folder, stdout=file, stderr=file, timeout=60
            )
        assert done.returncode == 0, said.read_text()
        return said.read_text()

    def sql(self, text: str) -> str:
        return self.own("psql", "-XAtq", "-h", self.folder, "-p", self.port, "-U", USER, "-c", text)

    def let_in(self, how: str) -> None:
        """Strangers, and wait until the server has read so."""
        (self.folder / "data/pg_hba.conf").write_text(ENTRIES.format(how))
        self.sql("SELECT pg_reload_conf()")
        wrong = ["psql", "-Xw", "-h", "127.0.0.2", "-p", str(self.port), "-U", 'wi"ki', "-d", USER, "-c", ""]
        environment = {**os.environ, "PGPASSWORD": "wrong"}
        while (subprocess.run(wrong, env=environment, capture_output=True).returncode == 0) != (how == "trust"):
            time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture(scope="module")
def server():
    """Which writes every statement to its log. Below /tmp, since the folders of tests are root's alone."""
    folder = Path(subprocess.run(["mktemp", "-d"], capture_output=True, text=True, check=True).stdout.strip())
    made, user = Server(folder), pwd.getpwnam(USER)
    os.chown(folder, user.pw_uid, user.pw_gid)
    made.own("initdb", "-D", folder / "data", "-U", USER, "--auth=trust", "--no-sync")
    (folder / "data/pg_hba.conf").write_text(ENTRIES.format("scram-sha-256"))
    (folder / "inside").mkdir()
    (folder / "inside/hostname").write_text("#!/bin/sh\necho 127.0.0.2\n")
    (folder / "inside/hostname").chmod(0o755)
    folder.joinpath("docker").write_text(
        EXEC.format(folder=folder, port=made.port, user=user.pw_uid, group=user.pw_gid)
    )
    folder.joinpath("docker").chmod(0o755)
    folder.chmod(0o755)
    options = f"-k {folder} -p {made.port} -c listen_addresses=127.0.0.2 -c log_statement=all -c fsync=off"
    try:
        made.own("pg_ctl", "-D", folder / "data", "-l", made.log, "-w", "-o", options, "start")
        made.sql("""CREATE ROLE "wi""ki" SUPERUSER LOGIN PASSWORD 'first'""")
        yield made
    finally:
        made.own("pg_ctl", "-D", folder / "data", "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder)


class Here(Machine):
    """This machine, with the script in place of Docker's program."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def run(self, words, **how):
        return super().run((f"{self.folder}/{words[0]}", *words[1:]), **how)


@pytest.fixture
def machine(server):
    return Here(server.folder)


def values(folder: Path, old: bytes, new: bytes) -> tuple[str, str]:
    for name, value in (("old", old), ("new", new)):
        (folder / name).write_bytes(value)
    return str(folder / "new"), str(folder / "old")


def give(machine, value: str, other: str) -> int:
    step = Step("role", "role", (RoleTakes("infrakit", ROLE, value, other),), (SetRole("infrakit", ROLE, value),))
    return run(Plan("rotate", (step,)), machine, lambda event: None, lambda step, action: None)


@pytest.mark.parametrize("new", [b"second", b"a+/b==", rb"with:colon\and'quote", "ä€".encode()])
def test_the_new_password_opens_and_the_old_does_not_and_back(server, machine, tmp_path, new):
    new_path, old_path = values(tmp_path, b"first", new)
    give(machine, old_path, new_path)
    takes_old = RoleTakes("infrakit", ROLE, old_path, new_path)
    assert takes_old.holds(machine) and not RoleTakes("infrakit", ROLE, new_path, old_path).holds(machine)

    assert (give(machine, new_path, old_path), give(machine, new_path, old_path)) == (1, 0)
    assert not takes_old.holds(machine)
    assert give(machine, old_path, new_path) == 1 and takes_old.holds(machine)


def test_no_value_stands_in_arguments_or_in_the_servers_log_nor_stays_in_the_container(server, machine, tmp_path):
    before = set(os.listdir("/tmp"))
    new_path, old_path = values(tmp_path, b"first", b"unspeakable")
    assert give(machine, new_path, old_path) == 1
    said = (server.folder / "words").read_text() + server.log.read_text()
    assert "log_statement" in said and "unspeakable" not in said and "ALTER ROLE" not in said
    assert "SCRAM-SHA-256" not in said
    assert not [name for name in set(os.listdir("/tmp")) - before if name.startswith(".infrakit.")]
    assert give(machine, old_path, new_path) == 1


def test_a_server_that_asks_nobody_for_a_password_is_none_that_took_the_new_one(server, machine, tmp_path):
    new_path, old_path = values(tmp_path, b"first", b"second")
    server.let_in("trust")
    try:
        with pytest.raises(InfraKitError, match="it did not help: not so: the role .* takes this password alone"):
            give(machine, new_path, old_path)
    finally:
        server.let_in("scram-sha-256")
    give(machine, old_path, new_path)


def test_a_role_that_is_not_there_is_told_in_the_servers_words(server, machine, tmp_path):
    new_path, _ = values(tmp_path, b"first", b"second")
    with pytest.raises(InfraKitError, match='role "nobody" does not exist'):
        SetRole("infrakit", Role("wiki-db", "nobody", "postgres"), new_path).do(machine, lambda event: None)


def test_where_the_value_is_gone_the_role_keeps_what_it_takes(server, machine, tmp_path):
    new_path, old_path = values(tmp_path, b"first", b"second")
    give(machine, old_path, new_path)
    os.remove(new_path)
    with pytest.raises(InfraKitError, match="/new is gone"):
        give(machine, new_path, old_path)
    (tmp_path / "new").write_bytes(b"second")
    assert RoleTakes("infrakit", ROLE, old_path, new_path).holds(machine)
