"""Recording -> what the machine is: its system, memory, file systems, cgroups, clock and packages."""

import re
from typing import Any, NamedTuple

from infrakit.host.apt import INSTALLING
from infrakit.host.recording import LOCKS, MOST_CHARACTERS, PACKAGES, UNATTENDED_BLACKLIST, UNITS, Recording

BOOT_FILES = ("/boot/firmware/cmdline.txt", "/boot/cmdline.txt")
DPKG_NAMES = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv7l": "armhf",
    "armv8l": "armhf",
    "armv6l": "armv6",
    "i686": "i386",
}
MEMORY_ON = ("cgroup_enable=memory", "cgroup_memory=1")
SWITCHED_ON = ("active", "activating", "reloading")
OTHER_ENGINES = {
    "k3s": "k3s",
    "k3s-agent": "k3s",
    "rke2-server": "rke2",
    "rke2-agent": "rke2",
    "snap.microk8s.daemon-kubelite": "microk8s",
    "kubelet": "kubelet",
    "crio": "cri-o",
}


class FileSystem(NamedTuple):
    """One that is mounted at `path`; sizes in bytes, counts of inodes 0 where the file system has none (btrfs)."""

    path: str
    source: str
    kind: str
    options: tuple[str, ...]
    size_bytes: int
    free_bytes: int
    inodes: int
    free_inodes: int


def system(recording: Recording) -> dict[str, Any]:
    """Distribution, processor, and who we are."""
    release = assignments(recording.file("/etc/os-release"))
    container = (
        recording.ended("systemd-detect-virt", "--container")[1].strip()
        or recording.file("/run/systemd/container").strip()
    )
    virtualization = recording.ended("systemd-detect-virt")[1].strip()
    return {
        "distribution": release.get("ID", ""),
        "id_like": tuple(release.get("ID_LIKE", "").split()),
        "version": release.get("VERSION_ID", ""),
        "codename": release.get("UBUNTU_CODENAME") or release.get("VERSION_CODENAME", ""),
        "architecture": _architecture(recording),
        "machine": recording.said("uname", "-m"),
        "kernel": recording.said("uname", "-r"),
        "pi_model": recording.file("/proc/device-tree/model").strip("\0\n "),
        "processors": _processors(recording),
        "hostname": recording.said("hostname") or recording.file("/etc/hostname").strip(),
        "is_root": recording.said("id", "-u") == "0",
        "has_systemd": "system" in recording.listings.get("/run/systemd", ())
        and recording.file("/proc/1/comm").strip() in ("systemd", "init", ""),
        "system_state": recording.ended("systemctl", "is-system-running")[1].strip(),
        "virtualization": "" if virtualization == "none" else virtualization,
        "container": "" if container == "none" else container,
        "apparmor": recording.file("/sys/module/apparmor/parameters/enabled").strip() == "Y",
        "apparmor_parser": recording.ended("apparmor_parser", "--version")[0] == 0,
        "throttled": _throttled(recording),
    }


def memory(recording: Recording) -> dict[str, Any]:
    """Memory, swap and the control group that limits them."""
    numbers = dict(re.findall(r"^(\w+):\s+([0-9]+) kB", recording.file("/proc/meminfo"), re.MULTILINE))
    unified = recording.files.get("/sys/fs/cgroup/cgroup.controllers")
    legacy = {
        line.split()[0]: line.split()[-1]
        for line in recording.file("/proc/cgroups").splitlines()
        if len(line.split()) == 4
    }
    boot_file = next((path for path in BOOT_FILES if "root=" in recording.file(path)), "")
    return {
        "memory_bytes": _number(numbers.get("MemTotal", "")) * 1024,
        "swap_bytes": _number(numbers.get("SwapTotal", "")) * 1024,
        "cgroup_version": 2 if unified is not None else 1 if legacy else 0,
        "memory_cgroup": "memory" in unified.split() if unified is not None else legacy.get("memory") == "1",
        "boot_file": boot_file,
        "memory_cgroup_asked": any(word in MEMORY_ON for word in recording.file(boot_file).split()),
    }


def storage(recording: Recording) -> dict[str, Any]:
    """What is mounted where; sources by the name of the device."""
    mounts = {}
    for words in (line.split() for line in recording.file("/proc/mounts").splitlines()):
        if len(words) >= 4:
            mounts[_unescaped(words[1])] = words
    inodes = {words[5]: words for words in _table(recording.ended("df", "-i", "-P")[1])}
    found = []
    for words in _table(recording.ended("df", "-B1", "-P")[1]):
        path, source, mount = words[5], words[0], mounts.get(words[5], ["", "", "", ""])
        if path == "/" and source == "/dev/root":
            source = recording.said("findmnt", "-n", "-o", "SOURCE", "/") or source
        count, free = (_number(inodes[path][1]), _number(inodes[path][3])) if path in inodes else (0, 0)
        found.append(
            FileSystem(
                path, source, mount[2], tuple(mount[3].split(",")), _number(words[1]), _number(words[3]), count, free
            )
        )
    cards = (
        f"mmcblk{number}"
        for number in (0, 1)
        if recording.file(f"/sys/block/mmcblk{number}/device/type").strip() == "SD"
    )
    return {"file_systems": tuple(sorted(found)), "sd_cards": tuple(cards)}


