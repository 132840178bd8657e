"""A disk that is full, a target that is read-only, a link in the tree: one clear error, and the old tree stays."""

import os
import shutil
import subprocess

import pytest

from tests.system.test_kill import AFTER, BEFORE, files

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")


@pytest.fixture
def small_disk(tmp_path):
    """A file system that the test can fill, at tmp_path/disk."""
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=755", "tmpfs", place], check=True)
    yield place
    subprocess.run(["umount", "-l", place], check=True)


@pytest.fixture
def compiled(infrakit, tmp_path):
    """Compile a text to a folder."""

    def run(text, output):
        (tmp_path / "infrakit.yaml").write_text(text)
        return infrakit("compile", "-o", str(output))

    return run


@as_root
def test_a_full_disk_is_one_error_and_the_old_tree_stays(small_disk, compiled):
    output = small_disk / "build"
    assert compiled(BEFORE, output).returncode == 0
    old = files(output)
    for free in (0, 4096, 16384, 65536):
        space = shutil.disk_usage(small_disk).free
        (small_disk / "filler").write_bytes(b"x" * max(0, space - free))
        run = compiled(AFTER + "# \n" * free, output)
        (small_disk / "filler").unlink()
        if run.returncode == 0:
            break
        assert run.returncode == 3
        assert "no space left on device" in run.stderr and "Traceback" not in run.stderr
        assert files(output) == old, f"with {free} bytes left"
    assert compiled(AFTER, output).returncode == 0
    assert files(output) != old


@as_root
def test_a_read_only_target_is_one_error(small_disk, compiled):
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    run = compiled(BEFORE, small_disk / "build")
    assert run.returncode == 3
    assert "read-only file system" in run.stderr and "Traceback" not in run.stderr


def test_a_link_where_a_folder_of_ours_should_be_is_refused(compiled, tmp_path):
    output, elsewhere = tmp_path / "build", tmp_path / "elsewhere"
    assert compiled(BEFORE, output).returncode == 0
    elsewhere.mkdir()
    services = output / "infrakit" / "services"
    shutil.rmtree(services)
    services.symlink_to(elsewhere)
    run = compiled(AFTER, output)
    assert run.returncode != 0 and "a link where a file of ours should be" in run.stderr
    assert not list(elsewhere.iterdir())


def test_a_pipe_where_a_file_of_ours_should_be_is_refused_and_not_waited_for(compiled, tmp_path):
    output = tmp_path / "build"
    assert compiled(BEFORE, output).returncode == 0
    (output / "infrakit" / ".env").unlink()
    os.mkfifo(output / "infrakit" / ".env")
    run = compiled(AFTER, output)
    assert run.returncode == 3 and "not a file" in run.stderr


@pytest.mark.parametrize("name", [".env", "compose.yaml", "manifest.json", "REVIEW.md"])
def test_a_file_of_ours_without_an_end_is_not_read_to_it(compiled, tmp_path, name):
    output = tmp_path / "build"
    assert compiled(BEFORE, output).returncode == 0
    os.truncate(output / "infrakit" / name, 20 << 30)
    run = compiled(AFTER, output)
    assert run.returncode == 3 and "but this has more than 67108864 bytes" in run.stderr, run.stderr
    (output / "infrakit" / name).unlink()
    assert compiled(AFTER, output).returncode == (6 if name == "manifest.json" else 0)


def test_two_runs_in_one_folder_do_not_mix(compiled, tmp_path):
    import fcntl

    output = tmp_path / "build"
    output.mkdir()
    descriptor = os.open(output, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        run = compiled(BEFORE, output)
    finally:
        os.close(descriptor)
    assert run.returncode == 75 and "another run" in run.stderr
    assert not list(output.iterdir())
