"""What may be wrong with a bundle, in codes that keep their meaning, and the error that carries all of it."""

from collections.abc import Sequence
from typing import NamedTuple

from infrakit.errors import InfraKitError, printable

COPY = "copy it again from where it was made, then: infrakit bundle verify DIR"
HINTS = {
    "no-bundle": "name the folder that holds bundle.json: --bundle DIR",
    "unfinished": "infrakit bundle create was broken off: run it again",
    "format": "it was made by a newer InfraKit, or damaged: use the infrakit.pyz that lies beside it",
    "minimum-version": "use the infrakit.pyz that lies in the bundle",
    "unsigned": "sign it: infrakit bundle create --sign KEY; or, where you know where it comes from: --allow-unsigned",
    "signature": "it was changed after it was signed, or damaged: copy it again; if it stays so, ask who made it",
    "other-key": "ask who made it whether the key is right; if it is: --key FILE with the new public key",
    "no-ssh-keygen": "apt-get install openssh-client, or check it on another machine and then: --allow-unsigned",
    "lower-serial": "take the newest bundle, or, where you mean to go back: --allow-downgrade",
    "extra": "remove it, or copy the bundle again to an empty stick",
    "unreadable": "the medium may be failing: copy the bundle to another one",
}
"""What to do, by code; COPY for all others."""


class Fault(NamedTuple):
    """One thing that is wrong. `path` below the bundle, "" where it is the whole."""

    code: str
    path: str
    what: str

    def text(self) -> str:
        """One line."""
        return printable(f"{self.path}: {self.what} [{self.code}]" if self.path else f"{self.what} [{self.code}]")


class Refused(InfraKitError):
    """This bundle is not used: nothing was changed."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        first = faults[0]
        what = (
            first.text()
            if len(faults) == 1
            else f"{len(faults)} things are wrong with the bundle, first: {first.text()}"
        )
        super().__init__(f"bundle refused: {what}", HINTS.get(first.code, COPY))
        self.faults = tuple(faults)


def refused(code: str, path: str, what: str) -> Refused:
    """Of one fault."""
    return Refused((Fault(code, path, what),))
