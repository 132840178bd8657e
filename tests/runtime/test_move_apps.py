"""infrakit move, from the built zipapp, between two machines with an engine each, a real PostgreSQL and a real restic:
the data is identical, what was left behind is kept until somebody says so, and a kill at any step loses nothing and
starts nothing twice."""

import json
import random
import shutil
import stat
import subprocess
import sys

import pytest

from tests.emit.tree import needs_compose
from tests.ports import own_range
from tests.runtime.backed import needs_restic
from tests.runtime.engine import needs_engine
from tests.runtime.pair import OWN, SEED, One, pair, picture, plant
from tests.runtime.test_backup_bare import APART, LOOKS, MACHINE
from tests.runtime.test_rotate import postgres_layer
from tests.runtime.test_update import CHECK, WELL, publish

pytestmark = [
    needs_engine,
    needs_compose,
    pytest.mark.skipif(not shutil.which("initdb"), reason="needs PostgreSQL (tests/tools/install.sh)"),
    needs_restic,
]

PLANTED = "dies-ist-ein-geheimnis-4711"
APPS = ("wiki", "wiki-db")
DATABASE = "wiki-db-var-lib-postgresql-data"
FILE = """\
version: 1
domain: home.example.org
tls: {{mode: internal}}
network: {{pool: OWN_RANGE}}
services: {{portainer-edge-agent: {{enabled: false}}, dozzle-agent: {{enabled: false}}, caddy: {{enabled: false}}}}
backup: {{to: /mnt/disk, keep: {{daily: 0, weekly: 0, monthly: 0}}}}
volumes: {{pictures: {{}}}}
hosts:   # both in the cellar
  core: {{pattern: edge}}
  shed: {{pattern: edge}}
apps:
  # the family's
  wiki:   # with its pages
    image: "{at}/team/wiki:1"
    health: image
    data: [/data]
    mounts: ["pictures:/pictures"]
    needs: [wiki-db]
  wiki-db:
    image: {at}/team/postgres:15
    serves: [5432]
    data: [/var/lib/postgresql/data]
    environment: {{POSTGRES_USER: wiki, POSTGRES_DB: wiki, POSTGRES_PASSWORD_FILE: /run/secrets/wiki_db}}
    secrets: [wiki_db]
    health: image
  here: {{image: "{at}/team/other:1", health: image, hosts: [core]}}
  there: {{image: "{at}/team/other:1", health: image, hosts: [shed]}}
""".replace("OWN_RANGE", own_range())


def images(registry) -> None:
    layer, major = postgres_layer()
    server = {"Cmd": ["/bin/sh", "/server.sh"]}
    server["Env"] = [f"PATH=/usr/lib/postgresql/{major}/bin:/usr/bin:/bin", "PGHOST=/tmp"]
    ready = {**CHECK, "Test": ["CMD", "pg_isready", "-U", "wiki", "-d", "wiki", "-h", "127.0.0.1"]}
    registry.publish("team/postgres", tag="15", contents=[layer], says={**server, "Healthcheck": ready})
    publish(registry, "wiki", WELL, tag="1")
    publish(registry, "other", WELL, tag="1")


@pytest.fixture(scope="module")
def hosts(tmp_path_factory, pyz):
    with pair(tmp_path_factory, pyz, ("core", "shed"), FILE, images) as made:
        core = made["core"]
        statement = f"CREATE TABLE pages (page text); INSERT INTO pages VALUES ('{PLANTED}')"
        core.real.docker("exec", "infrakit-wiki-db-1", "psql", "-Xq", "-U", "wiki", "-d", "wiki", "-c", statement)
        plant(core.place("wiki-data"))
        plant(core.place("pictures"))
        yield made


def page(host) -> str:
    words = ("psql", "-XAtqw", "-U", "wiki", "-d", "wiki", "-c", "SELECT string_agg(page, ',') FROM pages")
    return host.real.docker("exec", "infrakit-wiki-db-1", *words).strip()


