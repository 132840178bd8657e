"""python3 -m tests.benchmarks.install [SUITE]: how long install takes on a fresh host of the test bed, and what of it
is not apt and pulls.

One host, one run: a first install of the full stack, then medians of runs that change nothing, each beside a plain
tool. Needs the test bed.
"""

import json
import statistics
import sys
import time
from pathlib import Path

from tests.e2e.bed import Host, registry
from tests.e2e.fresh import Fresh

ROUNDS = 7
COMPOSE = "docker compose --project-directory /var/lib/infrakit/current -f /var/lib/infrakit/current/compose.yaml"
ELSEWHERE = ("docker packages", "image ")
"""Steps whose time is apt's, or the registry's and the engine's."""


def median_s(host: Host, command: str) -> float:
    """Of ROUNDS runs, in seconds, timed on the host: without the way there."""
    line = (
        f'python3 -c "import subprocess, time; began = time.monotonic(); subprocess.run({command.split()!r}, '
        'stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL); print(time.monotonic() - began)"'
    )
    return statistics.median(float(host.run(line, 300).out) for _ in range(ROUNDS))


def main(suite: str) -> None:
    registry()
    with Host.start(suite) as host:
        fresh = Fresh(host, Path("dist/infrakit.pyz"), suite)
        began = time.monotonic()
        done = fresh.install("--yes", "--json")
        whole = time.monotonic() - began
        assert done.code == 0, done.out[-2000:] + done.err
        steps = {
            event["step"]: event["seconds"]
            for event in map(json.loads, done.out.splitlines())
            if event["kind"] == "done" or event["step"].startswith("door ") and event["kind"] == "kept"
        }
        elsewhere = sum(seconds for name, seconds in steps.items() if name.startswith(ELSEWHERE))
        starting = sum(seconds for name, seconds in steps.items() if name.startswith("service "))
        rest = sum(steps.values()) - elsewhere - starting
        print(
            f"install, {len(steps)} steps        {whole:6.1f} s: apt and pulls {elsewhere:.1f}, services until "
            f"healthy {starting:.1f}, all else {rest:.1f}, looking and compiling "
            f"{whole - sum(steps.values()):.1f}"
        )
        again = "infrakit install --yes -f /etc/infrakit/infrakit.yaml"
        for name, command in (
            ("install, nothing to do", again),
            ("up, nothing to do", "infrakit up --yes"),
            ("status", "infrakit status"),
            ("docker compose ps", f"{COMPOSE} ps"),
        ):
            print(f"{name:24} {median_s(host, command):6.2f} s")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "trixie")
