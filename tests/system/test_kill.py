"""kill -9 before any call that changes the file system: the tree is old or new, and running again completes it."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

CALLS = (
    "mkdir",
    "rename",
    "renameat2",
    "linkat",
    "unlink",
    "rmdir",
    "write",
    "chmod",
    "fchmod",
    "fsync",
    "syncfs",
    "flock",
)
MOST_CALLS = 1000
BEFORE = "version: 1\ndomain: home.example.org\npattern: monitoring\ntls: {mode: internal}\n"
AFTER = BEFORE + "services: {glances: {enabled: false}}\ntimezone: Europe/Berlin\n"

pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")]


def compile_there(pyz: Path, folder: Path, *, call: str = "", kill_at: int = 0, failing: tuple[str, ...] = ()) -> int:
    """Compile as `infrakit.yaml` in `folder` says; the exit code. Killed at the `kill_at`th use of `call`, from 1.

    Calls that are `failing` are ones that the file system does not have.
    """
    words = [sys.executable, str(pyz), "compile"]
    if call:
        faults = [f"--inject={call}:signal=KILL:when={kill_at}", *(f"--inject={name}:error=EINVAL" for name in failing)]
        words = ["strace", "-qq", "-o", "/dev/null", f"--trace={','.join([call, *failing])}", *faults, *words]
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


@pytest.fixture(params=[4, pytest.param(1, marks=pytest.mark.soak)], ids=["some kills", "every kill"])
def stride(request) -> int:
    """One kill of so many."""
    return request.param


def every_kill(pyz: Path, place: Path, prepare, stride: int, calls=CALLS, failing: tuple[str, ...] = ()):
    """Yields a name for each call, or one of `stride`, at which a compile in a prepared folder was killed; the caller
    looks at what is left."""
    for call in calls:
        for number in range(1, MOST_CALLS, stride):
            shutil.rmtree(place, ignore_errors=True)
            prepare(place)
            code = compile_there(pyz, place, call=call, kill_at=number, failing=failing)
            if code == 0:
                break
            assert code == -signal.SIGKILL, f"{call} {number}: exit code {code}"
            yield f"{call} {number}"
        else:
            raise AssertionError(f"{call} was used {MOST_CALLS} times")


def trees(place: Path) -> dict[str, bytes]:
    """What stands in the hosts' folders."""
    return {name: content for name, content in files(place / "build").items() if not name.startswith(".")}


@pytest.fixture
def old_and_new(pyz, tmp_path):
    """(the tree before, the tree after, what prepares a folder that holds the first and wants the second)."""
    old = tree_of(pyz, tmp_path / "old", BEFORE)
    mine = tmp_path / "old" / "build" / "infrakit" / "mine"
    mine.mkdir()
    (mine / "note").write_text("not of InfraKit")
    new = tree_of(pyz, tmp_path / "new", AFTER)
    note = {"infrakit/mine/note": b"not of InfraKit"}

    def prepare(place):
        shutil.copytree(tmp_path / "old", place)
        (place / "infrakit.yaml").write_text(AFTER)

    return {**old, **note}, {**new, **note}, prepare


def test_a_change_that_is_killed_leaves_the_old_tree_or_the_new_one_and_completes_on_the_next_run(
    pyz, tmp_path, old_and_new, stride
):
    old, new, prepare = old_and_new
    seen, killed = set(), 0
    for where in every_kill(pyz, tmp_path / "place", prepare, stride):
        killed += 1
        place = tmp_path / "place"
        minted, found = secrets(place), trees(place)
        assert found in (old, new), f"neither tree after {where}"
        seen.add(found == new)
        assert compile_there(pyz, place) == 0, f"does not complete after {where}"
        assert files(place / "build") == new, f"something is left over after {where}"
        assert minted.items() <= secrets(place).items(), f"minted again after {where}"
    assert killed > 40 // stride and (stride > 1 or seen == {True, False})


