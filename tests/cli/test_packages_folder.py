"""A folder of packages that somebody brought: nobody else's, and what the lock says."""

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from infrakit.cli.packages_folder import fit_folder
from infrakit.errors import UsageProblem
from infrakit.lock.entries import LockedPackage
from infrakit.system.machine import Machine

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="others may do what they like with theirs")
CONTROL = "Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n"


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.delenv("SUDO_UID", raising=False)
    place = tmp_path / "packages"
    place.mkdir()
    for name in ("docker-ce", "tini"):
        tree = tmp_path / name / "DEBIAN"
        tree.mkdir(parents=True)
        (tree / "control").write_text(CONTROL.format(name=name, version="5:28.5.2-1"))
        subprocess.run(
            ["dpkg-deb", "-b", str(tree.parent), str(place / f"{name}.deb")], check=True, capture_output=True
        )
    return place


def lock_of(folder: Path, version="5:28.5.2-1") -> dict[str, LockedPackage]:
    content = (folder / "docker-ce.deb").read_bytes()
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    return {"docker-ce": LockedPackage(version, digest, len(content))}


def test_of_a_locked_package_only_the_locked_file_is_taken(folder):
    locked = lock_of(folder)
    assert fit_folder(str(folder), locked, Machine()) == str(folder)
    with open(folder / "docker-ce.deb", "ab") as file:
        file.write(b"\n")
    with pytest.raises(UsageProblem, match="docker-ce.deb is not the file that infrakit.lock has"):
        fit_folder(str(folder), locked, Machine())
    with pytest.raises(UsageProblem, match="docker-ce is 5:28.5.2-1, and infrakit.lock has 5:28.5.1-1"):
        fit_folder(str(folder), lock_of(folder, "5:28.5.1-1"), Machine())


def test_without_a_lock_it_is_said_that_nobody_vouches(folder, capsys):
    assert fit_folder(str(folder), {}, Machine()) == str(folder)
    assert "nobody vouches" in capsys.readouterr().err


@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_others_may_change_is_refused(folder, what):
    (folder / "tini.deb" if what == "file" else folder).chmod(0o777)
    with pytest.raises(UsageProblem, match="change"):
        fit_folder(str(folder), {}, Machine())
