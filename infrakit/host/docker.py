"""A fresh host -> the steps that give it Docker: where its packages come from is data, one row per distribution.

Source: facts about Docker's repository and its key, docs.docker.com/engine/install (Debian, Ubuntu, Raspberry Pi OS),
2026.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from infrakit.errors import MachineUnfit
from infrakit.host.apt import Finish, Install, Installed, NothingHalf, Refresh
from infrakit.host.facts import Facts
from infrakit.host.forwarding import Forwarding
from infrakit.host.openpgp import fingerprints
from infrakit.lock.entries import LockedPackage
from infrakit.machine import Machine
from infrakit.plan import (
    Action,
    Answers,
    EnableUnit,
    FileIs,
    Gone,
    Remove,
    Run,
    Step,
    UnitRuns,
    Unless,
    Write,
    file_step,
)
from infrakit.plan.actions import put_back
from infrakit.plan.model import Tell

REPOSITORY = "https://download.docker.com"
KEY = "9DC858229FC7DD38854AE2D88D81803C0EBFCD88"
KEYRING = "/etc/apt/keyrings/docker.asc"
SOURCE = "/etc/apt/sources.list.d/docker.sources"
DAEMON = "/etc/docker/daemon.json"
SETTINGS = {"log-driver": "local"}
PACKAGES = ("docker-ce", "docker-ce-cli", "containerd.io", "docker-compose-plugin")
"""What the stack needs. Nothing here builds an image, so Buildx, 60 MB on the card and on a stick, stays away."""
OLDEST_ENGINE, OLDEST_COMPOSE = (25, 0), (2, 20)
HELPERS = ("ca-certificates", "iptables", "apparmor")
DATA = ("/var/lib/docker", "/var/lib/containerd")
"""Images, volumes and layers: its packages leave them. Source: docs.docker.com/engine/install/debian, "Uninstall Docker
Engine", 2026."""
IN_USE = "/var/lib/docker/containers"
SPARED = Run(("true",), takes_back=(("rm", "-f", "/usr/share/docker.io/contrib/nuke-graph-directory.sh"),))
"""By that file Debian's own package takes all data away when it is purged (its prerm and postrm): what goes is our
word, by DATA."""
LEFT_BEHIND = ("/etc/cni", "/etc/cni/net.d")
"""What containerd makes when it runs, and its package does not take away."""
NO_BRIDGE = Run(
    ("sh", "-c", "! ip link show docker0 >/dev/null 2>&1 || ip link delete docker0"), title="remove the link docker0"
)
"""The engine's bridge, which outlives it until the next start of the machine."""
UNIT = "docker.service"
ANSWERS = Answers(("docker", "version", "--format", "{{.Server.Version}}"))
"""Not `docker info`, which ends well without a server up to 26."""
RUNNING = (UnitRuns(UNIT), ANSWERS)
RUN = (
    EnableUnit(UNIT),
    Unless(
        ANSWERS, Run(("systemctl", "restart", UNIT), 120, "see: journalctl -u docker -n 50", title=f"restart {UNIT}")
    ),
)
COMPOSE = Answers(("docker", "compose", "version", "--short"))
NO_ARMV6 = "Docker has no packages for ARMv6 (Pi 1, Zero, Zero W): use a Pi 3, Zero 2 W or newer"


DEBIANS = ("docker.io", "docker-cli", "docker-compose")
UBUNTUS = ("docker.io", "docker-compose-v2")
ENGINES = {*PACKAGES, *DEBIANS, *UBUNTUS, *HELPERS}


class Row(NamedTuple):
    """`origin` is the folder of Docker's repository; `own` the packages of the distribution itself, none where its
    engine is too old."""

    distribution: str
    codename: str
    architectures: tuple[str, ...]
    origin: str
    own: tuple[str, ...] = ()


MATRIX = (
    # Its own engine is 20.10, its own Compose version 1.
    Row("debian", "bookworm", ("amd64", "arm64", "armhf"), "debian"),
    Row("debian", "trixie", ("amd64", "arm64", "armhf"), "debian", DEBIANS),
    Row("ubuntu", "jammy", ("amd64", "arm64", "armhf"), "ubuntu", UBUNTUS),
    Row("ubuntu", "noble", ("amd64", "arm64", "armhf"), "ubuntu", UBUNTUS),
    Row("ubuntu", "questing", ("amd64", "arm64", "armhf"), "ubuntu", UBUNTUS),
    Row("ubuntu", "resolute", ("amd64", "arm64", "armhf"), "ubuntu", UBUNTUS),
    # Docker 28 was the last for Raspbian; from trixie on Debian's armhf packages serve it.
    Row("raspbian", "bookworm", ("armhf",), "raspbian"),
    Row("raspbian", "trixie", ("armhf",), "debian", DEBIANS),
)


