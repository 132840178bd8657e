"""infrakit update, from the built zipapp, with a real engine and a registry whose tags move: forward where all stays
well, and back with image, data, file and lock where it does not, whatever comes in between."""

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from infrakit.cli.update import need_room
from infrakit.errors import MachineUnfit
from infrakit.stack.change import aside, update
from infrakit.stack.change.aside import Data, room
from infrakit.stack.layout import BEGUN, CONFIGURATION, CURRENT, LOCKED, UPDATING
from infrakit.stack.wire.doors import Door
from tests.emit.tree import needs_compose
from tests.ports import own_range
from tests.runtime.engine import FOR_EVER, engine, needs_engine, shell_archive
from tests.runtime.test_start import Local
from tests.system import fake_registry
from tests.system.fake_registry import reset

pytestmark = [needs_engine, needs_compose]

ALONE = """\
version: 1
domain: home.example.org
pattern: edge
tls: {{mode: internal}}
services: {{portainer-edge-agent: {{enabled: false}}, dozzle-agent: {{enabled: false}}, caddy: {{enabled: false}}}}
"""
"""A machine on which apps run, and nothing else; to be formatted."""
FILE = (
    ALONE
    + f"network: {{{{pool: {own_range()}}}}}\n"
    + """\
apps:
  wiki:   # with its pages
    image: "{at}/team/wiki:1.0.0"  # its releases: https://wiki.example.org
    health: image
    data: [/data]
  chat: {{image: {at}/team/chat:stable, health: image}}
"""
)
WELL = f": >/tmp/ready; {FOR_EVER}"
DIES = "rm -f /data/pages; echo 'broken' >/data/other; sleep 1; echo 'cannot migrate' >&2; exit 3"
FALLS = ": >/tmp/ready; echo 'broken' >/data/pages; sleep 4; exit 4"
SECOND = 10**9
CHECK = {
    "Test": ["CMD", "/bin/sh", "-c", "[ -e /tmp/ready ]"],
    "Interval": 2 * SECOND,
    "Timeout": 30 * SECOND,
    "Retries": 3,
}
IN_ITS_PLACES = """
mount -t tmpfs none /run && ln -s "$1" /run/docker.sock && shift || exit
mkdir -p units && mount --bind units /etc/systemd/system || exit
[ ! -e mnt ] || mount --bind mnt /mnt || exit
[ ! -e certs ] || mount --bind certs /etc/ssl/certs || exit
[ ! -e systemctl ] || mount --bind systemctl "$(command -v systemctl)" || exit
exec "$@"
"""


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    with engine(tmp_path_factory.mktemp("update")) as made:
        yield made


@pytest.fixture
def registry():
    with fake_registry.registry() as made:
        yield made


def publish(registry, name: str, script: str, *, tag: str) -> None:
    """No engine has seen it yet."""
    files = (("run.sh", script), ("number", os.urandom(8).hex()))
    shell = gzip.compress(shell_archive("/bin/rm", files=files), 1)
    says = {"Cmd": ["/bin/sh", "/run.sh"], "Healthcheck": CHECK}
    registry.publish(f"team/{name}", tag=tag, contents=[shell], says=says)


class Host:
    """A machine on which the file is in force, wiki has a page, and a lock stands beside it."""

    def __init__(self, real, registry, pyz, folder: Path) -> None:
        self.real, self.registry, self.pyz, self.folder = real, registry, pyz, folder
        self.before = ()

    def words(self, *words: str) -> list[str]:
        program = [sys.executable, str(self.pyz), *words]
        return ["unshare", "--mount", "sh", "-c", IN_ITS_PLACES, "sh", str(self.real.socket), *program]

    def infrakit(self, *words: str) -> subprocess.CompletedProcess:
        clean = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "LANG": "C.UTF-8"}
        return subprocess.run(
            self.words(*words), cwd=self.folder, env=clean, capture_output=True, text=True, timeout=300
        )

    def update(self, *words: str) -> subprocess.CompletedProcess:
        return self.infrakit("update", "--yes", "--watch", "2", *words)

    def found(self) -> dict[str, tuple[str, str, str]]:
        """App -> image, its ID, and how it is."""
        words = ["docker", "-H", f"unix://{self.real.socket}", "inspect"]
        names = self.real.docker("ps", "--all", "--quiet").split()
        # It says what it finds; one may have gone meanwhile.
        found = json.loads(subprocess.run([*words, *names], capture_output=True, timeout=60).stdout)
        return {
            item["Config"]["Labels"]["com.docker.compose.service"]: (
                item["Config"]["Image"].rpartition("/")[2],
                item["Image"],
                item["State"].get("Health", {}).get("Status", item["State"]["Status"]),
            )
            for item in found
            if "com.docker.compose.service" in item["Config"]["Labels"]
        }

    def begun(self) -> dict[str, str]:
        """App -> when its container began."""
        label = "com.docker.compose.service"
        names = self.real.docker("ps", "--all", "--quiet", "--filter", f"label={label}").split()
        found = json.loads(self.real.docker("inspect", *names))
        return {item["Config"]["Labels"][label]: item["State"]["StartedAt"] for item in found}

    @property
    def volume(self) -> Path:
        return self.real.socket.parent / "data/volumes/infrakit_wiki-data/_data"

    def data(self) -> dict[str, str]:
        return {path.name: path.read_text() for path in self.volume.iterdir()}

    def aside(self) -> list[str]:
        place = self.real.socket.parent / "data/infrakit-aside"
        return sorted(f"{path.name}" for folder in place.glob("*") for path in folder.iterdir())

    def left_to_do(self) -> list[str]:
        """What `up` would do: it has not been told that this file took the place of another one."""
        return [step["name"] for step in json.loads(self.infrakit("plan", "--json").stdout)["steps"]]

    def state(self) -> tuple:
        """All that must be as it was where an update does not go well."""
        files = [Path(path).read_bytes() for path in (CONFIGURATION, LOCKED)]
        return (*files, self.data(), self.found(), os.readlink(CURRENT), os.path.exists(UPDATING))


