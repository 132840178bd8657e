"""What machines say, in their own formats: the texts that `machines` puts together."""

import json

from infrakit.host.recording import UNITS

OS_RELEASES = {
    "bullseye": (
        'PRETTY_NAME="Debian GNU/Linux 11 (bullseye)"\nNAME="Debian GNU/Linux"\nVERSION_ID="11"\nVERSION="11 '
        '(bullseye)"\nVERSION_CODENAME=bullseye\nID=debian\n'
    ),
    "bookworm": (
        'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\nVERSION="12 '
        '(bookworm)"\nVERSION_CODENAME=bookworm\nID=debian\nHOME_URL="https://www.debian.org/"\n'
    ),
    "trixie": (
        'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nNAME="Debian GNU/Linux"\nVERSION_ID="13"\nVERSION="13 '
        '(trixie)"\nVERSION_CODENAME=trixie\nDEBIAN_VERSION_FULL=13.3\nID=debian\n'
    ),
    "raspbian-bookworm": (
        'PRETTY_NAME="Raspbian GNU/Linux 12 (bookworm)"\nNAME="Raspbian GNU/Linux"\nVERSION_ID="12"\nVERSION="12 '
        '(bookworm)"\nVERSION_CODENAME=bookworm\nID=raspbian\nID_LIKE=debian\n'
    ),
    "raspbian-trixie": (
        'PRETTY_NAME="Raspbian GNU/Linux 13 (trixie)"\nNAME="Raspbian GNU/Linux"\nVERSION_ID="13"\nVERSION="13 '
        '(trixie)"\nVERSION_CODENAME=trixie\nID=raspbian\nID_LIKE=debian\n'
    ),
    "jammy": (
        'PRETTY_NAME="Ubuntu 22.04.5 LTS"\nNAME="Ubuntu"\nVERSION_ID="22.04"\nVERSION="22.04.5 LTS (Jammy '
        'Jellyfish)"\nVERSION_CODENAME=jammy\nID=ubuntu\nID_LIKE=debian\nUBUNTU_CODENAME=jammy\n'
    ),
    "noble": (
        'PRETTY_NAME="Ubuntu 24.04.3 LTS"\nNAME="Ubuntu"\nVERSION_ID="24.04"\nVERSION="24.04.3 LTS (Noble Numbat)"\n'
        "VERSION_CODENAME=noble\nID=ubuntu\nID_LIKE=debian\nUBUNTU_CODENAME=noble\n"
    ),
    "resolute": (
        'PRETTY_NAME="Ubuntu 26.04 LTS"\nNAME="Ubuntu"\nVERSION_ID="26.04"\nVERSION="26.04 LTS (Resolute Raccoon)"\n'
        "VERSION_CODENAME=resolute\nID=ubuntu\nID_LIKE=debian\nUBUNTU_CODENAME=resolute\n"
    ),
    "mint": (
        'NAME="Linux Mint"\nVERSION="22.1 (Xia)"\nID=linuxmint\nID_LIKE="ubuntu debian"\nPRETTY_NAME="Linux Mint '
        '22.1"\nVERSION_ID="22.1"\nVERSION_CODENAME=xia\nUBUNTU_CODENAME=noble\n'
    ),
}
PC = (
    "processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel name\t: AMD EPYC 7443P 24-Core Processor\nflags\t\t: fpu vme "
    "de pse tsc msr lm hypervisor\n\n"
)
ARM64 = (
    "processor\t: 0\nBogoMIPS\t: 108.00\nFeatures\t: fp asimd evtstrm crc32 cpuid\nCPU implementer\t: 0x41\nCPU "
    "architecture: 8\nCPU part\t: {part}\n\nSerial\t\t: 0\nModel\t\t: {model}\n"
)
ARMV7 = (
    "processor\t: 0\nmodel name\t: ARMv7 Processor rev 4 (v7l)\nFeatures\t: half thumb fastmult vfp edsp neon vfpv3 "
    "tls vfpv4\nCPU architecture: 7\n\nHardware\t: BCM2835\nSerial\t\t: 0\nModel\t\t: {model}\n"
)
ARMV6 = (
    "processor\t: 0\nmodel name\t: ARMv6-compatible processor rev 7 (v6l)\nFeatures\t: half thumb fastmult vfp edsp "
    "java tls\nCPU architecture: 7\n\nHardware\t: BCM2835\nSerial\t\t: 0\nModel\t\t: {model}\n"
)
PI_CMDLINE = (
    "console=serial0,115200 console=tty1 root=PARTUUID=4e639091-02 rootfstype=ext4 fsck.repair=yes rootwait "
    "cfg80211.ieee80211_regdom=DE"
)
PI_FIRMWARE = (
    "coherent_pool=1M 8250.nr_uarts=0 cgroup_disable=memory numa_policy=interleave vc_mem.mem_base=0x3ec00000 "
    "vc_mem.mem_size=0x40000000  "
)
PC_CMDLINE = "BOOT_IMAGE=/boot/vmlinuz-6.12.57+deb13-amd64 root=UUID=6a1e0a4e-3b5c-4c86-9e61-0e6f1f0d2d11 ro quiet"
LIMITS = "cgroup_enable=memory cgroup_memory=1"
PC_CONTROLLERS = "cpuset cpu io memory hugetlb pids rdma misc\n"
PI_CONTROLLERS = "cpuset cpu io pids\n"
PI_CONTROLLERS_ALL = "cpuset cpu io memory pids\n"
SSH = (
    'tcp   LISTEN 0      128          0.0.0.0:22        0.0.0.0:*    users:(("sshd",pid=742,fd=6))\ntcp   LISTEN 0   '
    '   128             [::]:22           [::]:*    users:(("sshd",pid=742,fd=7))\n'
)
DHCP = 'udp   UNCONN 0      0            0.0.0.0:68        0.0.0.0:*    users:(("dhclient",pid=601,fd=7))\n'
AVAHI = 'udp   UNCONN 0      0            0.0.0.0:5353      0.0.0.0:*    users:(("avahi-daemon",pid=566,fd=12))\n'
OF_UNITS = "  512 systemd-resolved.service\n  742 ssh.service\n  900 nginx.service\n  901 nginx.service\n"
STUB = (
    'udp   UNCONN 0      0      127.0.0.53%lo:53        0.0.0.0:*    users:(("systemd-resolve",pid=512,fd=13))\ntcp  '
    ' LISTEN 0      4096   127.0.0.53%lo:53        0.0.0.0:*    users:(("systemd-resolve",pid=512,fd=14))\n'
)
STUB_RESOLV = (
    "# This is /run/systemd/resolve/stub-resolv.conf managed by man:systemd-resolved(8).\nnameserver 127.0.0.53\n"
    "options edns0 trust-ad\nsearch .\n"
)
PROXY = 'tcp   LISTEN 0      4096         0.0.0.0:{port}       0.0.0.0:*    users:(("docker-proxy",pid=2113,fd=8))\n'


