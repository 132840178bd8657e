"""What a recording says of a machine, and that recording loses nothing."""

import json
import re

import pytest

from infrakit.host.checks import Wanted, run
from infrakit.host.facts import Facts, facts_of
from infrakit.host.facts_network import Listener, Published, Route
from infrakit.host.recording import COMMANDS, FILES, FOLDERS, Recording, from_json, record, to_json
from infrakit.system.machine import Done, Machine
from tests.host import texts
from tests.host.machines import DOCKER_NETWORKS, DOCKER_PS, FOLDER, MACHINES, ROUTES, SYSCTL, changed, load

WANTED = Wanted(
    (("tcp", 80, ""), ("udp", 53, "")), 1 << 30, 1 << 30, ("10.213.0.0/16",), 1.7e9, names=("home.example.org",)
)
SAID = {
    "debian11-vps": {"distribution": "debian", "version": "11", "codename": "bullseye", "docker_origin": "none"},
    "debian12-docker-io": {
        "docker_origin": "distribution",
        "docker_version": "20.10.24+dfsg1",
        "api_version": "1.41",
        "api_min": "1.12",
        "compose_version": "",
        "compose_alone": "1.29.2",
    },
    "debian12-lxc": {
        "container": "lxc",
        "virtualization": "lxc",
        "cgroup_version": 2,
        "memory_cgroup": True,
        "sd_cards": (),
    },
    "debian12-podman": {"docker_origin": "podman", "docker_version": "", "docker_running": False},
    "debian13-vps": {
        "architecture": "amd64",
        "docker_origin": "docker-ce",
        "docker_version": "29.1.4",
        "api_version": "1.52",
        "api_min": "1.44",
        "compose_version": "5.0.0",
        "storage_driver": "overlayfs",
        "live_restore": False,
        "virtualization": "kvm",
        "container": "",
        "unattended_upgrades": True,
        "apparmor": True,
        "apparmor_parser": True,
        "nameservers": ("203.0.113.53", "203.0.113.54"),
        "ntp_synchronised": "yes",
        "memory_bytes": 8_131_148 * 1024,
        "is_root": True,
        "has_systemd": True,
        "routes": (Route("203.0.113.0/24", "eth0", "host", True),),
        "addresses": ("127.0.0.1", "203.0.113.80"),
    },
    "pi3-bookworm-32bit": {"distribution": "raspbian", "architecture": "armhf", "machine": "armv7l"},
    "pi3-trixie": {"distribution": "debian", "codename": "trixie", "architecture": "arm64", "iptables": ""},
    "pi4-bookworm": {
        "pi_model": "Raspberry Pi 4 Model B Rev 1.5",
        "architecture": "arm64",
        "memory_cgroup": False,
        "memory_cgroup_asked": False,
        "cgroup_version": 2,
        "boot_file": "/boot/firmware/cmdline.txt",
        "sd_cards": ("mmcblk0",),
        "docker_origin": "none",
        "apparmor": False,
    },
    "pi4-bookworm-32bit": {
        "distribution": "raspbian",
        "id_like": ("debian",),
        "architecture": "armhf",
        "machine": "aarch64",
    },
    "pi4-ubuntu2404": {
        "distribution": "ubuntu",
        "memory_cgroup": True,
        "boot_file": "/boot/firmware/cmdline.txt",
        "nameservers": ("192.168.1.1",),
    },
    "pi5-trixie": {
        "memory_cgroup": True,
        "memory_cgroup_asked": True,
        "sd_cards": (),
        "docker_running": True,
        "kernel": "6.12.47+rpt-rpi-2712",
    },
    "ubuntu2204-vps": {
        "codename": "jammy",
        "version": "22.04",
        "firewalls": (),
        "dns_stub": True,
        "nameservers": ("203.0.113.53",),
    },
    "ubuntu2404-busy": {"package_locks": ("unattended-upgr",), "reboot_required": True},
    "ubuntu2404-snap": {"docker_origin": "snap", "docker_snap": True},
    "ubuntu2604-vps": {"codename": "resolute", "version": "26.04", "docker_origin": "none"},
    "zero-w-bookworm": {"architecture": "armv6", "machine": "armv6l"},
    "zero2w-trixie": {"architecture": "arm64", "throttled": 0x50005, "memory_bytes": 436_160 * 1024},
}


