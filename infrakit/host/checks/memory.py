"""memory: how much there is, and whether the kernel can share it out."""

from infrakit.host.checks.model import ERROR, GIBIBYTE, WARNING, Finding, Wanted, size
from infrakit.host.facts import Facts

LITTLE_BYTES = 900 << 20
"""A machine sold with 1 GiB reports somewhat less."""
WITHOUT_SWAP_BYTES = 2 * GIBIBYTE - (256 << 20)
CMDLINE = "cgroup_enable=memory cgroup_memory=1"


def memory_limits(facts: Facts, wanted: Wanted) -> Finding | None:
    """Limits are what containers may use, not what they do: so this may go well for long."""
    if not 0 < facts.memory_bytes < wanted.memory_bytes or memory_far_short(facts, wanted):
        return None
    what = f"the services may use {size(wanted.memory_bytes)} together, and this machine has {size(facts.memory_bytes)}"
    return Finding(
        "memory-limits",
        WARNING,
        what,
        "lower limits under services in infrakit.yaml, leave a service out, or add memory",
    )


def memory_far_short(facts: Facts, wanted: Wanted) -> Finding | None:
    """Half as much again as there is, swap included: something would be killed on the first day."""
    if not facts.memory_bytes or wanted.memory_bytes <= (facts.memory_bytes + facts.swap_bytes) * 3 // 2:
        return None
    what = (
        f"the services may use {size(wanted.memory_bytes)} together, and this machine has only "
        f"{size(facts.memory_bytes)}"
    )
    return Finding(
        "memory-far-short",
        ERROR,
        what,
        "leave services out with enabled: false in infrakit.yaml, choose a smaller pattern, or use a larger machine",
    )


def memory_little(facts: Facts, wanted: Wanted) -> Finding | None:
    """Of use as an edge or as a monitored machine."""
    if not 0 < facts.memory_bytes < LITTLE_BYTES:
        return None
    what = (
        f"with {size(facts.memory_bytes)} of memory there is room for a proxy and an agent, not for sign-in or a "
        "database"
    )
    return Finding(
        "memory-little",
        WARNING,
        what,
        "use pattern: edge or pattern: monitoring here, and a larger machine for the rest",
    )


def swap_none(facts: Facts, wanted: Wanted) -> Finding | None:
    """Where memory is short, the kernel kills instead of waiting."""
    if facts.swap_bytes or facts.container or not 0 < facts.memory_bytes < WITHOUT_SWAP_BYTES:
        return None
    remedy = (
        "compress memory: apt-get install zram-tools; or add a file: fallocate -l 1G /swapfile && chmod 600 "
        "/swapfile && mkswap /swapfile && swapon /swapfile"
    )
    return Finding("swap-none", WARNING, f"there is no swap, and only {size(facts.memory_bytes)} of memory", remedy)


def memory_cgroup_off(facts: Facts, wanted: Wanted) -> Finding | None:
    """The firmware of the Raspberry Pi turns the controller off; Docker then ignores every limit without a word.

    Source: RPi-Distro/pi-gen issue 917 (2026-04).
    """
    if facts.memory_cgroup or facts.memory_cgroup_asked or not facts.cgroup_version:
        return None
    what = "the kernel does not limit the memory of containers: one of them can take it all"
    if facts.boot_file:
        remedy = f"add {CMDLINE} at the end of the one line in {facts.boot_file}, then reboot"
        return Finding("memory-cgroup-off", WARNING, what, remedy, "memory-cgroup")
    if facts.container:
        return Finding("memory-cgroup-off", WARNING, what, "give the memory controller to this container on its host")
    remedy = f"add {CMDLINE} to GRUB_CMDLINE_LINUX in /etc/default/grub, then update-grub and reboot"
    return Finding("memory-cgroup-off", WARNING, what, remedy)


def memory_cgroup_waiting(facts: Facts, wanted: Wanted) -> Finding | None:
    """Asked for and not there: not rebooted yet, or a kernel of early 2025 in which the device tree's word came last.

    Source: raspberrypi/linux issues 6439 and 6980.
    """
    if facts.memory_cgroup or not facts.memory_cgroup_asked:
        return None
    what = f"{facts.boot_file} asks for memory limits, and the running kernel does not have them"
    return Finding(
        "memory-cgroup-waiting",
        WARNING,
        what,
        "reboot; if it stays so, update the kernel: apt-get update && apt-get full-upgrade, then reboot",
    )


def cgroup_v1(facts: Facts, wanted: Wanted) -> Finding | None:
    """Docker 29 calls it deprecated, and drops it in 2029."""
    if facts.cgroup_version != 1:
        return None
    remedy = (
        "remove systemd.unified_cgroup_hierarchy=0 from the kernel's command line if it is there, upgrade the "
        "system, and reboot"
    )
    return Finding(
        "cgroup-v1", WARNING, "this machine uses control groups version 1, which Docker is about to drop", remedy
    )


def cgroup_none(facts: Facts, wanted: Wanted) -> Finding | None:
    """Without control groups no container starts."""
    if facts.cgroup_version:
        return None
    return Finding(
        "cgroup-none",
        ERROR,
        "the kernel has no control groups, which every container needs",
        (
            "use the kernel of the distribution: apt-get install linux-image-generic (Debian: linux-image-$(dpkg "
            "--print-architecture)), then reboot"
        ),
    )


CHECKS = (
    memory_limits,
    memory_far_short,
    memory_little,
    swap_none,
    memory_cgroup_off,
    memory_cgroup_waiting,
    cgroup_v1,
    cgroup_none,
)