def meminfo(total_kib: int, swap_kib: int) -> str:
    return (
        f"MemTotal:       {total_kib:8} kB\nMemFree:        {total_kib // 3:8} kB\nMemAvailable:   "
        f"{total_kib // 2:8} kB\nSwapTotal:      {swap_kib:8} kB\nSwapFree:       {swap_kib:8} kB\n"
    )


def mounts(root: str, kind: str = "ext4", boot: tuple[str, str] | None = None, options: str = "rw,relatime") -> str:
    lines = [
        "proc /proc proc rw,relatime 0 0",
        "sysfs /sys sysfs rw,nosuid,nodev,noexec,relatime 0 0",
        f"{root} / {kind} {options} 0 0",
    ]
    lines += [
        "tmpfs /tmp tmpfs rw,nosuid,nodev,relatime 0 0",
        "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,nodev,noexec,relatime 0 0",
    ]
    return (
        "\n".join([*lines, *([f"{boot[0]} {boot[1]} vfat rw,relatime,fmask=0022,dmask=0022 0 0"] if boot else [])])
        + "\n"
    )


def df(root: str, size_gib: int, free_gib: float, boot: tuple[str, str] | None = None, boot_free_mib: int = 440) -> str:
    gib, mib = 1 << 30, 1 << 20
    rows = [(root, size_gib * gib, int(free_gib * gib), "/"), ("tmpfs", 2 * gib, 2 * gib, "/tmp")]
    rows += [(boot[0], 510 * mib, boot_free_mib * mib, boot[1])] if boot else []
    lines = [
        f"{name:14} {size:>14} {size - free:>14} {free:>14} {100 - free * 100 // size:>4}% {path}"
        for name, size, free, path in rows
    ]
    return "\n".join(["Filesystem           1-blocks           Used      Available Capacity Mounted on", *lines]) + "\n"


