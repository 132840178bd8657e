"""guards: firewalls, AppArmor and forwarding: what stands between packets, programs and containers."""

from infrakit.host.checks.model import ERROR, NOTE, WARNING, Finding, Wanted
from infrakit.host.facts import Facts


def ufw_active(facts: Facts, wanted: Wanted) -> Finding | None:
    """Docker's rules come first: a published port is open whatever ufw says."""
    if "ufw" not in facts.firewalls:
        return None
    what = "ufw is active, but ports that containers publish are open whatever it says"
    return Finding(
        "ufw-active",
        WARNING,
        what,
        "set network.bind in infrakit.yaml to the addresses that may be reached, or add rules to the chain DOCKER-USER",
    )


def firewalld_active(facts: Facts, wanted: Wanted) -> Finding | None:
    """Docker puts its bridges into a zone of its own, that lets everything in."""
    if "firewalld" not in facts.firewalls:
        return None
    what = "firewalld is active, but Docker has a zone of its own in which published ports are open"
    return Finding(
        "firewalld-active",
        WARNING,
        what,
        (
            "set network.bind in infrakit.yaml to the addresses that may be reached; after firewall-cmd --reload: "
            "systemctl restart docker"
        ),
    )


def nftables_active(facts: Facts, wanted: Wanted) -> Finding | None:
    """/etc/nftables.conf begins with "flush ruleset", and that takes Docker's rules with it."""
    if "nftables" not in facts.firewalls:
        return None
    what = (
        "the service nftables loads rules of its own; each time it does, those of Docker are flushed and ports go dead"
    )
    remedy = (
        "replace flush ruleset in /etc/nftables.conf by flushing your own tables only, and after a reload: systemctl "
        "restart docker"
    )
    return Finding("nftables-active", WARNING, what, remedy)


def iptables_missing(facts: Facts, wanted: Wanted) -> Finding | None:
    """Without it the engine cannot publish a port. Where we install Docker, iptables comes along."""
    if facts.iptables or facts.docker_origin == "none":
        return None
    return Finding(
        "iptables-missing",
        ERROR,
        "the program iptables is missing, and Docker publishes ports with it",
        "apt-get install iptables && systemctl restart docker",
    )


def forwarding_off(facts: Facts, wanted: Wanted) -> Finding | None:
    """Docker turns it on, and the next start of the machine, or `sysctl --system`, turns it off again."""
    if not facts.forwarding_off:
        return None
    what = f"{facts.forwarding_off} turns IP forwarding off, and containers then reach nothing"
    return Finding(
        "forwarding-off", WARNING, what, f"set net.ipv4.ip_forward=1 in {facts.forwarding_off}, then: sysctl --system"
    )


def apparmor_parser_missing(facts: Facts, wanted: Wanted) -> Finding | None:
    """The kernel asks for a profile that nobody can load: no container starts. Where we install Docker, the parser
    comes along."""
    if not facts.apparmor or facts.apparmor_parser or facts.docker_origin == "none":
        return None
    what = "AppArmor is on in the kernel, and apparmor_parser, which Docker needs then, is missing"
    return Finding("apparmor-parser-missing", ERROR, what, "apt-get install apparmor && systemctl restart docker")


def apparmor_off(facts: Facts, wanted: Wanted) -> Finding | None:
    """Raspberry Pi OS has it off; a container is then held by seccomp and capabilities alone."""
    if facts.apparmor or facts.container:
        return None
    where = facts.boot_file or "GRUB_CMDLINE_LINUX in /etc/default/grub"
    return Finding(
        "apparmor-off",
        NOTE,
        "AppArmor is off, one wall less around each container",
        f"apt-get install apparmor, add apparmor=1 security=apparmor to {where}, then reboot",
    )


CHECKS = (
    ufw_active,
    firewalld_active,
    nftables_active,
    iptables_missing,
    forwarding_off,
    apparmor_parser_missing,
    apparmor_off,
)
