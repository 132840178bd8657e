"""The stick: made on a connected host without Docker, then a host that has no network at all is installed from it.

The host with the containerd image store takes the same bundle (Docker 29's default on fresh machines).
INFRAKIT_SUITES=bookworm,trixie for both.
"""

import base64
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.bed import Done, Host, needs_bed, publish, registry, trace
from tests.e2e.bed.engine import PLACE
from tests.e2e.fresh import FAKE_DATE, SMALL, SNAPSHOT
from tests.e2e.stick import STICK, Connected, Loose, key_in, mounting

pytestmark = [pytest.mark.slow, needs_bed]
SIGNAL = f"pkill --signal {{}} -f '^python3 {STICK}/infrakit.pyz'"
DISK = "3g"
FILL = "fallocate -l $(df --output=avail -B1 /var/lib/containerd | tail -n 1) /var/lib/containerd/full"
# A network of nobody: what is sent there by a name or an address is seen, and nothing answers.
WIRE = """
ip link add wire0 type veth peer name wire1 && ip link set wire1 up && ip link set wire0 up && ip address add 10.213.255.2/24 dev wire0 &&
ip neighbour add 10.213.255.1 lladdr 02:00:00:00:00:01 dev wire0 && ip route add default via 10.213.255.1 && echo nameserver 10.213.255.1 >/etc/resolv.conf &&
systemd-run -q --unit=trace python3 /run/trace.py wire0 /run/trace && until [ -s /run/trace ]; do sleep 0.1; done
"""  # noqa: E501 -- verbatim text
HOLD = f"""
import os, subprocess, sys, time
end, path = time.monotonic() + 500, "/var/log/infrakit/journal.jsonl"
while not os.path.exists(path):
    assert time.monotonic() < end
    time.sleep(0.01)
with open(path) as journal:
    journal.seek(int(sys.argv[1]))
    while not any('"kind": "begin"' in line and '"step": "image ' in line for line in journal):
        assert time.monotonic() < end
        time.sleep(0.01)
subprocess.run(["pkill", "--signal", "STOP", "-f", "^python3 {STICK}/infrakit.pyz"])
"""
"""On the host itself, and before others: under load an image would be over before somebody outside had looked."""
ASKS = "timeout 3 getent ahosts asks.example.org; timeout 3 curl -s http://192.0.2.1/"
DOZZLE = "docker.io/amir20/dozzle"


class Bench:
    """A folder that is the stick: mounted for writing on a connected host, and read-only on one without a network."""

    def __init__(self, suite: str, pyz, folder) -> None:
        self.suite, self.pyz, self.folder = suite, pyz, folder / "stick"
        self.folder.mkdir()
        self.key = key_in(folder)

    def target(self, *more: str, stick: Path | None = None) -> Host:
        host = Host.start(self.suite, "none", f"--volume={stick or self.folder}:{STICK}:ro", *more)
        host.put("/root/infrakit.pyz", self.pyz.read_bytes())
        return host

    def connected(self, inventory: str) -> Connected:
        return Connected(mounting(self.suite, self.folder), self.pyz, self.key, inventory)


@pytest.fixture(scope="module", params=os.environ.get("INFRAKIT_SUITES", "trixie").split(","))
def bench(request, pyz, tmp_path_factory):
    registry()
    return Bench(request.param, pyz, tmp_path_factory.mktemp("stick"))


@pytest.fixture(scope="module")
def installed(bench):
    """A host without a network after `install`; its inventory was carried to the connected one and back."""
    with bench.target() as host:
        assert host.run("ip -o link | grep -v ' lo:'").out == "" and host.run("command -v docker").code != 0
        file = SMALL.format(mirror=registry())
        with bench.connected(host.run("python3 /root/infrakit.pyz inventory").out) as maker:
            host.lock = maker.lock(file)
            maker.create(file)
        host.run("rm /root/infrakit.pyz")
        host.before = host.run(SNAPSHOT).out.splitlines()
        host.first = host.run(f"python3 {STICK}/infrakit.pyz install --yes", 1200)
        assert host.first.code == 0, host.first.out[-2000:] + host.first.err[-3000:] + host.log()
        yield host


