"""The changes that plans are mostly made of. Each can be written down as JSON, so that an undo record can hold it."""

import json
import re
from collections.abc import Callable
from hashlib import sha256
from typing import Any, NamedTuple

from infrakit.errors import InfraKitError, MachineUnfit
from infrakit.machine import Machine
from infrakit.plan.model import Action, Event, Probe, Step, Tell
from infrakit.plan.probes import FileIs, holds

MOST_KEPT = 1 << 24
"""A file that we replace is kept whole in the record; one that is larger is not replaced."""


NOTHING = "nothing"
"""Stands for the digest of a file that is not there."""


def state_of(content: bytes | None) -> str:
    """What tells one state of a file from another: its SHA-256, or NOTHING."""
    return NOTHING if content is None else sha256(content).hexdigest()


class Write(NamedTuple):
    """A file with this content, put in place by one rename. `keys`: of a JSON object, what of it is ours (name, value
    as JSON)."""

    path: str
    content: bytes
    mode: int = 0o644
    keys: tuple[tuple[str, str], ...] = ()

    def do(self, machine: Machine, tell: Tell) -> None:
        machine.write(self.path, self.content, self.mode)

    def inverse(self, machine: Machine) -> tuple[Action, ...]:
        return put_back(machine, self.path, self.content, keys=self.keys)

    def text(self) -> str:
        return f"write {self.path}"


def file_step(name: str, title: str, path: str, content: bytes, mode: int = 0o644) -> Step:
    """A file is there, with this content and mode."""
    return Step(name, title, (FileIs(path, content, mode),), (Write(path, content, mode),))


def put_back(
    machine: Machine,
    path: str,
    content: bytes | None,
    *,
    words: tuple[str, ...] = (),
    keys: tuple[tuple[str, str], ...] = (),
) -> tuple[Action, ...]:
    """How to take back what is about to be written; `content` None where nobody knows that yet. As PutBack says."""
    wrote = () if content is None else (state_of(content),)
    before = machine.whole(path, MOST_KEPT)
    folders = _missing(machine, path) if before is None else []
    back = PutBack(path, before, machine.mode(path), wrote, words, keys)
    return (*(Remove(folder) for folder in folders), back)


class PutBack(NamedTuple):
    """A file as it was before us; None: it was not there. Only what is still as we left it, one of `wrote` (state_of;
    () for whatever is there), is put back: what somebody changed since is his, but for what is known to be ours in it,
    words of a line or keys of a JSON object."""

    path: str
    before: bytes | None
    mode: int
    wrote: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    keys: tuple[tuple[str, str], ...] = ()

    def do(self, machine: Machine, tell: Tell) -> None:
        current = machine.read(self.path, MOST_KEPT + 1)
        if not self.wrote or state_of(current) in self.wrote:
            if self.before is None:
                machine.remove(self.path)
            else:
                machine.write(self.path, self.before, self.mode)
            return
        rest = self._rest(current)
        if rest is not None and rest != current:
            machine.write(self.path, rest, machine.mode(self.path))
        tell(Event("note", "", self._words(current)))

    def text(self) -> str:
        return f"remove {self.path}" if self.before is None else f"put {self.path} back as it was"

    def foretold(self, machine: Machine) -> tuple[str, ...]:
        current = machine.read(self.path, MOST_KEPT + 1)
        return (self.text() if not self.wrote or state_of(current) in self.wrote else self._words(current),)

    def _words(self, current: bytes | None) -> str:
        if current is None:
            return f"{self.path} is gone already"
        if self._rest(current) != current:
            ours = ", ".join([*self.words, *(name for name, _ in self.keys)])
            return f"take {ours} out of {self.path}; the rest was changed since, and stays"
        return f"{self.path} stays: somebody changed it since"

    def _rest(self, current: bytes | None) -> bytes | None:
        """What is left of a file without what is ours in it; of one larger than any that we wrote, all."""
        if current is None or len(current) > MOST_KEPT:
            return current
        text = current.decode("utf-8", "surrogateescape")
        for word in self.words:
            text = re.sub(rf"(^|[ \t]){re.escape(word)}(?=\s|$)", "", text, count=1)
        return (_without(text, self.keys) if self.keys else text).encode("utf-8", "surrogateescape")


def _without(text: str, keys: tuple[tuple[str, str], ...]) -> str:
    """A JSON object without those keys that still have these values; as it is, where it is none."""
    try:
        found = json.loads(text)
    except ValueError:
        return text
    if not isinstance(found, dict):
        return text
    kept = {name: value for name, value in found.items() if (name, json.dumps(value, sort_keys=True)) not in keys}
    return text if len(kept) == len(found) else json.dumps(kept, indent=2) + "\n"


