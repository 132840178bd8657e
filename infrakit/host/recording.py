"""A machine -> Recording: the text of fixed files and the output of fixed commands, which tests can replay.

Changes nothing on the machine. Passwords inside of URLs and serial numbers are left out, so that a recording can be
shown.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from infrakit.machine import Machine

MOST_CHARACTERS = 1 << 16
TIMEOUT_S, LOOKUP_TIMEOUT_S = 20, 5
NOT_FOUND, TIMED_OUT = 127, 124
"""Exit codes of a program that is not there, and of one that took too long; as `Machine.run` gives them."""

FILES = (
    "/etc/os-release",
    "/etc/hostname",
    "/etc/hosts",
    "/etc/resolv.conf",
    "/run/systemd/resolve/resolv.conf",
    "/etc/docker/daemon.json",
    "/etc/ufw/ufw.conf",
    "/etc/apt/apt.conf.d/20auto-upgrades",
    "/proc/1/comm",
    "/proc/cgroups",
    "/proc/cmdline",
    "/proc/cpuinfo",
    "/proc/device-tree/model",
    "/proc/locks",
    "/proc/meminfo",
    "/proc/mounts",
    "/sys/fs/cgroup/cgroup.controllers",
    "/sys/module/apparmor/parameters/enabled",
    "/sys/block/mmcblk0/device/type",
    "/sys/block/mmcblk1/device/type",
    "/sys/devices/platform/soc/soc:firmware/get_throttled",
    "/boot/firmware/cmdline.txt",
    "/boot/cmdline.txt",
    "/run/systemd/container",
    "/var/lib/infrakit/installing",
    "/run/reboot-required",
    "/var/run/reboot-required",
)
"""All of them small; one that is not there is left out of the recording."""

FOLDERS = ("/run/systemd", "/var/lib/dpkg/updates")

UNITS = (
    "systemd-resolved",
    "ufw",
    "firewalld",
    "nftables",
    "docker.service",
    "docker.socket",
    "containerd",
    "snap.docker.dockerd",
    "k3s",
    "k3s-agent",
    "rke2-server",
    "rke2-agent",
    "snap.microk8s.daemon-kubelite",
    "kubelet",
    "crio",
    "podman.socket",
    "unattended-upgrades",
)

PACKAGES = (
    "docker-ce",
    "docker-ce-cli",
    "docker.io",
    "docker-cli",
    "moby-engine",
    "podman-docker",
    "podman",
    "containerd.io",
    "containerd",
    "docker-compose-plugin",
    "docker-compose-v2",
    "docker-compose",
    "apparmor",
    "iptables",
    "nftables",
    "unattended-upgrades",
)

LOCKS = ("/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", "/var/lib/apt/lists/lock")

UNATTENDED_BLACKLIST = "Unattended-Upgrade::Package-Blacklist"

COMMANDS: tuple[tuple[str, ...], ...] = (
    ("uname", "-r"),
    ("uname", "-m"),
    ("dpkg", "--print-architecture"),
    ("id", "-u"),
    ("date", "+%s"),
    ("hostname",),
    ("ss", "-Hltnup"),
    ("ps", "-e", "-o", "pid=,comm="),
    ("ps", "-e", "-o", "pid=,unit="),
    ("ip", "-j", "-4", "route", "show", "table", "all"),
    ("ip", "-j", "-4", "addr"),
    ("ip", "-j", "-6", "addr"),
    ("ip", "-j", "-6", "route"),
    ("df", "-B1", "-P"),
    ("df", "-i", "-P"),
    ("findmnt", "-n", "-o", "SOURCE", "/"),
    ("stat", "-c", "%i %n", *LOCKS),
    ("dpkg", "--audit"),
    ("dpkg-query", "-W", "-f", "${Package} ${Version} ${db:Status-Status}\\n", *PACKAGES),
    ("apt-config", "dump", "APT::Periodic::Unattended-Upgrade", UNATTENDED_BLACKLIST),
    ("systemctl", "is-system-running"),
    ("systemctl", "is-active", *UNITS),
    ("systemctl", "show", "docker.service", "--property=ExecStart", "--value"),
    ("systemd-detect-virt",),
    ("systemd-detect-virt", "--container"),
    ("timedatectl", "show"),
    ("vcgencmd", "get_throttled"),
    ("apparmor_parser", "--version"),
    ("iptables", "--version"),
    ("grep", "-rs", "ip_forward", "/etc/sysctl.conf", "/etc/sysctl.d", "/run/sysctl.d"),
    ("readlink", "-f", "/usr/bin/docker"),
    ("docker", "--version"),
    ("docker", "version", "--format", "{{json .}}"),
    ("docker", "info", "--format", "{{json .}}"),
    ("docker", "compose", "version", "--short"),
    ("docker-compose", "version", "--short"),
    (
        "docker",
        "ps",
        "-a",
        "--format",
        '{{.Names}}\t{{.Ports}}\t{{.Label "com.docker.compose.project"}}\t{{.Label "io.infrakit.config"}}',
    ),
    ("docker", "network", "ls", "--format", '{{.ID}}\t{{.Name}}\t{{.Label "com.docker.compose.project"}}'),
    ("grep", "-rls", "download.docker.com", "/etc/apt/sources.list.d"),
    ("snap", "list", "docker"),
    ("podman", "--version"),
)
"""None of them changes a setting or asks the network. (`docker` may wake an engine that waits behind its socket.)"""

ADDRESSES = ("getent", "ahostsv4")
"""Followed by one of the names that the caller wants to know about."""

_PASSWORD = re.compile(r"(://)[^/@\s\"]+@")
_SERIAL = re.compile(r"^(Serial\s*:).*$", re.MULTILINE)


class Recording(NamedTuple):
    """`files`: path -> text. `commands`: the words, joined by blanks -> (exit code, standard output). `listings`:
    folder -> names."""

    files: Mapping[str, str]
    commands: Mapping[str, tuple[int, str]]
    listings: Mapping[str, tuple[str, ...]]
    now_s: float

    def file(self, path: str) -> str:
        """The text of a file, "" where it could not be read."""
        return self.files.get(path, "")

    def said(self, *words: str) -> str:
        """What a command wrote, stripped; "" where it failed."""
        code, out = self.ended(*words)
        return out.strip() if code == 0 else ""

    def ended(self, *words: str) -> tuple[int, str]:
        """(exit code, standard output) of a command; (127, "") where it was not there."""
        return self.commands.get(" ".join(words), (NOT_FOUND, ""))


def record(
    machine: Machine, names: Sequence[str] = (), paths: Sequence[str] = (), more: Sequence[tuple[str, ...]] = ()
) -> Recording:
    """Read all files and run all commands, and those that the caller wants, too; `names` are hostnames to look up."""
    lookups = ((*ADDRESSES, name) for name in names)
    return record_some(machine, (*FILES, *paths), (*COMMANDS, *more, *lookups), FOLDERS)


def record_some(
    machine: Machine, paths: Sequence[str], words: Sequence[tuple[str, ...]], folders: Sequence[str] = ()
) -> Recording:
    """Only these. The only function here that asks a machine."""
    contents = ((path, machine.read(path)) for path in paths)
    files = {path: _shown(content) for path, content in contents if content is not None}
    listings = ((path, tuple(machine.listing(path))) for path in folders)
    commands: dict[str, tuple[int, str]] = {}
    for command in words:
        is_lookup = command[: len(ADDRESSES)] == ADDRESSES
        done = machine.run(command, timeout_s=LOOKUP_TIMEOUT_S if is_lookup else TIMEOUT_S)
        if done.code != NOT_FOUND or done.out:
            commands[" ".join(command)] = (done.code, _plain(done.out))
        if is_lookup and done.code == TIMED_OUT:
            break  # no name server answers: do not wait for it once per name
    clock = commands.get("date +%s", (1, ""))[1].strip()
    return Recording(
        files,
        commands,
        {path: found for path, found in listings if found},
        float(clock) if clock.isdecimal() and len(clock) < 12 else 0.0,
    )


def to_json(recording: Recording) -> str:
    """A file for tests: keys sorted, so that the same machine gives the same bytes."""
    tree = {
        "now_s": recording.now_s,
        "files": dict(recording.files),
        "commands": {words: {"code": code, "out": out} for words, (code, out) in recording.commands.items()},
        "listings": {path: list(names) for path, names in recording.listings.items()},
    }
    return json.dumps(tree, indent=1, sort_keys=True) + "\n"


def from_json(text: str) -> Recording:
    """What `to_json` wrote."""
    tree = json.loads(text)
    return Recording(
        files=tree["files"],
        commands={words: (done["code"], done["out"]) for words, done in tree["commands"].items()},
        listings={path: tuple(names) for path, names in tree["listings"].items()},
        now_s=float(tree["now_s"]),
    )


def _shown(content: bytes) -> str:
    return _plain(content.decode("utf-8", "replace").rstrip("\0"))


def _plain(text: str) -> str:
    """Without passwords in URLs, without the serial number of a Raspberry Pi, and not longer than it has to be."""
    return _SERIAL.sub(r"\1 0", _PASSWORD.sub(r"\1***@", text[:MOST_CHARACTERS]))