def test_a_host_that_never_had_a_network_runs_the_stack(installed):
    assert installed.run("infrakit status").code == 0
    assert "signed with SHA256:" in installed.first.err and "compare it" in installed.first.err
    ids = installed.run("docker image ls --no-trunc --format '{{.Repository}}:{{.Tag}} {{.ID}}'").out.splitlines()
    wanted = json.loads(installed.run(f"cat {STICK}/bundle.json").out)["images"]
    assert {tuple(line.split()) for line in ids} == {(name, found["amd64"]["config"]) for name, found in wanted.items()}
    assert {line.split()[1] for line in ids} == {
        found.images["amd64"].image for found in installed.lock.images.values()
    }


def test_the_second_run_changes_nothing_and_knows_the_key(installed):
    before = installed.run("docker ps -aq | xargs docker inspect -f '{{.Name}} {{.State.StartedAt}}'").out
    done = installed.run(f"python3 {STICK}/infrakit.pyz install --yes", 600)
    assert done.code == 0 and "nothing to change" in done.out and "which is trusted" in done.err, done.out + done.err
    assert installed.run("docker ps -aq | xargs docker inspect -f '{{.Name}} {{.State.StartedAt}}'").out == before


def test_a_bundle_of_another_key_or_an_older_one_is_refused_before_anything_changes(installed, bench):
    """As /run/other: a copy of the manifest alone is refused by its signature, before its files are missed."""
    trusted = installed.run("cat /etc/infrakit/allowed_signers").out
    other = (
        f"mkdir -p /run/other && cp {STICK}/bundle.json /run/other/ && cd /run/other && ssh-keygen -q -t ed25519 -N "
        "'' -f /run/k && ssh-keygen -Y sign -q -n infrakit-bundle -f /run/k bundle.json"
    )
    assert installed.run(other).code == 0
    done = installed.run("infrakit install --yes --bundle /run/other")
    assert done.code == 1 and "[other-key]" in done.err, done.err
    serial = json.loads(installed.run("cat /var/lib/infrakit/bundle.json").out)["serial"]
    installed.run(f"echo '{{\"serial\": {serial + 1}}}' >/var/lib/infrakit/bundle.json")
    done = installed.run(f"python3 {STICK}/infrakit.pyz install --yes")
    assert done.code == 1 and "[lower-serial]" in done.err, done.err
    done = installed.run(f"python3 {STICK}/infrakit.pyz install --yes --allow-downgrade", 600)
    assert done.code == 0 and "1 changed" in done.out, done.out + done.err
    assert installed.run("cat /etc/infrakit/allowed_signers").out == trusted


def test_the_containerd_image_store_takes_the_same_bundle_and_nobody_is_spoken_to(installed, bench):
    """Not even where there is a way out. It takes four runs: in one the disk fills up, in one the stick is pulled out,
    and one is killed."""
    with (
        Loose(bench.folder, PLACE / "loose") as stick,
        bench.target(f"--tmpfs=/var/lib/containerd:exec,size={DISK}", stick=stick.path) as host,
    ):
        host.put("/etc/docker/daemon.json", b'{"features": {"containerd-snapshotter": true}}')
        host.put("/run/trace.py", Path(trace.__file__).read_bytes())
        done = host.run(WIRE)
        assert done.code == 0, done.err
        done = in_an_image(host, lambda: host.run(FILL))
        assert host.run("rm /var/lib/containerd/full").code == 0
        assert (
            done.code in (3, 4)
            and "no space left" in done.err
            and "free some space" in done.err
            and "Traceback" not in done.err + done.out
        ), done.out + done.err
        done = in_an_image(host, stick.pull)
        stick.put_back()
        assert done.code in (1, 3, 4) and "input/output error" in done.err and "Traceback" not in done.err + done.out, (
            done.out + done.err
        )
        assert in_an_image(host, lambda: host.run(SIGNAL.format("KILL"))).code == 137
        done = host.run(f"python3 {STICK}/infrakit.pyz install --yes", 1200)
        assert done.code == 0, done.out[-2000:] + done.err[-3000:] + host.log()
        assert "io.containerd" in host.run("docker info -f '{{.DriverStatus}}'").out
        assert "nothing to change" in host.run(f"python3 {STICK}/infrakit.pyz install --yes", 600).out
        assert recorded(host) == []
        host.run(ASKS)
        assert recorded(host) == ["tcp 10.213.255.2 > 192.0.2.1:80", "udp 10.213.255.2 > 10.213.255.1:53"], (
            "the recording is blind"
        )


