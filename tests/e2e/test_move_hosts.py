"""An app with a database moves from one machine to another by a stick that is carried between them: killed at every
step, either way, it goes on; its data is identical, and what was left behind is kept until somebody says so."""

import base64

import pytest

from tests.e2e.bed import NETWORK, Host, needs_bed, registry
from tests.e2e.conftest import LIKE_A_MACHINE
from tests.e2e.fresh import Fresh
from tests.e2e.visitor import Visitor

pytestmark = [pytest.mark.slow, pytest.mark.soak, needs_bed]

FILE = """\
version: 1
name: homelab
domain: home.example.org
timezone: Europe/Berlin
tls: {{{{mode: internal}}}}
images: {{{{mirror: "{{mirror}}"}}}}
access: {{{{administrators: [alice]}}}}
hosts:
  core: {{{{pattern: monitoring, profiles: [identity], architecture: amd64, address: {core}}}}}
  shed: {{{{pattern: monitoring, architecture: amd64, address: {shed}}}}}
apps:
  wiki:
    image: "ghcr.io/requarks/wiki:2.5"
    port: 3000
    data: [/wiki/data]
    memory: 512m
    hosts: [core]
    needs: [wiki-db]
  wiki-db:
    image: "docker.io/library/postgres:16.16-alpine"
    user: "70:70"
    memory: 256m
    health: [CMD, pg_isready, -U, wiki, -d, wiki, -h, 127.0.0.1]
    data: [/var/lib/postgresql/data]
    hosts: [core]
    serves: [5432]
    environment: {{{{POSTGRES_USER: wiki, POSTGRES_DB: wiki, POSTGRES_PASSWORD_FILE: /run/secrets/wiki_db}}}}
    secrets: [wiki_db]
"""
STICK = "/mnt/stick"
KILLED = 137
PICTURE = """
cd /var/lib/docker/volumes/homelab_wiki-data/_data && find . -printf '%p %m %U:%G %s %T@ %l\\n' | LC_ALL=C sort
find . -type f -exec sha256sum {} + | LC_ALL=C sort
getfattr -dR -m user . 2>/dev/null || true
"""
PLANT = """
cd /var/lib/docker/volumes/homelab_wiki-data/_data && mkdir -p deep/er && chmod 2750 deep/er
head -c 3000000 /dev/urandom >deep/noise && ln deep/noise deep/same && ln -s noise deep/link
chown 1000:4321 deep/noise && chmod 4755 deep/noise && truncate -s 3M deep/hole && touch -d 2001-02-03 deep/er
"""
ROWS = "SELECT count(*), sum(number), md5(string_agg(page, ',' ORDER BY number)) FROM pages"


def asked(host: Fresh, statement: str) -> str:
    words = "docker exec -i homelab-wiki-db-1 psql -XAtqw -v ON_ERROR_STOP=1 -U wiki -d wiki"
    done = host.host.run(words, feed=statement.encode())
    assert done.code == 0, done.err
    return done.out.strip()


def data(host: Fresh) -> tuple[str, ...]:
    return host.host.run(PICTURE).out, asked(host, ROWS), host.host.run("sha256sum <" + SECRET.format(host.name)).out


SECRET = "/var/lib/infrakit/hosts/{}/secrets/wiki_db"


def has(host: Fresh) -> bool:
    return "homelab-wiki-" in host.host.run("docker ps --format '{{.Names}}'").out


def carry(one: Fresh, other: Fresh) -> None:
    """The stick, and the ticket on it."""
    content = base64.b64decode(one.host.run(f"tar -C {STICK} -cf - . | base64 -w0", 300).out)
    other.host.put("/root/stick.tar", content)
    assert other.host.run(f"rm -rf {STICK}/* && tar -C {STICK} -xf /root/stick.tar && rm /root/stick.tar").code == 0


def killed_all_the_way(host: Fresh, words: str, other: Fresh) -> int:
    """Each run is killed when its first step has begun, or is done; how many were. It is never here and there."""
    for number in range(400):
        kind = ("begin", "done")[number % 2]
        done = host.host.run(f"python3 /run/killer.py {kind} 1 infrakit move {words} --yes --json", 900)
        over = done.code == 2 and number and "no move of wiki is under way" in done.out  # killed after its last word
        assert (over or done.code in (0, KILLED)) and not done.err.count("Traceback"), (
            done.out[-2000:] + done.err[-3000:]
        )
        assert not (has(host) and has(other))
        if over or done.code == 0:
            return number
    raise AssertionError("it never came to its end")