@pytest.fixture
def host(real, registry, pyz, tmp_path):
    for name, tag in (("wiki", "1.0.0"), ("chat", "stable")):
        publish(registry, name, WELL, tag=tag)
    made = Host(real, registry, pyz, tmp_path)
    (tmp_path / "infrakit.yaml").write_text(FILE.format(at=registry.address))
    for words in (("lock",), ("up", "--yes")):
        done = made.infrakit(*words)
        assert done.returncode == 0, done.stdout + done.stderr
    (tmp_path / "infrakit.yaml").unlink()
    (made.volume / "pages").write_text("many\n")
    made.before = made.state()
    yield made
    for kind, more in (("container", ["--all"]), ("volume", [])):
        left = real.docker(kind, "ls", "--quiet", *more, "--filter", "label=com.docker.compose.project=infrakit")
        if left:
            real.docker(kind, "rm", "--force", *left.split())
    subprocess.run(["rm", "-rf", str(real.socket.parent / "data/infrakit-aside")], check=True)
    for place in ("/var/lib/infrakit", "/etc/infrakit"):
        subprocess.run(["find", place, "-mindepth", "1", "-delete"], check=True)


def test_a_newer_tag_of_the_line_and_a_moved_one_come_into_force(host, registry):
    publish(registry, "wiki", WELL, tag="1.1.0")
    publish(registry, "wiki", DIES, tag="2.0.0")
    publish(registry, "chat", f"{WELL} # newer", tag="stable")
    shown = host.infrakit("update", "--dry-run")
    assert shown.returncode == 6 and host.state() == host.before, shown.stderr
    assert "wiki:1.0.0 -> " in shown.stdout and "put aside first, with wiki stopped: infrakit_wiki-data" in shown.stdout
    done = host.update()
    assert done.returncode == 0, done.stdout + done.stderr
    after = host.found()
    assert after["wiki"][::2] == ("wiki:1.1.0", "healthy") and after["chat"][::2] == ("chat:stable", "healthy")
    assert after["chat"][1] != host.before[3]["chat"][1] and host.data() == {"pages": "many\n"}
    file = FILE.format(at=registry.address).replace("wiki:1.0.0", "wiki:1.1.0")
    assert Path(CONFIGURATION).read_text() == file
    assert registry.digest("team/chat", "stable").encode() in Path(LOCKED).read_bytes()
    assert host.aside() == [".whole", "infrakit_wiki-data"] and not os.path.exists(UPDATING)
    again = host.update()
    assert (again.returncode, again.stdout) == (0, "nothing to update\n")
    assert host.left_to_do() == ["file /etc/infrakit/.installed.json"]


@pytest.mark.parametrize("script", [DIES, FALLS], ids=["never well", "well for a while"])
def test_what_does_not_go_well_goes_back_with_its_data_and_others_move(host, registry, script):
    publish(registry, "wiki", script, tag="1.1.0")
    publish(registry, "chat", f"{WELL} # newer", tag="stable")
    done = host.infrakit("update", "--yes", "--watch", "6")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "wiki did not go well and is as it was before: " in done.stderr
    assert "chat: is up to date\n" in done.stdout
    assert host.data() == {"pages": "many\n"} and host.aside() == []
    assert host.found()["wiki"] == host.before[3]["wiki"]
    assert Path(CONFIGURATION).read_bytes() == host.before[0]
    assert host.found()["chat"][1] != host.before[3]["chat"][1]


