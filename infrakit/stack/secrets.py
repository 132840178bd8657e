"""The secrets of a host: minted once, before anything reads them."""

from collections.abc import Sequence
from typing import NamedTuple

from infrakit.machine import Machine
from infrakit.model import SecretSpec
from infrakit.plan import Event, Step
from infrakit.plan.model import Tell
from infrakit.stack import belongings
from infrakit.stack.layout import secrets_folder


class SecretsThere(NamedTuple):
    """Every secret of the host that we can mint is there, and it is written down whose volumes they open."""

    host: str
    owns: belongings.Belongings
    specs: tuple[SecretSpec, ...]

    def holds(self, machine: Machine) -> bool:
        folder = secrets_folder(self.host)
        states = machine.secret_states(folder, self.host, self.specs)
        missing = [state for state in states if state.state == "not minted"]
        known = belongings.of_host(machine, self.host)
        written = known.names >= self.owns.names and not known.names & self.owns.others
        return not missing and known.project == self.owns.project and written

    def text(self) -> str:
        return "every secret is there"


class Mint(NamedTuple):
    """Make those that are missing."""

    host: str
    owns: belongings.Belongings
    specs: tuple[SecretSpec, ...]

    def do(self, machine: Machine, tell: Tell) -> None:
        folder = secrets_folder(self.host)
        belongings.write(machine, self.host, *self.owns)
        made = machine.mint(folder, self.host, self.specs)
        tell(Event("note", "", f"{len(made)} minted"))

    def text(self) -> str:
        return "mint the secrets that are missing"


class Given:
    """A secret that the user gave; no text has its value."""

    __slots__ = ("name", "value")

    def __init__(self, name: str, value: bytes) -> None:
        self.name, self.value = name, value

    def __repr__(self) -> str:
        return f"Given({self.name})"


class GivenIs(NamedTuple):
    """The secret is the one that was given."""

    host: str
    given: Given

    def holds(self, machine: Machine) -> bool:
        path = f"{secrets_folder(self.host)}/secrets/{self.given.name}"
        return bool(machine.read(path, len(self.given.value) + 1) == self.given.value)

    def text(self) -> str:
        return f"{self.given.name} is as it was given"


class KeepGiven(NamedTuple):
    """Put it in its place."""

    host: str
    given: Given

    def do(self, machine: Machine, tell: Tell) -> None:
        machine.make_folder(secrets_folder(self.host))
        machine.keep_secret(secrets_folder(self.host), self.given.name, self.given.value)

    def text(self) -> str:
        return f"keep {self.given.name}"


def given_steps(host: str, given: Sequence[Given]) -> tuple[Step, ...]:
    """One for each secret that was given with the call."""
    return tuple(
        Step(f"secret {item.name}", f"the secret {item.name}", (GivenIs(host, item),), (KeepGiven(host, item),))
        for item in given
    )