def _missing(machine: Machine, path: str) -> list[str]:
    """The folders above a path that are not there, from the top down: who takes the path back takes those back that are
    empty then."""
    folders = path.split("/")[1:-1]
    places = ["/" + "/".join(folders[: length + 1]) for length in range(len(folders))]
    return [place for place in places if not machine.exists(place)]


class Remove(NamedTuple):
    """No file, or no empty folder, at this path."""

    path: str

    def do(self, machine: Machine, tell: Tell) -> None:
        machine.remove(self.path)

    def inverse(self, machine: Machine) -> tuple[Action, ...]:
        before = machine.whole(self.path, MOST_KEPT)
        return () if before is None else (PutBack(self.path, before, machine.mode(self.path), (NOTHING,)),)

    def text(self) -> str:
        return f"remove {self.path}"


class RemoveTree(NamedTuple):
    """No folder, with all that is in it, at this path. In a record it stands for data: --keep-data leaves it where it
    is."""

    path: str

    def do(self, machine: Machine, tell: Tell) -> None:
        machine.remove_tree(self.path)

    def text(self) -> str:
        return f"remove {self.path} and all in it"


NOTE = "note: "


class Run(NamedTuple):
    """A program, waited for; lines of its output that begin with NOTE are passed on. `remedy` is what to do where it
    fails; `takes_back` what undoes it, as words of programs.

    `title`: what it does, where its words do not say so to a person.
    """

    words: tuple[str, ...]
    timeout_s: int = 60
    remedy: str = ""
    takes_back: tuple[tuple[str, ...], ...] = ()
    title: str = ""

    def do(self, machine: Machine, tell: Tell) -> None:
        done = machine.run(self.words, timeout_s=self.timeout_s)
        if done.code:
            said = [line for line in (done.err or done.out).strip().splitlines() if line.strip()]
            last = said[-1].strip() if said else f"exit code {done.code}"
            raise MachineUnfit(f"{self.title or ' '.join(self.words[:4])}: {last}", self.remedy)
        for line in done.out.splitlines():
            if line.startswith(NOTE):
                tell(Event("note", "", line.removeprefix(NOTE)))

    def inverse(self, machine: Machine) -> tuple[Action, ...]:
        return tuple(Run(words, self.timeout_s) for words in self.takes_back)

    def text(self) -> str:
        if self.title:
            return self.title
        shown = [word for before, word in zip(("", *self.words), self.words) if "-o" not in (before, word)]
        return f"run {' '.join(shown)}"


class EnableUnit(NamedTuple):
    """A systemd unit that starts at boot, and runs now."""

    name: str

    def do(self, machine: Machine, tell: Tell) -> None:
        Run(("systemctl", "enable", "--now", self.name), 120, f"see: journalctl -u {self.name} -n 50").do(machine, tell)

    def inverse(self, machine: Machine) -> tuple[Action, ...]:
        enabled = machine.run(("systemctl", "is-enabled", self.name)).code == 0
        return () if enabled else (Run(("systemctl", "disable", "--now", self.name), 120),)

    def text(self) -> str:
        return f"start {self.name}, now and at boot"


class Unless(NamedTuple):
    """An action that is not taken where, by the time it comes to it, a probe holds: what came before may have brought
    it about.

    For one that has no inverse: that would be kept for what was not done.
    """

    probe: Probe
    action: Action

    def do(self, machine: Machine, tell: Tell) -> None:
        if not holds(self.probe, machine):
            self.action.do(machine, tell)

    def text(self) -> str:
        return f"{self.action.text()}, unless {self.probe.text()}"


KINDS = {
    "write": Write,
    "put_back": PutBack,
    "remove": Remove,
    "remove_tree": RemoveTree,
    "run": Run,
    "enable": EnableUnit,
}
BYTES, TUPLES = ("content", "before"), ("words", "takes_back", "wrote", "keys")
"""Fields that JSON has no kind for."""


def record_of(action: Action) -> dict[str, Any]:
    """An action of this module as JSON."""
    kind = next(name for name, kind in KINDS.items() if type(action) is kind)
    fields: dict[str, Any] = action._asdict()  # type: ignore[attr-defined]  # those of KINDS are named tuples
    for name in BYTES:
        if isinstance(fields.get(name), bytes):
            fields[name] = fields[name].decode("latin-1")
    return {"kind": kind, **fields}


def action_from(record: dict[str, Any]) -> Action:
    """The action that `record_of` wrote down. InfraKitError where it is none."""
    fields = dict(record)
    kind: Callable[..., Action] | None = KINDS.get(fields.pop("kind", ""))
    if kind is None:
        raise InfraKitError("the undo record holds what this InfraKit does not know", "use the version that wrote it")
    for name in BYTES:
        if isinstance(fields.get(name), str):
            fields[name] = fields[name].encode("latin-1")
    for name in TUPLES:
        if name in fields:
            fields[name] = tuple(tuple(item) if isinstance(item, list) else item for item in fields[name])
    return kind(**fields)
