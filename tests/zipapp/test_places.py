"""The zipapp starts wherever it is put and whoever calls it, and believes no cache but its caller's own."""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
PYTHON = "/usr/bin/python3" if os.geteuid() == 0 and os.path.exists("/usr/bin/python3") else sys.executable
"""Ours may stand in a folder that only root can look into."""
BAD = b"raise SystemExit('planted code ran')\n"


def start(pyz, *words, user=None, cwd="/", **environment):
    """Run the zipapp with this environment and nothing else."""
    return subprocess.run(
        [PYTHON, str(pyz), *words],
        cwd=cwd,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        user=user,
        timeout=60,
    )


def healthy(run) -> bool:
    """Whether `schema` answered, and nothing was complained about."""
    return run.returncode == 0 and '"$schema"' in run.stdout and not run.stderr


@pytest.fixture
def tmp_path():
    """A folder that everybody may look into; pytest's own is the caller's alone."""
    place = Path(tempfile.mkdtemp(prefix="infrakit-places-"))
    place.chmod(0o755)
    yield place
    shutil.rmtree(place)


@pytest.fixture
def carried(pyz, tmp_path):
    """A copy of the zipapp that everybody may read."""
    copy = tmp_path / "infrakit.pyz"
    shutil.copy(pyz, copy)
    copy.chmod(0o644)
    return copy


@pytest.fixture
def user():
    """Whom to run as: nobody where we are root, so that permissions mean something."""
    return NOBODY if os.geteuid() == 0 else None


def home(tmp_path, user, mode=0o700):
    """A home folder of the caller's."""
    place = tmp_path / "home"
    place.mkdir()
    if user:
        os.chown(place, user, user)
    place.chmod(mode)
    return place


def cache(place):
    """The one file of code in a home's cache."""
    found = list((place / ".cache" / "infrakit").glob("code-*"))
    assert len(found) == 1
    return found[0]


def test_without_a_home(carried, user):
    assert healthy(start(carried, "schema", user=user))


@pytest.mark.parametrize("value", ["/nonexistent", "relative", "", "/dev/null", "/proc"])
def test_with_a_home_that_is_no_home(carried, user, value):
    assert healthy(start(carried, "schema", user=user, HOME=value))


def test_with_a_home_that_cannot_be_written(carried, tmp_path, user):
    assert healthy(start(carried, "schema", user=user, HOME=str(home(tmp_path, user, 0o500))))


def test_a_second_start_uses_what_the_first_one_kept(carried, tmp_path, user):
    place = home(tmp_path, user)
    assert healthy(start(carried, "schema", user=user, HOME=str(place), XDG_CACHE_HOME=str(place / ".cache")))
    if os.geteuid() == 0 and user is None:
        return
    kept = cache(place)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600 and stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    before = kept.stat().st_mtime_ns
    assert healthy(start(carried, "schema", user=user, HOME=str(place)))
    assert cache(place).stat().st_mtime_ns == before


def test_a_dry_run_keeps_nothing_neither_of_the_zipapp_nor_from_a_pipe(carried, pyz, tmp_path, user):
    place = home(tmp_path, user)
    words = (
        "install",
        "--dry-run",
        "--domain",
        "home.example.org",
        "--pattern",
        "edge",
        "--tls",
        "internal",
        "--admin",
        "alice",
    )
    assert start(carried, *words, user=user, HOME=str(place)).returncode in (3, 6)
    script = (pyz.parent / "install.py").read_bytes()
    environment = {"PATH": os.environ["PATH"], "HOME": str(place)}
    run = subprocess.run(
        [PYTHON, "-", *words], cwd="/", env=environment, input=script, capture_output=True, user=user, timeout=60
    )
    assert run.returncode in (3, 6) and not list(place.iterdir()), run.stderr


