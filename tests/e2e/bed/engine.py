"""What the whole bed rests on: this machine's dockerd, Debian roots by mmdebstrap, and things made once and kept.

What is kept lies below CACHE, outside of the checkout, each thing in a folder named by its recipe. What a run of the
tests makes for itself lies below PLACE, and is named NETWORK or begins with it in dockerd: no two runs share a name,
and what a run that was killed left behind is taken away by the next one.
"""

import fcntl
import hashlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests import own_places, runs

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent
CACHE = Path("/var/cache/infrakit-bed")
OLD_S = 14 * 86400
"""What no run used for so long is forgotten."""
PREFIX = "infrakit-bed-"
NETWORK = PREFIX + runs.current()
RUNS = CACHE / "runs"
PLACE = RUNS / runs.current()
SUBNETS = [f"10.213.{number}.0/24" for number in range(250)]
"""Outside of what Docker gives to networks by itself, and of what InfraKit compiles."""
PID_FILE = Path("/var/run/docker.pid")
RETRIES = '--aptopt=Acquire::Retries "5"'
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def run(*words: object, feed: bytes | None = None, timeout_s: float = 600, **more) -> subprocess.CompletedProcess:
    """A command that must end well; its output is in the error otherwise."""
    done = subprocess.run([str(word) for word in words], input=feed, capture_output=True, timeout=timeout_s, **more)
    if done.returncode:
        raise RuntimeError(
            f"{' '.join(map(str, words))}: {done.returncode}\n{done.stdout[-2000:].decode()}\n"
            f"{done.stderr[-4000:].decode()}"
        )
    return done


def docker(*words: object, feed: bytes | None = None, timeout_s: float = 300) -> str:
    """Call this machine's engine; what it prints."""
    return run("docker", *words, feed=feed, timeout_s=timeout_s).stdout.decode().strip()


def answers() -> bool:
    try:
        return subprocess.run(["docker", "version"], capture_output=True, timeout=10).returncode == 0
    except subprocess.TimeoutExpired:
        return False


_swept = False


LEAST_DISK_BYTES, LEAST_MEMORY_BYTES = 20 << 30, 6 << 30
"""Free, and in all: hosts of the bed see this machine's, and preflight asks each of them for a full stack's."""


def assert_fit() -> None:
    """What is wrong with this machine, in words, before preflight says it of a host in the middle of a test."""
    free_bytes = shutil.disk_usage("/var/lib").free
    memory_bytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    made_s = Path(__file__).stat().st_mtime
    assert free_bytes >= LEAST_DISK_BYTES, f"the bed needs {LEAST_DISK_BYTES >> 30} GiB free, {free_bytes >> 30} are"
    assert memory_bytes >= LEAST_MEMORY_BYTES, (
        f"the bed needs {LEAST_MEMORY_BYTES >> 30} GiB of memory, this machine has {memory_bytes >> 30}"
    )
    assert time.time() > made_s - 60, (
        f"the clock says {time.ctime()}, before this file was written: {time.ctime(made_s)}"
    )


def start_engine(limit_s: float = 120) -> None:
    """This machine's dockerd where nothing answers yet (there may be no systemd); it stays for the next run."""
    global _swept
    CACHE.mkdir(parents=True, exist_ok=True)
    with locked(CACHE / "dockerd"):
        if not answers():
            _start_dockerd(limit_s)
        if not _swept:
            assert_fit()
            sweep()
            _swept = True


def _start_dockerd(limit_s: float) -> None:
    # dockerd refuses to start where its last process number belongs to anybody, and it was killed.
    if PID_FILE.exists() and not Path(f"/proc/{PID_FILE.read_text().strip()}/exe").resolve().name.startswith("dockerd"):
        PID_FILE.unlink()
    with open(CACHE / "dockerd.log", "wb") as log:
        process = subprocess.Popen(
            ["dockerd"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=own_places.leave,
        )
    end = time.monotonic() + limit_s
    while not answers():
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"dockerd does not answer\n{Path(log.name).read_text('utf-8', 'replace')[-4000:]}")
        time.sleep(0.3)


