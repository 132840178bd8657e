"""kill -9 before any call that changes the file system: each file is old or new, and running again completes it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CALLS = ("mkdir", "rename", "unlink", "rmdir", "write", "chmod", "fchmod", "fsync", "syncfs", "flock")
BEFORE = "version: 1\ndomain: home.example.org\npattern: monitoring\ntls: {mode: internal}\n"
AFTER = BEFORE + "services: {glances: {enabled: false}}\ntimezone: Europe/Berlin\n"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed"),
]


def compile_there(pyz: Path, folder: Path, *, call: str = "", kill_at: int = 0) -> int:
    """Compile as `infrakit.yaml` in `folder` says; the exit code. Killed at the `kill_at`th use of `call`, from 1."""
    words = [sys.executable, str(pyz), "compile"]
    if call:
        words = ["strace", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={kill_at}", *words]
    environment = {"PATH": os.environ["PATH"]}
    if os.geteuid():
        environment["XDG_CACHE_HOME"] = str(folder.parent / "cache")
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True).returncode


def files(folder: Path) -> dict[str, bytes]:
    """Path -> content of a tree, without its secrets."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_file() and "secrets" not in path.parts and not name.endswith(".infrakit.stamp"):
            found[name] = path.read_bytes()
    return found


def secrets(folder: Path) -> dict[str, bytes]:
    """The secrets of a tree, whole ones only: what has its name is believed."""
    return {str(path): path.read_bytes() for path in folder.glob("build/*/secrets/[a-z]*")}


def tree_of(pyz: Path, folder: Path, text: str) -> dict[str, bytes]:
    folder.mkdir(exist_ok=True)
    (folder / "infrakit.yaml").write_text(text)
    assert compile_there(pyz, folder) == 0
    return files(folder / "build")


def every_kill(pyz: Path, place: Path, prepare):
    """Yields a name for each call at which a compile in a prepared folder was killed; the caller looks at what is left."""
    for call in CALLS:
        number = 0
        while True:
            shutil.rmtree(place, ignore_errors=True)
            prepare(place)
            number += 1
            if compile_there(pyz, place, call=call, kill_at=number) == 0:
                break
            yield f"{call} {number}"


def test_a_change_that_is_killed_leaves_whole_files_and_completes_on_the_next_run(pyz, tmp_path):
    old = tree_of(pyz, tmp_path / "old", BEFORE)
    expected = tree_of(pyz, tmp_path / "new", AFTER)

    def prepare(place):
        shutil.copytree(tmp_path / "old", place)
        (place / "infrakit.yaml").write_text(AFTER)

    killed = 0
    for where in every_kill(pyz, tmp_path / "place", prepare):
        killed += 1
        place = tmp_path / "place"
        minted = secrets(place)
        for name, content in files(place / "build").items():
            if ".new/" not in name and not name.endswith(("manifest.pending.json", ".infrakit.tmp")):
                assert content in (old.get(name), expected.get(name)), f"{name} is torn after {where}"
        assert compile_there(pyz, place) == 0, f"does not complete after {where}"
        assert files(place / "build") == expected, f"something is left over after {where}"
        assert minted.items() <= secrets(place).items(), f"minted again after {where}"
    assert killed > 40


def test_a_first_compile_that_is_killed_leaves_nothing_or_all_and_completes_on_the_next_run(pyz, tmp_path):
    expected = tree_of(pyz, tmp_path / "new", AFTER)

    def prepare(place):
        place.mkdir()
        (place / "infrakit.yaml").write_text(AFTER)

    killed = 0
    for where in every_kill(pyz, tmp_path / "place", prepare):
        killed += 1
        place = tmp_path / "place"
        hosts = {name: content for name, content in files(place / "build").items() if not name.startswith(".")}
        assert hosts in ({}, expected), f"half a tree after {where}"
        assert compile_there(pyz, place) == 0
        assert files(place / "build") == expected, f"something is left over after {where}"
        assert all(secrets(place).values()), f"an empty secret after {where}"
    assert killed > 20
