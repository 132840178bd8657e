"""storage: room for images and data, on something that lasts."""

from infrakit.host.checks.model import ERROR, GIBIBYTE, MEBIBYTE, NOTE, WARNING, Finding, Wanted, listed, size
from infrakit.host.facts import Facts

RESERVE_BYTES = 2 * GIBIBYTE
LEAST_ROOT_BYTES = 512 * MEBIBYTE
LEAST_BOOT_BYTES = 32 * MEBIBYTE
LEAST_INODES = 50_000
IMAGE_STORE = "/var/lib/containerd"
BOOT = ("/boot", "/boot/firmware", "/boot/efi")
UNFIT = ("vfat", "exfat", "ntfs", "ntfs3", "fuseblk", "nfs", "nfs4", "cifs", "smb3", "9p", "virtiofs")
CLEAN = "see what takes the room: docker system df, and: du -xh --max-depth=2 / | sort -h | tail"


def disk_short(facts: Facts, wanted: Wanted) -> Finding | None:
    """A full disk in the midst of a download leaves half an image."""
    place = _image_store(facts)
    found = facts.file_system(place)
    if not found.size_bytes or found.free_bytes >= wanted.disk_bytes:
        return None
    what = f"{size(wanted.disk_bytes)} are needed below {place}, and {found.path} has {size(found.free_bytes)} left"
    return Finding("disk-short", ERROR, what, f"make room or use a larger disk; {CLEAN}")


def disk_tight(facts: Facts, wanted: Wanted) -> Finding | None:
    """An update fetches the new images before the old ones go."""
    place = _image_store(facts)
    found = facts.file_system(place)
    if (
        not found.size_bytes
        or found.free_bytes < wanted.disk_bytes
        or found.free_bytes >= wanted.disk_bytes + RESERVE_BYTES
    ):
        return None
    what = f"{found.path} has {size(found.free_bytes)} left, which is little for data and the next update"
    return Finding("disk-tight", WARNING, what, f"keep {size(RESERVE_BYTES)} beyond the images; {CLEAN}")


def data_short(facts: Facts, wanted: Wanted) -> Finding | None:
    """Volumes lie with Docker, even where images lie elsewhere."""
    found, images = facts.file_system(facts.data_root), facts.file_system(_image_store(facts))
    if not found.size_bytes or found.path == images.path or found.free_bytes >= RESERVE_BYTES:
        return None
    what = f"{found.path} has {size(found.free_bytes)} left for the data of all services in {facts.data_root}"
    return Finding("data-short", WARNING, what, f"keep {size(RESERVE_BYTES)} there; {CLEAN}")


def root_full(facts: Facts, wanted: Wanted) -> Finding | None:
    """apt, the journal and our own files need room outside of Docker's disk."""
    root = facts.file_system("/")
    if not root.size_bytes or root.free_bytes >= LEAST_ROOT_BYTES:
        return None
    what = f"the root file system has {size(root.free_bytes)} left"
    return Finding(
        "root-full",
        ERROR,
        what,
        (
            "make room: apt-get clean && journalctl --vacuum-size=100M; on a Raspberry Pi: raspi-config "
            "--expand-rootfs, then reboot"
        ),
    )


def root_short(facts: Facts, wanted: Wanted) -> Finding | None:
    """Packages of a bundle are copied there first, then unpacked."""
    root = facts.file_system("/")
    if not root.size_bytes or root.free_bytes >= wanted.root_bytes:
        return None
    what = (
        f"the packages need {size(wanted.root_bytes)} on the root file system, which has {size(root.free_bytes)} left"
    )
    return Finding("root-short", ERROR, what, f"make room; {CLEAN}")


def boot_full(facts: Facts, wanted: Wanted) -> Finding | None:
    """A kernel that cannot be written leaves apt half done, and with it every later package."""
    full = [found for found in facts.file_systems if found.path in BOOT and found.free_bytes < LEAST_BOOT_BYTES]
    if not full:
        return None
    what = f"{full[0].path} has {size(full[0].free_bytes)} left, too little for the next kernel"
    return Finding("boot-full", WARNING, what, "remove old kernels: apt-get autoremove --purge")


def inodes_few(facts: Facts, wanted: Wanted) -> Finding | None:
    """Images are many small files; "no space left on device" with gigabytes free is this."""
    found = facts.file_system(facts.data_root)
    if not found.inodes or found.free_inodes >= LEAST_INODES:
        return None
    what = f"{found.path} has room for {found.free_inodes} more files only, however much space is free"
    return Finding(
        "inodes-few",
        WARNING,
        what,
        "find folders with very many files: du --inodes -x / | sort -n | tail; or put Docker on a disk of its own",
    )


