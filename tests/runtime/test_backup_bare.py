"""infrakit restore --from, from the built zipapp, on a machine from which all was taken: with a real engine, a real
PostgreSQL and a real restic. Docker is there; in place of systemd stands a script."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from infrakit.stack.backup.bare import HOST_BACK
from infrakit.stack.backup.confirmed import CONFIRMED
from infrakit.stack.backup.sheet import groups_of
from infrakit.stack.layout import CONFIGURATION, CURRENT, RESTORING
from tests.runtime import test_backup
from tests.runtime.test_backup import PLANTED, SECRETS, is_as_before

pytestmark = test_backup.pytestmark
host = test_backup.host
APART = """
docker=$(command -v docker) && mount -t tmpfs none /run && ln -s "$1" /run/docker.sock && shift || exit
mkdir -p /run/bin/up /run/bin/work /run/none /run/systemd/system units && mount --bind units /etc/systemd/system || exit
cp -L "$docker" /run/docker && cp docker systemd-detect-virt /run/bin/up && mount --bind comm /proc/1/comm || exit
mount -t overlay overlay -o lowerdir=/usr/local/bin,upperdir=/run/bin/up,workdir=/run/bin/work /usr/local/bin || exit
mount --bind /run/none /usr/share/bash-completion/completions && mount --bind mnt /mnt || exit
mount --bind systemctl "$(command -v systemctl)" || exit
exec "$@"
"""
"""What an install writes beside the places of test_backup is written to memory; and the machine looks like one with
systemd and an engine of these days."""
LOOKS = {
    "docker": '#!/bin/sh\n[ "$1" = version ] || exec /run/docker "$@"\n'
    "/run/docker \"$@\" | sed 's/20[.]10[.][0-9]*[+a-z0-9]*/28.3.2/g'\n",
    "systemd-detect-virt": "#!/bin/sh\necho none\nexit 1\n",
    "comm": "systemd\n",
}
MACHINE = [word for code in ("memory-far-short", "disk-short", "distribution-untested", "distribution-unknown",
                             "address-missing") for word in ("--accept", code)]  # fmt: skip
PLACES = ("/var/lib/infrakit", "/etc/infrakit")


def words(host, *said: str) -> list[str]:
    program = [sys.executable, str(host.pyz), *said]
    return ["unshare", "--mount", "sh", "-c", APART, "sh", str(host.real.socket), *program]


def bare(host, *said: str) -> subprocess.CompletedProcess:
    clean = {"PATH": os.environ["PATH"], "HOME": str(host.folder), "LANG": "C.UTF-8"}
    return subprocess.run(words(host, *said), cwd=host.folder, env=clean, capture_output=True, text=True, timeout=300)


def restore(host, key: Path, *said: str) -> list[str]:
    return ["restore", "--from", "/mnt/disk", "--key-file", str(key), *MACHINE, *said]


def burn(host) -> None:
    """Nothing is left but the disk of the backups, and the images, which spare the test time."""
    label = "label=com.docker.compose.project=infrakit"
    for kind, more in (("container", ["--all"]), ("volume", []), ("network", [])):
        left = host.real.docker(kind, "ls", "--quiet", *more, "--filter", label).split()
        if left:
            host.real.docker(kind, "rm", *(["--force"] if kind != "network" else []), *left)
    for place in PLACES:
        subprocess.run(["find", place, "-mindepth", "1", "-delete"], check=True)


def left() -> list[str]:
    return sorted(str(path) for place in PLACES for path in Path(place).iterdir())


@pytest.fixture(scope="module")
def paper(host, tmp_path_factory):
    """The groups as somebody typed them."""
    done = host.now()
    assert done.returncode == 0, done.stderr
    for name, text in LOOKS.items():
        (host.folder / name).write_text(text)
        (host.folder / name).chmod(0o755)
    path = tmp_path_factory.mktemp("paper") / "groups"
    path.write_text("\n".join(groups_of(Path(SECRETS, "backup_key").read_bytes())).upper() + "\n")
    return path


@pytest.fixture
def burnt(host, paper):
    """(file, secrets) as they were."""
    secrets = {path.name: (path.read_bytes(), path.stat().st_mode) for path in Path(SECRETS).iterdir()}
    before = Path(CONFIGURATION).read_bytes(), secrets
    burn(host)
    return before


def test_where_something_is_set_up_it_is_refused(host, paper):
    began = host.begun()
    done = bare(host, *restore(host, paper, "--yes"))
    assert done.returncode == 2 and "this machine is set up already" in done.stderr, done.stderr
    assert host.begun() == began and not os.path.exists(RESTORING)


def test_all_of_it_comes_back_as_it_was(host, paper, burnt, tmp_path):
    wrong = tmp_path / "wrong"
    wrong.write_text("another key")
    shut = bare(host, *restore(host, wrong, "--yes"))
    assert shut.returncode == 3 and "is shut with another key" in shut.stderr, shut.stderr
    none = bare(host, "restore", "--from", "/mnt", "--key-file", str(paper), "--yes")
    assert none.returncode == 2 and "there are no backups in /mnt" in none.stderr, none.stderr
    shown = bare(host, *restore(host, paper, "--dry-run"))
    assert shown.returncode == 6 and "+ wiki-db as it was" in shown.stdout, shown.stdout + shown.stderr
    assert [path for path in left() if "undo" not in path] == [] and host.found() == {}
    done = bare(host, *restore(host, paper, "--yes"))
    assert done.returncode == 0, done.stdout + done.stderr
    file, secrets = burnt
    assert Path(CONFIGURATION).read_bytes() == file
    assert {path.name: (path.read_bytes(), path.stat().st_mode) for path in Path(SECRETS).iterdir()} == secrets
    is_as_before(host)
    assert (host.place("pictures") / "file").read_text() == f"{PLANTED} of pictures"
    assert not os.path.exists(HOST_BACK) and not os.path.exists(CONFIRMED)
    assert "begins empty" not in done.stderr and host.left_to_do() == []
    key = secrets["backup_key"][0].decode().split("-")
    assert not [word for word in key if word in done.stdout + done.stderr + shown.stdout]
    again = host.now()
    assert again.returncode == 0, again.stderr


@pytest.mark.soak
def test_killed_at_each_thing_that_it_tells_it_goes_on(host, paper, burnt):
    number = 2
    while True:
        said = words(host, *restore(host, paper, "--yes", "--json"))
        running = subprocess.Popen(
            said, cwd=host.folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
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
        begun = os.path.exists(RESTORING)
        done = bare(host, "resume") if begun and number % 2 else bare(host, *restore(host, paper, "--yes"))
        assert done.returncode == 0 or os.path.exists(CURRENT), done.stdout + done.stderr
        is_as_before(host)
        burn(host)
        number += 4
    is_as_before(host)
    assert number > 8
