"""Same input, same bytes: whatever Python, hash seed, locale, time zone, umask and folder; checkout and zipapp."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def pythons() -> dict[str, str]:
    """The interpreters of this machine that we promise to run on."""
    found = {"this": sys.executable}
    for version in ("3.10", "3.11", "3.12", "3.13", "3.14"):
        for candidate in sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python3")):
            found[version] = str(candidate)
        found.setdefault(version, shutil.which(f"python{version}") or "")
    return {name: path for name, path in found.items() if path}


def digest(folder: Path) -> str:
    whole = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != ".infrakit.stamp":
            whole.update(f"{path.relative_to(folder)} {path.stat().st_mode:o} ".encode() + path.read_bytes())
    return whole.hexdigest()


def tree(command: list[str], cwd: Path, umask: int = 0o022, **environment: str) -> str:
    clean = {"PATH": os.environ["PATH"], "HOME": str(cwd), **environment}
    for name in ("full", "hybrid"):
        subprocess.run(
            [*command, "compile", "--example", name, "--no-secrets", "-o", f"out/{name}"],
            cwd=cwd,
            env=clean,
            check=True,
            umask=umask,
            capture_output=True,
        )
    return digest(cwd / "out")


@pytest.fixture(scope="module")
def reference(pyz, tmp_path_factory) -> str:
    return tree([sys.executable, str(pyz)], tmp_path_factory.mktemp("reference"))


@pytest.mark.parametrize("name", list(pythons()))
def test_with_any_python(pyz, tmp_path, reference, name):
    assert tree([pythons()[name], str(pyz)], tmp_path) == reference


@pytest.mark.parametrize("seed", ["0", "1", "4242"])
def test_with_any_hash_seed(pyz, tmp_path, reference, seed):
    assert tree([sys.executable, str(pyz)], tmp_path, PYTHONHASHSEED=seed) == reference


@pytest.mark.parametrize(
    "locale,zone", [("C", "UTC"), ("C.UTF-8", "Pacific/Kiritimati"), ("tr_TR.UTF-8", "America/St_Johns")]
)
def test_in_any_locale_and_time_zone(pyz, tmp_path, reference, locale, zone):
    assert tree([sys.executable, str(pyz)], tmp_path, LC_ALL=locale, TZ=zone) == reference


@pytest.mark.parametrize("umask", [0, 0o077])
def test_with_any_umask(pyz, tmp_path, reference, umask):
    assert tree([sys.executable, str(pyz)], tmp_path, umask) == reference


def test_from_a_checkout(tmp_path, reference):
    assert tree([sys.executable, "-m", "infrakit"], tmp_path, PYTHONPATH=str(ROOT)) == reference


def test_nothing_names_the_folder_or_the_time(pyz, tmp_path, reference):
    deep = tmp_path / "another" / "folder"
    deep.mkdir(parents=True)
    assert tree([sys.executable, str(pyz)], deep) == reference
    assert not [path for path in (deep / "out").rglob("*") if path.is_file() and str(tmp_path) in path.read_text()]


def test_two_builds_of_two_clones_are_the_same_bytes(pyz, tmp_path):
    """Another folder, another umask; what is not committed yet comes along. Wheels are held to their hashes, so both
    builds have the same, and the tools that were made of them."""
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    changed = subprocess.run(
        ["git", "ls-files", "-z", "--modified", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    ).stdout
    for name in changed.decode().split("\0"):
        if name and (ROOT / name).exists():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, clone / name)
    (clone / ".build").mkdir()
    for name in ("wheels", "tools"):
        if (ROOT / ".build" / name).exists():
            (clone / ".build" / name).symlink_to(ROOT / ".build" / name)
    subprocess.run([str(clone / "build.sh")], cwd=clone, check=True, umask=0o077, capture_output=True)
    assert (clone / "dist/SHA256SUMS").read_text() == (ROOT / "dist/SHA256SUMS").read_text()