def clock(recording: Recording) -> dict[str, Any]:
    """What time it is here, and whether somebody tells the machine: "yes", "no", or "" where it does not say."""
    said = assignments(recording.said("timedatectl", "show"))
    return {"now_s": recording.now_s, "ntp": said.get("NTP", ""), "ntp_synchronised": said.get("NTPSynchronized", "")}


def packages(recording: Recording) -> dict[str, Any]:
    """Who holds the package manager's locks, what it left half done, what it does by itself."""
    installed = installed_packages(recording)
    periodic = recording.said("apt-config", "dump", "APT::Periodic::Unattended-Upgrade", UNATTENDED_BLACKLIST)
    automatic = re.search(
        r'APT::Periodic::Unattended-Upgrade "(.*?)"', periodic + recording.file("/etc/apt/apt.conf.d/20auto-upgrades")
    )
    kept_back = any("docker" in line for line in periodic.splitlines() if line.startswith(UNATTENDED_BLACKLIST))
    return {
        "package_locks": _holders(recording),
        "half_installed": tuple(
            marked_packages(recording)
            or broken_packages(recording)
            or recording.listings.get("/var/lib/dpkg/updates", ())
        ),
        "reboot_required": any(
            path in recording.files for path in ("/run/reboot-required", "/var/run/reboot-required")
        ),
        "unattended_upgrades": "unattended-upgrades" in installed
        and automatic is not None
        and automatic[1] not in ("0", ""),
        "docker_kept_back": kept_back,
        "other_engines": tuple(
            sorted({name for unit, name in OTHER_ENGINES.items() if unit in active_units(recording)})
        ),
    }


def active_units(recording: Recording) -> set[str]:
    """Those of UNITS that run."""
    states = recording.ended("systemctl", "is-active", *UNITS)[1].split("\n")
    return {unit for unit, state in zip(UNITS, states) if state.strip() in SWITCHED_ON}


def installed_packages(recording: Recording) -> dict[str, str]:
    """Those of PACKAGES that are installed -> their version."""
    lines = recording.ended("dpkg-query", "-W", "-f", "${Package} ${Version} ${db:Status-Status}\\n", *PACKAGES)[
        1
    ].splitlines()
    return {words[0]: words[1] for words in map(str.split, lines) if len(words) == 3 and words[2] == "installed"}


def broken_packages(recording: Recording) -> list[str]:
    """Those that dpkg has begun with, and not ended."""
    return [
        line.split()[0]
        for line in recording.said("dpkg", "--audit").splitlines()
        if line.startswith(" ") and line.split()
    ]


def marked_packages(recording: Recording) -> list[str]:
    """New ones of ours whose installation a power cut or a kill came into, half installed or not."""
    return sorted({name for line in recording.file(INSTALLING).splitlines() for name in line.split()[1:]})


def assignments(text: str) -> dict[str, str]:
    """KEY=value lines, unquoted."""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return {key.strip(): value.strip().strip("\"'") for key, _, value in pairs}


def _architecture(recording: Recording) -> str:
    """dpkg's word. A 64-bit kernel may carry 32-bit programs, and armhf of Raspberry Pi OS runs on ARMv6 where Docker's
    does not."""
    machine = recording.said("uname", "-m")
    said = recording.said("dpkg", "--print-architecture") or DPKG_NAMES.get(machine, machine)
    is_old = machine == "armv6l" or "ARMv6" in recording.file("/proc/cpuinfo")
    return "armv6" if said in ("armhf", "armel", "armv6") and is_old else said


def _processors(recording: Recording) -> int:
    """How many the kernel counts; 0 where the list is longer than what is recorded of it."""
    text = recording.file("/proc/cpuinfo")
    return len(re.findall(r"^processor\s*: \d", text, re.MULTILINE)) if len(text) < MOST_CHARACTERS else 0


def _throttled(recording: Recording) -> int:
    """The firmware's bits: 0 under-voltage, 1 frequency capped, 2 throttled, 3 warm; the same since start from bit 16
    on."""
    said = recording.said("vcgencmd", "get_throttled").partition("=")[2] or recording.file(
        "/sys/devices/platform/soc/soc:firmware/get_throttled"
    )
    digits = re.fullmatch(r"(?:0x)?([0-9a-f]{1,8})", said.strip())
    return int(digits[1], 16) if digits else 0


def _holders(recording: Recording) -> tuple[str, ...]:
    """Programs that hold a lock of apt or dpkg. By inode alone: /proc/locks and stat name devices differently on
    overlay and btrfs."""
    inodes = {
        line.split()[0] for line in recording.ended("stat", "-c", "%i %n", *LOCKS)[1].splitlines() if line.split()
    }
    processes = dict(
        line.split(None, 1)
        for line in recording.said("ps", "-e", "-o", "pid=,comm=").splitlines()
        if len(line.split(None, 1)) == 2
    )
    found = set()
    for words in (line.split() for line in recording.file("/proc/locks").splitlines()):
        if len(words) >= 6 and words[1] != "->" and words[3] == "WRITE" and words[5].rpartition(":")[2] in inodes:
            found.add(processes.get(words[4], f"process {words[4]}"))
    return tuple(sorted(found))


def _table(text: str) -> list[list[str]]:
    """The rows of df: six columns, the last of which may hold blanks."""
    rows = (line.split(None, 5) for line in text.splitlines()[1:])
    return [row for row in rows if len(row) == 6]


def _unescaped(path: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), path)


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 20 else 0
