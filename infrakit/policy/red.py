"""What amounts to root on the host, of all that weakens a promise.

Whatever is not known to be harmless is red: a path in a folder of the system's, a device that is no peripheral, a way
upwards in either.
"""

import re

from infrakit.model import SHARED

READ_ONLY = ":ro"
"""How the detail of a path of the host ends that is only read."""

ROOT_CAPABILITIES = (
    *("ALL", "BPF", "DAC_READ_SEARCH", "MAC_ADMIN", "MAC_OVERRIDE", "SYS_ADMIN", "SYS_BOOT", "SYS_MODULE"),
    *("SYS_PTRACE", "SYS_RAWIO", "SYS_TIME"),
)
"""Those that reach out of a container (capabilities(7)); others change what is the container's own."""

SYSTEM = {
    *("bin", "boot", "dev", "etc", "initrd", "lib", "lib32", "lib64", "libo32", "libx32", "lost+found", "proc", "root"),
    *("run", "sbin", "sys", "tmp", "usr", "var", "vmlinuz"),
    *("gnu", "nix", "ostree", "snap", "swap", "swapfile", "sysroot"),
}
"""Folders at the top of a host that are not an administrator's own to name (Filesystem Hierarchy Standard 3.0, sections
3 and 6, and what distributions add), up to the first dot in their names."""

OF_PROGRAMS = {"cni", "containerd", "vc"}
"""In /opt, what the engine and a Raspberry Pi run as root; containerd looks for programs there (its opt plugin)."""

READABLE = (
    *("/etc/localtime", "/etc/machine-id", "/etc/os-release", "/etc/ssl/certs", "/etc/timezone", "/lib/modules"),
    *("/run/udev", "/usr/lib/os-release", "/usr/share/ca-certificates", "/usr/share/zoneinfo", "/var/log"),
)
"""What says nothing that makes root of its reader."""

PERIPHERAL = re.compile(
    r"/dev/(?:(?:dri|snd|serial|input|usb|dvb|v4l)(?:/.*)?|bus/usb/\d+/\d+|net/tun|fuse|kvm|vchiq|cec\d+|gpiomem\d*|"
    r"gpiochip\d+|i2c-\d+|spidev[\d.]+|video\d+|media\d+|hidraw\d+|rtc\d*|apex_\d+|nvidia[\w-]*(?:/.*)?|"
    r"tty(?:USB|ACM|AMA|S|THS)\d+)"
)
"""Devices that lead to no memory and no disk of the host. The whole USB bus has disks; /dev/vcio runs code on the
processor of a Raspberry Pi that sees all memory (raspberrypi/firmware, Mailbox property interface: Execute Code)."""

STRONG_GROUPS = ("docker", "root", "0", "disk", "sudo", "wheel", "shadow", "kmem", "lxd", "libvirt")
"""Of the host's: who is in one may become root there."""

AMBER = ("extra_hosts", "gpus", "labels", "ports", "secret_environment", "shared_volume", "sysctls")
"""What weakens a promise, and no more."""


def is_red(capability: str, detail: str) -> bool:
    """Whether a capability of policy/grants.py amounts to root on the host or leads around sign-in; else it weakens a
    promise. `detail`: what exactly, as that module says it."""
    if capability == "cap_add":
        return detail.removeprefix("CAP_") in ROOT_CAPABILITIES
    if capability == "host_path":
        return not _is_data(detail.removesuffix(READ_ONLY), detail.endswith(READ_ONLY))
    if capability == "devices":
        parts = parts_of(detail.removeprefix("devices: ").partition(":")[0])
        return ".." in parts or not PERIPHERAL.fullmatch("/" + "/".join(parts))
    if capability == "network" and detail.startswith(f"network: {SHARED}"):
        return False
    return capability not in AMBER


def parts_of(path: str) -> list[str]:
    """What a path names, one after the other; `..` where it leads upwards."""
    return [part for part in path.split("/") if part not in ("", ".")]


def _is_data(path: str, read_only: bool) -> bool:
    """A folder where people keep what is theirs, and no program of the host's."""
    parts = parts_of(path)
    if ".." in parts or not parts:
        return False
    top, below = parts[0], parts[1:]
    if top == "home":
        # A whole home, and what is hidden in it, says who may sign in, and what runs when he does.
        return len(below) > 1 and not below[1].startswith(".")
    if top == "opt":
        return bool(below) and below[0] not in OF_PROGRAMS
    if top.partition(".")[0] in SYSTEM:
        whole = "/" + "/".join(parts)
        return read_only and any(whole == place or whole.startswith(f"{place}/") for place in READABLE)
    return True
