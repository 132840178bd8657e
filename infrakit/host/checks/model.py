"""What a check is asked and what it answers: Wanted, Finding; and the few words that all of them share."""

import re
from typing import NamedTuple

MEBIBYTE = 1 << 20
GIBIBYTE = 1 << 30
ERROR, WARNING, NOTE = "error", "warning", "note"
ACCEPTABLE = (
    *("address-missing", "clock-ahead", "disk-short", "distribution-unknown", "distribution-untested"),
    *("file-edited", "fleet-apart", "memory-far-short", "other-line", "volume-in-use"),
)
"""Errors that a person may know better than we: what comes of it is in the plan, or is at worst a failed step, which
running again mends."""
FIXES = ("memory-cgroup", "clock", "dns-stub")


class Wanted(NamedTuple):
    """What a deployment asks of the machine. Whatever is left out is not checked.

    `ports`: (protocol, port, address) that are to be published, "" at every address. `memory_bytes`: the sum of all
    limits. `processors`: what may use more than one, and how many. `volumes_missing`: volumes of somebody else's that
    are not there; `volumes_used`: those that a container of somebody else's runs with: (volume, container, its Compose
    project); `groups_missing`: groups of the host. `disk_bytes`: what is still to be fetched and unpacked;
    `root_bytes`: of it what packages take outside of Docker's disk. `subnets`: of the containers' networks.
    `build_time_s`: when this InfraKit was made, the earliest that it can be now. `offline`: nothing is fetched;
    `mirrored`: what is fetched comes from a place that the user named; `docker_brought`: a bundle has Docker's
    packages. `names`: hostnames of routes. `project`: how names of its networks begin.
    """

    ports: tuple[tuple[str, int, str], ...] = ()
    memory_bytes: int = 0
    disk_bytes: int = 0
    subnets: tuple[str, ...] = ()
    build_time_s: float = 0.0
    offline: bool = False
    mirrored: bool = False
    names: tuple[str, ...] = ()
    root_bytes: int = 0
    docker_brought: bool = False
    processors: tuple[tuple[str, str], ...] = ()
    project: str = ""
    volumes_missing: tuple[str, ...] = ()
    volumes_used: tuple[tuple[str, str, str], ...] = ()
    groups_missing: tuple[str, ...] = ()

    @property
    def addresses(self) -> tuple[str, ...]:
        """That ports are published at, each once."""
        return tuple(dict.fromkeys(address for _, _, address in self.ports if address))


class Finding(NamedTuple):
    """One thing that stands in the way ("error"), may hurt later ("warning"), or is worth knowing ("note").

    `fix` is one of FIXES where InfraKit can mend it, and undo that again, by itself; else "".
    """

    code: str
    severity: str
    what: str
    remedy: str
    fix: str = ""


def size(count_bytes: int) -> str:
    """In words: "512 MiB", "1.5 GiB"."""
    if count_bytes < GIBIBYTE:
        return f"{count_bytes // MEBIBYTE} MiB"
    return f"{count_bytes / GIBIBYTE:.1f} GiB"


def version_of(text: str) -> tuple[int, int]:
    """The first two numbers of a version, so that 5.0 comes after 2.40; (0, 0) where it has none."""
    found = re.match(r"v?(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def is_below(text: str, oldest: tuple[int, int]) -> bool:
    """Whether a version is known, and older."""
    return (0, 0) < version_of(text) < oldest


def listed(names: "tuple[str, ...] | list[str]", most: int = 5) -> str:
    """Names as one reads them: "a, b and 3 more"."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} more"