@pytest.mark.parametrize("name", MACHINES)
def test_facts_of_each_machine(name):
    facts = facts_of(load(name))._asdict()
    assert {key: facts[key] for key in SAID[name]} == SAID[name]


@pytest.mark.parametrize(("text", "expected"), [(texts.PC * 4, 4), ("", 0), (texts.PC * 1000, 0)])
def test_processors_are_counted_as_far_as_the_list_is_whole(text, expected):
    contents = {"/proc/cpuinfo": text[: 1 << 16]}
    assert facts_of(changed(load("debian13-vps"), contents)).processors == expected


@pytest.mark.parametrize("name", MACHINES)
def test_the_recorded_machines_are_those_that_the_builder_makes(name):
    assert (FOLDER / f"{name}.json").read_text() == to_json(MACHINES[name]()), "run: python -m tests.host.machines"


def test_there_is_no_machine_that_nobody_makes():
    assert sorted(path.stem for path in FOLDER.glob("*.json")) == sorted(MACHINES) == sorted(SAID)


@pytest.mark.parametrize("name", MACHINES)
def test_a_recorded_machine_holds_only_what_would_be_recorded(name):
    recording = load(name)
    known = {" ".join(words) for words in COMMANDS}
    assert (
        set(recording.files) <= set(FILES)
        and set(recording.commands) <= known
        and set(recording.listings) <= set(FOLDERS)
    )


def test_this_machine_is_recorded_and_comes_back_from_json():
    recording = record(Machine(), ("localhost",))
    again = from_json(to_json(recording))
    assert again == recording and to_json(again) == to_json(recording)
    assert recording.now_s > 1_600_000_000 and recording.said("uname", "-r")
    facts = facts_of(again)
    assert facts.memory_bytes > 0 and facts.architecture and facts.file_system("/").size_bytes > 0
    assert dict(facts.names)["localhost"] == ("127.0.0.1",)


def test_nothing_known_is_no_error():
    facts = facts_of(Recording({}, {}, {}, 0.0))
    assert facts.architecture == "" and facts.docker_origin == "none" and facts.file_system("/").path == ""
    assert json.dumps(facts)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\0",
        "[]",
        "{",
        "null",
        '{"Client": null, "Server": []}',
        "a b c d e f g\n" * 3,
        "ID\n=\n::\n\t\t\t\n",
        "[[1]]",
        "9" * 9000,
        "²",
        "[" * 9000,
        "é\ud800",
    ],
)
def test_whatever_a_machine_says_is_read(text):
    recording = Recording(
        dict.fromkeys(FILES, text),
        {" ".join(words): (0, text) for words in COMMANDS},
        dict.fromkeys(FOLDERS, (text,)),
        0.0,
    )
    facts = facts_of(recording)
    assert isinstance(facts, Facts) and isinstance(run(facts, WANTED), list)


@pytest.mark.parametrize("name", MACHINES)
@pytest.mark.parametrize("part", [0.2, 0.5, 0.9, 0.99])
def test_output_that_breaks_off_is_read(name, part):
    whole = load(name)
    files = {path: text[: int(len(text) * part)] for path, text in whole.files.items()}
    commands = {words: (124, out[: int(len(out) * part)]) for words, (_, out) in whole.commands.items()}
    assert run(facts_of(whole._replace(files=files, commands=commands)), WANTED)


class Talking:
    """A machine that gives passwords away."""

    def read(self, path):
        return {
            "/etc/docker/daemon.json": b'{"proxies": {"http-proxy": "http://me:hunter2@proxy:3128"}}',
            "/proc/cpuinfo": b"model name\t: ARMv7\nSerial\t\t: 10000000abcdef12\nModel\t\t: Pi\n",
            "/proc/device-tree/model": b"Raspberry Pi 4\0",
        }.get(path)

    def listing(self, path):
        return []

    def run(self, words, timeout_s=0.0):
        if words[0] == "getent":
            return Done(124, "", "getent took longer than 5 s")
        if words[0] == "docker":
            return Done(1, '{"HttpProxy":"http://me:hunter2@proxy:3128"}', "")
        return Done(0, "1789380000\n", "") if words[0] == "date" else Done(127, "", "not found")


