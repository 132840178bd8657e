"""Every check fails on a machine that differs from a good one in one thing, and says what to do about it."""

import json
import re
from collections.abc import Callable
from typing import NamedTuple

import pytest

from infrakit.emit.container import CONFIG_LABEL
from infrakit.host.checks import CHECKS, Finding, Wanted, run
from infrakit.host.checks.model import FIXES
from infrakit.host.checks.network import overlap
from infrakit.host.facts import Facts, facts_of
from infrakit.host.recording import Recording
from tests.host import texts
from tests.host.machines import (
    DAEMON,
    DOCKER_INFO,
    DOCKER_NETWORKS,
    DOCKER_PS,
    DOCKER_VERSION,
    DPKG_QUERY,
    IS_ACTIVE,
    MACHINES,
    NOW_S,
    PERIODIC,
    ROUTES,
    SYSCTL,
    changed,
    load,
    without_docker,
)

GOOD = load("debian13-vps")
GIB = 1 << 30
YEAR_S = 365 * 86_400
IPV6 = json.dumps([{"addr_info": [{"local": "::1"}]}, {"addr_info": [{"local": "FD00:0::5"}]}])
WEB = Wanted(
    ports=(("tcp", 80, ""), ("tcp", 443, "")),
    memory_bytes=3 * GIB,
    disk_bytes=6 * GIB,
    subnets=("10.213.0.0/24", "10.213.4.16/28"),
    build_time_s=NOW_S - 30 * 86_400,
    names=("home.example.org",),
)
POOL = "10.213.4.0/24"


def at(*addresses: str) -> Wanted:
    """The same ports at these alone."""
    return WEB._replace(ports=tuple((*port[:2], address) for address in addresses for port in WEB.ports))


def reads(path: str, text: str | None) -> Recording:
    return changed(GOOD, {path: text})


def says(words: str, out: str | None, code: int = 0) -> Recording:
    return changed(GOOD, says={words: None if out is None else (code, out)})


def listens(line: str) -> Recording:
    return says("ss -Hltnup", texts.SSH + line)


def info(**more: object) -> Recording:
    return says(DOCKER_INFO, texts.docker_info("29.1.4", **more))


def version(number: str, api: str = "1.52", api_min: str = "1.44", **more: str) -> Recording:
    return says(DOCKER_VERSION, texts.docker_version(number, api, api_min, **more))


def route(more: dict, **outputs: str) -> Recording:
    return changed(
        GOOD, says={ROUTES: texts.routes("203.0.113.0/24", "203.0.113.1", "203.0.113.80", more=(more,)), **outputs}
    )


def mounted(root: str = "/dev/vda1", kind: str = "ext4", options: str = "rw,relatime") -> Recording:
    return reads("/proc/mounts", texts.mounts(root, kind, options=options))


def free(gib: float, **more: int) -> Recording:
    return says("df -B1 -P", texts.df("/dev/vda1", 80, gib, ("/dev/vda15", "/boot/efi"), **more))


def runs(*units: str) -> Recording:
    return says(IS_ACTIVE, texts.active("docker.service", *units), 3)


def memory(kib: int, swap_kib: int = 1_048_572) -> Recording:
    return reads("/proc/meminfo", texts.meminfo(kib, swap_kib))


FRESH = without_docker(GOOD)
NO_MEMORY = reads("/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io pids\n")
V1 = changed(
    reads("/sys/fs/cgroup/cgroup.controllers", None),
    {"/proc/cgroups": "#subsys_name\thierarchy\tnum_cgroups\tenabled\nmemory\t9\t71\t1\n"},
)
HALF = " docker-ce            Docker: the open-source application container engine\n"
DOCKER_0 = {
    "dst": "172.17.0.0/16",
    "dev": "docker0",
    "protocol": "kernel",
    "scope": "link",
    "prefsrc": "172.17.0.1",
    "flags": ["linkdown"],
}
BRIDGE = {
    "dst": POOL,
    "dev": "br-72198b0e5af3",
    "protocol": "kernel",
    "scope": "link",
    "prefsrc": "10.213.4.1",
    "flags": [],
}
VPN = {"dst": "10.0.0.0/8", "gateway": "10.8.0.1", "dev": "tun0", "flags": []}
V6_DEFAULT = '[{"dst":"default","gateway":"fe80::1","dev":"eth0","protocol":"ra","metric":100,"flags":[]}]'
NGINX = 'tcp   LISTEN 0      511             [::]:80           [::]:*    users:(("nginx",pid=901,fd=5))\n'
OPEN_DOCKER = 'tcp   LISTEN 0      4096               *:2375            *:*    users:(("dockerd",pid=812,fd=4))\n'
EXEC_START = "systemctl show docker.service --property=ExecStart --value"
DNS = Wanted(ports=(("udp", 53, ""),))
OFFLINE = Wanted(offline=True)


