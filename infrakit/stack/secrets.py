"""The secrets of a host: minted once, before anything reads them."""

from typing import Any, NamedTuple

from infrakit.model import SecretSpec
from infrakit.plan import Action, Event
from infrakit.plan.model import Tell
from infrakit.stack.layout import secrets_folder


class SecretsThere(NamedTuple):
    """Every secret of the host that we can mint is there."""

    host: str
    specs: tuple[SecretSpec, ...]

    def holds(self, machine: Any) -> bool:
        return not [
            state
            for state in machine.secret_states(secrets_folder(self.host), self.host, self.specs)
            if state.state == "not minted"
        ]

    def text(self) -> str:
        return "every secret is there"


class Mint(NamedTuple):
    """Make those that are missing."""

    host: str
    specs: tuple[SecretSpec, ...]

    def do(self, machine: Any, tell: Tell) -> None:
        machine.make_folder(secrets_folder(self.host))
        made = machine.mint(secrets_folder(self.host), self.host, self.specs)
        tell(Event("note", "", f"{len(made)} minted"))

    def inverse(self, machine: Any) -> tuple[Action, ...]:
        return ()

    def text(self) -> str:
        return "mint the secrets that are missing"