def data(host) -> tuple[str, ...]:
    return picture(host.place("wiki-data")), picture(host.place("pictures")), page(host)


def of_ours(host) -> set[str]:
    names = {f"infrakit_{name}" for name in ("wiki-data", "pictures", DATABASE)}
    return host.volumes() & names


def well(done):
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def sender_of(hosts):
    """(where the apps are, the other one)."""
    (one,) = [host for host in hosts.values() if host.has(*APPS)]
    (other,) = [host for host in hosts.values() if host is not one]
    return one, other


def carry(one, other) -> None:
    shutil.copy2(one.folder / "wiki.move", other.folder / "wiki.move")


def test_what_cannot_be_done_is_refused_and_nothing_is_changed(hosts):
    core, shed = hosts["core"], hosts["shed"]
    began = core.begun()
    for words, code, what in [
        (("wiki", "--to", "barn"), 2, "there is no host barn in the file"),
        (("wiki", "--to", "core"), 2, "this machine is core"),
        (("wikki", "--to", "shed"), 2, "did you mean wiki?"),
        (("there", "--to", "shed"), 2, "there is no app there on core"),
        (("wiki-db", "--to", "shed"), 2, "wiki needs wiki-db, which would go without it"),
        (("wiki", "--to", "shed", "--through", "/mnt/stick"), 3, "/mnt/stick is not there"),
        (("wiki", "--to", "shed", "--ticket", "/nowhere/wiki.move"), 2, "/nowhere is no folder"),
        (("wiki", "--to", "shed", "--ticket", "/etc/hostname"), 2, "/etc/hostname is there already"),
        (("wiki", "--confirm"), 2, "no move of wiki is under way"),
        (("wiki", "--back"), 2, "no move of wiki is under way"),
    ]:
        done = core.infrakit("move", *words, "--yes")
        assert done.returncode == code and what in done.stdout + done.stderr, done.stderr
    shown = core.infrakit("move", "wiki", "--to", "shed", "--dry-run")
    assert shown.returncode == 6, shown.stdout + shown.stderr
    for line in (
        "+ copy wiki-db, wiki",
        "+    hosts: [shed]",
        "with wiki-db, wiki stopped from then on",
        "+ kept here until you confirm: ",
    ):
        assert line in shown.stdout, shown.stdout
    assert core.begun() == began and not core.state("moves").exists() and not list(core.folder.glob("*.move"))
    assert core.infrakit("move", "--list").stdout == "no move is under way\n"
    assert not of_ours(shed)