class Case(NamedTuple):
    """A machine, what is wanted of it, and what one check then says."""

    code: str
    severity: str
    machine: Recording
    wanted: Wanted = WEB
    words: str = ""
    fix: str = ""


CASES = (
    Case("not-root", "error", says("id -u", "1000\n"), words="sudo"),
    Case("no-systemd", "error", changed(reads("/proc/1/comm", "init.sh\n"), listings={})),
    Case(
        "distribution-unknown",
        "error",
        changed(FRESH, {"/etc/os-release": "ID=alpine\nVERSION_ID=3.22.0\n"}),
        words="alpine",
    ),
    Case(
        "distribution-unknown",
        "error",
        changed(FRESH, {"/etc/os-release": texts.OS_RELEASES["mint"]}),
        words="linuxmint",
    ),
    Case(
        "distribution-unknown", "warning", reads("/etc/os-release", texts.OS_RELEASES["mint"]), words="made from ubuntu"
    ),
    Case(
        "distribution-old",
        "error",
        changed(FRESH, {"/etc/os-release": texts.OS_RELEASES["bullseye"]}),
        words="debian 11",
    ),
    Case(
        "distribution-old",
        "warning",
        reads("/etc/os-release", "ID=ubuntu\nVERSION_ID=20.04\nVERSION_CODENAME=focal\n"),
        words="ubuntu 20.04",
    ),
    Case(
        "distribution-untested",
        "error",
        changed(FRESH, {"/etc/os-release": "ID=debian\nVERSION_CODENAME=forky\n"}),
        words="debian forky",
    ),
    Case(
        "distribution-untested",
        "warning",
        reads("/etc/os-release", "ID=ubuntu\nVERSION_ID=26.10\nVERSION_CODENAME=stonking\n"),
        words="ubuntu stonking",
    ),
    Case("armv6", "error", load("zero-w-bookworm"), words="Zero 2 W"),
    Case("processor-unknown", "error", says("dpkg --print-architecture", "i386\n"), words="i386"),
    Case(
        "processors-few",
        "error",
        GOOD,
        WEB._replace(processors=(("wiki", "2.5"), ("blog", "1.5"))),
        "more processors than this machine has (1) are given to wiki (2.5), blog (1.5)",
    ),
    Case("userland-32bit", "warning", load("pi4-bookworm-32bit"), words="64-bit image"),
    Case("in-lxc", "warning", load("debian12-lxc"), words="nesting=1"),
    Case(
        "in-container",
        "error",
        changed(says("systemd-detect-virt --container", "docker\n"), {"/proc/1/comm": "sh\n"}),
        words="docker",
    ),
    Case("in-container", "warning", says("systemd-detect-virt --container", "docker\n"), words="docker"),
    Case("address-missing", "error", GOOD, at("192.0.2.7"), "one of 127.0.0.1, 203.0.113.80"),
    Case(
        "in-wsl",
        "warning",
        changed(GOOD, says={"systemd-detect-virt": "wsl\n", "systemd-detect-virt --container": "wsl\n"}),
    ),
    Case("under-voltage", "warning", says("vcgencmd get_throttled", "throttled=0x50005\n"), words="power supply"),
    Case("under-voltage", "warning", reads("/sys/devices/platform/soc/soc:firmware/get_throttled", "50001\n")),
    Case("throttled", "warning", says("vcgencmd get_throttled", "throttled=0xe0008\n"), words="too warm"),
    Case("under-voltage-before", "note", says("vcgencmd get_throttled", "throttled=0x50000\n")),
    Case("system-degraded", "note", says("systemctl is-system-running", "degraded\n", 1), words="systemctl --failed"),
    Case("hostname-unset", "warning", says("hostname", "localhost\n"), words="hostnamectl"),
    Case("memory-limits", "warning", memory(2_018_000), words="3.0 GiB together, and this machine has 1.9 GiB"),
    Case("memory-far-short", "error", memory(929_208, 102_396), words="907 MiB"),
    Case("memory-little", "warning", memory(436_160), words="425 MiB"),
    Case("swap-none", "warning", memory(945_512, 0), words="swapon"),
    Case(
        "memory-cgroup-off",
        "warning",
        load("pi4-bookworm"),
        words=(
            "cgroup_enable=memory cgroup_memory=1 at the end of the one line in /boot/firmware/cmdline.txt, then reboot"
        ),
        fix="memory-cgroup",
    ),
    Case(
        "memory-cgroup-off",
        "warning",
        changed(load("pi4-bookworm"), {"/boot/cmdline.txt": texts.PI_CMDLINE, "/boot/firmware/cmdline.txt": None}),
        words="in /boot/cmdline.txt",
        fix="memory-cgroup",
    ),
    Case("memory-cgroup-off", "warning", NO_MEMORY, words="/etc/default/grub"),
    Case(
        "memory-cgroup-off",
        "warning",
        changed(load("debian12-lxc"), {"/sys/fs/cgroup/cgroup.controllers": "cpu pids\n"}),
        words="on its host",
    ),
    Case(
        "memory-cgroup-waiting",
        "warning",
        changed(load("pi4-bookworm"), {"/boot/firmware/cmdline.txt": f"{texts.PI_CMDLINE} {texts.LIMITS}\n"}),
        words="reboot",
    ),
    Case("cgroup-v1", "warning", V1, words="version 1"),
    Case("cgroup-none", "error", changed(GOOD, {"/sys/fs/cgroup/cgroup.controllers": None, "/proc/cgroups": None})),
    Case("disk-short", "error", free(4), words="6.0 GiB are needed below /var/lib/containerd, and / has 4.0 GiB left"),
    Case(
        "disk-short",
        "error",
        changed(free(4), says={DOCKER_INFO: texts.docker_info("28.5.1", DockerRootDir="/mnt/ssd/docker")}),
        words="/mnt/ssd/docker",
    ),
    Case("disk-tight", "warning", free(7), words="7.0 GiB left"),
    Case(
        "data-short",
        "warning",
        says("df -B1 -P", texts.df("/dev/vda1", 80, 61) + f"/dev/sdb1 {9 * GIB} {8 * GIB} {GIB} 89% /var/lib/docker\n"),
        words="/var/lib/docker has 1.0 GiB",
    ),
    Case("root-full", "error", free(0.25), words="256 MiB"),
    Case(
        "root-short",
        "error",
        free(0.75),
        Wanted(root_bytes=GIB),
        words="the packages need 1.0 GiB on the root file system, which has 768 MiB left",
    ),
    Case("boot-full", "warning", free(61, boot_free_mib=12), words="/boot/efi has 12 MiB"),
    Case("inodes-few", "warning", says("df -i -P", texts.df_inodes("/dev/vda1", 1200)), words="1200 more files"),
    Case("root-read-only", "error", mounted(options="ro,relatime"), words="remount,rw"),
    Case("root-overlay", "error", mounted("overlayroot", "overlay"), words="raspi-config"),
    Case("unfit-file-system", "error", mounted("nas:/export", "nfs4"), words="lies on nfs4"),
    Case("volume-missing", "error", GOOD, Wanted(volumes_missing=("shop_db",)), "docker volume create shop_db"),
    Case(
        "volume-in-use",
        "error",
        GOOD,
        Wanted(volumes_used=(("shop_db", "shop-db-1", "shop"), ("shop_db", "shop-backup-1", "shop"))),
        "docker compose -p shop down, without -v",
    ),
    Case(
        "volume-in-use",
        "error",
        GOOD,
        Wanted(volumes_used=(("db", "old", ""),)),
        "stop it first: docker stop old, without",
    ),
    Case("group-missing", "error", GOOD, Wanted(groups_missing=("render",)), "names the group render"),
    Case("sd-card", "warning", load("pi4-bookworm"), words="SSD"),
    Case(
        "tmp-noexec",
        "note",
        reads("/proc/mounts", texts.mounts("/dev/vda1").replace("/tmp tmpfs rw", "/tmp tmpfs rw,noexec")),
        words="remount,exec",
    ),
    Case("clock-behind", "error", GOOD._replace(now_s=86_400.0), words="1970-01-02", fix="clock"),
    Case(
        "clock-behind",
        "error",
        GOOD._replace(now_s=86_400.0),
        WEB._replace(offline=True),
        "set it by hand, no network is needed: timedatectl set-ntp false",
    ),
    Case("clock-ahead", "error", GOOD._replace(now_s=NOW_S + 20 * YEAR_S), words="2046", fix="clock"),
    Case(
        "clock-ahead",
        "error",
        GOOD._replace(now_s=NOW_S + 20 * YEAR_S),
        WEB._replace(offline=True),
        "set it by hand, no network is needed: timedatectl set-ntp false",
    ),
    Case(
        "ntp-off", "warning", says("timedatectl show", texts.timedatectl("no", "no")), words="set-ntp true", fix="clock"
    ),
    Case("ntp-off", "note", says("timedatectl show", texts.timedatectl("no", "no")), OFFLINE, "set-time"),
    Case("ntp-waiting", "warning", says("timedatectl show", texts.timedatectl("yes", "no")), words="timesync-status"),
    Case("ports-taken", "error", listens(NGINX), words="port 80/tcp by nginx"),
    Case("ports-taken", "error", listens(NGINX.replace("nginx", "web.py")), words="ss -lntup"),
    Case("ports-taken", "error", listens(NGINX.partition("users")[0] + "\n"), words="by another program"),
    Case(
        "ports-published",
        "error",
        says(DOCKER_PS, "blog-web-1\t0.0.0.0:79-80->8079-8080/tcp, [::]:79-80->8079-8080/tcp\tblog\t\n"),
        words="docker stop blog-web-1",
    ),
    Case("dns-stub", "error", listens(texts.STUB), DNS, "DNSStubListener=no", "dns-stub"),
    Case("engine-open", "warning", listens(OPEN_DOCKER), words="root on this machine"),
    Case("pool-on-link", "error", route({**BRIDGE, "dev": "eth1"}), words="10.213.4.0/24 on eth1"),
    Case("pool-on-route", "warning", route(VPN), words="for instance 172.30.0.0/16"),
    Case(
        "pool-on-docker",
        "error",
        route(BRIDGE, **{DOCKER_NETWORKS: "72198b0e5af3\tblog_default\tblog\n"}),
        words="blog_default (10.213.4.0/24)",
    ),
    Case("no-way-out", "error", says(ROUTES, "[]"), words="bundle"),
    Case("ipv6-only", "warning", changed(GOOD, says={ROUTES: "[]", "ip -j -6 route": V6_DEFAULT}), words="IPv6"),
    Case("nameserver-none", "error", reads("/etc/resolv.conf", "# empty\n"), words="nameserver 9.9.9.9"),
    Case("nameserver-loopback", "warning", reads("/etc/resolv.conf", "nameserver 127.0.0.1\n"), words="127.0.0.1"),
    Case("names-unknown", "warning", says("getent ahostsv4 home.example.org", "", 2), words="home.example.org"),
    Case(
        "names-elsewhere",
        "note",
        says("getent ahostsv4 home.example.org", "198.51.100.7   STREAM home.example.org\n198.51.100.7   DGRAM\n"),
        words="198.51.100.7",
    ),
    Case("names-multicast", "warning", GOOD, Wanted(names=("cloud.pi.local",)), ".home.arpa"),
    Case("docker-missing", "note", FRESH, words="infrakit install"),
    Case("docker-missing-offline", "error", FRESH, OFFLINE, "dpkg -i"),
    Case("docker-stopped", "warning", version("29.1.4", runs=False), words="enable --now docker"),
    Case("docker-snap", "error", load("ubuntu2404-snap"), words="snap remove docker"),
    Case("docker-podman", "error", load("debian12-podman"), words="podman-docker"),
    Case("docker-by-hand", "warning", says(DPKG_QUERY, "", 1), words="package"),
    Case("docker-too-old", "error", version("19.03.15", "1.40", "1.12"), words="19.03.15"),
    Case("docker-old", "error", load("debian12-docker-io"), words="remove it: apt-get remove docker.io"),
    Case("docker-old", "warning", version("24.0.7", "1.43", "1.12"), words="brings it up to date"),
    Case("api-refused", "error", version("29.1.4", client_api="1.41"), words="1.44 or newer"),
    Case("api-too-new", "warning", version("31.0.0", "1.56", "1.48"), words="DOCKER_MIN_API_VERSION"),
    Case("compose-missing", "warning", says("docker compose version --short", None), words="docker-compose-plugin"),
    Case("compose-v1", "warning", load("debian12-docker-io"), words="1.29.2"),
    Case(
        "compose-missing",
        "error",
        changed(GOOD, says={"docker compose version --short": None, DPKG_QUERY: (1, "")}),
        words="cli-plugins",
    ),
    Case("compose-old", "warning", says("docker compose version --short", "v2.17.3\n"), words="2.17.3"),
    Case("storage-driver", "warning", info(Driver="vfs"), words="vfs"),
    Case(
        "rootless",
        "error",
        info(SecurityOptions=["name=seccomp,profile=builtin", "name=rootless", "name=cgroupns"]),
        words="dockerd-rootless-setuptool.sh",
    ),
    Case(
        "userns-remap",
        "error",
        reads(DAEMON, '{"userns-remap": "default", "live-restore": true}'),
        words="userns-remap",
    ),
    Case("daemon-json-broken", "error", reads(DAEMON, '{\n  "log-driver": "local",\n}\n'), words="line 3, column 1"),
    Case("daemon-json-broken", "error", reads(DAEMON, "[]"), words="no object"),
    Case(
        "daemon-hosts-twice",
        "error",
        reads(DAEMON, '{"hosts": ["unix:///var/run/docker.sock"]}'),
        words="systemctl edit docker",
    ),
    Case("firewall-off", "error", reads(DAEMON, '{"iptables": false, "icc": true}'), words='remove "iptables": false'),
    Case("firewall-off", "error", says(EXEC_START, "dockerd --iptables=false\n"), words="firewall rules"),
    Case(
        "ipv6-unpublished",
        "error",
        reads(DAEMON, '{"userland-proxy": false}'),
        at("203.0.113.80", "::1", "fd00::5"),
        "published at ::1, fd00::5",
    ),
    Case(
        "address-missing",
        "error",
        says("ip -j -6 addr", IPV6),
        at("203.0.113.80", "fd00::5", "fd00::6", "::1"),
        "published at fd00::6,",
    ),
    Case("forwarding-left", "warning", reads(DAEMON, '{"ip-forward": false}'), words="sysctl net.ipv4.ip_forward"),
    Case(
        "bindings-narrowed",
        "warning",
        reads(
            DAEMON, '{"default-network-opts": {"bridge": {"com.docker.network.bridge.host_binding_ipv4": "127.0.0.1"}}}'
        ),
        words="network.bind",
    ),
    Case(
        "pools-shared",
        "warning",
        reads(
            DAEMON, '{"default-address-pools": [{"base": "10.0.0.0/8", "size": 24}, {"base": "fd00::/8", "size": 64}]}'
        ),
        words="Docker takes 10.0.0.0/8",
    ),
    Case("live-restore-on", "note", info(LiveRestoreEnabled=True), words="systemctl reload docker"),
    Case("docker-upgrades", "note", load("debian12-docker-io"), words="50unattended-upgrades"),
    Case("swarm-active", "note", info(Swarm={"LocalNodeState": "active"}), words="swarm leave"),
    Case("other-engines", "warning", runs("k3s"), words="k3s"),
    Case("ufw-active", "warning", reads("/etc/ufw/ufw.conf", "ENABLED=yes\n"), words="DOCKER-USER"),
    Case("firewalld-active", "warning", runs("firewalld"), words="zone"),
    Case("nftables-active", "warning", runs("nftables"), words="flush ruleset"),
    Case("iptables-missing", "error", says("iptables --version", None), words="apt-get install iptables"),
    Case(
        "forwarding-off",
        "warning",
        says(SYSCTL, "/etc/sysctl.d/90-hardening.conf:net.ipv4.ip_forward = 0\n"),
        words="/etc/sysctl.d/90-hardening.conf",
    ),
    Case("apparmor-parser-missing", "error", says("apparmor_parser --version", None), words="apt-get install apparmor"),
    Case("apparmor-off", "note", reads("/sys/module/apparmor/parameters/enabled", None), words="/etc/default/grub"),
    Case("package-lock", "warning", load("ubuntu2404-busy"), words="unattended-upgr"),
    Case(
        "packages-half",
        "warning",
        says("dpkg --audit", "The following packages are only half configured:\n" + HALF),
        words="half installed: docker-ce",
    ),
    Case("packages-half", "warning", GOOD._replace(listings={**GOOD.listings, "/var/lib/dpkg/updates": ("0001",)})),
    Case(
        "reboot-required", "warning", reads("/run/reboot-required", "*** System restart required ***\n"), words="reboot"
    ),
    Case(
        "upgrades-off",
        "note",
        changed(
            GOOD, {"/etc/apt/apt.conf.d/20auto-upgrades": None}, {PERIODIC: 'APT::Periodic::Unattended-Upgrade "0";\n'}
        ),
        words="unattended-upgrades",
    ),
)


