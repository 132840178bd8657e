"""What the disk with the backups may come to, from the built zipapp, with a real restic: each damage is named by its
file, with what to do, which is done here as it is said; and nobody who runs is touched."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from infrakit.stack.backup.last import LAST
from infrakit.stack.backup.take import DUMPS, SET
from tests.emit.tree import needs_compose
from tests.runtime.backed import SECRETS, backed, needs_restic
from tests.runtime.engine import needs_engine
from tests.runtime.test_update import ALONE, WELL, publish

pytestmark = [needs_engine, needs_compose, needs_restic]

FILE = (
    ALONE
    + """\
backup: {{to: /mnt/disk}}
apps:
  wiki: {{image: "{at}/team/wiki:1", health: image, data: [/data]}}
"""
)
MINE = ("--host", "infrakit", "--tag", "infrakit")
MOST_ROUNDS = 3
LATER = "2099-01-01T00:00:00Z"


@pytest.fixture(scope="module")
def host(tmp_path_factory, pyz):
    with backed(tmp_path_factory, pyz) as made:
        publish(made.registry, "wiki", WELL, tag="1")
        made.up(FILE)
        (made.place("wiki-data") / "file").write_bytes(os.urandom(200_000))
        done = made.now()
        assert done.returncode == 0, done.stderr
        shutil.copytree(made.to, made.folder / "whole")
        for name, words in (("sudo", 'exec "$@"'), ("infrakit", f'exec {" ".join(made.words()[-2:])} "$@"')):
            (made.folder / "bin").mkdir(exist_ok=True)
            (made.folder / "bin" / name).write_text(f"#!/bin/sh\n{words}\n")
            (made.folder / "bin" / name).chmod(0o755)
        yield made


@pytest.fixture
def disk(host) -> Path:
    """As the first backup left it, and nobody has looked at it since."""
    shutil.rmtree(host.to / "infrakit")
    shutil.copytree(host.folder / "whole/infrakit", host.to / "infrakit")
    Path(LAST).unlink(missing_ok=True)
    return host.to / "infrakit"


def pack_with(kind: str) -> "Callable[[Path], Path]":
    """The largest file that has nothing but blobs of this kind."""

    def find(disk: Path) -> Path:
        words = ["restic", "--repo", disk, "--password-file", f"{SECRETS}/backup_key", "--no-cache", "cat", "index"]
        found = []
        for index in (disk / "index").iterdir():
            said = subprocess.run([*words, index.name], capture_output=True, check=True, timeout=60).stdout
            found += [pack["id"] for pack in json.loads(said)["packs"] if {b["type"] for b in pack["blobs"]} == {kind}]
        return max((disk / "data" / name[:2] / name for name in found), key=lambda path: path.stat().st_size)

    return find


def flip(path: Path) -> None:
    """One byte in its midst."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.chmod(0o600)
    path.write_bytes(content)


def do_as_said(host, remedy: str) -> subprocess.CompletedProcess:
    """Type the commands of it, as root."""
    commands = [part for part in remedy.split("; ") if part.startswith("sudo ")]
    words = host.words()
    script = f"export PATH={host.folder}/bin:$PATH\n" + "\n".join(f"{line} || exit" for line in commands)
    return subprocess.run(
        [*words[:-2], "sh", "-c", script], cwd=host.folder, capture_output=True, text=True, timeout=120
    )


class Case(NamedTuple):
    """Which file, what becomes of it, and words of what is said."""

    file: Callable[[Path], Path]
    becomes: Callable[[Path], None]
    words: str


def one_of(folder: str) -> Callable[[Path], Path]:
    return lambda disk: min((disk / folder).iterdir())


def cut(path: Path) -> None:
    path.chmod(0o600)
    os.truncate(path, 100)


