"""The changes that plans are mostly made of. Each can be written down as JSON, so that an undo record can hold it."""

from typing import Any, NamedTuple

from infrakit.errors import InfraKitError, MachineUnfit
from infrakit.plan.model import Action, Probe, Tell
from infrakit.plan.probes import holds

MOST_KEPT = 1 << 26
"""A file that we replace is kept whole in the record, up to here."""


class Write(NamedTuple):
    """A file with this content, put in place by one rename."""

    path: str
    content: bytes
    mode: int = 0o644

    def do(self, machine: Any, tell: Tell) -> None:
        machine.write(self.path, self.content, self.mode)

    def inverse(self, machine: Any) -> tuple[Action, ...]:
        before = machine.read(self.path, MOST_KEPT)
        if before is not None:
            return (Write(self.path, before, machine.mode(self.path)),)
        return (*(Remove(folder) for folder in _missing(machine, self.path)), Remove(self.path))

    def text(self) -> str:
        return f"write {self.path}"


def _missing(machine: Any, path: str) -> list[str]:
    """The folders above a path that are not there, from the top down: who takes the path back takes those back that are
    empty then."""
    folders = path.split("/")[1:-1]
    places = ["/" + "/".join(folders[: length + 1]) for length in range(len(folders))]
    return [place for place in places if not machine.exists(place)]


class Remove(NamedTuple):
    """No file, or no empty folder, at this path."""

    path: str

    def do(self, machine: Any, tell: Tell) -> None:
        machine.remove(self.path)

    def inverse(self, machine: Any) -> tuple[Action, ...]:
        before = machine.read(self.path, MOST_KEPT)
        return () if before is None else (Write(self.path, before, machine.mode(self.path)),)

    def text(self) -> str:
        return f"remove {self.path}"


class RemoveTree(NamedTuple):
    """No folder, with all that is in it, at this path. In a record it stands for data: --keep-data leaves it where it
    is."""

    path: str

    def do(self, machine: Any, tell: Tell) -> None:
        machine.remove_tree(self.path)

    def inverse(self, machine: Any) -> tuple[Action, ...]:
        return ()

    def text(self) -> str:
        return f"remove {self.path} and all in it"


class Run(NamedTuple):
    """A program, waited for. `remedy` is what to do where it fails; `takes_back` what undoes it, as words of programs.

    `title`: what it does, where its words do not say so to a person.
    """

    words: tuple[str, ...]
    timeout_s: int = 60
    remedy: str = ""
    takes_back: tuple[tuple[str, ...], ...] = ()
    title: str = ""

    def do(self, machine: Any, tell: Tell) -> None:
        done = machine.run(self.words, timeout_s=self.timeout_s)
        if done.code:
            said = [line for line in (done.err or done.out).strip().splitlines() if line.strip()]
            last = said[-1].strip() if said else f"exit code {done.code}"
            raise MachineUnfit(f"{' '.join(self.words[:4])}: {last}", self.remedy)

    def inverse(self, machine: Any) -> tuple[Action, ...]:
        return tuple(Run(words, self.timeout_s) for words in self.takes_back)

    def text(self) -> str:
        if self.title:
            return self.title
        shown = [word for before, word in zip(("", *self.words), self.words) if "-o" not in (before, word)]
        return f"run {' '.join(shown)}"


class EnableUnit(NamedTuple):
    """A systemd unit that starts at boot, and runs now."""

    name: str

    def do(self, machine: Any, tell: Tell) -> None:
        Run(("systemctl", "enable", "--now", self.name), 120, f"see: journalctl -u {self.name} -n 50").do(machine, tell)

    def inverse(self, machine: Any) -> tuple[Action, ...]:
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

    def do(self, machine: Any, tell: Tell) -> None:
        if not holds(self.probe, machine):
            self.action.do(machine, tell)

    def inverse(self, machine: Any) -> tuple[Action, ...]:
        return ()

    def text(self) -> str:
        return f"{self.action.text()}, unless {self.probe.text()}"


KINDS = {"write": Write, "remove": Remove, "remove_tree": RemoveTree, "run": Run, "enable": EnableUnit}


def record_of(action: Action) -> dict[str, Any]:
    """An action of this module as JSON."""
    kind = next(name for name, kind in KINDS.items() if type(action) is kind)
    fields = dict(zip(type(action)._fields, action))  # type: ignore[attr-defined]
    if kind == "write":
        fields["content"] = fields["content"].decode("latin-1")
    return {"kind": kind, **fields}


def action_from(record: dict[str, Any]) -> Action:
    """The action that `record_of` wrote down. InfraKitError where it is none."""
    fields = dict(record)
    kind = KINDS.get(fields.pop("kind", ""))
    if kind is None:
        raise InfraKitError("the undo record holds what this InfraKit does not know", "use the version that wrote it")
    if kind is Write:
        fields["content"] = fields["content"].encode("latin-1")
    if kind is Run:
        fields["words"] = tuple(fields["words"])
        fields["takes_back"] = tuple(tuple(words) for words in fields["takes_back"])
    return kind(**fields)
