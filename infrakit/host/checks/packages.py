"""packages: whether apt can do its work now."""

from infrakit.host.checks.model import NOTE, WARNING, Finding, Wanted, listed
from infrakit.host.facts import Facts


def package_lock(facts: Facts, wanted: Wanted) -> Finding | None:
    """On a fresh machine unattended-upgrades works for minutes; we wait for it, five minutes at most."""
    if not facts.package_locks:
        return None
    return Finding(
        "package-lock",
        WARNING,
        f"packages are being changed by {listed(facts.package_locks)}",
        "wait until it is done: fuser -v /var/lib/dpkg/lock-frontend",
    )


def packages_half(facts: Facts, wanted: Wanted) -> Finding | None:
    """A power cut in the midst of an upgrade; apt then refuses everything else."""
    if not facts.half_installed:
        return None
    return Finding(
        "packages-half",
        WARNING,
        f"packages are only half installed: {listed(facts.half_installed)}",
        "finish it: dpkg --configure -a && apt-get -f install",
    )


def reboot_required(facts: Facts, wanted: Wanted) -> Finding | None:
    """Modules of the kernel that runs may be gone already, and with them iptables and overlay."""
    if not facts.reboot_required:
        return None
    return Finding(
        "reboot-required",
        WARNING,
        "an update waits for a restart of this machine",
        "reboot, then run the same command again",
    )


def upgrades_off(facts: Facts, wanted: Wanted) -> Finding | None:
    """A machine that others reach, and nobody patches."""
    if facts.unattended_upgrades or wanted.offline:
        return None
    return Finding(
        "upgrades-off",
        NOTE,
        "security updates of this system are not installed by themselves",
        "apt-get install unattended-upgrades && dpkg-reconfigure -f noninteractive unattended-upgrades",
    )


CHECKS = (package_lock, packages_half, reboot_required, upgrades_off)
