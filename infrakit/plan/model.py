"""What a plan is made of. A probe asks, an action changes; both are data that say in words what they are about.

`machine` (system/machine.py) is handed to them; `tell` takes Events. Neither is imported here.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol, runtime_checkable

from infrakit.machine import Machine


class Event(NamedTuple):
    """Something that happened. kind: "begin", "kept" (nothing to do), "progress", "note", "done" or "failed".

    `seconds` since the step began; `part` and `whole` count what "progress" counts, in bytes or pieces.
    """

    kind: str
    step: str
    text: str = ""
    seconds: float = 0.0
    part: int = 0
    whole: int = 0


Tell = Callable[[Event], None]


class Probe(Protocol):
    """A question about the machine. `holds` changes nothing, and is asked before and after."""

    def holds(self, machine: Machine) -> bool: ...

    def text(self) -> str: ...


class Action(Protocol):
    """One change. `do` raises InfraKitError where it cannot."""

    def do(self, machine: Machine, tell: Tell) -> None: ...

    def text(self) -> str: ...


@runtime_checkable
class Undoable(Protocol):
    """An action that leaves something to be taken back: `inverse`, asked before it is taken, says how."""

    def inverse(self, machine: Machine) -> tuple[Action, ...]: ...


@runtime_checkable
class Looking(Protocol):
    """An action whose extent only the machine knows: `foretold` says, before it is taken, what it would do there."""

    def foretold(self, machine: Machine) -> tuple[str, ...]: ...


def inverse_of(action: Action, machine: Machine) -> tuple[Action, ...]:
    """What takes it back, () where nothing need be."""
    return action.inverse(machine) if isinstance(action, Undoable) else ()


class Step(NamedTuple):
    """One line of a plan. Where all of `done_when` hold, nothing is done. `undo` is kept beside what the actions say of
    themselves.

    `waits`: its actions change nothing; they wait for what earlier steps bring about, and say so where it does not
    come.
    """

    name: str
    title: str
    done_when: tuple[Probe, ...]
    actions: tuple[Action, ...]
    undo: tuple[Action, ...] = ()
    why: str = ""
    waits: bool = False


class Plan(NamedTuple):
    """Steps in the order in which they are taken."""

    title: str
    steps: tuple[Step, ...]
