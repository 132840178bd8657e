"""A stick: the folder that a connected host without Docker writes a bundle into, a file system of one for machines, and
one to pull out."""

import shutil
import subprocess
import sys
from pathlib import Path

from infrakit.lock import Lock, parse
from tests import own_places
from tests.e2e.bed import NETWORK, Host, VirtualMachine, packages

STICK = "/media/usb"
CREATE = (
    "bundle create /stick --inventory /inventory.json --sign key "
    "--docker-repository {repository} --docker-key {key} --mirror debian=http://apt.bed/debian --keyring "
    "debian=/usr/share/keyrings/bed.asc"
)
# Nobody answers there, but what is asked goes over the wire; without a router, nothing would.
NAMES = "echo nameserver 10.0.2.3 >/etc/resolv.conf; ip route | grep -q '^default via 10.0.2.2'"
MOUNT = f"mkdir -p {STICK} && mount -t vfat -o ro /dev/vdb {STICK} && findmnt -no FSTYPE,OPTIONS {STICK}"
SPARE_BYTES = 48 << 20
"""The least that FAT32 needs, and tables for what is on it."""


def key_in(folder: Path) -> Path:
    """A key that bundles are signed with."""
    path = folder / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path


def mounting(suite: str, folder: Path) -> Host:
    """A connected host with the folder at /stick."""
    return Host.start(suite, NETWORK, f"--volume={folder}:/stick")


PULL = """
import os, sys
files = [open(os.path.join(folder, name), "rb") for folder, _, names in os.walk(sys.argv[2]) for name in names]
os.truncate(sys.argv[1], 0)
for file in files:
    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
"""
"""The image has nothing any more, and nothing of it is in memory."""


class Connected:
    """`with Connected(mounting(suite, folder), pyz, key) as maker:` a host without Docker that writes bundles.

    Nothing but Python, apt and ssh-keygen is needed there. `inventory`: of the machine that it is for; that of this
    host by itself.
    """

    def __init__(self, host: Host, pyz: Path, key: Path, inventory: str = "") -> None:
        self.host, self.pyz, self.key, self.inventory = host, pyz, key, inventory

    def __enter__(self) -> "Connected":
        self.host.put("/root/infrakit.pyz", self.pyz.read_bytes())
        self.host.put("/root/key", self.key.read_bytes(), 0o600)
        self.host.put(
            "/inventory.json", (self.inventory or self.host.run("python3 /root/infrakit.pyz inventory").out).encode()
        )
        assert self.host.run("command -v docker").code != 0
        return self

    def __exit__(self, *error) -> None:
        self.host.stop()

    def lock(self, file: str) -> Lock:
        """As a user does before he makes a bundle."""
        self.host.put("/root/infrakit.yaml", file.encode())
        self.infrakit("lock")
        return parse(self.host.run("cat /root/infrakit.lock").out.encode(), "infrakit.lock")

    def create(self, file: str) -> None:
        self.host.put("/root/infrakit.yaml", file.encode())
        archive = packages(self.host.suite)
        self.infrakit(CREATE.format(repository=archive.repository, key=archive.fingerprint))

    def infrakit(self, words: str) -> None:
        done = self.host.run(f"cd /root && python3 infrakit.pyz {words}", 600)
        assert done.code == 0, done.out + done.err


def fat32(folder: Path, image: Path) -> Path:
    """A file system as sticks have it, without a partition, with all of the folder in it, which goes."""
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) + SPARE_BYTES
    with open(image, "wb") as file:
        file.truncate(-(-size // 4096) * 4096)
    subprocess.run(["mkfs.vfat", "-F", "32", "-n", "INFRAKIT", image], check=True, capture_output=True)
    subprocess.run(["mcopy", "-s", "-i", image, *sorted(folder.iterdir()), "::/"], check=True, capture_output=True)
    shutil.rmtree(folder)
    return image


def plugged(image: Path, disk: Path | None = None) -> VirtualMachine:
    """A machine without a way out, fresh or with this disk, that has the stick at STICK and can only read it."""
    host = VirtualMachine.start(disk, image)
    found = host.run(f"{NAMES} && {MOUNT}")
    if found.code or not found.out.startswith("vfat   ro,"):
        host.stop()
        raise RuntimeError(f"{found.out}{found.err}{host.name} has no stick")
    return host


class Loose:
    """`with Loose(folder, place) as stick:` what is in the folder, as a read-only disk at `stick.path` that can be
    pulled out while it is read.

    A loop device over a file: while the file is empty, every reading of what is not in memory ends with an I/O error.
    """

    def __init__(self, folder: Path, place: Path) -> None:
        self.image, self.kept, self.path = place / "image", place / "kept", place / "mounted"
        self.path.mkdir(parents=True)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) + SPARE_BYTES
        subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", folder, self.image, f"{size >> 10}k"], check=True)

    def __enter__(self) -> "Loose":
        own_places.run_outside("mount", "-o", "loop,ro", self.image, self.path)
        return self

    def __exit__(self, *error) -> None:
        own_places.run_outside("umount", "-l", self.path)

    def pull(self) -> None:
        shutil.copyfile(self.image, self.kept)
        own_places.run_outside(sys.executable, "-c", PULL, self.image, self.path)

    def put_back(self) -> None:
        with open(self.kept, "rb") as kept, open(self.image, "r+b") as image:
            shutil.copyfileobj(kept, image, 1 << 20)
