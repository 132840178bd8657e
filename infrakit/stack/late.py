"""Addresses that a machine may have only after its engine has started, such as those of a VPN or of DHCP.

Docker starts a container at boot once: where the address that it publishes at is not there yet, it stays down. So the
kernel is told that programs may bind an address before it is there (ip_nonlocal_bind in the kernel's
Documentation/networking/ip-sysctl.rst).
"""

from typing import NamedTuple

from infrakit.machine import Machine
from infrakit.model import Deployment
from infrakit.plan import Action, FileIs, Run, Step, Write
from infrakit.plan.model import Tell

SETTINGS = "/etc/sysctl.d/60-infrakit.conf"
HEAD = "# Made by InfraKit: a port may be published at an address that comes after Docker.\n"
ALWAYS_THERE = ("", "127.0.0.1", "::1", "0.0.0.0", "::")


def late_addresses(deployment: Deployment) -> tuple[Step, ...]:
    """A step where ports are published at addresses of the machine."""
    addresses = {
        port.address for service in deployment.services for container in service.containers for port in container.ports
    }.difference(ALWAYS_THERE)
    if not addresses:
        return ()
    families = tuple(
        family for family, sign in (("ipv4", "."), ("ipv6", ":")) if any(sign in address for address in addresses)
    )
    content = HEAD + "".join(f"net.{family}.ip_nonlocal_bind = 1\n" for family in families)
    kernel = tuple(BoundEarly(f"/proc/sys/net/{family}/ip_nonlocal_bind") for family in families)
    return (
        Step(
            "late addresses",
            f"ports at {', '.join(sorted(addresses))}, which may come after Docker",
            (FileIs(SETTINGS, content.encode()), *kernel),
            (*(BindEarly(probe.switch) for probe in kernel), Write(SETTINGS, content.encode())),
        ),
    )


class BoundEarly(NamedTuple):
    """Programs may bind what is not there yet."""

    switch: str

    def holds(self, machine: Machine) -> bool:
        return bool(machine.read(self.switch) == b"1\n")

    def text(self) -> str:
        return f"{self.switch} is 1"


class BindEarly(NamedTuple):
    """From now on; a file of sysctl.d(5) does it for later."""

    switch: str

    def do(self, machine: Machine, tell: Tell) -> None:
        self._set(1).do(machine, tell)

    def inverse(self, machine: Machine) -> tuple[Action, ...]:
        return () if BoundEarly(self.switch).holds(machine) else (self._set(0),)

    def text(self) -> str:
        return self._set(1).text()

    def _set(self, value: int) -> Run:
        title = (
            "programs may bind addresses that are not there yet" if value else "as before: only those that are there"
        )
        return Run(("sh", "-c", f"echo {value} >{self.switch}"), title=title)
