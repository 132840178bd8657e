"""What goes wrong on real machines: each ends in success or in one clear error with a remedy, and the stack that ran
still runs."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.bed import Host, needs_bed, publish, registry
from tests.e2e.bed.engine import HERE
from tests.e2e.fresh import FAKE_DATE, SMALL, SNAPSHOT, Fresh

pytestmark = [pytest.mark.slow, needs_bed]

MIRROR = "127.0.0.1:5001/"
WIKI = "ghcr.io/requarks/wiki"
READERS = ("watch-authentik-1", "watch-authentik-worker-1", "watch-caddy-1")
"""They read the blueprint and the Caddyfile, which name every app."""


def small(host: Host, pyz, suite: str, mirror: str) -> Fresh:
    return Fresh(host, pyz, suite, SMALL.replace("{mirror}", mirror))


def refused(done, *words: str, code: int = 3) -> None:
    """One clear error, with what to do, and no traceback."""
    said = done.err
    assert done.code == code and "Traceback" not in said, said
    assert all(word in said for word in words), said
    assert said.rstrip().splitlines()[-1].startswith(("    ", "  hint:")), f"no remedy: {said}"


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


class Stack:
    """A running stack whose images come through a registry that fails as told; each fault meets an app that is new in
    the file."""

    def __init__(self, fresh: Fresh) -> None:
        self.fresh = fresh
        self.host = fresh.host
        self.plain = self.host.run("cat /etc/infrakit/infrakit.yaml").out
        self.before: dict[str, str] = {}

    def fault(self, words: str) -> None:
        self.host.run(f"printf '{words}' >/run/fault")

    def up(self, tag: str = "2.5", *, prefix: str = ""):
        """With the app in the file, whose image is not there."""
        self.host.put(
            "/root/with.yaml",
            (self.plain + f'apps: {{wiki: {{image: "{WIKI}:{tag}", port: 3000, memory: 256m}}}}\n').encode(),
        )
        self.host.run(f"docker rmi {MIRROR}{WIKI}:{tag}")
        return self.host.run(f"{prefix} infrakit up --yes -f /root/with.yaml", 600)

    def still_runs(self, *, but: tuple[str, ...] = ()) -> None:
        """Every container since when it ran before the fault; `but` for those that read what a new app changes."""
        now = self.fresh.containers()
        assert {name: now.get(name) for name in self.before if name not in but} == {
            name: at for name, at in self.before.items() if name not in but
        }

    def without(self) -> None:
        """As the file of the host was when it was installed: without the app."""
        self.fault("none 0 -")
        self.host.put("/etc/infrakit/infrakit.yaml", self.plain.encode())
        done = self.fresh.infrakit("up", "--yes", "-f", "/etc/infrakit/infrakit.yaml")
        assert done.code == 0, done.err
        self.before = self.fresh.containers()


@pytest.fixture(scope="module")
def running(pyz):
    registry()
    with Host.start("bookworm") as host:
        host.put("/run/faulty.py", (HERE / "faulty.py").read_bytes())
        host.run("systemd-run --unit=faulty python3 /run/faulty.py")
        fresh = small(host, pyz, "bookworm", MIRROR)
        done = fresh.install("--yes")
        assert done.code == 0, done.out + done.err + host.log()
        yield Stack(fresh)


@pytest.fixture
def stack(running):
    running.without()
    return running


@pytest.mark.parametrize("fault", ["429 2 manifests", "500 1 blobs", "truncated 1 blobs", "stalled 1 blobs"])
def test_a_registry_that_recovers_is_waited_for(stack, fault):
    stack.fault(fault)
    done = stack.up()
    assert done.code == 0, done.err + stack.host.log()
    assert stack.host.run("cat /run/fault").out.split()[1] == "0", "nobody met the fault"
    stack.still_runs(but=READERS)


def test_a_layer_with_another_digest_is_refused(stack):
    stack.fault("forged 99 blobs")
    refused(stack.up(), WIKI, "not what its digest says", code=4)
    stack.still_runs()


def test_an_image_for_another_processor_is_refused(stack):
    publish(f"{WIKI}:for-arm64", architecture="arm64")
    refused(stack.up("for-arm64"), WIKI, "not made for this processor", code=4)
    stack.still_runs()


def test_a_second_run_is_told_who_is_running(stack):
    hold = (
        "import fcntl, json, time\nfile = open('/run/infrakit.lock', 'w')\nfcntl.flock(file, fcntl.LOCK_EX)\n"
        "file.write(json.dumps({'command': 'infrakit up', 'pid': 7, 'since': 'noon'}))\nfile.flush()\n"
        "time.sleep(600)\n"
    )
    stack.host.put("/run/hold.py", hold.encode())
    stack.host.run(
        "systemd-run --unit=other python3 /run/hold.py; until grep -q noon /run/infrakit.lock; do sleep 0.1; done"
    )
    done = stack.up()
    stack.host.run("systemctl stop other")
    refused(done, "infrakit up, pid 7, since noon", code=75)
    stack.still_runs()


@pytest.mark.parametrize(("signal", "fault"), [("INT", "429:300 3 wiki"), ("TERM", "stalled 1 blobs")])
def test_a_signal_is_heard_while_an_image_is_on_its_way(stack, signal, fault):
    """In a pause since the registry asks for patience, and while the engine waits for a registry that says nothing:
    both for longer than a test."""
    stack.fault(fault)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(stack.up)
        while not running.done() and stack.host.run("cat /run/fault").out == fault:
            pass
        stack.host.run(f"pkill --signal {signal} -f '^python3 /usr/local/bin/infrakit up'")
        done = running.result()
    assert done.code == 4 and "Traceback" not in done.err, done.err
    assert (
        done.err.count("stopping\n") == 1
        and f"error: stopped in: image {MIRROR}{WIKI}:2.5\n  hint: run again to go on" in done.err
    ), done.err
    stack.still_runs()
    stack.fault("none 0 -")
    done = stack.up()
    assert done.code == 0, done.err


def test_an_engine_stopped_in_the_middle_is_said(stack):
    """Stopped while the image is on its way, and started again by hand: with another socket than the one that the
    proxies hold."""
    stack.fault("429:20 1 wiki")
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(stack.up)
        while not running.done() and stack.host.run("cat /run/fault").out == "429:20 1 wiki":
            pass
        stack.host.run("systemctl stop docker.socket docker", 300)
        refused(running.result(), "systemctl", code=5)
    assert stack.host.run("pgrep -c haproxy").code != 0, "containers go with their engine"
    stack.host.run("systemctl start docker")
    done = stack.up()
    assert done.code == 0, done.err
    stack.before = stack.fresh.containers()
