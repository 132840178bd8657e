"""What a virtual machine starts from: a kernel, what that needs to find the disk, and the disk, on which Debian has
never run."""

import shutil
import tempfile
from pathlib import Path

from tests.e2e.bed.engine import HERE, kept, own_text, root_tar, run
from tests.e2e.bed.hosts import bed_files
from tests.e2e.bed.packages import Apt
from tests.e2e.bed.roots import INCLUDE

SUITE = "bookworm"
KERNEL = "linux-image-cloud-amd64"
MODULES = ("virtio_pci", "virtio_blk", "virtio_net", "virtio_rng", "ext4")
WAYS = {"apt.bed": ("10.0.2.100", 80), "registry.bed": ("10.0.2.101", 5000)}
"""Where the machine finds the bed's server, in qemu's own network."""
UNIT = """\
[Unit]
DefaultDependencies=no
After=sysinit.target
[Service]
Environment=HOME=/root
ExecStartPre=/bin/sh -c "ip link set lo up; ip link set eth0 up; ip address replace 10.0.2.15/24 dev eth0; ip route replace default via 10.0.2.2"
ExecStart=/usr/bin/python3 /usr/local/sbin/bed-agent
[Install]
WantedBy=sysinit.target
"""  # noqa: E501 -- verbatim text
DISK_SIZE = "8G"


def machine_parts() -> Path:
    """A folder with `kernel`, `initrd` and `disk`: a fresh Debian that has never run."""
    recipe = repr((INCLUDE, sorted(bed_files(SUITE).items()))) + own_text("vm_disk.py", "vm_agent.py", "vm-init.sh")
    return kept("vm", recipe, _build)


def _build(folder: Path) -> None:
    folder.mkdir()
    with tempfile.TemporaryDirectory(prefix="bed-") as temporary:
        work = Path(temporary)
        apt = Apt(work / "apt", SUITE, b"")
        planned = run(*apt.words, "install", "--simulate", KERNEL).stdout.decode().split()
        name = next(word for word in planned if word.startswith("linux-image-") and word != KERNEL)
        apt.download(work / "loose", [name, "busybox-static"])
        root, loose = work / "root", work / "loose"
        root_tar(SUITE, work / "root.tar", (*INCLUDE, "udev", "kmod"))
        root.mkdir()
        run("tar", "-C", root, "-xf", work / "root.tar")
        run("dpkg-deb", "-x", next(loose.glob("linux-image-*.deb")), work / "linux")
        run("dpkg-deb", "-x", next(loose.glob("busybox-*.deb")), work / "busybox")
        version = name.removeprefix("linux-image-")
        shutil.copytree(work / "linux/lib/modules" / version, root / "usr/lib/modules" / version)
        shutil.move(work / f"linux/boot/vmlinuz-{version}", folder / "kernel")
        run("chroot", root, "depmod", version)
        _initrd(root, version, work / "busybox/bin/busybox", work / "initrd", folder / "initrd")
        _settle(root)
        run("mke2fs", "-q", "-t", "ext4", "-d", root, folder / "disk", DISK_SIZE)


def _initrd(root: Path, version: str, busybox: Path, tree: Path, target: Path) -> None:
    for path in ("dev", "root"):
        (tree / path).mkdir(parents=True)
    shutil.copy(busybox, tree / "busybox")
    shutil.copy(HERE / "vm-init.sh", tree / "init")
    (tree / "init").write_text((HERE / "vm-init.sh").read_text().replace("#!/bin/sh", "#!/busybox sh"))
    (tree / "init").chmod(0o755)
    lines = (
        run("chroot", root, "modprobe", "-a", "-S", version, "--show-depends", *MODULES).stdout.decode().splitlines()
    )
    order = list(dict.fromkeys(line.split()[1] for line in lines if line.startswith("insmod")))
    for path in order:
        shutil.copy(f"{root}{path}", tree)
    (tree / "order").write_text("".join(f"{Path(path).name}\n" for path in order))
    names = "\n".join(str(path.relative_to(tree)) for path in sorted(tree.rglob("*"))).encode()
    target.write_bytes(run("cpio", "-o", "-H", "newc", "--quiet", feed=names, cwd=tree).stdout)


def _settle(root: Path) -> None:
    """What an installer would have asked; and the bed's agent."""
    files = {
        **bed_files(SUITE),
        "/etc/hostname": f"{SUITE}\n".encode(),
        "/etc/fstab": b"/dev/vda / ext4 defaults 0 1\n",
        "/etc/hosts": "".join(
            f"{address} {name}\n"
            for address, name in (
                ("127.0.0.1", "localhost"),
                ("127.0.1.1", SUITE),
                *((way[0], name) for name, way in WAYS.items()),
            )
        ).encode(),
        # Nobody answers there: a name that is not in /etc/hosts does not exist.
        "/etc/resolv.conf": b"nameserver 127.0.0.1\n",
        "/etc/systemd/system/bed-agent.service": UNIT.encode(),
        "/usr/local/sbin/bed-agent": (HERE / "vm_agent.py").read_bytes(),
    }
    for path, content in files.items():
        place = Path(f"{root}{path}")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    run("systemctl", "--root", root, "enable", "bed-agent")