def root_read_only(facts: Facts, wanted: Wanted) -> Finding | None:
    """The kernel does this by itself when a disk fails."""
    if "ro" not in facts.file_system("/").options:
        return None
    remedy = (
        "see why: dmesg | grep -iE 'ext4|mmc|i/o error'; if it was on purpose: mount -o remount,rw /, else replace "
        "the card or disk"
    )
    return Finding("root-read-only", ERROR, "the root file system is read-only", remedy)


def root_overlay(facts: Facts, wanted: Wanted) -> Finding | None:
    """The overlay file system of raspi-config: all that we do would be gone after the next start."""
    if facts.container or facts.file_system("/").kind not in ("overlay", "tmpfs", "ramfs"):
        return None
    remedy = (
        "turn it off in raspi-config under Performance Options, Overlay File System, then reboot; a live system has "
        "to be installed first"
    )
    return Finding(
        "root-overlay",
        ERROR,
        "changes on this machine last until the next start only, since its root lies in memory",
        remedy,
    )


def unfit_file_system(facts: Facts, wanted: Wanted) -> Finding | None:
    """No owners, no overlay, or no locks that a database can trust."""
    found = facts.file_system(facts.data_root)
    if found.kind not in UNFIT:
        return None
    remedy = (
        "mount an ext4 or xfs disk there, or set data-root in /etc/docker/daemon.json to a folder on one, then: "
        "systemctl restart docker"
    )
    return Finding(
        "unfit-file-system",
        ERROR,
        f"{facts.data_root} lies on {found.kind}, which cannot hold images and databases",
        remedy,
    )


def sd_card(facts: Facts, wanted: Wanted) -> Finding | None:
    """Logs and databases wear out a card in a year or two."""
    if not facts.on_sd_card(facts.data_root):
        return None
    remedy = (
        "boot from an SSD, or set data-root in /etc/docker/daemon.json to one; if it stays on the card, keep backups "
        "elsewhere"
    )
    return Finding("sd-card", WARNING, f"{facts.data_root} lies on an SD card, which databases wear out", remedy)


def tmp_noexec(facts: Facts, wanted: Wanted) -> Finding | None:
    """Set by hardening guides; scripts of packages run from there."""
    found = facts.file_system("/tmp")
    if found.path != "/tmp" or "noexec" not in found.options:
        return None
    remedy = 'if apt fails with "permission denied": mount -o remount,exec /tmp while it runs'
    return Finding(
        "tmp-noexec", NOTE, "programs cannot run from /tmp, which some packages do while they are installed", remedy
    )


def _image_store(facts: Facts) -> str:
    """Where layers lie: with containerd since Docker 29 on fresh machines, else with Docker; before there is one, where
    less is free."""
    if facts.docker_origin == "none":
        return min((IMAGE_STORE, facts.data_root), key=lambda place: facts.file_system(place).free_bytes)
    return IMAGE_STORE if facts.storage_driver == "overlayfs" else facts.data_root


def volume_missing(facts: Facts, wanted: Wanted) -> Finding | None:
    """Compose stops half-way: "external volume not found"."""
    if not wanted.volumes_missing:
        return None
    what = f"the file says that Docker has the volume {listed(wanted.volumes_missing)}, and it has not"
    remedy = f"bring it back, or make it empty: docker volume create {wanted.volumes_missing[0]}; or remove external"
    return Finding("volume-missing", ERROR, what, remedy)


def volume_in_use(facts: Facts, wanted: Wanted) -> Finding | None:
    """Two databases that write to the same files leave neither."""
    if not wanted.volumes_used:
        return None
    volume, container, project = wanted.volumes_used[0]
    users = listed(tuple(item[1] for item in wanted.volumes_used if item[0] == volume))
    what = f"the file takes over the volume {volume}, which {users} runs with, outside of InfraKit"
    words = f"docker compose -p {project} down" if project else f"docker stop {container}"
    remedy = f"stop it first: {words}, without -v"
    return Finding("volume-in-use", ERROR, what, remedy)


CHECKS = (
    volume_missing,
    volume_in_use,
    disk_short,
    disk_tight,
    data_short,
    root_full,
    root_short,
    boot_full,
    inodes_few,
    root_read_only,
    root_overlay,
    unfit_file_system,
    sd_card,
    tmp_noexec,
)