def row_for(distribution: str, codename: str, architecture: str) -> Row:
    """The row of a machine. MachineUnfit, naming what is supported, where there is none."""
    if architecture == "armv6":
        raise MachineUnfit(NO_ARMV6)
    for row in MATRIX:
        if (row.distribution, row.codename) == (distribution, codename):
            if architecture in row.architectures:
                return row
            raise MachineUnfit(
                f"Docker has no packages of {distribution} {codename} for {architecture}",
                f"for {', '.join(row.architectures)} it has",
            )
    known = ", ".join(f"{row.distribution} {row.codename}" for row in MATRIX)
    raise MachineUnfit(
        f"{distribution or 'this system'} {codename} is not one that InfraKit can install Docker on",
        f"install Docker 25 or newer yourself, or use one of: {known}",
    )


class FetchKey(NamedTuple):
    """Docker's signing key, put in place only where its fingerprint is the pinned one."""

    url: str
    fingerprint: str
    path: str

    def do(self, machine: Machine, tell: Tell) -> None:
        content = machine.fetch(self.url)
        found = fingerprints(content)
        if found != [self.fingerprint]:
            what = f"is {', '.join(found)}" if found else "is no key"
            raise MachineUnfit(
                f"{self.url} {what}, not {self.fingerprint}",
                "somebody stands between this machine and Docker's repository: do not go on",
            )
        machine.write(self.path, content, 0o644)

    def inverse(self, machine: Machine) -> tuple[Action, ...]:
        return put_back(machine, self.path, None)

    def text(self) -> str:
        return f"fetch {self.url}, refuse any key but {self.fingerprint}"


class KeyIs(NamedTuple):
    """The key in place is the pinned one."""

    path: str
    fingerprint: str

    def holds(self, machine: Machine) -> bool:
        return fingerprints(machine.read(self.path) or b"") == [self.fingerprint]

    def text(self) -> str:
        return f"{self.path} is the key {self.fingerprint}"


def source_file(row: Row, architecture: str, repository: str) -> bytes:
    """The deb822 source of Docker's repository."""
    lines = [
        "Types: deb",
        f"URIs: {repository}/linux/{row.origin}",
        f"Suites: {row.codename}",
        "Components: stable",
        f"Architectures: {architecture}",
        f"Signed-By: {KEYRING}",
    ]
    return ("\n".join(lines) + "\n").encode()


def engine_steps(
    facts: Facts,
    *,
    repository: str = REPOSITORY,
    key: str = KEY,
    files: str = "",
    own: bool = False,
    locked: Mapping[str, LockedPackage] = {},
    proxies: Mapping[str, str] = {},
) -> tuple[Step, ...]:
    """An engine that is new enough is used, never replaced; else Docker's own packages. MachineUnfit where there are
    none.

    `files`: a folder of .deb files that Docker comes from instead of `repository`. `own`: the distribution's packages
    instead.
    `locked`: Docker's own packages by name, where a lock says which.
    `proxies`: what a new engine fetches images through, as its settings name it.
    """
    settings = {**SETTINGS, **({"proxies": dict(proxies)} if proxies else {})}
    finish = (
        (Step("packages", "no package half installed", (NothingHalf(),), (Finish(IN_USE),)),)
        if facts.half_installed
        else ()
    )
    if (
        is_at_least(facts.docker_version, OLDEST_ENGINE)
        and facts.docker_origin != "half"
        and not set(facts.half_installed) & ENGINES
    ):
        compose = () if is_at_least(facts.compose_version, OLDEST_COMPOSE) else compose_steps(facts, files)
        return (*finish, *compose, Step("docker unit", "Docker runs, starts at boot, and answers", RUNNING, RUN))
    steps = (
        own_steps(facts, settings)
        if own
        else docker_steps(facts, repository=repository, key=key, files=files, locked=locked, settings=settings)
    )
    return (*finish, *steps)


def own_steps(facts: Facts, settings: Mapping[str, Any] = SETTINGS) -> tuple[Step, ...]:
    """The distribution's own packages, from the sources that the machine has."""
    row = row_for(facts.distribution, facts.codename, facts.architecture)
    if not row.own:
        raise MachineUnfit(
            f"the Docker of {row.distribution} {row.codename} itself is older than 25",
            "leave --docker-from out: Docker's own packages are new enough",
        )
    return (_settings(facts, settings), _packages(facts, row.own, Refresh()))


