"""infrakit move --all, from the built zipapp, with a real engine, a real PostgreSQL and a real restic: a machine stands
still for good and another one becomes it, or it starts again; also where it was killed in between."""

import json
import os
import random
import stat
from pathlib import Path

import pytest

from infrakit.stack.layout import CONFIGURATION
from infrakit.stack.move.under import WHOLE
from tests.runtime import test_backup
from tests.runtime.pair import SEED, One
from tests.runtime.test_backup import PLANTED, SECRETS, is_as_before
from tests.runtime.test_backup_bare import LOOKS, bare, burn, restore

pytestmark = test_backup.pytestmark
host = test_backup.host


@pytest.fixture(autouse=True, scope="module")
def looks(host):
    for name, text in LOOKS.items():
        (host.folder / name).write_text(text)
        (host.folder / name).chmod(0o755)


def stands_still(host) -> bool:
    return not host.real.docker("ps", "--quiet", "--filter", "label=com.docker.compose.project=infrakit")


def well(done):
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_it_stands_still_for_good_and_starts_again_where_it_is_taken_back(host):
    shown = host.infrakit("move", "--all", "--dry-run")
    assert shown.returncode == 6 and "+ nothing of it runs" in shown.stdout and host.is_well(), shown.stderr
    done = well(host.infrakit("move", "--all", "--yes"))
    assert "restore --from /mnt/disk --host infrakit --at " in done.stdout
    ticket = host.folder / "infrakit.move"
    assert stat.S_IMODE(ticket.stat().st_mode) == 0o600 and stands_still(host)
    for words in (("up", "--yes"), ("restart", "--yes"), ("backup", "now"), ("update", "--yes"), ("rollback", "--yes")):
        refused = host.infrakit(*words)
        assert refused.returncode == 2 and "went to another one" in refused.stderr, refused.stderr
    well(host.infrakit("resume"))
    assert stands_still(host), "nor does it start at boot"
    assert "all of it went to another machine" in host.infrakit("status").stdout
    assert len(json.loads(host.infrakit("move", "--list", "--json").stdout)["moves"]) == 1
    well(host.infrakit("move", "--all", "--back", "--yes"))
    is_as_before(host)
    assert not ticket.exists() and not os.path.exists(WHOLE) and host.left_to_do() == []
    assert host.infrakit("move", "--all", "--back", "--yes").returncode == 2


def test_another_machine_becomes_it_with_all_that_it_had(host):
    secrets = {path.name: (path.read_bytes(), path.stat().st_mode) for path in Path(SECRETS).iterdir()}
    file = Path(CONFIGURATION).read_bytes()
    done = well(host.infrakit("move", "--all", "--yes"))
    at = done.stdout.partition(" --at ")[2].split()[0]
    key = host.folder / "infrakit.move"
    burn(host)
    well(bare(host, *restore(host, key, "--host", "infrakit", "--at", at, "--yes")))
    is_as_before(host)
    assert Path(CONFIGURATION).read_bytes() == file
    assert {path.name: (path.read_bytes(), path.stat().st_mode) for path in Path(SECRETS).iterdir()} == secrets
    assert PLANTED not in done.stdout + done.stderr and key.read_text().strip() not in done.stdout + done.stderr
    key.unlink()
    well(host.now())


def killed(host, number: int, *, goes_on: bool) -> bool:
    """Killed when it has told so many things, gone on with or not, and taken back, which is killed too; whether it came
    so far."""
    came = One.killed(host, number, "move", "--all", "--yes")
    if os.path.exists(WHOLE) and goes_on:
        host.infrakit("resume")
        well(host.infrakit("move", "--all", "--yes"))
        assert stands_still(host) and host.infrakit("up", "--yes").returncode == 2
    if os.path.exists(WHOLE):
        One.killed(host, 1 + number % 4, "move", "--all", "--back", "--yes")
    if os.path.exists(WHOLE):
        well(host.infrakit("move", "--all", "--back", "--yes"))
    is_as_before(host)
    assert host.left_to_do() == [] and not list(host.folder.glob("*.move"))
    return came


def test_killed_once_it_goes_on_and_starts_again(host):
    killed(host, random.Random(SEED).randrange(4, 24), goes_on=True)


@pytest.mark.soak
def test_killed_at_each_thing_that_it_tells_it_goes_on_or_starts_again(host):
    number = 1
    while killed(host, number, goes_on=bool(number % 2)):
        number += 1
    assert number > 8
