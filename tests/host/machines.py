"""The machines in tests/machines, each as a small change to another; `python -m tests.host.machines` writes them.

None was taken from one real machine: they are put together from what such systems say, in the formats of their
programs.
"""

from pathlib import Path
from typing import Any

from infrakit.host.recording import COMMANDS, LOCKS, PACKAGES, UNITS, Recording, from_json, to_json
from tests.host import texts

FOLDER = Path(__file__).parents[1] / "machines"
NOW_S = 1_789_380_000.0
IS_ACTIVE = " ".join(("systemctl", "is-active", *UNITS))
DPKG_QUERY = " ".join(("dpkg-query", "-W", "-f", "${Package} ${Version} ${db:Status-Status}\\n", *PACKAGES))
PERIODIC = next(" ".join(words) for words in COMMANDS if words[0] == "apt-config")
STAT = " ".join(("stat", "-c", "%i %n", *LOCKS))
PS, PS_UNITS = "ps -e -o pid=,comm=", "ps -e -o pid=,unit="
ROUTES = "ip -j -4 route show table all"
DOCKER_VERSION, DOCKER_INFO = "docker version --format {{json .}}", "docker info --format {{json .}}"
DOCKER_PS = next(" ".join(words) for words in COMMANDS if words[:2] == ("docker", "ps"))
DOCKER_NETWORKS = next(" ".join(words) for words in COMMANDS if words[:2] == ("docker", "network"))
SYSCTL = next(" ".join(words) for words in COMMANDS if words[0] == "grep")
DAEMON = "/etc/docker/daemon.json"
FRESH = (
    DOCKER_VERSION,
    DOCKER_INFO,
    DOCKER_PS,
    DOCKER_NETWORKS,
    "docker --version",
    "docker compose version --short",
    "readlink -f /usr/bin/docker",
)
SYSTEMD = ("inaccessible", "journal", "notify", "private", "system", "units")
PI_SOURCE, PI_BOOT = "/dev/mmcblk0p2", ("/dev/mmcblk0p1", "/boot/firmware")
ENGINE = (
    "docker-ce {v} installed\ndocker-ce-cli {v} installed\ncontainerd.io 2.1.5-1 installed\ndocker-compose-plugin "
    "5.0.0-1 installed\n"
)
REST = "apparmor 4.1.0-1 installed\niptables 1.8.11-2 installed\nunattended-upgrades 2.12 installed\n"


def changed(
    base: Recording, files: dict[str, str | None] | None = None, says: dict[str, Any] | None = None, **rest: Any
) -> Recording:
    """`base` with other files and outputs: text, or (exit code, text); None takes one away."""
    fresh = {**base.files, **(files or {})}
    outputs = {words: out if isinstance(out, tuple) or out is None else (0, out) for words, out in (says or {}).items()}
    return base._replace(
        files={path: text for path, text in fresh.items() if text is not None},
        commands={words: done for words, done in {**base.commands, **outputs}.items() if done is not None},
        **rest,
    )


def without_docker(base: Recording, *more: str) -> Recording:
    """Before Docker was installed."""
    gone = dict.fromkeys(FRESH)
    kept = [
        line
        for line in base.commands[DPKG_QUERY][1].splitlines(keepends=True)
        if "docker" not in line and "containerd" not in line
    ]
    return changed(
        base,
        {DAEMON: None},
        {**gone, DPKG_QUERY: (1, "".join(kept)), IS_ACTIVE: (3, texts.active("unattended-upgrades", *more))},
    )


def with_docker(base: Recording, version: str = "29.1.4", api: str = "1.52", api_min: str = "1.44") -> Recording:
    """With Docker's own packages."""
    package = f"5:{version}-1~debian.13~trixie"
    return changed(
        base,
        {DAEMON: '{\n  "log-driver": "local"\n}\n'},
        {
            "docker --version": f"Docker version {version}, build 0e6fee6\n",
            DOCKER_VERSION: texts.docker_version(version, api, api_min),
            DOCKER_INFO: texts.docker_info(version),
            "docker compose version --short": "5.0.0\n",
            "readlink -f /usr/bin/docker": "/usr/bin/docker\n",
            DOCKER_PS: "",
            DOCKER_NETWORKS: "3a5c0d8be3a1\tbridge\t\n",
            DPKG_QUERY: (1, ENGINE.format(v=package) + REST),
            IS_ACTIVE: (3, texts.active("unattended-upgrades", "docker.service", "docker.socket", "containerd")),
        },
    )