def test_a_moved_tag_that_does_not_go_well_goes_back_without_the_registry(host, registry):
    publish(registry, "chat", "sleep 1; exit 3", tag="stable")

    def last(answer, content) -> None:
        registry.always["manifest"] = registry.always["layer"] = reset
        answer.send(200, content, {})

    registry.faults["layer"] = [last]
    done = host.update("chat")
    assert done.returncode == 1 and "chat did not go well and is as it was before" in done.stderr, done.stderr
    assert host.state() == host.before


def test_a_registry_that_goes_away_in_the_middle_leaves_everything_as_it_was(host, registry):
    publish(registry, "wiki", f"{WELL} # newer", tag="1.1.0")
    registry.always["layer"] = fake_registry.status(403, "denied")
    done = host.update("wiki")
    assert done.returncode == 4 and "wiki:1.1.0" in done.stderr, done.stderr
    assert host.state() == host.before
    registry.always["manifest"] = reset
    gone = host.update("wiki")
    assert host.update("wikki").returncode == 2
    assert gone.returncode == 1 and gone.stdout == "nothing to update\n" and host.state() == host.before


def test_a_tag_that_is_not_there_for_this_processor_yet_stays_and_others_move(host, registry):
    registry.publish("team/wiki", tag="1.1.0", architecture="arm64", listed=True)
    publish(registry, "chat", f"{WELL} # newer", tag="stable")
    done = host.update()
    assert done.returncode == 1 and "team/wiki:1.1.0: it is not made for amd64, but for arm64" in done.stderr, done
    assert host.found()["chat"][1] != host.before[3]["chat"][1]
    assert host.found()["wiki"] == host.before[3]["wiki"] and Path(CONFIGURATION).read_bytes() == host.before[0]


def test_data_that_has_no_room_beside_it_is_not_touched(host, monkeypatch):
    machine, data = Local(str(host.real.socket)), Data(("infrakit_wiki-data",), ("wiki",))
    takes, free = room(machine, data)
    assert 0 < takes < 1 << 20 < free
    need_room(machine, data)
    monkeypatch.setattr(aside, "SPARE_BYTES", 1 << 60)  # others make and free room meanwhile
    with pytest.raises(MachineUnfit, match="of data are to be put aside, and .*/data has room for 0") as refused:
        need_room(machine, data)
    assert refused.value.exit_code == 3 and host.state() == host.before


def test_a_door_that_answered_before_has_to_go_on_answering(real, tmp_path, monkeypatch):
    """A server on this machine stands in for Caddy."""
    monkeypatch.setattr(update, "SILENCE_S", 1)
    with fake_registry.registry(fake_registry.certificates(tmp_path)) as caddy:
        door = Door("wiki.example.org", int(caddy.address.rpartition(":")[2]), "127.0.0.1", "public", "")
        steady = update.Steady("infrakit", (), (door,), 1)
        steady.do(Local(str(real.socket)), lambda event: None)
    with pytest.raises(MachineUnfit, match="wiki.example.org answered before, and does not now"):
        steady.do(Local(str(real.socket)), lambda event: None)


@pytest.fixture
def by_itself(host):
    """The file lets all of it move. In place of systemd stands a script that nods."""
    stand_in, said = host.folder / "systemctl", host.folder / "systemctl.said"
    stand_in.write_text(f"#!/bin/sh\necho $* >>{said}\n")
    stand_in.chmod(0o755)
    for key, value in (("automatic", "all"), ("window", "00:00"), ("minimum_age", "0h")):
        done = host.infrakit("set", "-f", CONFIGURATION, f"updates.{key}", value)
        assert done.returncode == 0, done.stderr
    done = host.infrakit("up", "--yes")
    assert done.returncode == 0, done.stderr
    assert "enable infrakit-update.timer" in said.read_text().splitlines()
    assert (host.folder / "units/infrakit-update.service").exists()


def test_by_itself_what_went_back_is_not_tried_again_until_there_is_another(host, registry, by_itself):
    publish(registry, "wiki", "sleep 1; exit 3", tag="1.1.0")
    publish(registry, "chat", f"{WELL} # newer", tag="stable")
    done = host.infrakit("update", "--automatic", "--watch", "2")
    assert done.returncode == 1 and "wiki did not go well and is as it was before: " in done.stderr, done.stderr
    after = host.found()
    assert after["chat"][1] != host.before[3]["chat"][1] and after["wiki"] == host.before[3]["wiki"]
    again = host.infrakit("update", "--automatic")
    assert (again.returncode, again.stdout) == (0, "nothing to update\n")
    left = "wiki:1.1.0 is left: it was taken back before; infrakit update SERVICE tries it again\n"
    assert again.stderr.endswith(f"/team/{left}") and host.found() == after
    publish(registry, "wiki", WELL, tag="1.1.0")
    done = host.infrakit("update", "--automatic", "--watch", "2")
    assert done.returncode == 0 and host.found()["wiki"][::2] == ("wiki:1.1.0", "healthy"), done.stderr


