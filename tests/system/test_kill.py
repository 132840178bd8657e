"""kill -9 before any call that changes the file system: each file is old or new, and running again completes it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CALLS = "mkdir,rename,unlink,rmdir,write,chmod,fchmod,fsync,syncfs"
BEFORE = "version: 1\ndomain: home.example.org\npattern: monitoring\ntls: {mode: internal}\n"
AFTER = BEFORE + "name: other\nservices: {glances: {enabled: false}}\ntimezone: Europe/Berlin\n"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed"),
]


def compile_there(pyz: Path, folder: Path, *, kill_at: int = 0) -> int:
    """Compile as `infrakit.yaml` in `folder` says; the exit code. kill_at counts calls that change the file system, from 1."""
    words = [sys.executable, "-B", str(pyz), "compile"]
    if kill_at:
        words = ["strace", "-qq", "-o", "/dev/null", "-e", f"trace={CALLS}", "-e", f"inject={CALLS}:signal=KILL:when={kill_at}", *words]
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


def test_a_change_that_is_killed_leaves_whole_files_and_completes_on_the_next_run(pyz, tmp_path):
    old = tree_of(pyz, tmp_path / "old", BEFORE)
    expected = tree_of(pyz, tmp_path / "new", AFTER)
    killed = 0
    while True:
        place = tmp_path / "place"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(tmp_path / "old", place)
        (place / "infrakit.yaml").write_text(AFTER)
        if compile_there(pyz, place, kill_at=killed + 1) == 0:
            break
        killed += 1
        minted = secrets(place)
        for name, content in files(place / "build").items():
            if ".infrakit.new" not in name and ".new/" not in name and not name.endswith(("manifest.pending.json", ".infrakit.tmp")):
                assert content in (old.get(name), expected.get(name)), f"{name} is torn after kill {killed}"
        assert compile_there(pyz, place) == 0, f"does not complete after kill {killed}"
        assert files(place / "build") == expected, f"something is left over after kill {killed}"
        assert minted.items() <= secrets(place).items(), f"minted again after kill {killed}"
    assert killed > 20


def test_a_first_compile_that_is_killed_leaves_nothing_or_all_and_completes_on_the_next_run(pyz, tmp_path):
    expected = tree_of(pyz, tmp_path / "new", AFTER)
    killed = 0
    while True:
        place = tmp_path / "place"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        (place / "infrakit.yaml").write_text(AFTER)
        if compile_there(pyz, place, kill_at=killed + 1) == 0:
            break
        killed += 1
        hosts = {name: content for name, content in files(place / "build").items() if not name.startswith(".")}
        assert hosts in ({}, expected), f"half a tree after kill {killed}"
        assert compile_there(pyz, place) == 0
        assert files(place / "build") == expected, f"something is left over after kill {killed}"
        assert all(secrets(place).values()), f"an empty secret after kill {killed}"
    assert killed > 20