def vps_debian_13() -> Recording:
    """The good one: nothing is to be said against it."""
    files = {
        "/etc/os-release": texts.OS_RELEASES["trixie"],
        "/etc/hostname": "vps\n",
        "/etc/hosts": "127.0.0.1 localhost\n127.0.1.1 vps\n",
        "/etc/resolv.conf": "nameserver 203.0.113.53\nnameserver 203.0.113.54\n",
        "/proc/1/comm": "systemd\n",
        "/proc/cmdline": texts.PC_CMDLINE + "\n",
        "/proc/cgroups": (
            "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpuset\t0\t72\t1\ncpu\t0\t72\t1\nmemory\t0\t72\t1\n"
            "pids\t0\t72\t1\n"
        ),
        "/proc/cpuinfo": texts.PC,
        "/proc/locks": "1: FLOCK  ADVISORY  WRITE 601 00:1a:812 0 EOF\n",
        "/proc/meminfo": texts.meminfo(8_131_148, 1_048_572),
        "/proc/mounts": texts.mounts("/dev/vda1", boot=("/dev/vda15", "/boot/efi")),
        "/sys/fs/cgroup/cgroup.controllers": texts.PC_CONTROLLERS,
        "/sys/module/apparmor/parameters/enabled": "Y\n",
        "/etc/apt/apt.conf.d/20auto-upgrades": 'APT::Periodic::Update-Package-Lists "1";\n'
        'APT::Periodic::Unattended-Upgrade "1";\n',
    }
    says = {
        "uname -r": "6.12.57+deb13-amd64\n",
        "uname -m": "x86_64\n",
        "dpkg --print-architecture": "amd64\n",
        "id -u": "0\n",
        "date +%s": f"{NOW_S:.0f}\n",
        "hostname": "vps\n",
        "ss -Hltnup": texts.DHCP + texts.SSH,
        PS: "    1 systemd\n  601 dhclient\n  742 sshd\n",
        ROUTES: texts.routes("203.0.113.0/24", "203.0.113.1", "203.0.113.80"),
        "ip -j -4 addr": texts.addresses("203.0.113.80", 24),
        "ip -j -6 route": '[{"dst":"fe80::/64","dev":"eth0","protocol":"kernel",'
        '"metric":256,"flags":[],"pref":"medium"}]',
        "df -B1 -P": texts.df("/dev/vda1", 80, 61, ("/dev/vda15", "/boot/efi")),
        "df -i -P": texts.df_inodes("/dev/vda1"),
        "findmnt -n -o SOURCE /": "/dev/vda1\n",
        STAT: "402117 /var/lib/dpkg/lock-frontend\n402116 /var/lib/dpkg/lock\n399286 /var/lib/apt/lists/lock\n",
        "dpkg --audit": "",
        PERIODIC: 'APT::Periodic::Unattended-Upgrade "1";\n',
        "systemctl is-system-running": "running\n",
        "systemd-detect-virt": "kvm\n",
        "systemd-detect-virt --container": (1, "none\n"),
        "timedatectl show": texts.timedatectl(),
        "apparmor_parser --version": "AppArmor parser version 4.1.0\n",
        "systemctl show docker.service --property=ExecStart --value": (
            "{ path=/usr/bin/dockerd ; argv[]=/usr/bin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock "
            "; }\n"
        ),
        "iptables --version": "iptables v1.8.11 (nf_tables)\n",
        SYSCTL: (1, ""),
        DPKG_QUERY: (1, REST),
    }
    empty = Recording({}, {}, {"/run/systemd": SYSTEMD}, NOW_S)
    return with_docker(changed(empty, files, says))


def ubuntu(codename: str, kernel: str, memory_kib: int) -> Recording:
    """A fresh server of Ubuntu: systemd-resolved, snapd, ufw that is installed and off."""
    files = {
        "/etc/os-release": texts.OS_RELEASES[codename],
        "/etc/resolv.conf": texts.STUB_RESOLV,
        "/etc/ufw/ufw.conf": "# /etc/ufw/ufw.conf\nENABLED=no\nLOGLEVEL=low\n",
        "/run/systemd/resolve/resolv.conf": "nameserver 203.0.113.53\nsearch .\n",
        "/proc/meminfo": texts.meminfo(memory_kib, 2_097_148),
    }
    says = {"uname -r": f"{kernel}\n", "ss -Hltnup": texts.STUB + texts.SSH, "snap list docker": (1, "")}
    return without_docker(changed(vps_debian_13(), files, says), "systemd-resolved", "ufw")


