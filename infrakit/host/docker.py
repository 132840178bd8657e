"""A fresh host -> the steps that give it Docker: where its packages come from is data, one row per distribution.

Source: facts about Docker's repository and its key, docs.docker.com/engine/install (Debian, Ubuntu, Raspberry Pi OS), 2026.
"""

from typing import Any, NamedTuple

from infrakit.errors import MachineUnfit
from infrakit.host.openpgp import fingerprints
from infrakit.plan import Action, Answers, EnableUnit, FileIs, Remove, Run, Step, UnitRuns, Write
from infrakit.plan.model import Tell

REPOSITORY = "https://download.docker.com"
KEY = "9DC858229FC7DD38854AE2D88D81803C0EBFCD88"
KEYRING = "/etc/apt/keyrings/docker.asc"
SOURCE = "/etc/apt/sources.list.d/docker.sources"
DAEMON = "/etc/docker/daemon.json"
SETTINGS = b'{\n  "live-restore": true,\n  "log-driver": "local"\n}\n'
PACKAGES = ("docker-ce", "docker-ce-cli", "containerd.io", "docker-compose-plugin", "docker-buildx-plugin")
APT = ("apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold")
INSTALL_S = 3600
REFRESH = Run((*APT, "update"), 600, "is the network up, and are all package sources right? see: apt-get update")
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


class Install(NamedTuple):
    """Packages by apt. Taken back is what came with them, `groups` and empty `folders` too, and nothing that was there before."""

    packages: tuple[str, ...]
    options: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()

    def do(self, machine: Any, tell: Tell) -> None:
        Run(("dpkg", "--configure", "-a"), INSTALL_S, "see what dpkg says: dpkg --configure -a").do(machine, tell)
        remedy = "see what apt says: apt-get install " + " ".join(self.packages[:3])
        Run((*APT, "install", "--no-install-recommends", *self.options, *self.packages), INSTALL_S, remedy).do(machine, tell)

    def inverse(self, machine: Any) -> tuple[Action, ...]:
        done = machine.run((*APT, "--simulate", "install", "--no-install-recommends", *self.options, *self.packages), timeout_s=120)
        new = sorted(line.split()[1] for line in done.out.splitlines() if line.startswith("Inst ") and "[" not in line.partition("(")[0])
        groups = [Run(("sh", "-c", f"! getent group {name} >/dev/null || groupdel {name}")) for name in self.groups if machine.run(("getent", "group", name)).code]
        folders = [Remove(path) for path in self.folders if not machine.exists(path)]
        return (*folders, *groups, Run((*APT, "purge", *new), INSTALL_S)) if new else ()

    def text(self) -> str:
        return f"install {' '.join(self.packages)}"


class Installed(NamedTuple):
    """dpkg has all of these, configured."""

    packages: tuple[str, ...]

    def holds(self, machine: Any) -> bool:
        done = machine.run(("dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *self.packages))
        found = dict(line.split(" ", 1) for line in done.out.splitlines() if " " in line)
        return all(found.get(name) == "installed" for name in self.packages)

    def text(self) -> str:
        return f"{', '.join(self.packages)} are installed"


def source_file(row: Row, architecture: str, repository: str) -> bytes:
    """The deb822 source of Docker's repository."""
    lines = [
        "Types: deb", f"URIs: {repository}/linux/{row.origin}", f"Suites: {row.codename}", "Components: stable",
        f"Architectures: {architecture}", f"Signed-By: {KEYRING}",
    ]
    return ("\n".join(lines) + "\n").encode()


def docker_steps(row: Row, architecture: str, *, apparmor: bool, repository: str = REPOSITORY, key: str = KEY) -> tuple[Step, ...]:
    """Docker from its own repository, answering. `apparmor`: the kernel asks for it, and without its parser no container starts."""
    source = source_file(row, architecture, repository)
    helpers = ("ca-certificates", "iptables", *(("apparmor",) if apparmor else ()))
    return (
        Step("docker key", "Docker's signing key", (KeyIs(KEYRING, key),), (FetchKey(f"{repository}/linux/{row.origin}/gpg", key, KEYRING),)),
        Step("docker source", "Docker's package source", (FileIs(SOURCE, source),), (Write(SOURCE, source),)),
        Step("docker settings", "settings of a new engine", (Exists(DAEMON),), (Write(DAEMON, SETTINGS),)),
        Step("docker packages", "Docker", (Installed((*PACKAGES, *helpers)),), (REFRESH, Install((*PACKAGES, *helpers), groups=("docker",), folders=LEFT_BEHIND)), (NO_BRIDGE,)),
        *running_steps(),
    )


def running_steps() -> tuple[Step, ...]:
    """An engine that is installed: running, started at boot, answering."""
    return (
        Step("docker unit", "Docker runs, and starts at boot", (UnitRuns("docker.service"),), (EnableUnit("docker.service"),)),
        Step("docker answers", "Docker answers", (Answers(("docker", "compose", "version", "--short")), Answers(("docker", "info", "--format", "{{.ServerVersion}}"))), (Run(("systemctl", "restart", "docker.service"), 120, "see: journalctl -u docker -n 50"),)),
    )


class Exists(NamedTuple):
    """Something stands at this path."""

    path: str

    def holds(self, machine: Any) -> bool:
        return bool(machine.exists(self.path))

    def text(self) -> str:
        return f"{self.path} is there"