def sweep() -> None:
    """Take away what belongs to runs that are no more."""
    listed = [
        docker("ps", "-a", "--format", "{{.Names}}"),
        docker("volume", "ls", "-q"),
        docker("network", "ls", "--format", "{{.Name}}"),
    ]
    found = set(re.findall(rf"^{PREFIX}(\d+-\d+)", "\n".join(listed), re.MULTILINE)) | {
        path.name for path in RUNS.glob("*-*")
    }
    for run_ in found:
        if not runs.is_alive(run_):
            remove(run_)


def remove(run_: str) -> None:
    """Processes, containers, volumes, network, mounts and files of a run."""
    name, folder = PREFIX + run_, RUNS / run_
    for process in subprocess.run(["pgrep", "-f", f"{folder}/"], capture_output=True, text=True).stdout.split():
        if int(process) != os.getpid():
            os.kill(int(process), signal.SIGKILL)
    for kind, listing in (
        ("container", ["ps", "-aq", "--filter", f"name={name}"]),
        ("volume", ["volume", "ls", "-q", "--filter", f"name={name}"]),
    ):
        if left := docker(*listing).split():
            words = ["docker", kind, "rm", "-f", *(["-v"] if kind == "container" else []), *left]
            subprocess.run(words, capture_output=True)  # some may be on their way out already
    subprocess.run(["docker", "network", "rm", name], capture_output=True)
    own_places.run_outside("sh", "-c", f"grep -o ' {folder}/[^ ]*' /proc/mounts | xargs -r umount -l")
    shutil.rmtree(folder, ignore_errors=True)


def start_network() -> None:
    """A network without a way out, of this run's own."""
    with locked(PLACE / "network"):
        for subnet in SUBNETS:
            if subprocess.run(["docker", "network", "inspect", NETWORK], capture_output=True).returncode == 0:
                return
            done = subprocess.run(
                ["docker", "network", "create", "--internal", "--subnet", subnet, NETWORK],
                capture_output=True,
                text=True,
            )
            if done.returncode and "overlap" not in done.stderr:
                break
    raise RuntimeError(f"no network: {done.stderr}")


class locked:
    """Holds `path`.lock: what is made there is made by one process and one thread at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(path.name + ".lock")

    def __enter__(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.file = open(self.path, "w")
        fcntl.flock(self.file, fcntl.LOCK_EX)

    def __exit__(self, *error) -> None:
        self.file.close()


def kept(name: str, recipe: str, make: Callable[[Path], None]) -> Path:
    """A file or folder of this name, made by `make` where there is none of this recipe. Its folder's name says which:
    digest_of."""
    folder = CACHE / hashlib.sha256(f"{name}\0{recipe}".encode()).hexdigest()[:16]
    with locked(folder):
        if not folder.exists():
            half = folder.with_suffix(".half")
            shutil.rmtree(half, ignore_errors=True)
            half.mkdir()
            make(half / name)
            os.sync()
            half.rename(folder)
            for path in CACHE.glob("?" * 16):
                if path.stat().st_mtime < time.time() - OLD_S:
                    shutil.rmtree(path)
        os.utime(folder)
    return folder / name


def digest_of(path: Path) -> str:
    """What a kept thing was made from, for the recipe of what is made from it."""
    return path.parent.name


def own_text(*names: str) -> str:
    """The text of files beside this one: a recipe is as old as what it is written in."""
    return "\0".join((HERE / name).read_text() for name in names)


def mirror() -> str:
    """Where this machine gets Debian's packages from."""
    places = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
    for path in places:
        found = re.search(r"https?://\S+/debian(?=/?\s)", path.read_text()) if path.is_file() else None
        if found:
            return found[0]
    raise RuntimeError("this machine has no source of Debian's packages")


def source(suite: str) -> str:
    """One line: without -security and -updates all packages are of one moment, and none is missing."""
    return f"deb [signed-by={KEYRING}] {mirror()} {suite} main"


def root_tar(suite: str, path: Path, include: tuple[str, ...], *more: str) -> None:
    """A small Debian, as a tar."""
    words = [
        "mmdebstrap",
        "--quiet",
        RETRIES,
        "--format=tar",
        "--variant=minbase",
        "--skip=output/mknod",
        f"--include={','.join(include)}",
        *more,
    ]
    run(*words, suite, path, source(suite), env={**os.environ, "SOURCE_DATE_EPOCH": "1767225600"})