def found(machine: Recording, wanted: Wanted = WEB) -> dict[str, Finding]:
    return {finding.code: finding for finding in run(facts_of(machine), wanted)}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code}-{case.severity}")
def test_a_machine_with_one_flaw_is_told_about_it(case):
    finding = found(case.machine, case.wanted)[case.code]
    assert (finding.severity, finding.fix) == (case.severity, case.fix)
    assert case.words in f"{finding.what} {finding.remedy}"


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code}-{case.severity}")
def test_what_is_said_is_plain(case):
    for finding in run(facts_of(case.machine), case.wanted):
        assert finding.what and finding.remedy and not finding.what.endswith(".") and not finding.remedy.endswith(".")
        first = finding.what.split()[0]
        assert (
            first[0].islower()
            or first[0].isdigit()
            or not first[0].isalpha()
            or first in ("Docker", "Compose", "AppArmor", "Raspberry")
        ), finding.what
        assert "\n" not in finding.what + finding.remedy
        assert finding.fix == "" or finding.fix in FIXES


def test_a_good_machine_has_nothing_against_it():
    assert run(facts_of(GOOD), WEB) == []


def test_every_check_has_a_machine_that_fails_it():
    assert {case.code for case in CASES} == {code_of(check) for check in CHECKS}
    assert len(CHECKS) == len(set(CHECKS)) >= 40


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_check_is_called_like_what_it_finds_and_says_why_it_is_there(
    check: Callable[[Facts, Wanted], Finding | None],
):
    said = {finding.code for case in CASES if (finding := check(facts_of(case.machine), case.wanted))}
    assert said == {code_of(check)}
    assert check.__doc__


