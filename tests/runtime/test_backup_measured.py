"""How long a backup takes, beside restic alone and tar with zstd over the same files on the same disk in the same run;
a drill beside a restore; and for how long who is stopped stands still. Printed, and held to nothing: machines differ.
"""

import json
import os
import random
import shutil
import subprocess
import time
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from tests.emit.tree import needs_compose
from tests.runtime.backed import SECRETS, Backed, backed, needs_restic
from tests.runtime.engine import needs_engine
from tests.runtime.test_update import ALONE, WELL, publish

pytestmark = [
    needs_engine,
    needs_compose,
    needs_restic,
    pytest.mark.skipif(not shutil.which("zstd"), reason="needs zstd (tests/tools/install.sh)"),
]
MEGABYTES = int(os.environ.get("INFRAKIT_MEGABYTES", "500"))
FILE = (
    ALONE
    + """\
backup: {{to: /mnt/disk}}
apps:
  wiki: {{image: "{at}/team/wiki:1", health: image, data: [/data]}}
"""
)
WORDS = [f"{number:x}" for number in range(5000)]


@pytest.fixture(scope="module")
def host(tmp_path_factory, pyz):
    with backed(tmp_path_factory, pyz) as made:
        publish(made.registry, "wiki", WELL, tag="1")
        made.up(FILE)
        fill(made.place("wiki-data"))
        yield made


def fill(folder: Path) -> None:
    """Half of it pictures, that nothing packs smaller, and half text, in files of all sizes."""
    chance, left = random.Random(1), MEGABYTES << 20
    while left > 0:
        size = min(left, int(chance.paretovariate(0.7) * 4000))
        place = folder / f"{left % 97}"
        place.mkdir(exist_ok=True)
        is_text = chance.random() < 0.5
        content = " ".join(chance.choices(WORDS, k=size // 4)).encode() if is_text else chance.randbytes(size)
        (place / str(left)).write_bytes(content)
        left -= len(content) or 1


@contextmanager
def timed(table: "dict[str, float]", name: str):
    subprocess.run(["sync"], check=True)
    Path("/proc/sys/vm/drop_caches").write_text("3\n")
    began = time.monotonic()
    yield
    table[name] = time.monotonic() - began


def whole(done: subprocess.CompletedProcess) -> subprocess.CompletedProcess:
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def stood_still(host: Backed) -> float:
    """Seconds between the last stop of the app and its start."""
    state = json.loads(host.real.docker("inspect", "infrakit-wiki-1"))[0]["State"]
    began, ended = (
        datetime.fromisoformat(state[key][:26].rstrip("Z") + "+00:00") for key in ("StartedAt", "FinishedAt")
    )
    return (began - ended).total_seconds()


@pytest.mark.soak
def test_measured(host, tmp_path):
    table: dict[str, float] = {}
    data = str(host.place("wiki-data"))
    alone = ["restic", "--repo", str(host.folder / "alone"), "--password-file", f"{SECRETS}/backup_key", "--no-cache"]
    with timed(table, "tar | zstd -3"):
        subprocess.run(f"tar c {data} | zstd -3 -q -o {host.folder}/one.tar.zst", shell=True, check=True)
    subprocess.run([*alone, "init", "-q"], check=True)
    for name in ("first", "unchanged"):
        with timed(table, f"restic alone, {name}"):
            subprocess.run([*alone, "backup", "-q", data], check=True)
        with timed(table, f"infrakit backup now, {name}"):
            whole(host.now())
        table[f"of that wiki stood still, {name}"] = stood_still(host)
    with timed(table, "restic restore --verify alone"):
        subprocess.run([*alone, "restore", "-q", "latest", "--target", tmp_path / "alone", "--verify"], check=True)
    with timed(table, "infrakit restore"):
        whole(host.infrakit("restore", "--yes", "--without-backup"))
    with timed(table, "infrakit backup drill"):
        whole(host.infrakit("backup", "drill"))
    print(f"\n{MEGABYTES} MB, {sum(1 for path in Path(data).rglob('*') if path.is_file())} files")
    for name, seconds in table.items():
        print(f"{seconds:8.1f} s  {name}")
    assert all(table.values())