def df_inodes(root: str, free: int = 3_500_000) -> str:
    return (
        f"Filesystem      Inodes   IUsed   IFree IUse% Mounted on\n{root} {4_000_000} {4_000_000 - free} {free} "
        f"{100 - free // 40_000}% /\ntmpfs 500000 30 499970 1% /tmp\n"
    )


def routes(subnet: str, gateway: str, address: str, device: str = "eth0", more: tuple[dict, ...] = ()) -> str:
    own = [
        {
            "dst": "default",
            "gateway": gateway,
            "dev": device,
            "protocol": "dhcp",
            "prefsrc": address,
            "metric": 100,
            "flags": [],
        },
        {
            "dst": subnet,
            "dev": device,
            "protocol": "kernel",
            "scope": "link",
            "prefsrc": address,
            "metric": 100,
            "flags": [],
        },
        *more,
        {
            "type": "local",
            "dst": address,
            "dev": device,
            "table": "local",
            "protocol": "kernel",
            "scope": "host",
            "prefsrc": address,
            "flags": [],
        },
        {
            "type": "local",
            "dst": "127.0.0.0/8",
            "dev": "lo",
            "table": "local",
            "protocol": "kernel",
            "scope": "host",
            "prefsrc": "127.0.0.1",
            "flags": [],
        },
    ]
    return json.dumps(own, separators=(",", ":"))


def addresses(address: str, bits: int, device: str = "eth0") -> str:
    links = [
        {
            "ifindex": 1,
            "ifname": "lo",
            "addr_info": [{"family": "inet", "local": "127.0.0.1", "prefixlen": 8, "scope": "host"}],
        },
        {
            "ifindex": 2,
            "ifname": device,
            "addr_info": [{"family": "inet", "local": address, "prefixlen": bits, "scope": "global", "dynamic": True}],
        },
    ]
    return json.dumps(links, separators=(",", ":"))


def active(*units: str) -> str:
    return "".join("active\n" if unit in units else "inactive\n" for unit in UNITS)


def timedatectl(ntp: str = "yes", synchronised: str = "yes") -> str:
    return (
        f"Timezone=Etc/UTC\nLocalRTC=no\nCanNTP=yes\nNTP={ntp}\nNTPSynchronized={synchronised}\nTimeUSec=Mon "
        "2026-09-14 10:00:00 UTC\n"
    )


def docker_version(version: str, api: str, api_min: str, *, client_api: str = "", runs: bool = True) -> str:
    name = "Docker Engine - Community"
    client = {
        "Platform": {"Name": name},
        "Version": version,
        "ApiVersion": client_api or api,
        "DefaultAPIVersion": client_api or api,
        "Os": "linux",
        "Context": "default",
    }
    server = {
        "Platform": {"Name": name},
        "Version": version,
        "ApiVersion": api,
        "MinAPIVersion": api_min,
        "Os": "linux",
    }
    return json.dumps({"Client": client, "Server": server if runs else None}, separators=(",", ":")) + "\n"


def docker_info(version: str, **more: object) -> str:
    info = {
        "Driver": "overlayfs" if version.startswith("29") else "overlay2",
        "MemoryLimit": True,
        "LoggingDriver": "local",
        "CgroupDriver": "systemd",
        "CgroupVersion": "2",
        "DockerRootDir": "/var/lib/docker",
        "ServerVersion": version,
        "LiveRestoreEnabled": False,
        "Swarm": {"LocalNodeState": "inactive"},
        "SecurityOptions": ["name=apparmor", "name=seccomp,profile=builtin", "name=cgroupns"],
        "Warnings": None,
    }
    return json.dumps({**info, **more}, separators=(",", ":")) + "\n"
