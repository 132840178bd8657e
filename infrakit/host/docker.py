"""A fresh host -> the steps that give it Docker: where its packages come from is data, one row per distribution.

Source: facts about Docker's repository and its key, docs.docker.com/engine/install (Debian, Ubuntu, Raspberry Pi OS), 2026.
"""

import json
from typing import Any, NamedTuple

from infrakit.errors import MachineUnfit
from infrakit.host.apt import Finish, Install, Installed, NothingHalf, Refresh
from infrakit.host.openpgp import fingerprints
from infrakit.plan import Action, Answers, EnableUnit, FileIs, Gone, Remove, Run, Step, UnitRuns, Write
from infrakit.plan.model import Tell

REPOSITORY = "https://download.docker.com"
KEY = "9DC858229FC7DD38854AE2D88D81803C0EBFCD88"
KEYRING = "/etc/apt/keyrings/docker.asc"
SOURCE = "/etc/apt/sources.list.d/docker.sources"
DAEMON = "/etc/docker/daemon.json"
SETTINGS = {"live-restore": True, "log-driver": "local"}
PACKAGES = ("docker-ce", "docker-ce-cli", "containerd.io", "docker-compose-plugin", "docker-buildx-plugin")
OLDEST_ENGINE, OLDEST_COMPOSE = (25, 0), (2, 20)
HELPERS = ("ca-certificates", "iptables", "apparmor")
LEFT_BEHIND = ("/etc/cni", "/etc/cni/net.d")
"""What containerd makes when it runs, and its package does not take away."""
NO_BRIDGE = Run(("sh", "-c", "! ip link show docker0 >/dev/null 2>&1 || ip link delete docker0"))
"""The engine's bridge, which outlives it until the next start of the machine."""
NO_ARMV6 = "Docker has no packages for ARMv6 (Pi 1, Zero, Zero W): use a Pi 3, Zero 2 W or newer"


class Row(NamedTuple):
    """`origin` is the folder of Docker's repository; "" where the distribution's own packages are all there is."""

    distribution: str
    codename: str
    architectures: tuple[str, ...]
    origin: str


MATRIX = (
    Row("debian", "bookworm", ("amd64", "arm64", "armhf"), "debian"),
    Row("debian", "trixie", ("amd64", "arm64", "armhf"), "debian"),
    Row("ubuntu", "jammy", ("amd64", "arm64", "armhf"), "ubuntu"),
    Row("ubuntu", "noble", ("amd64", "arm64", "armhf"), "ubuntu"),
    Row("ubuntu", "questing", ("amd64", "arm64", "armhf"), "ubuntu"),
    Row("ubuntu", "resolute", ("amd64", "arm64", "armhf"), "ubuntu"),
    # Docker 28 was the last for Raspbian; from trixie on Debian's armhf packages serve it.
    Row("raspbian", "bookworm", ("armhf",), "raspbian"),
    Row("raspbian", "trixie", ("armhf",), "debian"),
)


def row_for(distribution: str, codename: str, architecture: str) -> Row:
    """The row of a machine. MachineUnfit, naming what is supported, where there is none."""
    if architecture == "armv6":
        raise MachineUnfit(NO_ARMV6)
    for row in MATRIX:
        if (row.distribution, row.codename) == (distribution, codename):
            if architecture in row.architectures:
                return row
            raise MachineUnfit(f"Docker has no packages of {distribution} {codename} for {architecture}", f"for {', '.join(row.architectures)} it has")
    known = ", ".join(f"{row.distribution} {row.codename}" for row in MATRIX)
    raise MachineUnfit(f"{distribution or 'this system'} {codename} is not one that InfraKit can install Docker on", f"install Docker 25 or newer yourself, or use one of: {known}")


class FetchKey(NamedTuple):
    """Docker's signing key, put in place only where its fingerprint is the pinned one."""

    url: str
    fingerprint: str
    path: str

    def do(self, machine: Any, tell: Tell) -> None:
        content = machine.fetch(self.url)
        found = fingerprints(content)
        if found != [self.fingerprint]:
            what = f"is {', '.join(found)}" if found else "is no key"
            raise MachineUnfit(f"{self.url} {what}, not {self.fingerprint}", "somebody stands between this machine and Docker's repository: do not go on")
        machine.write(self.path, content, 0o644)

    def inverse(self, machine: Any) -> tuple[Action, ...]:
        return Write(self.path, b"").inverse(machine)

    def text(self) -> str:
        return f"fetch {self.url}, refuse any key but {self.fingerprint}"


class KeyIs(NamedTuple):
    """The key in place is the pinned one."""

    path: str
    fingerprint: str

    def holds(self, machine: Any) -> bool:
        return fingerprints(machine.read(self.path) or b"") == [self.fingerprint]

    def text(self) -> str:
        return f"{self.path} is the key {self.fingerprint}"