def code_of(check: Callable) -> str:
    return check.__name__.replace("_", "-")


@pytest.mark.parametrize("name", MACHINES)
def test_findings_come_in_the_order_of_the_checks(name):
    order = [code_of(check) for check in CHECKS]
    codes = [finding.code for finding in run(facts_of(load(name)), WEB)]
    assert codes == sorted(codes, key=order.index) and len(codes) == len(set(codes))


@pytest.mark.parametrize("name", MACHINES)
def test_nothing_wanted_is_nothing_refused_but_by_the_machine(name):
    assert not {"disk-short", "memory-limits", "ports-taken", "clock-behind", "clock-ahead"} & {
        finding.code for finding in run(facts_of(load(name)), Wanted())
    }


@pytest.mark.parametrize(
    "settings",
    [
        '{"icc": false, "ip": "127.0.0.1", "ip-masq": false, "iptables": true, "userland-proxy": false}',
        '{"default-address-pools": [{"base": "172.17.0.0/12", "size": 24}, {"size": 3}, 7, {"base": "x"}]}',
        '{"default-address-pools": {}, "default-network-opts": {"bridge": 3}, "ip-forward": true}',
        '{"default-network-opts": {"bridge": {"com.docker.network.bridge.host_binding_ipv4": "0.0.0.0"}}}',
    ],
)
def test_settings_of_the_engine_that_break_nothing_are_left_alone(settings):
    assert run(facts_of(reads(DAEMON, settings)), WEB) == []


