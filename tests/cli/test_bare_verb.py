"""`infrakit restore --from` where it cannot be done: said before anything changes."""

import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infrakit.cli.bare import _of_kind
from infrakit.compiler import load
from infrakit.stack.backup.sheet import groups_of

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root restores")
needs_restic = pytest.mark.skipif(not shutil.which("restic"), reason="needs restic (tests/tools/install.sh)")
KEY = b"lusab-babad-gutih-tugad-fimol-vozam-kanij-zozoz"
PLACES = ("/etc/infrakit", "/var/lib/infrakit")


@pytest.fixture
def disk(tmp_path) -> Path:
    """Two folders that look like repositories."""
    for name in ("home", "shed"):
        (tmp_path / "disk" / name).mkdir(parents=True)
        (tmp_path / "disk" / name / "config").write_bytes(b"x")
    return tmp_path / "disk"


def refused(infrakit, *words: str, code: int = 2) -> str:
    before = [sorted(Path(place).rglob("*")) for place in PLACES]
    done = infrakit("restore", *words)
    assert done.returncode == code and done.stdout == "" and "  hint: " in done.stderr, done.stderr
    assert [sorted(Path(place).rglob("*")) for place in PLACES] == before
    assert not any(Path("/run").glob("infrakit-restore*"))
    return done.stderr


@only_root
def test_a_folder_without_backups_is_named(infrakit, tmp_path):
    assert f"there are no backups in {tmp_path}" in refused(infrakit, "--from", str(tmp_path), "--yes")


@only_root
def test_a_host_that_is_not_there_is_named_beside_those_that_are(infrakit, disk):
    said = refused(infrakit, "--from", str(disk), "--host", "barn", "--yes")
    assert "there are no backups of barn" in said and "home, shed" in said


@only_root
def test_a_group_that_was_typed_wrong_is_named_and_not_repeated(infrakit, disk, tmp_path):
    groups = list(groups_of(KEY))
    groups[2] = "gutib" + groups[2][5:]
    (tmp_path / "groups").write_text(" ".join(groups))
    words = ("--from", str(disk), "--host", "home", "--key-file", str(tmp_path / "groups"), "--yes")
    said = refused(infrakit, *words)
    assert "group 3 is not as it is printed" in said and not any(group[:5] in said for group in groups)


@only_root
@needs_restic
@pytest.mark.parametrize("typed", (KEY, " ".join(groups_of(KEY)).encode() + b"\n"), ids=("key", "groups"))
def test_where_no_set_was_ever_whole_it_says_so(infrakit, tmp_path, typed):
    key, place = tmp_path / "key", tmp_path / "disk/home"
    key.write_bytes(KEY)
    words = ("restic", "--repo", place, "--password-file", key, "--no-cache", "init")
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    key.write_bytes(typed)
    said = refused(infrakit, "--from", str(tmp_path / "disk"), "--key-file", str(key), "--yes")
    assert "there is no backup in" in said and "nothing whole was ever backed up there" in said


@only_root
@needs_restic
def test_another_key_is_said_and_left_nowhere(infrakit, tmp_path):
    key, place = tmp_path / "key", tmp_path / "disk/home"
    key.write_bytes(KEY)
    words = ("restic", "--repo", place, "--password-file", key, "--no-cache", "init")
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    key.write_bytes(b"another")
    said = refused(infrakit, "--from", str(tmp_path / "disk"), "--key-file", str(key), "--yes", code=3)
    assert "is shut with another key" in said


@only_root
@needs_restic
def test_somebody_types_a_group_wrong_then_all_of_them_on_two_lines(pyz, disk, tmp_path):
    """And says which of two hosts it is to be."""
    key = tmp_path / "key"
    key.write_bytes(KEY)
    (disk / "shed/config").unlink()
    words = ("restic", "--repo", disk / "shed", "--password-file", key, "--no-cache", "init")
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    groups = groups_of(KEY)
    wrong = " ".join(("babab11", *groups[1:]))
    typed = "\n".join(("shed", wrong, "", " ".join(groups[:3]).upper(), " ".join(groups[3:]), ""))
    child, terminal = pty.fork()
    if not child:
        os.execv(sys.executable, [sys.executable, str(pyz), "restore", "--from", str(disk)])
    os.write(terminal, typed.encode())
    said = b""
    while True:
        try:
            more = os.read(terminal, 65536)
        except OSError:
            break
        said += more
    os.close(terminal)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code == 2 and b"host (home, shed)" in said and b"group 1 is not as it is printed" in said, said.decode()
    assert b"nothing whole was ever backed up there" in said


@pytest.mark.parametrize(
    "words",
    (("--host", "home"), ("--key-file", "x"), ("--from", "/mnt", "wiki"), ("--from", "/mnt", "--beside", "/srv")),
    ids=" ".join,
)
def test_flags_of_one_kind_of_restore_are_not_for_the_other(infrakit, words):
    done = infrakit("restore", *words)
    assert done.returncode == 2 and "--from" in done.stderr, done.stderr


NAMED = b"hosts:\n  home: {architecture: arm64, pattern: edge}\n"


@pytest.mark.parametrize("says", (b"pattern: [edge, monitoring]\n", NAMED), ids=("unnamed", "named"))
def test_a_machine_with_another_processor_gets_images_for_that(says):
    file = b"version: 1\nname: home\ndomain: home.example.org\n" + says + b"tls: {mode: internal}\n"
    (before,) = load(file, "infrakit.yaml", lambda _: b"").fleet.deployments
    for architecture in ("arm64", "amd64"):
        changed = _of_kind(file, "home", architecture, before.patterns)
        (host,) = load(changed, "infrakit.yaml", lambda _: b"").fleet.deployments
        assert (host.host, host.architecture, host.patterns) == ("home", architecture, before.patterns)