def test_an_app_goes_with_its_data_and_what_it_left_is_kept_until_somebody_says_so(hosts):
    core, shed = hosts["core"], hosts["shed"]
    before, secret = data(core), core.secrets["wiki_db"]
    began = {host.name: host.begun() for host in hosts.values()}
    gone = well(core.infrakit("move", "wiki", "--to", "shed", "--yes"))
    ticket = core.folder / "wiki.move"
    assert stat.S_IMODE(ticket.stat().st_mode) == 0o600
    assert not core.has(*APPS) and len(of_ours(core)) == 3 and core.begun()["here"] == began["core"]["here"]
    assert core.left_to_do() == [], "the file that is in force has it elsewhere"
    (listed,) = json.loads(core.infrakit("move", "--list", "--json").stdout)["moves"]
    assert (listed["apps"], listed["way"], listed["to"]) == (["wiki-db", "wiki"], "gone", "shed")
    assert "- wiki-db, wiki went to shed, and infrakit_" in core.infrakit("status").stdout
    assert core.infrakit("drift").returncode == 0, "what is kept is nobody's drift"
    (core.folder / "infrakit.yaml").write_text(FILE.format(at=core.registry.address))
    twice = core.infrakit("up", "--yes", "-f", "infrakit.yaml")
    (core.folder / "infrakit.yaml").unlink()
    assert twice.returncode == 3 and "there would be two" in twice.stderr, twice.stderr
    back = core.infrakit("rollback", "--yes")
    assert back.returncode == 3 and "there would be two" in back.stderr, back.stderr
    wrong = core.infrakit("move", "--take", "wiki.move", "--yes")
    assert wrong.returncode == 2 and "is for shed, and this machine is core" in wrong.stderr, wrong.stderr
    early = core.infrakit("move", "wiki", "--confirm", "--dry-run")
    assert "shed has not said that it has it" in early.stderr, early.stderr
    carry(core, shed)
    shown = shed.infrakit("move", "--take", "wiki.move", "--dry-run")
    assert shown.returncode == 6 and "+ fetch wiki" in shown.stdout and not of_ours(shed), shown.stdout + shown.stderr
    taken = well(shed.infrakit("move", "--take", "wiki.move", "--yes"))
    assert shed.runs(*APPS) and data(shed) == before and shed.secrets["wiki_db"] == secret
    assert shed.begun()["there"] == began["shed"]["there"] and shed.left_to_do() == []
    assert (
        not list(shed.state("moves").glob("*.key")) and not (shed.real.socket.parent / "data/infrakit-restore").exists()
    )
    again = well(shed.infrakit("move", "--take", "wiki.move", "--yes"))
    assert "is here already" in again.stdout
    kept = picture(core.place("wiki-data")), picture(core.place("pictures"))
    assert kept == before[:2] and "wiki_db" in core.secrets
    over = well(core.infrakit("move", "wiki", "--confirm", "--yes"))
    assert "shed said at " in over.stderr, over.stderr
    assert not of_ours(core) and "wiki_db" not in core.secrets and not ticket.exists()
    assert not list((core.folder / "mnt/disk").glob("move-*")) and core.left_to_do() == []
    said = "".join(done.stdout + done.stderr for done in (gone, shown, taken, again, over))
    assert secret.decode() not in said and PLANTED not in said
    (shed.folder / "wiki.move").unlink()


def test_taken_back_it_runs_where_it_was_and_the_file_is_as_it_was(hosts):
    one, other = sender_of(hosts)
    before, file = data(one), (one.folder / "etc/infrakit.yaml").read_bytes()
    well(one.infrakit("move", "wiki", "--to", other.name, "--yes"))
    assert not one.has(*APPS)
    done = well(one.infrakit("move", "wiki", "--back", "--yes"))
    assert "is not in the data that is here" in done.stderr, done.stderr
    assert one.runs(*APPS) and data(one) == before and (one.folder / "etc/infrakit.yaml").read_bytes() == file
    assert one.left_to_do() == [] and not list(one.folder.glob("*.move")) and not other.has(*APPS)
    assert one.infrakit("move", "--list").stdout == "no move is under way\n"


def test_data_that_is_on_the_other_host_already_is_never_written_over(hosts):
    one, other = sender_of(hosts)
    well(one.infrakit("move", "wiki", "--to", other.name, "--yes"))
    carry(one, other)
    volume = "infrakit_wiki-data"
    other.real.docker("volume", "create", volume)
    (other.place("wiki-data") / "mine").write_text("mine")
    refused = other.infrakit("move", "--take", "wiki.move", "--yes")
    assert refused.returncode == 3 and f"{volume} is on this machine already" in refused.stderr, refused.stderr
    assert (other.place("wiki-data") / "mine").read_text() == "mine" and not other.has(*APPS)
    other.real.docker("volume", "rm", volume)
    copy = next((hosts["core"].folder / "mnt/disk").glob("move-*"))
    elsewhere = hosts["core"].folder / "elsewhere"
    copy.rename(elsewhere)
    lost = other.infrakit("move", "--take", "wiki.move", "--yes")
    assert lost.returncode != 0 and "is not there" in lost.stderr and not other.has(*APPS), lost.stderr
    assert not other.state("moves/arriving").exists() and other.left_to_do() == []
    elsewhere.rename(copy)
    content = (other.folder / "wiki.move").read_text()
    (other.folder / "wiki.move").write_text(content.replace('"to": "', '"to": "x', 1))
    damaged = other.infrakit("move", "--take", "wiki.move", "--yes")
    assert damaged.returncode == 1 and "is damaged" in damaged.stderr, damaged.stderr
    well(one.infrakit("move", "wiki", "--back", "--yes"))
    (other.folder / "wiki.move").unlink()