def compose_package(origin: str, distribution: str) -> str:
    """What apt calls Compose beside an engine from there; "" where apt does not have it."""
    if origin == "docker-ce":
        return "docker-compose-plugin"
    if origin == "distribution":
        return "docker-compose-v2" if distribution == "ubuntu" else "docker-compose"
    return ""


def compose_steps(facts: Facts, files: str = "") -> tuple[Step, ...]:
    """Compose for an engine that has none, from where the engine came."""
    package = compose_package(facts.docker_origin, facts.distribution)
    if not package:
        raise MachineUnfit(
            "Docker is here without Compose 2.20 or newer", "add its plug-in docker-compose from where this Docker came"
        )
    install = Install((package,), files=files)
    return (Step("docker compose", "Compose", (COMPOSE,), (install,) if files else (Refresh(), install)),)


def docker_steps(
    facts: Facts,
    *,
    repository: str = REPOSITORY,
    key: str = KEY,
    files: str = "",
    locked: Mapping[str, LockedPackage] = {},
    settings: Mapping[str, Any] = SETTINGS,
) -> tuple[Step, ...]:
    """Docker's own packages, from its repository or from files. Where the kernel has AppArmor, no container starts
    without its parser."""
    sources = () if files else source_steps(facts, repository, key)
    return (
        *sources,
        _settings(facts, settings),
        _packages(facts, PACKAGES, *(() if files else (Refresh(SOURCE),)), files=files, locked=locked),
    )


def _settings(facts: Facts, settings: Mapping[str, Any]) -> Step:
    """Those that a daemon.json has already stay as they are."""
    before = json.loads(facts.daemon_json) if facts.daemon_json.strip() else {}
    ours = {name: value for name, value in settings.items() if name not in before}
    content = (json.dumps({**before, **ours}, indent=2) + "\n").encode() if ours else facts.daemon_json.encode()
    keys = tuple((name, json.dumps(value, sort_keys=True)) for name, value in ours.items())
    mode = 0o600 if "@" in json.dumps(ours.get("proxies", "")) else 0o644  # a proxy that wants a password
    return Step(
        "docker settings",
        "settings of a new engine",
        (FileIs(DAEMON, content, mode),),
        (Write(DAEMON, content, mode, keys=keys),),
    )


def _packages(
    facts: Facts, names: tuple[str, ...], *before: Action, files: str = "", locked: Mapping[str, LockedPackage] = {}
) -> Step:
    packages = (*names, *(HELPERS if facts.apparmor else HELPERS[:-1]))
    install = Install(
        exact(packages, locked),
        groups=("docker",),
        folders=LEFT_BEHIND,
        files=files,
        data=DATA,
        effects=(SPARED, Forwarding()),
    )
    # Its package starts it, as a rule: what comes of that is no step of its own, which a plan could not tell
    # beforehand.
    return Step(
        "docker packages", "Docker", (Installed(packages), *RUNNING, COMPOSE), (*before, install, *RUN), (NO_BRIDGE,)
    )


def exact(packages: Sequence[str], locked: Mapping[str, LockedPackage]) -> tuple[str, ...]:
    """Names of packages as apt takes them: with the version where a lock has one."""
    return tuple(f"{name}={locked[name].version}" if name in locked else name for name in packages)


def source_steps(facts: Facts, repository: str, key: str) -> tuple[Step, ...]:
    """Docker's repository, and it alone: apt refuses all sources where two of them name different keys for one
    place."""
    row = row_for(facts.distribution, facts.codename, facts.architecture)
    source = source_file(row, facts.architecture, repository)
    others = [path for path in facts.docker_sources if path != SOURCE]
    return (
        *(
            Step(f"docker source {path}", f"no second source of Docker: {path}", (Gone(path),), (Remove(path),))
            for path in others
        ),
        Step(
            "docker key",
            "Docker's signing key",
            (KeyIs(KEYRING, key),),
            (FetchKey(f"{repository}/linux/{row.origin}/gpg", key, KEYRING),),
        ),
        file_step("docker source", "Docker's package source", SOURCE, source),
    )


def is_at_least(version: str, oldest: tuple[int, int]) -> bool:
    """Whether a version is known, and not older."""
    parts = version.lstrip("v").split(".")[:2]
    return len(parts) == 2 and all(part.isdigit() for part in parts) and (int(parts[0]), int(parts[1])) >= oldest