def pi(model: str, part: str, codename: str, memory_kib: int, kernel: str) -> Recording:
    """A fresh Raspberry Pi OS, 64 bit, on a card: no memory limits, no AppArmor."""
    files = {
        "/etc/os-release": texts.OS_RELEASES[codename],
        "/etc/hostname": "raspberrypi\n",
        "/etc/resolv.conf": "nameserver 192.168.1.1\n",
        "/proc/cpuinfo": texts.ARM64.format(part=part, model=model),
        "/proc/device-tree/model": model,
        "/proc/meminfo": texts.meminfo(memory_kib, 524_272),
        "/proc/cmdline": texts.PI_FIRMWARE + texts.PI_CMDLINE + "\n",
        "/boot/firmware/cmdline.txt": texts.PI_CMDLINE + "\n",
        "/boot/cmdline.txt": "DO NOT EDIT THIS FILE\n\n"
        "The file you are looking for has moved to /boot/firmware/cmdline.txt\n",
        "/proc/mounts": texts.mounts(PI_SOURCE, boot=PI_BOOT, options="rw,noatime"),
        "/sys/fs/cgroup/cgroup.controllers": texts.PI_CONTROLLERS,
        "/sys/module/apparmor/parameters/enabled": "N\n",
        "/sys/block/mmcblk0/device/type": "SD\n",
        "/etc/apt/apt.conf.d/20auto-upgrades": None,
    }
    lan = {
        ROUTES: texts.routes("192.168.1.0/24", "192.168.1.1", "192.168.1.42"),
        "ip -j -4 addr": texts.addresses("192.168.1.42", 24),
    }
    says = {
        "uname -r": f"{kernel}\n",
        "uname -m": "aarch64\n",
        "dpkg --print-architecture": "arm64\n",
        "hostname": "raspberrypi\n",
        "ss -Hltnup": texts.AVAHI + texts.SSH,
        "df -B1 -P": texts.df(PI_SOURCE, 29, 22, PI_BOOT),
        "df -i -P": texts.df_inodes(PI_SOURCE, 1_700_000),
        "findmnt -n -o SOURCE /": f"{PI_SOURCE}\n",
        "vcgencmd get_throttled": "throttled=0x0\n",
        "systemd-detect-virt": (1, "none\n"),
        "apparmor_parser --version": None,
        PERIODIC: "",
        DPKG_QUERY: (1, ""),
        **lan,
    }
    bare = without_docker(changed(vps_debian_13(), files, says))
    return changed(
        bare,
        says={
            IS_ACTIVE: (3, texts.active()),
            "iptables --version": None if codename == "trixie" else "iptables v1.8.9 (nf_tables)\n",
        },
    )


def with_memory_limits(base: Recording) -> Recording:
    """After InfraKit, or a person, edited the kernel's command line and rebooted."""
    line = f"{texts.PI_CMDLINE} {texts.LIMITS}\n"
    return changed(
        base,
        {
            "/boot/firmware/cmdline.txt": line,
            "/proc/cmdline": texts.PI_FIRMWARE + line,
            "/sys/fs/cgroup/cgroup.controllers": texts.PI_CONTROLLERS_ALL,
        },
    )


def pi_4() -> Recording:
    return pi("Raspberry Pi 4 Model B Rev 1.5", "0xd08", "bookworm", 3_882_584, "6.12.47+rpt-rpi-v8")


def pi_4_32bit() -> Recording:
    """The 32-bit image starts a 64-bit kernel on it."""
    return changed(
        pi_4(), {"/etc/os-release": texts.OS_RELEASES["raspbian-bookworm"]}, {"dpkg --print-architecture": "armhf\n"}
    )


def pi_3_32bit() -> Recording:
    """The 32-bit image, with a kernel of 32 bits."""
    model = "Raspberry Pi 3 Model B Plus Rev 1.3"
    base = pi(model, "0xd03", "raspbian-bookworm", 945_512, "6.12.47+rpt-rpi-v7")
    return changed(
        base,
        {"/proc/cpuinfo": texts.ARMV7.format(model=model)},
        {"uname -m": "armv7l\n", "dpkg --print-architecture": "armhf\n"},
    )