@pytest.fixture(scope="module")
def fleet(pyz):
    registry()
    with Host.start("bookworm", NETWORK, *LIKE_A_MACHINE) as first, Host.start("trixie", NETWORK) as second:
        addresses = {name: host.run("hostname -i").out.strip() for name, host in (("core", first), ("shed", second))}
        file = FILE.format(**addresses)
        core, shed = Fresh(first, pyz, "bookworm", file), Fresh(second, pyz, "trixie", file)
        core.name, shed.name = "core", "shed"
        done = core.install("--host", "core", "--yes")
        assert done.code == 0, done.out[-2000:] + done.err[-3000:] + first.log()
        assert core.infrakit("secrets", "export", "--for", "shed", "--to", "/root/shed.secrets").code == 0
        second.put("/root/shed.secrets", first.run("cat /root/shed.secrets").out.encode(), 0o600)
        assert second.run("cd /root && python3 infrakit.pyz secrets import shed.secrets --yes").code == 0
        done = shed.install("--host", "shed", "--yes")
        assert done.code == 0, done.out[-2000:] + done.err[-3000:] + second.log()
        for host in (first, second):
            host.run(f"mkdir -p {STICK}")
            with open(killer(), "rb") as file:
                host.put("/run/killer.py", file.read())
        assert first.run(PLANT).code == 0
        asked(core, "CREATE TABLE pages (number int, page text)")
        asked(core, "INSERT INTO pages SELECT n, repeat(n::text, 20) FROM generate_series(1, 20000) n")
        yield core, shed


def killer() -> str:
    from pathlib import Path

    return str(Path(__file__).with_name("killer.py"))


def test_killed_at_each_step_it_is_on_the_other_machine_and_then_here_again(fleet):
    core, shed = fleet
    before = data(core)
    kills = {}
    for one, other in ((core, shed), (shed, core)):
        away = f"wiki --to {other.name} --through {STICK} --ticket {STICK}/wiki.move"
        kills[f"away from {one.name}"] = killed_all_the_way(one, away, other)
        assert not has(one) and not has(other)
        carry(one, other)
        kills[f"taken by {other.name}"] = killed_all_the_way(other, f"--take {STICK}/wiki.move", one)
        assert data(other) == before and has(other) and not has(one)
        assert other.infrakit("status").code == 0 and "nothing to change" in other.infrakit("up", "--yes").out
        volumes = one.host.run("docker volume ls -q").out.split()
        assert {"homelab_wiki-data", "homelab_wiki-db-var-lib-postgresql-data"} <= set(volumes), "kept until confirmed"
        early = one.infrakit("move", "wiki", "--confirm", "--dry-run")
        assert f"{other.name} has not said that it has it" in early.out + early.err, early.out + early.err
        carry(other, one)
        kills[f"confirmed by {one.name}"] = killed_all_the_way(one, "wiki --confirm", other)
        assert "homelab_wiki-data" not in one.host.run("docker volume ls -q").out.split()
        assert data(other) == before and one.infrakit("move", "--list").out == "no move is under way\n"
        assert "nothing to change" in one.infrakit("up", "--yes").out
        said = Visitor(core.host).signed_in("wiki")
        assert said, "the core's door leads to where it is"
        for host in (one, other):
            host.host.run(f"rm -rf {STICK}/*")
    print(f"\nkilled: {kills}")


def test_killed_on_its_way_it_is_taken_back(fleet):
    core, shed = fleet
    before = data(core)
    away = f"wiki --to shed --through {STICK} --ticket {STICK}/wiki.move"
    for number in range(1, 60, 4):
        done = core.host.run(f"python3 /run/killer.py begin {number} infrakit move {away} --yes --json", 900)
        assert done.code in (0, KILLED), done.out[-2000:] + done.err[-3000:]
        if "no move" not in core.infrakit("move", "--list").out:
            killed_all_the_way(core, "wiki --back", shed)
        assert "nothing to change" in core.infrakit("up", "--yes").out
        assert data(core) == before and not core.host.run(f"ls {STICK}").out
        if done.code == 0:
            return
    raise AssertionError("it never came to its end")
