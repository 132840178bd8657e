"""What goes wrong while an image is fetched: each ends in success or in one clear error with a remedy, and the stack
that ran still runs."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.bed import Host, needs_bed, publish, registry
from tests.e2e.bed.engine import HERE
from tests.e2e.fresh import Fresh, refused, small

pytestmark = [pytest.mark.slow, needs_bed]

MIRROR = "127.0.0.1:5001/"
WIKI = "ghcr.io/requarks/wiki"
READERS = ("watch-authentik-1", "watch-authentik-worker-1", "watch-caddy-1")
"""They read the blueprint and the Caddyfile, which name every app."""


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
