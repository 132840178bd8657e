"""What is wrong with real machines before anything is installed: each ends in success or in one clear error with a
remedy."""

import pytest

from tests.e2e.bed import Host, needs_bed, registry
from tests.e2e.fresh import FAKE_DATE, SNAPSHOT, refused, small

pytestmark = [pytest.mark.slow, needs_bed]


@pytest.fixture(scope="module")
def bare(pyz):
    """A fresh host on which nothing is installed."""
    registry()
    with Host.start("trixie") as host:
        yield small(host, pyz, "trixie", registry())


def test_port_80_taken_names_who_holds_it(bare):
    bare.host.run(
        "systemd-run --unit=squatter python3 -m http.server 80; for i in $(seq 50); do ss -Hltn sport = 80 | "
        "grep -q . && break; sleep 0.1; done"
    )
    refused(bare.install("--yes"), "80", "python3", "squatter.service")
    bare.host.run("systemctl stop squatter")
    assert bare.host.run(SNAPSHOT).out.splitlines() == bare.before


@pytest.mark.parametrize(("seconds", "words"), [(86400, "behind"), (2426000000, "ahead")], ids=["1970", "20 years on"])
def test_a_wrong_clock_is_refused_before_anything_changes(bare, seconds, words):
    """The clock of a test machine stays as it is: the program that tells the time is another."""
    bare.host.put("/usr/local/sbin/date", FAKE_DATE.format(seconds=seconds).encode(), 0o755)
    refused(bare.install("--yes"), f"[clock-{words}]", "timedatectl")
    bare.host.run("rm /usr/local/sbin/date")
    assert bare.host.run(SNAPSHOT).out.splitlines() == bare.before


def test_no_name_server_is_refused(bare):
    bare.host.run("cp /etc/resolv.conf /run/resolv.conf; : >/etc/resolv.conf")
    refused(bare.install("--yes"), "[nameserver-none]")
    bare.host.run("cat /run/resolv.conf >/etc/resolv.conf")
    assert bare.host.run(SNAPSHOT).out.splitlines() == bare.before


def test_apts_mirror_down_is_said_and_resumed(bare):
    """And a name server that knows nothing, which looks the same to apt."""
    bare.host.run("cp /etc/hosts /run/hosts; echo 127.0.0.9 apt.bed >>/etc/hosts")
    refused(bare.install("--yes"), "apt.bed", code=4)
    bare.host.run(
        "cat /run/hosts >/etc/hosts; cp /etc/resolv.conf /run/resolv.conf; echo nameserver 127.0.0.9 >/etc/resolv.conf"
    )
    refused(bare.install("--yes"), "apt.bed", code=4)
    bare.host.run("cat /run/resolv.conf >/etc/resolv.conf")
    assert bare.host.run("dpkg --audit").out == ""


TORN = (
    "apt-get update; for list in /var/lib/apt/lists/*_*; do touch -r $list /run/when; : >$list; touch -r /run/when "
    "$list; done"
)
"""apt fetches no list again that is as old as the archive's."""


def test_a_lock_of_apt_is_waited_for_and_lists_that_a_power_cut_tore_are_read_anew(bare):
    bare.host.run(TORN)
    assert bare.host.run("apt-get update && apt-get check").code != 0
    """Here with the Docker of the distribution itself, which is new enough on Debian 13."""
    bare.host.put(
        "/run/hold.py",
        (
            b"import fcntl, time\nfile = open('/var/lib/dpkg/lock-frontend', 'w')\nfcntl.lockf(file, fcntl.LOCK_EX)\n"
            b"time.sleep(25)\n"
        ),
    )
    bare.host.run("systemd-run --unit=holder python3 /run/hold.py")
    done = bare.install("--yes", "--docker-from", "distribution")
    assert done.code == 0, done.out + done.err + bare.host.log()
    assert bare.host.run("dpkg-query -W -f '${db:Status-Status}' docker.io").out == "installed"


def test_too_little_disk_is_refused(pyz):
    registry()
    with Host.start("bookworm") as host:
        host.run("mount -t tmpfs -o size=300m tmpfs /var/lib/docker")
        fresh = small(host, pyz, "bookworm", registry())
        refused(fresh.install("--yes"), "[disk-short]", "300")
        assert host.run(SNAPSHOT).out.splitlines() == fresh.before


def test_without_memory_limits_it_warns_and_fixes_the_boot_line(pyz):
    """A Raspberry Pi's kernel has the memory controller off unless its boot line asks for it."""
    registry()
    with Host.start("bookworm", cgroup2=True) as host:
        fresh = small(host, pyz, "bookworm", registry())
        host.put("/boot/firmware/cmdline.txt", b"console=tty1 root=PARTUUID=1 rootwait\n")
        assert "[memory-cgroup-off]" in fresh.install("--dry-run").err
        done = host.run("cd /root && python3 infrakit.pyz preflight --fix --yes")
        assert done.code == 0 and "reboot" in done.out + done.err, done.out + done.err
        line = host.run("cat /boot/firmware/cmdline.txt").out
        assert (
            line.startswith("console=tty1 root=PARTUUID=1 rootwait ")
            and "cgroup_enable=memory" in line
            and line.count("\n") == 1
        )
        assert host.run("cat /boot/firmware/cmdline.txt.*").out == "console=tty1 root=PARTUUID=1 rootwait\n"
