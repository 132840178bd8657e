"""install on a whole machine with a kernel of its own: confined containers, real limits, a reboot, and power cuts.

INFRAKIT_POWER_CUTS=5 for as many cuts of one install as that: all but the last at random instants, the last once it is
done.
"""

import json
import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.e2e.bed import VirtualMachine, needs_machine, small_registry
from tests.e2e.fresh import Fresh
from tests.e2e.state import differences, secrets, state

pytestmark = [pytest.mark.slow, pytest.mark.soak, needs_machine]

CUTS = int(os.environ.get("INFRAKIT_POWER_CUTS", "2"))
STAGES = ("docker packages", "image ", "service ")
"""The first cut is in one of these: how the names of the steps begin, that take nearly all of the time."""
STAGE_S = 60
RESUMING_S = 10
"""About what a machine takes from its start to where the last run was."""
NO_ANSWER = 255
FILE = """\
version: 1
name: small
domain: small.example.org
timezone: Europe/Berlin
profiles: [identity]
tls: {{mode: internal}}
images: {{mirror: "MIRROR"}}
access: {{administrators: [alice]}}
"""
IMAGES = ("caddy", "postgres", "server")
CONTAINERS = 4
CONFINED = r"""
for id in $(docker ps -q --no-trunc); do
  set -- $(docker inspect -f '{{.Name}} {{.State.Pid}} {{.HostConfig.Memory}}' $id)
  echo "$1 $(cat /proc/$2/attr/current) $3 $(cat /sys/fs/cgroup/system.slice/docker-$id.scope/memory.max)"
done
"""
BACK = (
    f"for i in $(seq 300); do [ $(docker ps -q --filter health=healthy | wc -l) = {CONTAINERS} ] && break; sleep 2; "
    "done; infrakit status"
)
WHOLE = "docker image save $(docker image ls -q) >/dev/null"
"""The engine compares every file of every layer with the sum that it kept (vbatts/tar-split), and ends with an error
where one differs."""


class Unbroken:
    """A machine on which install runs to its end; its disk at one instant before that, how long all took, and what it
    came to."""

    def __init__(self, fresh: Fresh, instants: random.Random) -> None:
        self.fresh = fresh
        self.host = fresh.host
        stage, seconds = instants.choice(STAGES), instants.uniform(0, STAGE_S)
        began = time.monotonic()
        with running(fresh) as ended:
            while not ended.wait(2) and not step_of(self.host).startswith(stage):
                pass
            ended.wait(seconds)
            self.instant_s = time.monotonic() - began
            self.disk = self.host.disk_now()
        self.took_s = time.monotonic() - began
        self.state = state(self.host)


@contextmanager
def running(fresh: Fresh) -> Iterator[threading.Event]:
    """While inside, install runs; its end is waited for, and must be a good one, unless the power was cut before."""
    said: list = []
    ended = threading.Event()

    def run() -> None:
        said.append(fresh.install("--yes", "--json"))
        ended.set()

    thread = threading.Thread(target=run)
    thread.start()
    yield ended
    thread.join()
    done = said[0]
    assert done.code in (0, NO_ANSWER) and "Traceback" not in done.err, "\n".join(
        [done.out[-2000:], done.err[-3000:], fresh.host.log()]
    )


def step_of(host: VirtualMachine) -> str:
    """Where install is, or was, by its journal."""
    journal = host.run("tail -n 1 /var/log/infrakit/journal.jsonl").out
    return json.loads(journal)["step"] if journal.strip() else ""


def all_is_back(host: VirtualMachine) -> None:
    done = host.run(BACK, 900)
    assert done.code == 0, done.out + done.err + host.log()


@pytest.fixture(scope="module")
def instants():
    seed = random.SystemRandom().randrange(1 << 32)
    print("seed", seed)
    return random.Random(seed)


@pytest.fixture(scope="module")
def unbroken(pyz, instants):
    file = FILE.replace("MIRROR", small_registry(IMAGES))
    with VirtualMachine.start() as host:
        yield Unbroken(Fresh(host, pyz, host.suite, file), instants)


def test_a_machine_reaches_the_bed_and_nothing_else(unbroken):
    assert unbroken.host.run("curl -fsS -o /dev/null http://apt.bed/linux/debian/gpg").code == 0
    assert unbroken.host.run("curl -sS -m 5 -o /dev/null http://1.1.1.1/").code != 0


def test_every_container_is_confined_and_limited_by_the_kernel(unbroken):
    lines = [line.split() for line in unbroken.host.run(CONFINED).out.splitlines()]
    assert len(lines) == CONTAINERS
    for name, profile, mode, wanted, limit in lines:
        assert (profile, mode) == ("docker-default", "(enforce)"), name
        assert int(wanted) == int(limit) > 0, name


def test_all_is_back_after_a_reboot(unbroken):
    unbroken.host.restart()
    all_is_back(unbroken.host)
    assert differences(unbroken.host, unbroken.state) == []


def test_after_power_cuts_install_ends_where_an_unbroken_one_ends(unbroken, instants):
    """The first cut is one in the midst of the unbroken run: what its disk was then, another machine starts with."""
    unbroken.host.process.kill()
    with VirtualMachine.start(unbroken.disk) as host:
        fresh = unbroken.fresh.on(host)
        reached = unbroken.instant_s
        where = [f"{reached:.0f} of {unbroken.took_s:.0f} s: {step_of(host)}"]
        known = secrets(host)
        parts = CUTS - 2
        for number in range(parts):
            # One instant in each part of what is left, counted from where the one before broke off.
            instant = unbroken.instant_s + (number + instants.random()) * (unbroken.took_s - unbroken.instant_s) / parts
            with running(fresh) as ended:
                ended.wait(instant - reached + RESUMING_S)
                host.power_cut()
            reached = instant
            where.append(f"{reached:.0f} s: {step_of(host)}")
            found = secrets(host)
            assert known.items() <= found.items(), "\n".join(
                [*where, "lost or changed:", *sorted(known.keys() - found.keys())]
            )
            known = found
        print(*where, sep="\n")
        done = fresh.install("--yes")
        assert done.code == 0 and "Traceback" not in done.err, "\n".join([done.out, done.err, host.log()])
        # What it calls done, it has on the disk.
        host.power_cut()
        all_is_back(host)
        assert known.items() <= secrets(host).items()
        assert host.run("dpkg --audit").out == ""
        assert differences(host, unbroken.state) == []
        done = host.run(WHOLE, 600)
        assert done.code == 0, done.err
