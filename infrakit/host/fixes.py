"""Findings that InfraKit can mend, and undo again -> the plan for it: memory limits of a Raspberry Pi, the clock, the
stub of port 53."""

from collections.abc import Sequence
from typing import NamedTuple

from infrakit.errors import MachineUnfit
from infrakit.host.checks import Finding
from infrakit.host.checks.memory import CMDLINE
from infrakit.host.facts import Facts
from infrakit.machine import Machine
from infrakit.plan import Action, Answers, FileIs, Plan, Run, Step, Write
from infrakit.plan.actions import put_back
from infrakit.plan.model import Event, Tell

BACKUP = ".before-infrakit"
STUB_OFF = "/etc/systemd/resolved.conf.d/infrakit.conf"
STUB_OFF_TEXT = b"[Resolve]\nDNSStubListener=no\n"
RESOLV, STUB_RESOLV, REAL_RESOLV = (
    "/etc/resolv.conf",
    "../run/systemd/resolve/stub-resolv.conf",
    "/run/systemd/resolve/resolv.conf",
)
LONGEST_SYNC_S, PAUSE_S = 60, 1.0


def plan_fixes(facts: Facts, findings: Sequence[Finding]) -> Plan:
    """One step for each kind of fix that the findings name."""
    asked = dict.fromkeys(finding.fix for finding in findings if finding.fix)
    makers = {"memory-cgroup": _memory_cgroup, "clock": _clock, "dns-stub": _dns_stub}
    return Plan("mend this machine", tuple(makers[name](facts) for name in asked))


class LineAsks(NamedTuple):
    """The kernel's command line, a file of one line, has these words."""

    path: str
    words: tuple[str, ...]

    def holds(self, machine: Machine) -> bool:
        return set(self.words) <= set((machine.read(self.path) or b"").decode("utf-8", "replace").split())

    def text(self) -> str:
        return f"{self.path} asks for {' '.join(self.words)}"


class AskKernel(NamedTuple):
    """Add words to the kernel's command line; the file as it was stays beside it."""

    path: str
    words: tuple[str, ...]

    def do(self, machine: Machine, tell: Tell) -> None:
        before = machine.read(self.path)
        if before is None:
            raise MachineUnfit(f"cannot read {self.path}", "is the boot partition mounted? see: findmnt /boot/firmware")
        mode = machine.mode(self.path)
        backup = self.path + BACKUP
        if not machine.exists(backup):
            machine.write(backup, before, mode)
        machine.write(self.path, self._asking(before), mode)
        tell(Event("note", "", "reboot for it to count"))

    def inverse(self, machine: Machine) -> tuple[Action, ...]:
        before = machine.read(self.path) or b""
        added = tuple(word for word in self.words if word not in before.decode("utf-8", "replace").split())
        return (
            *put_back(machine, self.path + BACKUP, before),
            *put_back(machine, self.path, self._asking(before), words=added),
        )

    def _asking(self, before: bytes) -> bytes:
        line = before.decode("utf-8", "replace").split("\n", 1)[0].split()
        line += [word for word in self.words if word not in line]
        return " ".join(line).encode() + b"\n"

    def text(self) -> str:
        return f"add {' '.join(self.words)} to {self.path}, keep it as {self.path}{BACKUP}; counts after a reboot"


class ClockIsSet(NamedTuple):
    """A time server has set the clock, and keeps it."""

    def holds(self, machine: Machine) -> bool:
        said = machine.run(("timedatectl", "show")).out.splitlines()
        return {"NTP=yes", "NTPSynchronized=yes"} <= set(said)

    def text(self) -> str:
        return "a time server has set the clock"


class SetClock(NamedTuple):
    """Let systemd ask a time server, and wait for its answer."""

    def do(self, machine: Machine, tell: Tell) -> None:
        Run(("timedatectl", "set-ntp", "true"), 30, "apt-get install systemd-timesyncd").do(machine, tell)
        until = machine.monotonic() + LONGEST_SYNC_S
        while not ClockIsSet().holds(machine):
            if machine.monotonic() > until:
                by_hand = "timedatectl set-ntp false && timedatectl set-time 'YYYY-MM-DD HH:MM'"
                raise MachineUnfit(
                    f"no time server answered in {LONGEST_SYNC_S} s", f"is UDP port 123 open? by hand: {by_hand}"
                )
            machine.sleep(PAUSE_S)

    def inverse(self, machine: Machine) -> tuple[Action, ...]:
        is_on = "NTP=yes" in machine.run(("timedatectl", "show")).out.splitlines()
        return () if is_on else (Run(("timedatectl", "set-ntp", "false"), 30),)

    def text(self) -> str:
        return "set the clock from a time server, and keep it so"


class Leads(NamedTuple):
    """A symbolic link leads here."""

    path: str
    target: str

    def holds(self, machine: Machine) -> bool:
        return str(machine.target(self.path)) == self.target

    def text(self) -> str:
        return f"{self.path} leads to {self.target}"


def _memory_cgroup(facts: Facts) -> Step:
    words = tuple(CMDLINE.split())
    return Step(
        "memory limits",
        "memory limits, after the next reboot",
        (LineAsks(facts.boot_file, words),),
        (AskKernel(facts.boot_file, words),),
    )


def _clock(facts: Facts) -> Step:
    return Step("clock", "the clock", (ClockIsSet(),), (SetClock(),))


def _dns_stub(facts: Facts) -> Step:
    """The stub goes before the link is changed back: the last thing that is undone is the first that was done."""
    restart = ("systemctl", "restart", "systemd-resolved.service")
    point, back = ("ln", "-sfn", REAL_RESOLV, RESOLV), ("ln", "-sfn", STUB_RESOLV, RESOLV)
    return Step(
        "dns stub",
        "port 53 is free",
        (
            FileIs(STUB_OFF, STUB_OFF_TEXT),
            Leads(RESOLV, REAL_RESOLV),
            Answers(("sh", "-c", "! ss -Hlnu sport = :53 | grep -q 127.0.0.53")),
        ),
        (
            Run(("true",), takes_back=(restart,)),
            Write(STUB_OFF, STUB_OFF_TEXT),
            Run(point, takes_back=(back,)),
            Run(restart, 60),
        ),
    )
