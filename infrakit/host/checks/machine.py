"""machine: the system, its processor, and what it runs in."""

from infrakit.host.checks.model import ERROR, NOTE, WARNING, Finding, Wanted, is_below, listed
from infrakit.host.docker import MATRIX, NO_ARMV6
from infrakit.host.facts import Facts

ARCHITECTURES = ("amd64", "arm64", "armhf")
OLDEST = {"debian": (12, 0), "raspbian": (12, 0), "ubuntu": (22, 4)}
FAMILY = ("debian", "ubuntu", "raspbian")
UNDER_VOLTAGE, THROTTLED, WARM, UNDER_VOLTAGE_BEFORE = 1 << 0, 1 << 2, 1 << 3, 1 << 16
SUPPORTED = "Debian 12 or 13, Raspberry Pi OS 12 or 13, Ubuntu 22.04 or newer"


def not_root(facts: Facts, wanted: Wanted) -> Finding | None:
    """Packages, ports below 1024 and Docker's socket belong to root."""
    if facts.is_root:
        return None
    return Finding(
        "not-root", ERROR, "this is not root, and a machine is prepared as root", "run the same command with sudo"
    )


def no_systemd(facts: Facts, wanted: Wanted) -> Finding | None:
    """Docker is started, and the timers of InfraKit run, through systemd."""
    if facts.has_systemd:
        return None
    remedy = (
        "boot the machine with systemd: apt-get install systemd-sysv, then reboot; in WSL set systemd=true under "
        "[boot] in /etc/wsl.conf"
    )
    return Finding("no-systemd", ERROR, "systemd does not run this machine", remedy)


def distribution_unknown(facts: Facts, wanted: Wanted) -> Finding | None:
    """No apt, no Debian packages of Docker. One that is made from Debian or Ubuntu may do where Docker is there
    already."""
    if facts.distribution in FAMILY:
        return None
    name = facts.distribution or "this system"
    if set(facts.id_like) & set(FAMILY) and _has_engine(facts):
        what = f"{name} is made from {listed(facts.id_like)}, but nobody tests InfraKit on it"
        return Finding("distribution-unknown", WARNING, what, f"go on if you like; what is tested is {SUPPORTED}")
    remedy = f"use {SUPPORTED}, or on a relative of these install Docker 25 and Compose 2.20 or newer first"
    return Finding("distribution-unknown", ERROR, f"{name} is not one that InfraKit can prepare", remedy)


def distribution_old(facts: Facts, wanted: Wanted) -> Finding | None:
    """A release that gets no more packages of Docker."""
    oldest = OLDEST.get(facts.distribution)
    version = facts.version if "." in facts.version else f"{facts.version}.0"
    if oldest is None or not is_below(version, oldest):
        return None
    severity = WARNING if _has_engine(facts) else ERROR
    remedy = f"upgrade the system, or set it up anew with one of {SUPPORTED}"
    return Finding("distribution-old", severity, f"{facts.distribution} {facts.version} gets no current Docker", remedy)


def distribution_untested(facts: Facts, wanted: Wanted) -> Finding | None:
    """A release that came after this InfraKit: the table of package sources does not know it."""
    if facts.distribution not in FAMILY or distribution_old(facts, wanted):
        return None
    if any((row.distribution, row.codename) == (facts.distribution, facts.codename) for row in MATRIX):
        return None
    release = " ".join(filter(None, (facts.distribution, facts.codename or facts.version)))
    if _has_engine(facts):
        return Finding(
            "distribution-untested",
            WARNING,
            f"{release} is not a release that this InfraKit was tested with",
            "look for a newer InfraKit",
        )
    remedy = f"use a newer InfraKit or {SUPPORTED}, or install Docker 25 and Compose 2.20 or newer first"
    return Finding(
        "distribution-untested", ERROR, f"this InfraKit knows no package source of Docker for {release}", remedy
    )


def armv6(facts: Facts, wanted: Wanted) -> Finding | None:
    """Docker's armhf packages and all images are made for ARMv7."""
    if facts.architecture != "armv6":
        return None
    name = facts.pi_model or "this processor"
    return Finding(
        "armv6",
        ERROR,
        f"{name} is an ARMv6, for which neither Docker nor its images are made",
        NO_ARMV6.partition(": ")[2],
    )


def processor_unknown(facts: Facts, wanted: Wanted) -> Finding | None:
    """A processor that no image of the catalogue is made for."""
    if facts.architecture in (*ARCHITECTURES, "armv6"):
        return None
    name = facts.architecture or facts.machine or "of an unknown kind"
    return Finding(
        "processor-unknown",
        ERROR,
        f"the processor is {name}; images are there for {listed(ARCHITECTURES)}",
        "use a machine with one of these",
    )


def processors_few(facts: Facts, wanted: Wanted) -> Finding | None:
    """Docker does not start what may use more than there are (moby daemon/daemon_unix.go: "range of CPUs is from 0.01
    to")."""
    above = [f"{name} ({cpus})" for name, cpus in wanted.processors if float(cpus) > facts.processors]
    if not facts.processors or not above:
        return None
    what = f"more processors than this machine has ({facts.processors}) are given to {listed(above)}"
    remedy = f"write cpus: {facts.processors} or less there in infrakit.yaml, or leave cpus out"
    return Finding("processors-few", ERROR, what, remedy)


