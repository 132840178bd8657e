"""Two machines of the test's own, each with an engine, a state folder and a configuration folder that are its own, and
one disk that both have; in place of systemd stands a script."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from tests.runtime.engine import engine
from tests.runtime.test_update import Host
from tests.system import fake_registry

SEED = int(os.environ.get("INFRAKIT_SEED", "345855"))
"""When one is killed: the same moments each time, unless somebody asks for others (soak does each)."""
OWN = "mount --bind state /var/lib/infrakit && mount --bind etc /etc/infrakit || exit\n"
IN_ITS_PLACES = (
    OWN
    + """
mount -t tmpfs none /run && ln -s "$1" /run/docker.sock && shift || exit
mkdir -p units && mount --bind units /etc/systemd/system && mount --bind mnt /mnt || exit
mount --bind systemctl "$(command -v systemctl)" || exit
exec "$@"
"""
)
ENGINE = """\
#!/bin/sh
PATH={path}
export PATH
cd {folder} || exit
exec unshare --mount sh -c '{own} exec dockerd "$@"' sh "$@"
"""
"""Containers find what they mount where the engine does."""


class One(Host):
    """One of the two. `name`: as the file calls it."""

    def __init__(self, real, registry, pyz, folder: Path, name: str) -> None:
        super().__init__(real, registry, pyz, folder)
        self.name = name

    def words(self, *words: str) -> list[str]:
        program = [sys.executable, str(self.pyz), *words]
        return ["unshare", "--mount", "sh", "-c", IN_ITS_PLACES, "sh", str(self.real.socket), *program]

    def state(self, path: str) -> Path:
        """Below /var/lib/infrakit."""
        return self.folder / "state" / path

    @property
    def secrets(self) -> dict[str, bytes]:
        folder = self.state(f"hosts/{self.name}/secrets")
        return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}

    def place(self, volume: str) -> Path:
        return self.real.socket.parent / f"data/volumes/infrakit_{volume}/_data"

    def volumes(self) -> set[str]:
        return set(self.real.docker("volume", "ls", "--format", "{{.Name}}").split())

    def runs(self, *names: str) -> bool:
        """All of them, and well."""
        found = self.found_if_any()
        return all(found.get(name, ("", "", ""))[2] == "healthy" for name in names)

    def has(self, *names: str) -> list[str]:
        """Those of them that run, well or not."""
        label = "com.docker.compose.service"
        shown = self.real.docker("ps", "--format", f'{{{{.Label "{label}"}}}}').split()
        return sorted(set(names) & set(shown))

    def found_if_any(self) -> dict[str, tuple[str, str, str]]:
        return self.found() if self.real.docker("ps", "--all", "--quiet") else {}

    def killed(self, number: int, *words: str) -> bool:
        """Run a verb with --json, and kill it when it has told so many things; whether it came so far."""
        running = subprocess.Popen(
            self.words(*words, "--json"),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        told = [running.stdout.readline() for _ in range(number)]
        if told[-1]:
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        running.stdout.close()
        return bool(told[-1])


@contextmanager
def pair(tmp_path_factory, pyz, names: tuple[str, str], text: str, publish) -> Iterator[dict[str, One]]:
    """Both with the file in force. `text`: to be formatted with the registry's address; `publish`: puts images
    there."""
    for place in ("/var/lib/infrakit", "/etc/infrakit"):
        os.makedirs(place, exist_ok=True)
    first, other = (_folder(tmp_path_factory.mktemp(name)) for name in names)
    (first / "mnt").mkdir()
    (other / "mnt").symlink_to(first / "mnt")
    (first / "mnt/disk").mkdir()
    with (
        _own_engine(tmp_path_factory.mktemp("one"), first) as one,
        _own_engine(tmp_path_factory.mktemp("two"), other) as two,
        fake_registry.registry() as registry,
    ):
        publish(registry)
        made = {
            name: One(real, registry, pyz, folder, name)
            for name, real, folder in zip(names, (one, two), (first, other))
        }
        for host in made.values():
            (host.folder / "infrakit.yaml").write_text(text.format(at=registry.address))
            done = host.infrakit("up", "--yes", "--host", host.name)
            assert done.returncode == 0, done.stdout + done.stderr
            (host.folder / "infrakit.yaml").unlink()
        yield made


def _folder(folder: Path) -> Path:
    for name in ("state", "etc"):
        (folder / name).mkdir()
    (folder / "systemctl").write_text("#!/bin/sh\nexit 0\n")
    (folder / "systemctl").chmod(0o755)
    return folder


@contextmanager
def _own_engine(place: Path, folder: Path):
    programs = place / "programs"
    programs.mkdir()
    shim = programs / "dockerd"
    shim.write_text(ENGINE.format(path=os.environ["PATH"], folder=folder, own=OWN.strip().replace("\n", "; ") + ";"))
    shim.chmod(0o755)
    before = os.environ["PATH"]
    os.environ["PATH"] = f"{programs}:{before}"
    try:
        with engine(place) as made:
            os.environ["PATH"] = before
            yield made
    finally:
        os.environ["PATH"] = before


def plant(folder: Path) -> None:
    """All kinds of things that a volume may hold."""
    (folder / "deep/er").mkdir(parents=True)
    (folder / "deep/er").chmod(0o2750)
    (folder / "bytes").write_bytes(bytes(range(256)) * 300)
    (folder / "bytes").chmod(0o640)
    os.chown(folder / "bytes", 1234, 4321)
    os.link(folder / "bytes", folder / "deep/same")
    (folder / "link").symlink_to("deep/er")
    os.lchown(folder / "link", 77, 78)
    with open(folder / "sparse", "wb") as file:
        file.truncate(3 << 20)
        file.seek(2 << 20)
        file.write(b"x")
    (folder / "näme with\nbreak").write_text("")
    os.setxattr(folder / "deep", "user.kind", b"\0\xffx")
    os.utime(folder / "deep/er", (1_000_000_000, 1_000_000_001))
    shutil.copy("/bin/true", folder / "setuid")
    (folder / "setuid").chmod(0o4755)


def extents(path: Path) -> list[tuple[int, int]]:
    """(from, to) of the parts of a file that are not empty, as far as they are worth it."""
    with open(path, "rb") as file:
        size, found, end = path.stat().st_size, [], 0
        while size >= 1 << 16 and end < size:
            try:
                begin = os.lseek(file.fileno(), end, os.SEEK_DATA)
            except OSError:  # nothing but a hole is left
                break
            end = os.lseek(file.fileno(), begin, os.SEEK_HOLE)
            found.append((begin, end))
        return found


def picture(folder: Path) -> str:
    """All of it that a program could see."""
    found = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        about = path.lstat()
        names = os.listxattr(path, follow_symlinks=False)
        found[str(path.relative_to(folder))] = [
            about.st_mode,
            about.st_uid,
            about.st_gid,
            about.st_nlink if path.is_file() else 0,
            extents(path) if path.is_file() and not path.is_symlink() else [],
            about.st_mtime_ns if not path.is_symlink() and path != folder else 0,
            os.readlink(path) if path.is_symlink() else "",
            sha256(path.read_bytes()).hexdigest() if path.is_file() and not path.is_symlink() else "",
            {name: os.getxattr(path, name, follow_symlinks=False).hex() for name in names},
        ]
    return json.dumps(found, indent=1, sort_keys=True)
