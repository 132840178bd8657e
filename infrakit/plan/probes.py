"""The questions that plans mostly ask."""

from typing import NamedTuple

from infrakit.errors import InfraKitError
from infrakit.machine import Machine
from infrakit.plan.model import Probe


def holds(probe: Probe, machine: Machine) -> bool:
    """What cannot be asked (no engine yet) does not hold. A question changes nothing, and may be broken off."""
    try:
        with machine.breakable():
            return probe.holds(machine)
    except InfraKitError:
        return False


class FileIs(NamedTuple):
    """A file has this content and mode; None: whatever mode, be it a link to such a file."""

    path: str
    content: bytes
    mode: int | None = 0o644

    def holds(self, machine: Machine) -> bool:
        is_it = machine.read(self.path, len(self.content) + 1) == self.content
        return is_it and self.mode in (None, machine.mode(self.path))

    def text(self) -> str:
        return f"{self.path} is as it should be"


class Gone(NamedTuple):
    """Nothing stands at this path."""

    path: str

    def holds(self, machine: Machine) -> bool:
        return not machine.exists(self.path)

    def text(self) -> str:
        return f"{self.path} is gone"


class Answers(NamedTuple):
    """A program ends well, and says this somewhere in what it writes."""

    words: tuple[str, ...]
    expected: str = ""
    timeout_s: int = 30

    def holds(self, machine: Machine) -> bool:
        done = machine.run(self.words, timeout_s=self.timeout_s)
        return done.code == 0 and self.expected in done.out

    def text(self) -> str:
        return f"{' '.join(self.words)} answers" + (f" {self.expected}" if self.expected else "")


class UnitRuns(NamedTuple):
    """A systemd unit runs, and starts at boot."""

    name: str

    def holds(self, machine: Machine) -> bool:
        states = [machine.run(("systemctl", word, "--quiet", self.name)).code for word in ("is-active", "is-enabled")]
        return states == [0, 0]

    def text(self) -> str:
        return f"{self.name} runs, and starts at boot"