def userland_32bit(facts: Facts, wanted: Wanted) -> Finding | None:
    """The 32-bit image of Raspberry Pi OS boots a 64-bit kernel: half of the catalogue is lost for no reason."""
    if (facts.machine, facts.architecture) != ("aarch64", "armhf"):
        return None
    what = "the processor can do 64 bit, but the system on it has 32-bit programs, for which many images are not made"
    return Finding(
        "userland-32bit",
        WARNING,
        what,
        "write the 64-bit image of Raspberry Pi OS to the card; an upgrade in place is not possible",
    )


def in_lxc(facts: Facts, wanted: Wanted) -> Finding | None:
    """Works only where the host of the container allows it."""
    if facts.container not in ("lxc", "lxc-libvirt"):
        return None
    remedy = (
        "on the Proxmox host: pct set ID --features nesting=1,keyctl=1, then restart the container; a virtual "
        "machine has no such limits"
    )
    return Finding("in-lxc", WARNING, "this is an LXC container, where Docker needs nesting to be allowed", remedy)


def in_container(facts: Facts, wanted: Wanted) -> Finding | None:
    """A container has no kernel of its own to limit memory or route packets with. One that systemd runs may be meant as
    a machine."""
    if facts.container in ("", "lxc", "lxc-libvirt", "wsl"):
        return None
    what = f"this is a container ({facts.container}), not a machine"
    if facts.has_systemd:
        return Finding(
            "in-container",
            WARNING,
            what,
            "fine where its host lets it run containers of its own; a virtual machine has no such limits",
        )
    return Finding("in-container", ERROR, what, "run InfraKit on the machine itself, or in a virtual machine")


def in_wsl(facts: Facts, wanted: Wanted) -> Finding | None:
    """Stops with the last window, and other machines do not reach it."""
    if "wsl" not in (facts.container, facts.virtualization):
        return None
    return Finding(
        "in-wsl",
        WARNING,
        "this is WSL: it stops when Windows likes, and other machines cannot reach it",
        "fine for a try; to stay, use a machine or a virtual machine",
    )


def under_voltage(facts: Facts, wanted: Wanted) -> Finding | None:
    """The commonest reason of corrupt SD cards."""
    if not facts.throttled & UNDER_VOLTAGE:
        return None
    remedy = (
        "use the power supply made for this Raspberry Pi and a short cable, take off what draws power from USB, then "
        "look again: vcgencmd get_throttled"
    )
    return Finding(
        "under-voltage", WARNING, "the power supply is too weak right now, which ends in corrupt files", remedy
    )


def throttled(facts: Facts, wanted: Wanted) -> Finding | None:
    """Too warm: the processor runs at a part of its speed."""
    if not facts.throttled & (THROTTLED | WARM) or facts.throttled & UNDER_VOLTAGE:
        return None
    return Finding(
        "throttled",
        WARNING,
        "the processor is slowed down because it is too warm",
        "give it a heat sink or a fan, then look again: vcgencmd measure_temp",
    )


def under_voltage_before(facts: Facts, wanted: Wanted) -> Finding | None:
    """Since the last start; gone now."""
    if not facts.throttled & UNDER_VOLTAGE_BEFORE or facts.throttled & UNDER_VOLTAGE:
        return None
    return Finding(
        "under-voltage-before",
        NOTE,
        "the power supply was too weak at some time since the last start",
        "keep an eye on it: vcgencmd get_throttled",
    )


def system_degraded(facts: Facts, wanted: Wanted) -> Finding | None:
    """Something of the system itself did not start."""
    if facts.system_state not in ("degraded", "maintenance", "emergency"):
        return None
    return Finding("system-degraded", NOTE, "some unit of the system has failed", "see which: systemctl --failed")


def hostname_unset(facts: Facts, wanted: Wanted) -> Finding | None:
    """Every machine of a fleet would be called the same."""
    if facts.hostname not in ("", "localhost", "localhost.localdomain", "(none)"):
        return None
    return Finding(
        "hostname-unset", WARNING, "this machine has no name of its own", "give it one: hostnamectl set-hostname NAME"
    )


def _has_engine(facts: Facts) -> bool:
    """Whether Docker is there already, new enough to be used as it is."""
    return facts.docker_version != "" and not is_below(facts.docker_version, (25, 0))


def group_missing(facts: Facts, wanted: Wanted) -> Finding | None:
    """No device opens for a group that nobody has."""
    if not wanted.groups_missing:
        return None
    what = f"the file names the group {listed(wanted.groups_missing)}, and this host has none of that name"
    remedy = "name one that there is (getent group), or write the number that a device or a folder has (stat -c %g)"
    return Finding("group-missing", ERROR, what, remedy)


CHECKS = (
    group_missing,
    not_root,
    no_systemd,
    distribution_unknown,
    distribution_old,
    distribution_untested,
    armv6,
    processor_unknown,
    processors_few,
    userland_32bit,
    in_lxc,
    in_container,
    in_wsl,
    under_voltage,
    throttled,
    under_voltage_before,
    system_degraded,
    hostname_unset,
)