def test_without_an_exchange_of_names_and_links_no_kill_loses_a_tree(pyz, tmp_path, old_and_new, stride):
    """As on a stick with FAT: for an instant the tree has another name, under which the next run finds it."""
    old, new, prepare = old_and_new
    killed = 0
    for where in every_kill(
        pyz, tmp_path / "place", prepare, stride, ("rename", "unlink", "rmdir"), ("renameat2", "linkat")
    ):
        killed += 1
        place = tmp_path / "place"
        minted, found = secrets(place), trees(place)
        assert found in (old, new, {}), f"neither tree after {where}"
        assert compile_there(pyz, place) == 0, f"does not complete after {where}"
        assert files(place / "build") == new, f"something is left over after {where}"
        assert minted.items() <= secrets(place).items(), f"minted again after {where}"
    assert killed > 20 // stride


def test_a_host_that_leaves_is_there_or_gone(pyz, tmp_path, stride):
    two = BEFORE.replace(
        "pattern: monitoring\n", "hosts:\n  one: {pattern: monitoring}\n  two: {pattern: edge, address: 10.0.0.2}\n"
    )
    one = two.replace("  two: {pattern: edge, address: 10.0.0.2}\n", "")
    old, new = tree_of(pyz, tmp_path / "old", two), tree_of(pyz, tmp_path / "new", one)
    assert new and any(name.startswith("two/") for name in old)

    def prepare(place):
        shutil.copytree(tmp_path / "old", place)
        (place / "infrakit.yaml").write_text(one)

    for where in every_kill(
        pyz, tmp_path / "place", prepare, stride, ("rename", "renameat2", "linkat", "unlink", "rmdir")
    ):
        place = tmp_path / "place"
        left = {name: content for name, content in trees(place).items() if name.startswith("two/")}
        assert left in ({}, {name: content for name, content in old.items() if name.startswith("two/")}), (
            f"half a host after {where}"
        )
        assert compile_there(pyz, place) == 0
        assert files(place / "build") == new, f"something is left over after {where}"


def test_secrets_of_a_host_that_got_another_name_are_with_one_of_the_two_and_then_with_the_new(pyz, tmp_path, stride):
    """None is minted anew beside one that opens data, wherever it was broken off."""
    old_text = "version: 1\ndomain: home.example.org\npattern: full\ntls: {mode: internal}\n"
    new_text = old_text.replace("pattern: full", "hosts: {pi: {pattern: full}}")
    tree_of(pyz, tmp_path / "old", old_text)
    made = {Path(path).name: value for path, value in secrets(tmp_path / "old").items()}
    assert len(made) > 5

    def prepare(place):
        shutil.copytree(tmp_path / "old", place)
        (place / "infrakit.yaml").write_text(new_text)

    for where in every_kill(pyz, tmp_path / "place", prepare, stride, ("mkdir", "rename", "rmdir")):
        place = tmp_path / "place"
        left = [(Path(path).name, value) for path, value in secrets(place).items()]
        assert sorted(left) == sorted(made.items()), f"lost, or twice, after {where}"
        assert compile_there(pyz, place) == 0
        found = {Path(path).name: value for path, value in secrets(place).items() if "/pi/" in path}
        assert found == made and not (place / "build" / "infrakit").exists(), f"not carried after {where}"


def test_a_first_compile_that_is_killed_leaves_nothing_or_all_and_completes_on_the_next_run(pyz, tmp_path, stride):
    expected = tree_of(pyz, tmp_path / "new", AFTER)

    def prepare(place):
        place.mkdir()
        (place / "infrakit.yaml").write_text(AFTER)

    killed = 0
    for where in every_kill(pyz, tmp_path / "place", prepare, stride):
        killed += 1
        place = tmp_path / "place"
        hosts = {name: content for name, content in files(place / "build").items() if not name.startswith(".")}
        assert hosts in ({}, expected), f"half a tree after {where}"
        assert compile_there(pyz, place) == 0
        assert files(place / "build") == expected, f"something is left over after {where}"
        assert all(secrets(place).values()), f"an empty secret after {where}"
    assert killed > 20 // stride