CASES = {
    "config": Case(lambda disk: disk / "config", flip, "is damaged: it opens all"),
    "config gone": Case(lambda disk: disk / "config", Path.unlink, "is missing: it opens all"),
    "key": Case(one_of("keys"), flip, "is damaged: the key that opens all"),
    "index": Case(one_of("index"), flip, "is damaged: the list of what is where"),
    "snapshot": Case(one_of("snapshots"), flip, "is damaged: one part of one backup"),
    "data": Case(pack_with("data"), flip, "is damaged, with data of wiki"),
    "data cut": Case(pack_with("data"), cut, "is damaged, with data of wiki"),
    "data gone": Case(pack_with("data"), Path.unlink, "is missing, with data of wiki"),
    "tree": Case(pack_with("tree"), flip, "is damaged"),
    "tree cut": Case(pack_with("tree"), cut, "is damaged"),
    "tree gone": Case(pack_with("tree"), Path.unlink, "is missing"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_damage_is_named_by_its_file_and_nobody_is_touched(host, disk, name):
    case, began = CASES[name], host.begun()
    file = case.file(disk)
    case.becomes(file)
    done = host.infrakit("backup", "verify", "--all")
    place = f"/mnt/disk/infrakit/{file.relative_to(disk)}"
    assert done.returncode == 1 and f"! {place} {case.words}" in done.stdout, done.stdout + done.stderr
    assert [item["file"] for item in json.loads(Path(LAST).read_text())["damaged"]] == [str(file.relative_to(disk))]
    assert host.begun() == began and host.is_well()


@pytest.mark.soak
@pytest.mark.parametrize("name", CASES)
def test_what_is_said_to_be_done_mends_it(host, disk, name):
    case, rounds = CASES[name], 0
    case.becomes(case.file(disk))
    while (looked := host.infrakit("backup", "verify", "--all")).returncode:
        assert looked.returncode == 1 and rounds < MOST_ROUNDS, looked.stdout + looked.stderr
        remedy = looked.stdout.splitlines()[1].strip()
        done = do_as_said(host, remedy.partition("by: ")[2] or remedy)
        assert done.returncode in (0, 1), done.stdout + done.stderr
        rounds += 1
    assert rounds and host.is_well()
    for path in host.to.glob("*.damaged*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def test_a_part_without_its_snapshot_and_a_dump_without_its_end_are_named(host, disk):
    about, number = json.loads(Path(SET).read_text()), time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    dump, whole = Path(DUMPS, "wiki-db.sql"), Path(SET).read_text()
    dump.parent.mkdir()
    dump.write_text("-- PostgreSQL database cluster dump\n" + "INSERT INTO pages VALUES (1);\n" * 10_000)
    said = host.restic("backup", *MINE, "--tag", f"set={number}", "--tag", "part=db", "--json", str(dump))
    snapshot = json.loads(said.splitlines()[-1])["snapshot_id"]
    gone = {"snapshot": "0123abcd", "volumes": {}, "dumps": {}}
    parts = {"db": {"snapshot": snapshot, "volumes": {}, "dumps": {"wiki-db": str(dump)}}, "page": gone}
    Path(SET).write_text(json.dumps({**about, "set": number, "parts": parts}))
    host.restic("backup", *MINE, "--tag", f"set={number}", "--tag", "host", SET)
    shutil.rmtree(dump.parent)
    Path(SET).write_text(whole)
    done = host.infrakit("backup", "verify")
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"! the database wiki-db in db of the backup {number} has no end\n" in done.stdout, done.stdout
    assert f"! page of the backup {number} is missing: snapshot 0123abcd\n" in done.stdout, done.stdout


def test_another_restic_is_waited_for_and_the_lock_of_one_that_was_killed_goes(host, disk):
    words = ["restic", "--repo", disk, "--password-file", f"{SECRETS}/backup_key", "--no-cache", "backup", "--stdin"]
    quiet, pipe = subprocess.DEVNULL, subprocess.PIPE
    others = [subprocess.Popen(words, stdin=pipe, stdout=quiet, stderr=quiet) for _ in range(2)]
    while len(list((disk / "locks").iterdir())) < 2:
        assert {other.poll() for other in others} == {None}
        time.sleep(0.05)
    others[0].kill()
    others[0].wait()
    running = subprocess.Popen(host.words("backup", "now", "--json"), cwd=host.folder, stdout=pipe, text=True)
    waits = next(line for line in running.stdout if "waits for another restic: process" in line)
    assert f"process {others[1].pid} on {os.uname().nodename}" in waits
    others[1].stdin.close()
    others[1].wait()
    running.communicate()
    others[0].stdin.close()
    assert running.returncode == 0 and list((disk / "locks").iterdir()) == [] and host.is_well()


def test_a_clock_that_is_behind_the_newest_backup_is_named_and_nothing_is_forgotten(host, disk):
    began = host.begun()
    said = host.restic("backup", *MINE, "--tag", f"set={LATER}", "--tag", "host", "--json", SET)
    before = sorted((disk / "snapshots").iterdir())
    done = host.now()
    assert done.returncode == 4 and f"there is a backup of {LATER} already" in done.stderr, done.stderr
    assert "sudo timedatectl set-ntp true" in done.stderr and host.begun() == began
    assert sorted((disk / "snapshots").iterdir()) == before
    assert f"forget {json.loads(said.splitlines()[-1])['snapshot_id'][:8]}" in done.stderr


@pytest.mark.soak
def test_a_disk_that_fills_is_named_who_was_stopped_runs_again_and_with_room_it_goes_well(host, disk):
    (host.place("wiki-data") / "large").write_bytes(os.urandom(24 << 20))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", host.folder / "mnt"], check=True)
    try:
        host.to.mkdir()
        shutil.copytree(host.folder / "whole/infrakit", host.to / "infrakit")
        full = host.now()
        assert full.returncode != 0 and "/mnt/disk/infrakit: no space left" in full.stderr, full.stderr
        assert host.is_well() and not list(Path(DUMPS).parent.glob("dumps"))
        subprocess.run(["mount", "-o", "remount,size=200m", host.folder / "mnt"], check=True)
        again = host.now()
        assert again.returncode == 0, again.stderr
    finally:
        subprocess.run(["umount", host.folder / "mnt"], check=True)
        (host.place("wiki-data") / "large").unlink()


@pytest.mark.soak
def test_a_disk_that_is_pulled_in_the_midst_is_named_who_was_stopped_runs_again_and_the_next_run_goes_well(host, disk):
    (host.place("wiki-data") / "large").write_bytes(os.urandom(64 << 20))
    words, elsewhere = host.words("backup", "now"), host.folder / "elsewhere"
    running = subprocess.Popen(words, cwd=host.folder, stderr=subprocess.PIPE, text=True)
    while host.found()["wiki"][2] == "healthy":
        assert running.poll() is None, "it was over before"
    host.to.rename(elsewhere)
    _, said = running.communicate(timeout=300)
    elsewhere.rename(host.to)
    assert running.returncode not in (0, 70) and "/mnt/disk/infrakit is not there" in said, said
    while {how for _, _, how in host.found().values()} != {"healthy"}:
        time.sleep(0.2)
    again = host.now()
    assert again.returncode == 0 and host.is_well(), again.stderr
    (host.place("wiki-data") / "large").unlink()