@pytest.mark.parametrize(
    "damage", ["empty", "cut", "flipped in the index", "flipped in every code", "index alone", "text"]
)
def test_a_damaged_cache_is_not_used_and_made_again(carried, tmp_path, user, damage):
    place = home(tmp_path, user)
    start(carried, "schema", user=user, HOME=str(place))
    kept = cache(place)
    whole = kept.read_bytes()
    index = int(whole[:8], 16)
    damaged = {
        "empty": b"",
        "cut": whole[:-9],
        "flipped in the index": whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:],
        "flipped in every code": whole[:8] + bytes(byte ^ 1 for byte in whole[8:index]) + whole[index:],
        "index alone": whole[:index],
        "text": b"no cache at all",
    }[damage]
    kept.write_bytes(damaged)
    assert healthy(start(carried, "schema", user=user, HOME=str(place)))
    made = kept.read_bytes()
    assert made != damaged and len(made) == len(whole)
    assert healthy(start(carried, "schema", user=user, HOME=str(place))) and kept.read_bytes() == made


@as_root
@pytest.mark.parametrize("doubt", ["owner", "mode", "link", "hard link", "folder's mode", "folder's owner", "pipe"])
def test_a_cache_that_somebody_else_could_have_written_is_not_believed(carried, tmp_path, doubt):
    place = home(tmp_path, NOBODY)
    start(carried, "schema", user=NOBODY, HOME=str(place))
    kept = cache(place)
    poison(kept)
    if doubt == "owner":
        os.chown(kept, 1234, 1234)
    elif doubt == "mode":
        kept.chmod(0o622)
    elif doubt == "link":
        kept.rename(tmp_path / "elsewhere")
        kept.symlink_to(tmp_path / "elsewhere")
    elif doubt == "hard link":
        os.link(kept, kept.parent / "second")
    elif doubt == "folder's mode":
        kept.parent.chmod(0o770)
    elif doubt == "folder's owner":
        os.chown(kept.parent, 1234, 1234)
        kept.parent.chmod(0o777)
    elif doubt == "pipe":
        kept.unlink()
        os.mkfifo(kept)
        os.chown(kept, NOBODY, NOBODY)
    run = start(carried, "schema", user=NOBODY, HOME=str(place))
    assert healthy(run), run.stdout[:200] + run.stderr


def poison(kept):
    """Put code of our own into a cache, with a checksum that fits."""
    import marshal
    from zlib import crc32

    code = marshal.dumps(compile(BAD, "planted", "exec"))
    index = marshal.dumps({"infrakit_start": 8 << 25 | len(code) + 4 << 1})
    parts = [crc32(part).to_bytes(4, "little") + part for part in (code, index)]
    kept.write_bytes(b"%08x" % (8 + len(parts[0])) + b"".join(parts))


def test_a_cache_of_its_callers_own_is_believed(carried, tmp_path, user):
    """Or the test above could not fail."""
    place = home(tmp_path, user)
    start(carried, "schema", user=user, HOME=str(place))
    poison(cache(place))
    assert "planted code ran" in start(carried, "schema", user=user, HOME=str(place)).stderr


@as_root
def test_root_uses_no_folder_of_somebody_elses(carried, tmp_path):
    place = home(tmp_path, NOBODY)
    assert healthy(start(carried, "schema", HOME=str(place), XDG_CACHE_HOME=str(place / ".cache"), SUDO_USER="nobody"))
    assert not list(place.iterdir())


@pytest.mark.parametrize(
    "name", ["click.py", "json.py", "os.py", "infrakit.py", "marshal.py", "ruamel.py", "_sha2.py", "re.py"]
)
def test_neither_pythonpath_nor_the_working_folder_brings_code_in(carried, tmp_path, user, name):
    trap = tmp_path / "trap"
    trap.mkdir()
    if name not in ("os.py", "re.py", "marshal.py"):  # those are imported by Python itself, before any of our code
        (trap / name).write_bytes(BAD)
    (trap / "difflib.py").write_bytes(BAD)
    run = start(carried, "catalog", "list", user=user, cwd=trap, PYTHONPATH=f"{trap}{os.pathsep}")
    assert run.returncode == 0 and "authentik" in run.stdout, run.stderr


