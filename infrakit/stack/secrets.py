"""The secrets of a host: minted once, before anything reads them."""

from typing import Any, NamedTuple

from infrakit.model import SecretSpec
from infrakit.plan import Action, Event
from infrakit.plan.model import Tell
from infrakit.stack import belongings
from infrakit.stack.layout import secrets_folder


class SecretsThere(NamedTuple):
    """Every secret of the host that we can mint is there, and it is written down whose volumes they open."""

    host: str
    owns: belongings.Belongings
    specs: tuple[SecretSpec, ...]

    def holds(self, machine: Any) -> bool:
        folder = secrets_folder(self.host)
        states = machine.secret_states(folder, self.host, self.specs)
        missing = [state for state in states if state.state == "not minted"]
        known = belongings.of_host(machine, self.host)
        return not missing and known.project == self.owns.project and known.names >= self.owns.names

    def text(self) -> str:
        return "every secret is there"


class Mint(NamedTuple):
    """Make those that are missing."""

    host: str
    owns: belongings.Belongings
    specs: tuple[SecretSpec, ...]

    def do(self, machine: Any, tell: Tell) -> None:
        folder = secrets_folder(self.host)
        belongings.write(machine, self.host, *self.owns)
        made = machine.mint(folder, self.host, self.specs)
        tell(Event("note", "", f"{len(made)} minted"))

    def inverse(self, machine: Any) -> tuple[Action, ...]:
        return ()

    def text(self) -> str:
        return "mint the secrets that are missing"