def test_by_itself_who_is_excepted_moves_only_where_he_is_named(host, registry, by_itself):
    assert host.infrakit("set", "-f", CONFIGURATION, "updates.except", "[chat]").returncode == 0
    assert host.infrakit("up", "--yes").returncode == 0
    publish(registry, "chat", f"{WELL} # newer", tag="stable")
    before = host.found()
    done = host.infrakit("update", "--automatic", "--watch", "2")
    assert done.returncode == 0 and "chat:stable is left: updates.except names chat\n" in done.stderr, done.stderr
    assert host.found() == before
    done = host.infrakit("update", "chat", "--yes", "--watch", "2")
    assert done.returncode == 0 and host.found()["chat"][1] != before["chat"][1], done.stderr


def killed(host, when, *words: str) -> None:
    """Begin that, and kill it as soon as something is so."""
    running = subprocess.Popen(
        host.words(*words, "--yes"),
        cwd=host.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while not when():
            assert running.poll() is None
            time.sleep(0.05)
    finally:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()


def begun(host) -> bool:
    return os.path.exists(UPDATING)


def stopped(host) -> bool:
    return host.found()["wiki"][2] == "exited" or "infrakit_wiki-data" in host.aside()


def starts(host) -> bool:
    return host.found().get("wiki", ("",))[0] == "wiki:1.1.0"


def watched(host) -> bool:
    return starts(host) and host.found()["wiki"][2] == "healthy"


@pytest.mark.parametrize(
    ("when", "way"),
    [
        *((starts, "bad"), (starts, "on"), (watched, "back")),
        *(pytest.param(*how, marks=pytest.mark.soak) for how in ((begun, "on"), (stopped, "back"), (watched, "on"))),
    ],
)
def test_an_update_that_was_killed_goes_on_or_back(host, registry, when, way):
    publish(registry, "wiki", FALLS if way == "bad" else WELL, tag="1.1.0")
    killed(host, lambda: when(host), "update", "--watch", "60", "wiki")
    assert host.infrakit("up", "--yes").returncode == 2
    other = host.infrakit("update", "--yes", "chat")
    assert other.returncode == 2 and "an update of wiki was broken off, and chat is another" in other.stderr
    again = ["update", "--yes", "--watch", "6"]
    done = host.infrakit(*{"on": ["resume"], "bad": again, "back": [*again, "--back"]}[way])
    assert "an update of wiki was broken off; going " in done.stderr
    assert not os.path.exists(UPDATING)
    if way == "on":
        assert done.returncode == 0, done.stderr
        assert host.found()["wiki"][::2] == ("wiki:1.1.0", "healthy") and host.data() == {"pages": "many\n"}
        assert host.left_to_do() == ["file /etc/infrakit/.installed.json"]
    else:
        assert done.returncode == (0 if way == "back" else 1), done.stderr
        assert host.state() == host.before and host.aside() == []


def test_a_change_that_was_killed_is_finished(host):
    done = host.infrakit("set", "-f", CONFIGURATION, "apps.wiki.environment.COLOUR", "blue")
    assert done.returncode == 0, done.stderr
    killed(host, lambda: host.found().get("wiki") != host.before[3]["wiki"], "up")
    assert os.path.exists(BEGUN) and os.readlink(CURRENT) == host.before[4]
    done = host.infrakit("resume")
    assert done.returncode == 0 and "going on with: infrakit up -f /etc/infrakit/infrakit.yaml" in done.stderr, done
    assert host.left_to_do() == [] and os.readlink(CURRENT) != host.before[4] and not os.path.exists(BEGUN)
    assert host.infrakit("resume").stdout == "nothing was broken off\n"
    Path(BEGUN).write_text('["uninstall", "--purge"]')
    refused = host.infrakit("resume")
    assert refused.returncode == 1 and "was written by another InfraKit, or damaged" in refused.stderr
    os.remove(BEGUN)
    other = host.folder / "other.yaml"
    other.write_text(Path(CONFIGURATION).read_text())
    process = host.real.docker("inspect", "--format", "{{.State.Pid}}", "infrakit-wiki-1")
    os.kill(int(process), signal.SIGSTOP)  # so its stop takes all of its grace
    killed(host, lambda: os.path.exists(BEGUN), "down", "-f", "other.yaml")
    assert json.loads(Path(BEGUN).read_text()) == ["down", "-f", str(other), "--yes"]
    assert host.infrakit("resume").returncode == 0 and not os.path.exists(BEGUN) and host.found() == {}