def test_our_own_containers_are_not_in_our_way():
    ours = "homelab-caddy-1\t0.0.0.0:80->80/tcp, 0.0.0.0:443->443/tcp, 0.0.0.0:443->443/udp\thomelab\t0c2f5e\n"
    says = {
        DOCKER_PS: ours,
        DOCKER_NETWORKS: "72198b0e5af3\thomelab_front\thomelab\n",
        "ss -Hltnup": texts.SSH + texts.PROXY.format(port=80),
    }
    machine = route(BRIDGE, **says)
    assert run(facts_of(machine), WEB) == []


def test_a_network_that_was_left_of_our_own_is_in_nobodys_way():
    machine = route(BRIDGE, **{DOCKER_NETWORKS: "72198b0e5af3\thomelab_front\thomelab\n"})
    assert run(facts_of(machine), WEB._replace(project="homelab")) == []
    assert "pool-on-docker" in found(machine, WEB._replace(project="home"))


def test_a_port_of_docker_is_not_said_twice():
    says = {DOCKER_PS: "web\t0.0.0.0:80->80/tcp\t\t\n", "ss -Hltnup": texts.PROXY.format(port=80)}
    assert set(found(changed(GOOD, says=says))) == {"ports-published"}


def test_the_stub_is_in_the_way_of_port_53_only():
    assert "dns-stub" not in found(listens(texts.STUB)) and "ports-taken" not in found(listens(texts.STUB), DNS)
    other = texts.STUB.replace("127.0.0.53%lo", "0.0.0.0").replace("systemd-resolve", "dnsmasq")
    assert "ss -lntup" in found(listens(other), DNS)["ports-taken"].remedy