def source_file(row: Row, architecture: str, repository: str) -> bytes:
    """The deb822 source of Docker's repository."""
    lines = [
        "Types: deb", f"URIs: {repository}/linux/{row.origin}", f"Suites: {row.codename}", "Components: stable",
        f"Architectures: {architecture}", f"Signed-By: {KEYRING}",
    ]
    return ("\n".join(lines) + "\n").encode()


def engine_steps(facts: Any, *, repository: str = REPOSITORY, key: str = KEY, files: str = "") -> tuple[Step, ...]:
    """An engine that is new enough is used, never replaced; else Docker's own packages. MachineUnfit where there are none.

    `files`: a folder of .deb files that Docker comes from instead of `repository`.
    """
    finish = (Step("packages", "no package half installed", (NothingHalf(),), (Finish(),)),) if facts.half_installed else ()
    if is_at_least(facts.docker_version, OLDEST_ENGINE) and facts.docker_origin != "half" and not set(facts.half_installed) & {*PACKAGES, *HELPERS}:
        compose = () if is_at_least(facts.compose_version, OLDEST_COMPOSE) else compose_steps(facts, files)
        return (*finish, *compose, *running_steps())
    return (*finish, *docker_steps(facts, repository=repository, key=key, files=files), *running_steps())


def compose_package(origin: str, distribution: str) -> str:
    """What apt calls Compose beside an engine from there; "" where apt does not have it."""
    if origin == "docker-ce":
        return "docker-compose-plugin"
    if origin == "distribution":
        return "docker-compose-v2" if distribution == "ubuntu" else "docker-compose"
    return ""


def compose_steps(facts: Any, files: str = "") -> tuple[Step, ...]:
    """Compose for an engine that has none, from where the engine came."""
    package = compose_package(facts.docker_origin, facts.distribution)
    if not package:
        raise MachineUnfit("Docker is here without Compose 2.20 or newer", "add its plug-in docker-compose from where this Docker came")
    install = Install((package,), files=files)
    return (Step("docker compose", "Compose", (Answers(("docker", "compose", "version", "--short")),), (install,) if files else (Refresh(), install)),)


def docker_steps(facts: Any, *, repository: str = REPOSITORY, key: str = KEY, files: str = "") -> tuple[Step, ...]:
    """Docker's own packages, from its repository or from files. Where the kernel has AppArmor, no container starts without its parser."""
    packages = (*PACKAGES, *(HELPERS if facts.apparmor else HELPERS[:-1]))
    install = Install(packages, groups=("docker",), folders=LEFT_BEHIND, files=files)
    settings = merged(facts.daemon_json)
    return (
        *(() if files else source_steps(facts, repository, key)),
        Step("docker settings", "settings of a new engine", (FileIs(DAEMON, settings),), (Write(DAEMON, settings),)),
        Step("docker packages", "Docker", (Installed(packages),), (install,) if files else (Refresh(SOURCE), install), (NO_BRIDGE,)),
    )


def source_steps(facts: Any, repository: str, key: str) -> tuple[Step, ...]:
    """Docker's repository, and it alone: apt refuses all sources where two of them name different keys for one place."""
    row = row_for(facts.distribution, facts.codename, facts.architecture)
    source = source_file(row, facts.architecture, repository)
    others = [path for path in facts.docker_sources if path != SOURCE]
    return (
        *(Step(f"docker source {path}", f"no second source of Docker: {path}", (Gone(path),), (Remove(path),)) for path in others),
        Step("docker key", "Docker's signing key", (KeyIs(KEYRING, key),), (FetchKey(f"{repository}/linux/{row.origin}/gpg", key, KEYRING),)),
        Step("docker source", "Docker's package source", (FileIs(SOURCE, source),), (Write(SOURCE, source),)),
    )


def merged(text: str) -> bytes:
    """The daemon.json of an engine before us, with our settings where it has none."""
    before = json.loads(text) if text.strip() else {}
    missing = {name: value for name, value in SETTINGS.items() if name not in before}
    return (json.dumps({**before, **missing}, indent=2) + "\n").encode() if missing else text.encode()


def running_steps() -> tuple[Step, ...]:
    """An engine that is installed: running, started at boot, answering."""
    return (
        Step("docker unit", "Docker runs, and starts at boot", (UnitRuns("docker.service"),), (EnableUnit("docker.service"),)),
        Step("docker answers", "Docker answers", (Answers(("docker", "compose", "version", "--short")), Answers(("docker", "info", "--format", "{{.ServerVersion}}"))), (Run(("systemctl", "restart", "docker.service"), 120, "see: journalctl -u docker -n 50"),)),
    )


def is_at_least(version: str, oldest: tuple[int, int]) -> bool:
    """Whether a version is known, and not older."""
    parts = version.lstrip("v").split(".")[:2]
    return len(parts) == 2 and all(part.isdigit() for part in parts) and (int(parts[0]), int(parts[1])) >= oldest