def test_what_is_half_taken_in_is_given_up_and_the_file_is_as_it_was(hosts):
    one, other = sender_of(hosts)
    before, file = data(one), (other.folder / "etc/infrakit.yaml").read_bytes()
    well(one.infrakit("move", "wiki", "--to", other.name, "--yes"))
    carry(one, other)
    number = 14
    while True:
        assert other.killed(number, "move", "--take", "wiki.move", "--yes")
        if of_ours(other):
            break
        number += 2
    assert other.infrakit("move", "--list").stdout.startswith("wiki-db, wiki to this machine, since ")
    shown = other.infrakit("move", "wiki", "--back", "--dry-run")
    assert shown.returncode == 6 and "remove the volume infrakit_wiki-data and all in it" in shown.stdout, shown.stderr
    well(other.infrakit("move", "wiki", "--back", "--yes"))
    assert not of_ours(other) and not other.has(*APPS) and other.left_to_do() == []
    assert (other.folder / "etc/infrakit.yaml").read_bytes() == file and not other.state("moves/arriving").exists()
    well(one.infrakit("move", "wiki", "--back", "--yes"))
    assert one.runs(*APPS) and data(one) == before
    (other.folder / "wiki.move").unlink()


def killed_on_its_way(hosts, numbers: tuple[int, int, int], *, resumes: bool) -> bool:
    """All of a move, each half killed when it has told so many things, and gone on with; whether any was."""
    one, other = sender_of(hosts)
    before = data(one)
    away = ("move", "wiki", "--to", other.name, "--yes")
    came = one.killed(numbers[0], *away)
    assert not other.has(*APPS)
    listed = json.loads(one.infrakit("move", "--list", "--json").stdout)["moves"]
    if listed and listed[0]["way"] == "out":
        refused = one.infrakit("up", "--yes")
        assert refused.returncode == 2 and "was broken off" in refused.stderr, refused.stderr
        if resumes:
            one.infrakit("resume")
    well(one.infrakit(*away))
    assert not one.has(*APPS) and len(of_ours(one)) == 3
    carry(one, other)
    take = ("move", "--take", "wiki.move", "--yes")
    came |= other.killed(numbers[1], *take)
    assert not one.has(*APPS)
    if other.state("moves/arriving").exists():
        refused = other.infrakit("up", "--yes")
        assert refused.returncode == 2 and "was broken off" in refused.stderr, refused.stderr
        if resumes:
            other.infrakit("resume")
    well(other.infrakit(*take))
    assert other.runs(*APPS) and data(other) == before and other.left_to_do() == []
    assert not other.state("moves/arriving").exists()
    came |= one.killed(numbers[2], "move", "wiki", "--confirm", "--yes")
    if resumes:
        one.infrakit("resume")
    one.infrakit("move", "wiki", "--confirm", "--yes")
    assert not of_ours(one) and data(other) == before and one.left_to_do() == []
    assert one.infrakit("move", "--list").stdout == "no move is under way\n"
    (other.folder / "wiki.move").unlink()
    return came