@pytest.mark.parametrize("address", ["127.0.0.1", "192.0.2.9"])
def test_a_port_at_another_address_than_ours_is_free(address):
    bound = at("127.0.0.1")
    taken = NGINX.replace("[::]:80", f"{address}:80")
    assert taken != NGINX and ("ports-taken" in found(listens(taken), bound)) == (address == "127.0.0.1")
    published = says(DOCKER_PS, f"blog-web-1\t{address}:80->8080/tcp\tblog\t\n")
    assert ("ports-published" in found(published, bound)) == (address == "127.0.0.1")
    everywhere = bound._replace(ports=(*bound.ports, ("tcp", 80, "")))
    assert {"ports-taken"} <= set(found(listens(taken), everywhere))


def test_a_port_of_an_apps_is_looked_for_at_its_own_address():
    app, bound = ("tcp", 5399, "127.0.0.7"), at("127.0.0.9")
    for wanted in (WEB._replace(ports=(*WEB.ports, app)), bound._replace(ports=(*bound.ports, app))):
        for address in ("127.0.0.7", "127.0.0.1", "127.0.0.9"):
            taken = NGINX.replace("[::]:80", f"{address}:5399")
            assert ("ports-taken" in found(listens(taken), wanted)) == (address == "127.0.0.7")
    missing = WEB._replace(ports=(*WEB.ports, ("tcp", 5399, "192.0.2.7")))
    assert "192.0.2.7" in found(GOOD, missing)["address-missing"].what
    for address in ("203.0.113.80", "", "127.0.0.53"):
        asked = WEB._replace(ports=(*WEB.ports, ("udp", 53, address)))
        assert ("dns-stub" in found(listens(texts.STUB), asked)) == (address != "203.0.113.80")


