"""What the whole bed rests on: this machine's dockerd, Debian roots by mmdebstrap, and things made once and kept.

Everything kept lies below .build/bed of the repository; everything in dockerd is named infrakit-bed-*, with a number of the
checkout, so that two of them run side by side.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import time
import zlib
from collections.abc import Callable
from pathlib import Path

from tests import own_places

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent
PLACE = ROOT / ".build" / "bed"
NUMBER = zlib.crc32(str(ROOT).encode()) % 200
NETWORK = f"infrakit-bed-{NUMBER}"
SUBNET = f"10.213.{NUMBER}.0/24"
"""Outside of what Docker gives to networks by itself, and of what InfraKit compiles."""
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def run(*words: object, feed: bytes | None = None, timeout_s: float = 600, **more) -> subprocess.CompletedProcess:
    """A command that must end well; its output is in the error otherwise."""
    done = subprocess.run([str(word) for word in words], input=feed, capture_output=True, timeout=timeout_s, **more)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, words))}: {done.returncode}\n{done.stdout[-2000:].decode()}\n{done.stderr[-4000:].decode()}")
    return done


def docker(*words: object, feed: bytes | None = None, timeout_s: float = 300) -> str:
    """Call this machine's engine; what it prints."""
    return run("docker", *words, feed=feed, timeout_s=timeout_s).stdout.decode().strip()


def answers() -> bool:
    return subprocess.run(["docker", "version"], capture_output=True).returncode == 0


def start_engine(limit_s: float = 60) -> None:
    """This machine's dockerd where nothing answers yet (there may be no systemd); it stays for the next run."""
    if answers():
        return
    PLACE.mkdir(parents=True, exist_ok=True)
    with locked(PLACE / "dockerd"), open(PLACE / "dockerd.log", "ab") as log:
        if not answers():
            subprocess.Popen(["dockerd"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, preexec_fn=own_places.leave)
        end = time.monotonic() + limit_s
        while not answers():
            if time.monotonic() > end:
                raise RuntimeError(f"dockerd does not answer, see {log.name}")
            time.sleep(0.3)


def start_network(name: str = NETWORK, subnet: str = SUBNET) -> None:
    """A network without a way out."""
    with locked(PLACE / "network"):
        if subprocess.run(["docker", "network", "inspect", name], capture_output=True).returncode:
            docker("network", "create", "--internal", "--subnet", subnet, name)


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
    """The file or folder PLACE/`name`, made by `make` where it is not there or comes from another recipe."""
    target = PLACE / name
    stamp, half = target.with_name(target.name + ".recipe"), target.with_name(target.name + ".half")
    digest = hashlib.sha256(recipe.encode()).hexdigest()
    with locked(target):
        if not target.exists() or not stamp.exists() or stamp.read_text() != digest:
            for path in (half, target):
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
            make(half)
            half.rename(target)
            stamp.write_text(digest)
    return target


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
    words = ["mmdebstrap", "--quiet", "--format=tar", "--variant=minbase", "--skip=output/mknod", f"--include={','.join(include)}", *more]
    run(*words, suite, path, source(suite), env={**os.environ, "SOURCE_DATE_EPOCH": "1767225600"})
