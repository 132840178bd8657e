"""One zipapp for every processor and Python: the same bytes from Debian's own python3 for arm64 and armhf, and from
3.14.

The userlands are Debian's packages, unpacked and entered by chroot; a foreign processor is QEMU's.
"""

import os
import shlex
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from infrakit.host.recording import Recording
from tests.e2e.bed.engine import KEYRING, RETRIES, kept, mirror, run
from tests.host.machines import load
from tests.host.test_plans import FOLDER, file_for
from tests.zipapp.test_same_bytes import digest

PACKAGES = "base-files,base-passwd,bash,coreutils,dash,libc-bin,python3,python3-minimal"
USERLANDS = [("forky", "amd64"), ("bookworm", "arm64"), ("bookworm", "armhf")]
KERNEL_NAMES = {"arm64": "aarch64", "armhf": "arm"}
REGISTRY = Path("/proc/sys/fs/binfmt_misc")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0 or shutil.which("mmdebstrap") is None, reason="needs root and mmdebstrap"),
]


def run_foreign(architecture: str) -> None:
    """Let the kernel start programs of a foreign processor with QEMU, as the package's own service does where systemd
    runs."""
    if not (REGISTRY / "register").exists():
        subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", REGISTRY], check=True)
    name = f"qemu-{KERNEL_NAMES[architecture]}"
    if not (REGISTRY / name).exists():
        (REGISTRY / "register").write_bytes(Path(f"/usr/lib/binfmt.d/{name}.conf").read_bytes().strip())


def userland(suite: str, architecture: str, place: Path) -> Path:
    """A root folder below `place` with Debian's python3 of that suite, unpacked once; what is written there goes with
    the test."""
    if architecture in KERNEL_NAMES:
        run_foreign(architecture)
    # A release file of forky's may be past its date.
    words = [
        "mmdebstrap",
        "--quiet",
        f"--architectures={architecture}",
        "--variant=extract",
        f"--include={PACKAGES}",
        '--aptopt=Acquire::Check-Valid-Until "false"',
        RETRIES,
        "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
    ]
    source = f"deb [signed-by={KEYRING}] {mirror()} {suite} main"
    below = kept(f"userland-{suite}-{architecture}", repr(words), lambda path: run(*words, suite, path, source))
    for name in ("root", "upper", "work"):
        (place / name).mkdir()
    options = f"lowerdir={below},upperdir={place}/upper,workdir={place}/work"
    subprocess.run(["mount", "-t", "overlay", "-o", options, "overlay", place / "root"], check=True)
    return place / "root"


@pytest.mark.parametrize(("suite", "architecture"), USERLANDS, ids=lambda value: value)
def test_the_same_tree_comes_out(pyz, tmp_path, suite, architecture):
    root = userland(suite, architecture, tmp_path)
    place = root / "tmp" / "stick"
    place.mkdir(parents=True)
    shutil.copy(pyz, place)
    enter = ["chroot", str(root), "/usr/bin/env", "-i", "-C", "/tmp/stick", "PATH=/usr/bin:/bin"]
    for words in (
        ["--version"],
        ["--help"],
        ["catalog", "list"],
        ["schema"],
        ["compile", "--example", "hybrid", "--no-secrets", "-o", "out"],
    ):
        there = subprocess.run(
            [*enter, "python3", "-W", "error", "infrakit.pyz", *words], capture_output=True, text=True
        )
        here = subprocess.run(
            ["python3", pyz, *words], cwd=tmp_path, capture_output=True, text=True, env={"PATH": os.environ["PATH"]}
        )
        assert (there.returncode, there.stdout) == (0, here.stdout), there.stderr
    assert digest(place / "out") == digest(tmp_path / "out")


def replay(program: str, recording: Recording) -> str:
    """A script that answers as the recorded machine's program did; by what the shell itself has, since each further
    program is one more start of QEMU."""
    answered = {**recording.commands, "date +%s": (0, f"{time.time():.0f}\n")}
    lines = ["#!/bin/sh", 'case "$*" in']
    for words, (code, out) in answered.items():
        name, _, given = words.partition(" ")
        if name == program:
            lines.append(f"{shlex.quote(given)}) printf %s {shlex.quote(out)}; exit {code} ;;")
    return "\n".join([*lines, "esac", "exit 127", ""])


@pytest.mark.parametrize(("machine", "architecture"), [("pi4-bookworm", "arm64"), ("pi4-bookworm-32bit", "armhf")])
def test_a_dry_run_on_a_recorded_raspberry_pi_plans_what_is_kept(pyz, tmp_path, machine, architecture):
    """With the processor's own python3; the machine's files are laid out, and its programs answer as they did there."""
    root, recording = userland("bookworm", architecture, tmp_path), load(machine)
    for path, text in recording.files.items():
        place = root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        place.write_text(text)
    for folder, names in recording.listings.items():
        for name in names:
            (root / folder.lstrip("/") / name).mkdir(parents=True)
    (root / "usr/local/sbin").mkdir(parents=True, exist_ok=True)
    for name in {"date", *(words.split()[0] for words in recording.commands)}:
        (root / "usr/local/sbin" / name).write_text(replay(name, recording))
        (root / "usr/local/sbin" / name).chmod(0o755)
    shutil.copy(pyz, root / "root")
    (root / "root/infrakit.yaml").write_text(file_for(machine, architecture, "full"))
    snapshot = [
        "find",
        root,
        "-type",
        "f",
        "-not",
        "-path",
        "*/var/cache/infrakit/*",
        "-printf",
        "%p %m %s %T@\\n",
    ]  # its cache: bytecode for the next start
    before = sorted(subprocess.run(snapshot, capture_output=True, text=True, check=True).stdout.splitlines())
    enter = [
        "chroot",
        str(root),
        "/usr/bin/env",
        "-i",
        "-C",
        "/root",
        "PATH=/usr/bin:/bin",
        "PYTHONDONTWRITEBYTECODE=1",
    ]
    done = subprocess.run(
        [*enter, "python3", "infrakit.pyz", "install", "--dry-run", "--host", machine], capture_output=True, text=True
    )
    assert done.returncode == 6, done.stdout + done.stderr
    kept = (FOLDER / f"{machine}.plan.txt").read_text().partition("install:\n")[2]
    assert [line[2:] for line in done.stdout.splitlines() if line.startswith(("+ ", "= "))] == [
        line[2:] for line in kept.splitlines() if line.startswith("+ ")
    ]
    assert sorted(subprocess.run(snapshot, capture_output=True, text=True, check=True).stdout.splitlines()) == before


def test_the_newest_python_is_among_them(tmp_path):
    root = userland("forky", "amd64", tmp_path)
    version = subprocess.run(
        ["chroot", root, "python3", "-c", "import sys; print(sys.version_info >= (3, 14))"],
        capture_output=True,
        text=True,
    )
    assert version.stdout == "True\n"