def test_the_unit_that_holds_a_port_is_named():
    finding = found(changed(listens(NGINX), says={"ps -e -o pid=,unit=": "901 nginx.service\n"}))["ports-taken"]
    assert (
        "port 80/tcp by nginx of nginx.service" in finding.what
        and "systemctl disable --now nginx.service" in finding.remedy
    )


def test_dockers_own_bridge_and_a_vpn_for_everything_collide_with_nothing():
    for more in (DOCKER_0, {**VPN, "dst": "0.0.0.0/1"}, {**VPN, "type": "unreachable"}):
        assert run(facts_of(route(more)), WEB) == []


def test_a_bundle_that_brings_docker_is_enough_for_a_machine_without_either():
    codes = {finding.code for finding in run(facts_of(FRESH), Wanted(offline=True, docker_brought=True))}
    assert "docker-missing-offline" not in codes and "docker-missing-offline" in {
        finding.code for finding in run(facts_of(FRESH), OFFLINE)
    }


def test_a_machine_without_internet_is_fine_offline():
    says = {ROUTES: "[]", "getent ahostsv4 home.example.org": (2, "")}
    assert run(facts_of(changed(GOOD, {"/etc/resolv.conf": None}, says)), WEB._replace(offline=True)) == []


def test_the_label_of_our_containers_is_the_one_that_is_asked_for():
    assert f'{{{{.Label "{CONFIG_LABEL}"}}}}' in DOCKER_PS


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        ("10.0.0.0/8", "10.213.0.0/16", True),
        ("10.213.0.0/16", "10.213.255.255/32", True),
        ("10.213.0.0/16", "10.214.0.0/16", False),
        ("172.16.0.0/12", "172.32.0.0/16", False),
    ],
)
def test_ranges_overlap_where_they_share_an_address(first, second, shared):
    assert overlap(first, second) is overlap(second, first) is shared


def test_the_fixes_are_those_that_exist():
    assert {case.fix for case in CASES} - {""} == set(FIXES)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", case.code) for case in CASES)