@pytest.mark.parametrize(("seconds", "words"), [(86400, "behind"), (2426000000, "ahead")], ids=["1970", "20 years on"])
def test_a_wrong_clock_is_refused_before_anything_changes(installed, seconds, words):
    before = installed.run(SNAPSHOT).out
    installed.put("/usr/local/sbin/date", FAKE_DATE.format(seconds=seconds).encode(), 0o755)
    done = installed.run(f"python3 {STICK}/infrakit.pyz install --yes")
    installed.run("rm /usr/local/sbin/date")
    assert (
        done.code == 3
        and f"[clock-{words}]" in done.err
        and "by hand, no network is needed: timedatectl set-ntp false" in done.err
    ), done.err
    assert installed.run(SNAPSHOT).out == before


def in_an_image(host: Host, act: Callable[[], object]) -> Done:
    """install, which is held in the midst of an image while something happens."""
    before = host.run("cat /var/log/infrakit/journal.jsonl | wc -c").out.strip()
    host.put("/run/hold.py", HOLD.encode())
    with ThreadPoolExecutor(2) as pool:
        holding = pool.submit(host.run, f"nice -n -15 python3 /run/hold.py {before}", 600)
        running = pool.submit(host.run, f"python3 {STICK}/infrakit.pyz install --yes", 600)
        assert holding.result().code == 0, "it never came to an image"
        act()
        host.run(SIGNAL.format("CONT"))
        return running.result()


def recorded(host: Host) -> list[str]:
    return trace.spoken(base64.b64decode(host.run("base64 /run/trace").out))


def test_an_update_after_two_skipped_releases_is_one_layer_and_restarts_one_service(installed, bench):
    """The stick is made anew for what the machine has; its program is left out, since it is there. Two such sticks
    nobody took along."""
    before = installed.run("docker ps -aq | xargs docker inspect -f '{{.Name}} {{.State.StartedAt}}'").out.splitlines()
    serials = []
    with bench.connected(installed.run("infrakit inventory").out) as maker:
        for tag in ("v10.7.4", "v10.7.5", "v10.7.6"):
            publish(f"{DOZZLE}:{tag}")
            file = SMALL.format(mirror=registry()) + f'services: {{dozzle: {{image: "{DOZZLE}:{tag}"}}}}\n'
            lock = maker.lock(file)
            publish(f"{DOZZLE}:{tag}", broken=True)  # what its tag leads to now: the lock says which one was meant
            maker.create(file)
            serials.append(json.loads((bench.folder / "bundle.json").read_text())["serial"])
    assert serials == sorted(set(serials))
    manifest = json.loads((bench.folder / "bundle.json").read_text())
    layers = [path for path in manifest["files"] if path.startswith("images/blobs/")]
    assert (
        sum(path.stat().st_size for path in bench.folder.rglob("*") if path.is_file()) < 1 << 20
        and len(manifest["absent"]) > 3
    ), layers
    done = installed.run(f"infrakit install --yes --bundle {STICK}", 600)
    assert done.code == 0 and "which is trusted" in done.err, done.out + done.err
    after = installed.run("docker ps -aq | xargs docker inspect -f '{{.Name}} {{.State.StartedAt}}'").out.splitlines()
    assert {line.split()[0] for line in {*after} - {*before}} == {"/watch-dozzle-1"}
    running = installed.run("docker inspect -f '{{.Image}} {{.State.Health.Status}}' watch-dozzle-1").out.split()
    assert running == [lock.images[f"{DOZZLE}:v10.7.6"].images["amd64"].image, "healthy"]


def test_uninstall_leaves_the_host_as_it_was_before_the_stick(installed):
    done = installed.run("infrakit uninstall --purge --yes --yes", 600)
    assert done.code == 0, done.out[-2000:] + done.err
    assert sorted(set(installed.run(SNAPSHOT).out.splitlines()) ^ set(installed.before)) == []
