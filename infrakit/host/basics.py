"""What install has to know of a machine before it can choose where Docker comes from."""

from typing import Any, NamedTuple


class Basics(NamedTuple):
    """`architecture` as dpkg says it (amd64, arm64, armhf; armv6 where the processor is one); versions "" where there is none."""

    distribution: str
    codename: str
    architecture: str
    docker_version: str
    compose_version: str
    apparmor: bool


def basics_of(machine: Any) -> Basics:
    """Ask the machine; changes nothing."""
    release = _release((machine.read("/etc/os-release") or b"").decode("utf-8", "replace"))
    architecture = machine.run(("dpkg", "--print-architecture")).out.strip()
    processor = (machine.read("/proc/cpuinfo") or b"").decode("utf-8", "replace")
    if architecture == "armhf" and "ARMv6" in processor:
        architecture = "armv6"
    return Basics(
        distribution=release.get("ID", ""),
        codename=release.get("UBUNTU_CODENAME") or release.get("VERSION_CODENAME", ""),
        architecture=architecture,
        docker_version=_said(machine, "docker", "version", "--format", "{{.Client.Version}}"),
        compose_version=_said(machine, "docker", "compose", "version", "--short"),
        apparmor=(machine.read("/sys/module/apparmor/parameters/enabled") or b"").strip() == b"Y",
    )


def _said(machine: Any, *words: str) -> str:
    done = machine.run(words)
    return done.out.strip() if done.code == 0 else ""


def _release(text: str) -> dict[str, str]:
    """The assignments of /etc/os-release, unquoted."""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return {key.strip(): value.strip().strip("\"'") for key, _, value in pairs}