def test_a_recording_holds_no_password_and_no_serial_number():
    recording = record(Talking())
    text = to_json(recording)
    assert "hunter2" not in text and "abcdef12" not in text and "http://***@proxy:3128" in text
    assert recording.now_s == 1_789_380_000 and recording.files["/proc/device-tree/model"] == "Raspberry Pi 4"
    assert "uname -r" not in recording.commands and recording.ended("uname", "-r") == (127, "")


def test_a_dead_name_server_is_waited_for_once():
    names = dict(facts_of(record(Talking(), ("a.example.org", "b.example.org"))).names)
    assert names == {"a.example.org": ()}


def test_listeners_are_read_with_their_programs():
    said = (
        texts.STUB + texts.PROXY.format(port=443) + "tcp   LISTEN 0      511                *:8080              *:*\n"
    )
    units = "    1 -\n  STUB systemd-resolved.service\n 7 user@1000.service\n 8 session-1.scope\n".replace(
        "STUB", re.search("pid=([0-9]+)", texts.STUB)[1]
    )
    assert facts_of(
        changed(load("debian13-vps"), says={"ss -Hltnup": said, "ps -e -o pid=,unit=": units})
    ).listeners == (
        Listener("tcp", "*", 8080, ""),
        Listener("tcp", "0.0.0.0", 443, "docker-proxy"),
        Listener("tcp", "127.0.0.53", 53, "systemd-resolve", "systemd-resolved.service"),
        Listener("udp", "127.0.0.53", 53, "systemd-resolve", "systemd-resolved.service"),
    )


def test_networks_of_docker_have_owners():
    bridges = tuple(
        {"dst": f"10.1.{number}.0/24", "dev": f"br-{number:012}", "scope": "link", "flags": []} for number in (1, 2)
    )
    says = {
        ROUTES: texts.routes("192.168.1.0/24", "192.168.1.1", "192.168.1.2", more=bridges),
        DOCKER_PS: "lab-caddy-1\t\tlab\tabc\nblog\t127.0.0.1:8000-8001->80-81/tcp\t\t\n",
        DOCKER_NETWORKS: "000000000001\tlab_front\tlab\n000000000002\tblog\t\n",
    }
    facts = facts_of(changed(load("debian13-vps"), says=says))
    assert [(route.subnet, route.owner) for route in facts.routes] == [
        ("10.1.1.0/24", "ours"),
        ("10.1.2.0/24", "blog"),
        ("192.168.1.0/24", "host"),
    ]
    assert facts.published == tuple(Published("tcp", port, "blog", False, "127.0.0.1") for port in (8000, 8001))


@pytest.mark.parametrize(
    ("lines", "where"),
    [
        ("/etc/sysctl.conf:#net.ipv4.ip_forward=0\n", ""),
        ("/etc/sysctl.conf:net.ipv4.ip_forward=0\n", "/etc/sysctl.conf"),
        ("/etc/sysctl.d/99-z.conf:net.ipv4.ip_forward=1\n/etc/sysctl.d/10-a.conf:net.ipv4.ip_forward = 0\n", ""),
    ],
)
def test_the_last_word_on_forwarding_counts(lines, where):
    assert facts_of(changed(load("debian13-vps"), says={SYSCTL: lines})).forwarding_off == where


def test_a_path_is_held_by_the_nearest_file_system_above():
    said = (
        texts.df("/dev/mmcblk0p2", 29, 20)
        + "/dev/sda1 1000 400 600 40% /var/lib/docker\n/dev/sda2 1000 400 600 40% /var/lib/dock\n"
    )
    facts = facts_of(changed(load("pi4-bookworm"), says={"df -B1 -P": said}))
    assert (
        facts.file_system("/var/lib/docker/volumes").source == "/dev/sda1"
        and facts.file_system("/var/lib/containerd").path == "/"
    )
    assert facts.on_sd_card("/") and not facts.on_sd_card("/var/lib/docker")


def test_emmc_is_no_card():
    facts = facts_of(changed(load("pi4-bookworm"), {"/sys/block/mmcblk0/device/type": "MMC\n"}))
    assert not facts.on_sd_card("/")
