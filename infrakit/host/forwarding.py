"""What Docker does to a machine's forwarding of packets as it starts -> how to take that back; it leaves it all behind
when it goes.

It lets the kernel forward, drops what nobody allowed to be forwarded, and has chains of its own, named DOCKER and so
on. Source: docs.docker.com/engine/network/packet-filtering-firewalls, 2026; what is left was seen on Debian 12 and 13
after a purge.
"""

from typing import NamedTuple

from infrakit.machine import Machine
from infrakit.plan import Action, Run
from infrakit.plan.model import Tell

FAMILIES = ("iptables", "ip6tables")
SWITCH = "/proc/sys/net/ipv4/ip_forward"
# Whoever made this machine a router meanwhile, for good, has said so in one of these.
CLOSE = f"""\
grep -rqsE '^ *net[./]ipv4[./]ip_forward *= *1' /etc/sysctl.conf /etc/sysctl.d /run/sysctl.d /usr/local/lib/sysctl.d /usr/lib/sysctl.d || echo 0 >{SWITCH}
"""  # noqa: E501 -- verbatim text
# All of a table is put in place at once; rules of others stay as they are.
SWEEP = """\
command -v {family}-save >/dev/null || exit 0
{family}-save | grep -Ev '(^:|-[Aj] )DOCKER(-[A-Z0-9-]+)?( |$)| docker0( |$)' {more}| {family}-restore
"""
OPEN = "| sed 's/^:FORWARD DROP/:FORWARD ACCEPT/' "


class Forwarding(NamedTuple):
    """The engine changes it, not we: doing this does nothing."""

    def do(self, machine: Machine, tell: Tell) -> None:
        return None

    def inverse(self, machine: Machine) -> tuple[Action, ...]:
        closed = (
            [Run(("sh", "-c", CLOSE), title="no forwarding of packets, as before Docker")]
            if machine.read(SWITCH) == b"0\n"
            else []
        )
        return (*closed, *(_sweep(machine, family) for family in FAMILIES))

    def text(self) -> str:
        return "let the engine forward packets"


def _sweep(machine: Machine, family: str) -> Run:
    """Docker's rules go; FORWARD lets through what it let through before."""
    dropped = machine.run((family, "-S", "FORWARD")).out.startswith("-P FORWARD DROP")
    return Run(
        ("sh", "-c", SWEEP.format(family=family, more="" if dropped else OPEN)),
        title=f"take Docker's rules out of {family}",
    )