def pi_5() -> Recording:
    """On an NVMe disk, prepared, Docker running."""
    base = pi("Raspberry Pi 5 Model B Rev 1.0", "0xd0b", "trixie", 8_245_136, "6.12.47+rpt-rpi-2712")
    source, boot = "/dev/nvme0n1p2", ("/dev/nvme0n1p1", "/boot/firmware")
    disk = {
        "df -B1 -P": texts.df(source, 234, 210, boot),
        "df -i -P": texts.df_inodes(source),
        "findmnt -n -o SOURCE /": f"{source}\n",
    }
    files = {
        "/proc/mounts": texts.mounts(source, boot=boot, options="rw,noatime"),
        "/sys/block/mmcblk0/device/type": None,
    }
    return with_docker(
        with_memory_limits(changed(base, files, {**disk, "iptables --version": "iptables v1.8.11 (nf_tables)\n"}))
    )


def zero_2_w() -> Recording:
    """The smallest that can; on a weak power supply."""
    base = pi("Raspberry Pi Zero 2 W Rev 1.0", "0xd03", "trixie", 436_160, "6.12.47+rpt-rpi-v8")
    return changed(base, says={"vcgencmd get_throttled": "throttled=0x50005\n"})


def zero_w() -> Recording:
    """ARMv6: its dpkg says armhf like that of a Pi 3."""
    model = "Raspberry Pi Zero W Rev 1.1"
    base = pi(model, "", "raspbian-bookworm", 440_000, "6.12.47+rpt-rpi-v6")
    return changed(
        base,
        {"/proc/cpuinfo": texts.ARMV6.format(model=model)},
        {"uname -m": "armv6l\n", "dpkg --print-architecture": "armhf\n"},
    )


def pi_4_ubuntu() -> Recording:
    """Ubuntu on a Raspberry Pi has the controller, and the same file for the kernel's command line."""
    base = pi("Raspberry Pi 4 Model B Rev 1.4", "0xd08", "noble", 7_991_000, "6.8.0-1040-raspi")
    files = {
        "/boot/firmware/cmdline.txt": "multipath=off dwc_otg.lpm_enable=0 console=tty1 "
        "root=LABEL=writable rootfstype=ext4 rootwait fixrtc\n",
        "/boot/cmdline.txt": None,
        "/sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory hugetlb pids rdma misc\n",
        "/sys/module/apparmor/parameters/enabled": "Y\n",
        "/etc/resolv.conf": texts.STUB_RESOLV,
        "/run/systemd/resolve/resolv.conf": "nameserver 192.168.1.1\n",
    }
    return changed(
        base,
        files,
        {"ss -Hltnup": texts.STUB + texts.SSH, "apparmor_parser --version": "AppArmor parser version 4.0.1\n"},
    )


def lxc() -> Recording:
    """An unprivileged container of Proxmox VE."""
    files = {
        "/run/systemd/container": "lxc",
        "/proc/mounts": texts.mounts("rpool/data/subvol-104-disk-0", "zfs"),
        "/etc/os-release": texts.OS_RELEASES["bookworm"],
    }
    says = {
        "uname -r": "6.8.12-15-pve\n",
        "systemd-detect-virt": "lxc\n",
        "systemd-detect-virt --container": "lxc\n",
        "timedatectl show": texts.timedatectl("no", "yes"),
        "df -B1 -P": texts.df("rpool/data/subvol-104-disk-0", 32, 29),
        "df -i -P": texts.df_inodes("rpool/data/subvol-104-disk-0"),
        "findmnt -n -o SOURCE /": "rpool/data/subvol-104-disk-0\n",
    }
    return without_docker(changed(vps_debian_13(), files, says))


def snap() -> Recording:
    """Ubuntu's installer offers Docker as a snap, and people take it."""
    base = ubuntu("noble", "6.8.0-87-generic", 4_005_000)
    listed = (
        "Name    Version  Rev   Tracking       Publisher   Notes\ndocker  28.4.0   3377  latest/stable  canonical✓  -\n"
    )
    units = texts.active("systemd-resolved", "unattended-upgrades", "snap.docker.dockerd")
    return changed(base, says={"snap list docker": listed, IS_ACTIVE: (3, units)})


