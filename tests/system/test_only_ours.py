"""Root follows no file that somebody else may change (facts: an operator's home, a shared folder, a stick)."""

import os
from pathlib import Path

import pytest

from infrakit.errors import UsageProblem
from infrakit.system.files import only_ours

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="others may do what they like with theirs")
SOMEBODY = 4711


@pytest.fixture
def file(tmp_path, monkeypatch) -> Path:
    monkeypatch.delenv("SUDO_UID", raising=False)
    monkeypatch.delenv("SUDO_GID", raising=False)
    path = tmp_path / "infrakit.yaml"
    path.write_text("version: 1\n")
    path.chmod(0o644)
    return path


def refused(path: Path) -> str:
    with pytest.raises(UsageProblem) as error:
        only_ours(str(path))
    return error.value.message


def test_roots_own_is_followed(file):
    only_ours(str(file))


def test_that_of_who_called_sudo_is_followed_and_nobody_elses(file, monkeypatch):
    os.chown(file, SOMEBODY, SOMEBODY)
    file.chmod(0o664)
    assert "belongs to user 4711" in refused(file)
    monkeypatch.setenv("SUDO_UID", str(SOMEBODY))
    assert "can be changed by others" in refused(file)
    monkeypatch.setenv("SUDO_GID", str(SOMEBODY))
    only_ours(str(file))


def test_what_everybody_may_write_is_not(file):
    file.chmod(0o646)
    assert "can be changed by others" in refused(file)


def test_a_link_of_somebodys_is_not_and_one_of_ours_counts_by_where_it_leads(file, tmp_path):
    link = tmp_path / "link.yaml"
    link.symlink_to(file)
    only_ours(str(link))
    os.chown(link, SOMEBODY, SOMEBODY, follow_symlinks=False)
    assert "belongs to user 4711" in refused(link)
    os.chown(link, 0, 0, follow_symlinks=False)
    os.chown(file, SOMEBODY, SOMEBODY)
    assert "belongs to user 4711" in refused(link)


def test_a_folder_that_everybody_may_change_is_not(file, tmp_path):
    tmp_path.chmod(0o777)
    assert f"everybody may change {tmp_path}" in refused(file)
    tmp_path.chmod(0o1777)
    only_ours(str(file))


def test_the_command_refuses_it_before_it_reads_it(infrakit, file):
    os.chown(file, SOMEBODY, SOMEBODY)
    done = infrakit("up", "--dry-run")
    assert done.returncode == 2 and "belongs to user 4711" in done.stderr and "sudo chown" in done.stderr, done.stderr
