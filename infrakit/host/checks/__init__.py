"""Facts x Wanted -> Findings: all that stands in the way, found before anything is changed.

One function per check, called like the code of what it finds. All of them run; none relies on an earlier one.
"""

from infrakit.host.checks import clock, docker, engine, guards, machine, memory, network, packages, ports, storage
from infrakit.host.checks.model import ACCEPTABLE, Finding, Wanted
from infrakit.host.facts import Facts

CHECKS = (
    *machine.CHECKS,
    *memory.CHECKS,
    *storage.CHECKS,
    *clock.CHECKS,
    *ports.CHECKS,
    *network.CHECKS,
    *docker.CHECKS,
    *engine.CHECKS,
    *guards.CHECKS,
    *packages.CHECKS,
)

__all__ = ["ACCEPTABLE", "CHECKS", "Finding", "Wanted", "run"]


def run(facts: Facts, wanted: Wanted) -> list[Finding]:
    """All findings, in the order of CHECKS."""
    found = (check(facts, wanted) for check in CHECKS)
    return [finding for finding in found if finding is not None]