def killed_and_taken_back(hosts, number: int) -> bool:
    """A move killed when it has told so many things, and taken back, which is killed too; whether it came so far."""
    one, other = sender_of(hosts)
    before, file = data(one), (one.folder / "etc/infrakit.yaml").read_bytes()
    came = one.killed(number, "move", "wiki", "--to", other.name, "--yes")
    if json.loads(one.infrakit("move", "--list", "--json").stdout)["moves"]:
        one.killed(max(1, number // 2), "move", "wiki", "--back", "--yes")
        if json.loads(one.infrakit("move", "--list", "--json").stdout)["moves"]:
            well(one.infrakit("move", "wiki", "--back", "--yes"))
    well(one.infrakit("up", "--yes"))
    assert one.runs(*APPS) and data(one) == before and (one.folder / "etc/infrakit.yaml").read_bytes() == file
    assert one.infrakit("move", "--list").stdout == "no move is under way\n"
    assert not list(one.folder.glob("*.move")) and not list((hosts["core"].folder / "mnt/disk").glob("move-*"))
    return came


def test_killed_once_in_each_half_it_goes_on(hosts):
    chance = random.Random(SEED)
    killed_on_its_way(hosts, (chance.randrange(8, 26), chance.randrange(6, 30), chance.randrange(1, 6)), resumes=True)


def test_killed_in_the_midst_it_is_taken_back(hosts):
    killed_and_taken_back(hosts, random.Random(SEED).randrange(8, 26))


@pytest.mark.soak
def test_killed_at_each_thing_that_it_tells_it_goes_on(hosts):
    number, came = 1, True
    while came:
        came = killed_on_its_way(hosts, (number, number, number), resumes=bool(number % 2))
        number += 3
    assert number > 20


@pytest.mark.soak
def test_killed_at_each_thing_that_it_tells_it_is_taken_back(hosts):
    number = 1
    while killed_and_taken_back(hosts, number):
        number += 2
    assert number > 10


def nothing_left(host) -> None:
    """As a machine is that InfraKit never saw, but for its engine."""
    for kind, more in (("container", ["--all"]), ("volume", []), ("network", ["--filter", "type=custom"])):
        left = host.real.docker(kind, "ls", "--quiet", *more).split()
        if left:
            host.real.docker(kind, "rm", *(["--force"] if kind != "network" else []), *left)
    for place in ("state", "etc"):
        subprocess.run(["find", host.folder / place, "-mindepth", "1", "-delete"], check=True)


class Bare(One):
    """The same machine, as one that looks fit for an install."""

    def __init__(self, host) -> None:
        super().__init__(host.real, host.registry, host.pyz, host.folder, host.name)
        for name, text in LOOKS.items():
            (self.folder / name).write_text(text)
            (self.folder / name).chmod(0o755)

    def words(self, *words: str) -> list[str]:
        program = [sys.executable, str(self.pyz), *words]
        return ["unshare", "--mount", "sh", "-c", OWN + APART, "sh", str(self.real.socket), *program]


def test_a_machine_that_has_nothing_is_installed_and_takes_them_in(hosts):
    one, other = sender_of(hosts)
    before = data(one)
    nothing_left(other)
    bare, take = Bare(other), ("move", "--take", "wiki.move", *MACHINE)
    well(one.infrakit("move", "wiki", "--to", other.name, "--yes"))
    ticket = one.folder / "wiki.move"
    written = ticket.read_bytes()
    ticket.unlink()
    well(one.infrakit("move", "wiki", "--yes"))
    assert ticket.read_bytes() == written and stat.S_IMODE(ticket.stat().st_mode) == 0o600, "it was lost"
    carry(one, other)
    shown = bare.infrakit(*take, "--dry-run")
    assert shown.returncode == 6 and "+ wiki as it was" in shown.stdout, shown.stdout + shown.stderr
    assert not list((other.folder / "etc").iterdir()) and not other.volumes()
    bare.killed(random.Random(SEED).randrange(4, 40), *take, "--yes")
    well(bare.infrakit(*take, "--yes"))
    assert other.runs(*APPS) and data(other) == before
    assert (other.folder / "etc/infrakit.yaml").read_bytes() == (one.folder / "etc/infrakit.yaml").read_bytes()
    assert "is here already" in well(bare.infrakit(*take, "--yes")).stdout
    well(one.infrakit("move", "wiki", "--confirm", "--yes"))
    assert not of_ours(one) and data(other) == before