def podman() -> Recording:
    """Debian's podman-docker: a script called docker."""
    base = without_docker(
        changed(vps_debian_13(), {"/etc/os-release": texts.OS_RELEASES["bookworm"]}, {"uname -r": "6.1.0-40-amd64\n"})
    )
    client = (
        '{"Client":{"APIVersion":"4.3.1","Version":"4.3.1",'
        '"GoVersion":"go1.19.8","Os":"linux","OsArch":"linux/amd64"}}\n'
    )
    return changed(
        base,
        says={
            "docker --version": "podman version 4.3.1\n",
            DOCKER_VERSION: client,
            "readlink -f /usr/bin/docker": "/usr/bin/docker\n",
            "podman --version": "podman version 4.3.1\n",
            DPKG_QUERY: (1, REST + "podman 4.3.1+ds1-8+b2 installed\npodman-docker 4.3.1+ds1-8 installed\n"),
        },
    )


def distribution_docker() -> Recording:
    """Debian 12 with its own docker.io and docker-compose."""
    base = changed(vps_debian_13(), {"/etc/os-release": texts.OS_RELEASES["bookworm"], DAEMON: None})
    lines = (
        "docker.io 20.10.24+dfsg1-1+deb12u1+b6 installed\ndocker-compose 1.29.2-3 installed\ncontainerd "
        "1.6.20~ds1-1+deb12u3 installed\n"
    )
    return changed(
        base,
        says={
            "docker --version": "Docker version 20.10.24+dfsg1, build 297e128\n",
            DOCKER_VERSION: texts.docker_version("20.10.24+dfsg1", "1.41", "1.12"),
            DOCKER_INFO: texts.docker_info("20.10.24+dfsg1"),
            "docker compose version --short": (1, ""),
            "docker-compose version --short": "1.29.2\n",
            DPKG_QUERY: (1, lines + REST),
            "uname -r": "6.1.0-40-amd64\n",
        },
    )


def busy() -> Recording:
    """In its first minutes, with a web server that was there before."""
    base = ubuntu("noble", "6.8.0-87-generic", 4_005_000)
    nginx = (
        "tcp   LISTEN 0      511          0.0.0.0:80        0.0.0.0:*    "
        'users:(("nginx",pid=901,fd=5),("nginx",pid=900,fd=5))\n'
    )
    files = {
        "/proc/locks": (
            "1: POSIX  ADVISORY  WRITE 1377 fd:01:402117 0 EOF\n1: -> POSIX  ADVISORY  WRITE 1400 fd:01:402117 0 EOF\n"
        ),
        "/run/reboot-required": "*** System restart required ***\n",
    }
    return changed(
        base,
        files,
        {
            "ss -Hltnup": texts.STUB + texts.SSH + nginx,
            PS: "    1 systemd\n 1377 unattended-upgr\n 1400 apt-get\n",
            PS_UNITS: texts.OF_UNITS,
        },
    )


MACHINES = {
    "debian11-vps": lambda: without_docker(
        changed(vps_debian_13(), {"/etc/os-release": texts.OS_RELEASES["bullseye"]}, {"uname -r": "5.10.0-36-amd64\n"})
    ),
    "debian12-docker-io": distribution_docker,
    "debian12-lxc": lxc,
    "debian12-podman": podman,
    "debian13-vps": vps_debian_13,
    "pi3-bookworm-32bit": pi_3_32bit,
    "pi3-trixie": lambda: pi("Raspberry Pi 3 Model B Plus Rev 1.3", "0xd03", "trixie", 929_208, "6.12.47+rpt-rpi-v8"),
    "pi4-bookworm": pi_4,
    "pi4-bookworm-32bit": pi_4_32bit,
    "pi4-ubuntu2404": pi_4_ubuntu,
    "pi5-trixie": pi_5,
    "ubuntu2204-vps": lambda: ubuntu("jammy", "5.15.0-160-generic", 2_018_000),
    "ubuntu2404-busy": busy,
    "ubuntu2404-snap": snap,
    "ubuntu2604-vps": lambda: ubuntu("resolute", "7.0.0-12-generic", 8_131_148),
    "zero-w-bookworm": zero_w,
    "zero2w-trixie": zero_2_w,
}


def load(name: str) -> Recording:
    """One of tests/machines."""
    return from_json((FOLDER / f"{name}.json").read_text())


def write() -> None:
    """All of them."""
    for name, build in MACHINES.items():
        (FOLDER / f"{name}.json").write_text(to_json(build()))


if __name__ == "__main__":
    write()