def test_variables_of_shiv_steer_nothing(carried, tmp_path, user):
    variables = {
        "SHIV_ROOT": str(tmp_path),
        "SHIV_ENTRY_POINT": "os:abort",
        "SHIV_INTERPRETER": "1",
        "SHIV_FORCE_EXTRACT": "1",
    }
    before = sorted(os.listdir(tmp_path))
    assert healthy(start(carried, "schema", user=user, **variables))
    assert sorted(os.listdir(tmp_path)) == before


@as_root
def test_from_a_stick_that_is_read_only_and_runs_no_programs(carried, tmp_path):
    stick = tmp_path / "stick"
    stick.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "noexec,nosuid,size=4m", "tmpfs", stick], check=True)
    try:
        shutil.copy(carried, stick / "other name.pyz")
        (stick / "other name.pyz").chmod(0o444)
        subprocess.run(["mount", "-o", "remount,ro", stick], check=True)
        assert healthy(start(stick / "other name.pyz", "schema", user=NOBODY))
    finally:
        subprocess.run(["umount", "-l", stick], check=True)


@as_root
def test_with_a_full_disk_under_the_cache(carried, tmp_path):
    place = tmp_path / "home"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=777", "tmpfs", place], check=True)
    try:
        assert healthy(start(carried, "schema", user=NOBODY, HOME=str(place)))
        assert not [path for path in place.rglob("*") if path.is_file()]
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def test_killed_and_crowded_first_starts_leave_a_cache_that_works(carried, tmp_path, user):
    place = home(tmp_path, user)
    words = [PYTHON, str(carried), "schema"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(place)}
    for wait_ms in range(20, 220, 10):
        run = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, user=user)
        try:
            run.wait(wait_ms / 1000)
        except subprocess.TimeoutExpired:
            run.kill()
            run.wait()
    crowd = [subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, user=user) for _ in range(8)]
    assert all(b'"$schema"' in run.communicate()[0] for run in crowd)
    assert healthy(start(carried, "schema", user=user, HOME=str(place)))


def test_a_reader_that_leaves_early_is_no_error(carried, user):
    command = f"{PYTHON} {carried} schema | head -n 1"
    run = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, user=user, env={"PATH": os.environ["PATH"]}
    )
    assert run.stdout == "{\n" and not run.stderr


def test_version_is_answered_without_importing_anything(carried, user):
    run = subprocess.run(
        [PYTHON, "-X", "importtime", str(carried), "--version"],
        capture_output=True,
        text=True,
        user=user,
        env={"PATH": os.environ["PATH"]},
    )
    assert run.stdout.startswith("infrakit ")
    assert not any(name in run.stderr for name in ("click", "typing", "hashlib", " re\n", "infrakit."))


def test_it_is_found_by_a_way_through_the_folder_above(pyz, tmp_path):
    place = tmp_path / "elsewhere"
    place.mkdir()
    shutil.copy(pyz, tmp_path / "infrakit.pyz")
    for way in ("../infrakit.pyz", "./../infrakit.pyz", "../elsewhere/../infrakit.pyz"):
        done = subprocess.run(
            [sys.executable, way, "schema"],
            cwd=place,
            capture_output=True,
            text=True,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        )
        assert done.returncode == 0, done.stderr


def test_a_python_without_lzma_is_told_so_by_what_needs_it(carried, tmp_path, user):
    place = home(tmp_path, user)

    def without(*words):
        code = f"import runpy, sys; sys.modules['lzma'] = None; sys.argv = {[str(carried), *words]!r}; "
        code += "sys.path.insert(0, sys.argv[0]); runpy.run_path(sys.argv[0], run_name='__main__')"
        environment = {"PATH": os.environ["PATH"]}
        return subprocess.run([PYTHON, "-c", code], env=environment, capture_output=True, text=True, user=user)

    compiled = without("compile", "--example", "full", "--no-secrets", "-o", str(place / "out"))
    assert (compiled.returncode, (place / "out").is_dir()) == (0, True), compiled.stderr
    told = without("status")
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr.startswith("infrakit: this Python has no module lzma") and told.stderr.count("\n") == 1
