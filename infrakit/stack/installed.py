"""The user's file as it is installed, with what stands beside it: one file is *the* file of a machine.

What was last put in its place is written down, so that a file which somebody edited there is told from one that is
merely older than the one in his folder.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from infrakit.machine import Machine
from infrakit.plan import Action, FileIs, Gone, Remove, Step, file_step
from infrakit.plan.actions import put_back, state_of
from infrakit.plan.model import Tell
from infrakit.stack.layout import CONFIGURATION, INSTALLED, LOCKED

FOLDER, _, FILE = CONFIGURATION.rpartition("/")
LOCK = LOCKED.rpartition("/")[2]
MOST_LINES = 100
"""Of a difference, in a plan."""

COMING = ""
"""Beside the names, for a while: the state of a file that is about to be put in place. Who is killed there has put
it in place, and has not written that down; it was edited by nobody."""

States = Mapping[str, str]
"""Name below the folder of the file -> its state (plan/actions.py)."""


class Choice(NamedTuple):
    """Which of two files counts: `installed`, else the one in this folder; `both` changed since they were one."""

    installed: bool
    both: bool = False
    differ: bool = False


def states_of(content: bytes, lock: bytes | None, others: Sequence[tuple[str, bytes]]) -> dict[str, str]:
    """Of a file and all that stands beside it."""
    return {FILE: state_of(content), LOCK: state_of(lock), **{name: state_of(found) for name, found in others}}


def _written(states: States) -> bytes:
    return json.dumps(states, sort_keys=True).encode() + b"\n"


def last_states(content: bytes | None) -> dict[str, str]:
    """What was written down when a file was last put in place; nothing where that is not known."""
    return {name: state for name, state in _read(content).items() if name != COMING}


def _read(content: bytes | None) -> dict[str, str]:
    try:
        found = json.loads(content or b"{}")
    except ValueError:
        return {}
    return {str(name): str(state) for name, state in found.items()} if isinstance(found, dict) else {}


def known_states(content: bytes | None) -> set[str]:
    """States in which the file is as we left it: what was put in place, and what was about to be."""
    found = _read(content)
    return {found[name] for name in (FILE, COMING) if name in found}


def choose(last: States, read: Callable[[str], bytes | None], read_installed: Callable[[str], bytes | None]) -> Choice:
    """Of two files of one machine: the one that was changed since they were the same; both `read` by name."""
    names = list(last) or [FILE, LOCK]
    here, there = ({name: state_of(reader(name)) for name in names} for reader in (read, read_installed))
    if here == there:
        return Choice(installed=True)
    if not last:
        return Choice(installed=True, both=True, differ=True)
    return Choice(here == last, both=last not in (here, there), differ=True)


class File(NamedTuple):
    """A file that is to be the installed one, with the blueprints and the lock that it has; `name`: what messages call
    it, `in_place`: it is the installed one."""

    name: str
    content: bytes
    others: tuple[tuple[str, bytes], ...] = ()
    lock: bytes | None = None
    in_place: bool = False


def file_steps(file: File, *, other_lock: bool = False) -> tuple[Step, ...]:
    """Put it where it belongs. `other_lock`: one of another file is there, which would pin, or refuse, the images of
    this one."""
    title = CONFIGURATION if file.in_place else f"{CONFIGURATION}, from {file.name}"
    beside = [] if file.in_place else [(f"{FOLDER}/{name}", content) for name, content in file.others]
    beside += [] if file.in_place or file.lock is None else [(LOCKED, file.lock)]
    stale = Step(f"no {LOCKED}", f"no {LOCKED}: it is another file's", (Gone(LOCKED),), (Remove(LOCKED),))
    last = _written(states_of(file.content, file.lock, file.others))
    return (
        Step(
            f"file {CONFIGURATION}",
            title,
            (FileIs(CONFIGURATION, file.content, None),),
            (Replace(CONFIGURATION, file.content, True),),
        ),
        *(file_step(f"file {path}", path, path, content, 0o600) for path, content in beside),
        *([stale] if other_lock and file.lock is None else []),
        file_step(f"file {INSTALLED}", "what was put in place", INSTALLED, last, 0o600),
    )


class Replace(NamedTuple):
    """The file of this machine with this content, readable by root alone; its plan shows what changes in it.
    `is_recorded`: a later step writes down that it was put in place."""

    path: str
    content: bytes
    is_recorded: bool = False

    def do(self, machine: Machine, tell: Tell) -> None:
        before, state = _read(machine.read(INSTALLED)), state_of(self.content)
        if self.is_recorded and before.get(FILE, state) != state:
            machine.write(INSTALLED, _written({**before, COMING: state}), 0o600)
        machine.write(self.path, self.content, 0o600)

    def inverse(self, machine: Machine) -> tuple[Action, ...]:
        return put_back(machine, self.path, self.content)

    def text(self) -> str:
        return f"write {self.path}"

    def foretold(self, machine: Machine) -> tuple[str, ...]:
        import difflib

        before = machine.read(self.path)
        if before is None or before == self.content:
            return (self.text(),)
        old, new = (part.decode("utf-8", "replace").splitlines() for part in (before, self.content))
        changed = list(difflib.unified_diff(old, new, n=1, lineterm=""))[2:]
        more = [f"... and {len(changed) - MOST_LINES} lines more"] if len(changed) > MOST_LINES else []
        return (f"replace {self.path}:", *(f"  {line}" for line in [*changed[:MOST_LINES], *more]))
