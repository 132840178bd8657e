"""install, killed again and again without warning: running it again ends where an unbroken run ends.

INFRAKIT_KILLS=50 for as many random instants as that; the seed is printed.
"""

import json
import os
import random

import pytest

from infrakit.errors import EXIT_STEP
from tests.e2e.bed import Host, needs_bed, registry
from tests.e2e.fresh import SMALL, SNAPSHOT, Fresh
from tests.e2e.state import differences, secrets, state

pytestmark = [pytest.mark.slow, pytest.mark.soak, needs_bed]

KILLS = int(os.environ.get("INFRAKIT_KILLS", "12"))
KILLED = 137
STOPPED = (EXIT_STEP, 143)
"""Where it is asked to: by a safe point, or before there is a plan."""


class Chain:
    """One host, on which install is begun and killed until it has ended once."""

    def __init__(self, fresh: Fresh) -> None:
        self.fresh = fresh
        self.secrets: dict[str, str] = {}
        self.where: list[str] = []
        self.steps: set[str] = set()

    def begin(self, kind: str, count: object) -> int:
        """One run that is killed there. The code, once what must hold after each was seen to hold."""
        done = self.fresh.host.run(
            f"cd /root && python3 /run/killer.py {kind} {count} {self.fresh.command} --yes --json", 600
        )
        self.where.append(f"{kind} {count}: {done.code} {done.out.strip()}")
        assert done.code in ((0, *STOPPED) if kind == "asked" else (0, KILLED)), "\n".join(
            [*self.where, done.err, self.fresh.host.log()]
        )
        assert "Traceback" not in done.err and (done.code != EXIT_STEP or '"error": "stopped ' in done.out), (
            done.out + done.err
        )
        found = secrets(self.fresh.host)
        lost = {name for name, digest in self.secrets.items() if found.get(name) != digest}
        assert not lost, "\n".join([*self.where, f"lost or changed: {lost}"])
        self.secrets = found
        return done.code

    def over(self) -> None:
        """Taken away again; what is there next is new."""
        done = self.fresh.infrakit("uninstall", "--purge", "--yes", "--yes")
        assert done.code == 0, done.out + done.err
        left = set(self.fresh.host.run(SNAPSHOT).out.splitlines()) ^ set(self.fresh.before)
        assert not left, "\n".join([*self.where, *sorted(left)])
        self.secrets = {}


@pytest.fixture(params=["bookworm", "trixie"])
def chain(request, pyz):
    """After an unbroken run that was taken away again: (the chain, what that run came to)."""
    registry()
    with Host.start(request.param) as host:
        fresh = Fresh(host, pyz, request.param, SMALL)
        with open(os.path.join(os.path.dirname(__file__), "killer.py"), "rb") as file:
            host.put("/run/killer.py", file.read())
        chain = Chain(fresh)
        done = fresh.install("--yes", "--json")
        assert done.code == 0, done.out[-2000:] + done.err[-3000:] + host.log()
        chain.steps = {event["step"] for event in map(json.loads, done.out.splitlines()) if event["kind"] == "begin"}
        unbroken = state(host)
        chain.over()
        yield chain, unbroken


@pytest.mark.parametrize("chain", ["bookworm"], indirect=True)
def test_killed_at_every_boundary_of_a_step(chain):
    """When a step has begun, and when it is done; each run comes one step further."""
    chain, unbroken = chain
    for _ in range(200):
        if not chain.begin("begin", 1) or not chain.begin("done", 1):
            break
    host = chain.fresh.host
    # A kill comes a moment after the event that it was told to wait for; a step of a few milliseconds may be over by
    # then.
    missed = chain.steps - {line.partition("begin ")[2].partition(" begin ")[2] for line in chain.where}
    assert len(missed) <= 2, (missed, chain.where)
    assert host.run("dpkg --audit").out == ""
    assert differences(host, unbroken) == [], "\n".join(chain.where)
    done = chain.fresh.install("--yes")
    assert done.code == 0 and "nothing to change" in done.out, done.out + done.err
    chain.over()


@pytest.mark.parametrize("chain", ["trixie"], indirect=True)
def test_killed_or_stopped_at_random_instants(chain):
    """By turns without warning, and asked to: then also Compose and what else waits for a service is broken off."""
    chain, unbroken = chain
    seed = random.SystemRandom().randrange(1 << 32)
    print("seed", seed)
    instants = random.Random(seed)
    kills = 0
    while kills < KILLS:
        code = chain.begin("asked" if kills % 2 else "seconds", round(instants.uniform(0.5, 6), 2))
        kills += code != 0
        if code == 0:
            assert differences(chain.fresh.host, unbroken) == [], "\n".join(chain.where)
            chain.over()
    done = chain.fresh.install("--yes")
    assert done.code == 0, "\n".join(chain.where) + done.out + done.err
    assert chain.fresh.host.run("dpkg --audit").out == ""
    assert differences(chain.fresh.host, unbroken) == [], "\n".join(chain.where)
    chain.over()
