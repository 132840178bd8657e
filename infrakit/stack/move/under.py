"""Moves under way, a file each: who went where, and what of him is kept here. By it a run after a kill goes on, and
nobody else starts, or removes, what went.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from infrakit.backups import Dump
from infrakit.errors import InfraKitError, UsageProblem
from infrakit.host.checks import Finding
from infrakit.machine import Machine
from infrakit.model import Deployment
from infrakit.plan.model import Tell
from infrakit.stack.layout import STATE

MOVES = f"{STATE}/moves"
ARRIVING = f"{MOVES}/arriving"
"""There while one is taken in (Arriving)."""
ARRIVED = f"{MOVES}/arrived"
"""Numbers of those that are here, a line each: their data is older than what is here."""
WHOLE = f"{MOVES}/all"
"""There while the whole stack is on its way to another machine, or gone (stack/move/whole.py)."""
MOST_BYTES = 1 << 22
COPY = re.compile(r"move-.+-\d{8}T\d{6}Z")
"""How the folder of a copy is called, which may lie beside those of hosts."""
OUT, GONE, BACK, CONFIRM = "out", "gone", "back", "confirm"
WORDS = {
    OUT: "on its way out",
    GONE: "gone; its data is kept here",
    BACK: "being taken back",
    CONFIRM: "gone; its data here is being removed",
}


class Group(NamedTuple):
    """`services`, `containers`: each after those that it needs. `copied`: volumes whose files go, as (what mounts name
    it, what Docker does); `dumps`: databases that go by their own tools. `volumes`: all that they leave here, as Docker
    calls them; `theirs`: those of them that somebody else made. `secrets`: names; `written`: files
    beside them with some in it. `folders`: of this host, which they write to."""

    services: tuple[str, ...]
    containers: tuple[str, ...]
    copied: tuple[tuple[str, str], ...]
    dumps: tuple[Dump, ...]
    volumes: tuple[str, ...]
    theirs: tuple[str, ...]
    secrets: tuple[str, ...]
    written: tuple[str, ...]
    folders: tuple[str, ...]


class Under(NamedTuple):
    """One that began here. `place`, `host_key`: of the copy; `ticket`: its path; `before`: the file, and `after`: as it
    became. way: OUT, GONE, BACK or CONFIRM."""

    number: str
    host: str
    to: str
    group: Group
    place: str
    host_key: str
    ticket: str
    before: str
    after: str
    way: str = OUT

    @property
    def name(self) -> str:
        """Of its files."""
        return self.group.services[-1]

    @property
    def shown(self) -> str:
        """Who goes."""
        return ", ".join(self.group.services)

    @property
    def file(self) -> str:
        """Where this is kept."""
        return f"{MOVES}/{self.name}.json"

    @property
    def key(self) -> str:
        """The file of what opens the copy."""
        return f"{MOVES}/{self.name}.key"

    @property
    def taken(self) -> str:
        """The file that says what is in the copy, once that is whole."""
        return f"{MOVES}/{self.name}.taken"


def copy_name(app: str, number: str) -> str:
    """What COPY matches. `number`: of the move."""
    return f"move-{app}-{number.replace(':', '').replace('-', '')}"


def printed(under: Under) -> bytes:
    """Its file."""
    fields = {**under._asdict(), "group": under.group._asdict()}
    return json.dumps(fields, sort_keys=True, indent=1).encode() + b"\n"


def all_here(machine: Machine) -> list[Under]:
    """In the order of their names. InfraKitError where one cannot be read."""
    names = [name for name in machine.listing(MOVES) if name.endswith(".json") and not name.startswith(".")]
    return [_read(machine, f"{MOVES}/{name}") for name in sorted(names)]


def _read(machine: Machine, path: str) -> Under:
    try:
        found: dict[str, Any] = json.loads(machine.read(path, MOST_BYTES) or b"")
        group = {name: tuple(value) for name, value in found["group"].items()}
        group["dumps"] = tuple(Dump(*item) for item in group["dumps"])
        group["copied"] = tuple((source, name) for source, name in group["copied"])
        return Under(**{**found, "group": Group(**group)})
    except (ValueError, KeyError, TypeError, AttributeError):
        what = f"{path} was written by another InfraKit, or damaged"
        raise InfraKitError(what, "use the InfraKit that wrote it") from None


def of(machine: Machine, names: Iterable[str]) -> Under | None:
    """The one of which an app is named, None where there is none. UsageProblem where several are meant."""
    meant = [item for item in all_here(machine) if set(names) & set(item.group.services)]
    if len(meant) > 1:
        raise UsageProblem(f"these are {len(meant)} moves", "name an app of one of them")
    return meant[0] if meant else None


class Arriving(NamedTuple):
    """One that is being taken in. `volumes`: theirs, as Docker calls them, which were empty before; `before`: the file
    that was in force, "" where there was none."""

    number: str
    services: tuple[str, ...]
    volumes: tuple[str, ...]
    before: str

    @property
    def shown(self) -> str:
        """Who comes."""
        return ", ".join(self.services)

    def printed(self) -> bytes:
        """Its file."""
        return json.dumps(self._asdict(), sort_keys=True, indent=1).encode() + b"\n"


def arriving(machine: Machine) -> Arriving | None:
    """The one that is being taken in; None where none is."""
    content = machine.read(ARRIVING, MOST_BYTES)
    if content is None:
        return None
    try:
        found = json.loads(content)
        lists = {name: tuple(map(str, found[name])) for name in ("services", "volumes")}
        return Arriving(**{**found, **lists})
    except (ValueError, KeyError, TypeError):
        what = f"{ARRIVING} was written by another InfraKit, or damaged"
        raise InfraKitError(what, "use the InfraKit that wrote it") from None


def has_arrived(machine: Machine, number: str) -> bool:
    """Whether it is here already."""
    return number in (machine.read(ARRIVED, MOST_BYTES) or b"").decode("utf-8", "replace").split()


def whole(machine: Machine) -> dict[str, str]:
    """How far the whole stack is on its way: way ("out" or "gone"), number of the set, ticket; {} where it is not."""
    content = machine.read(WHOLE, MOST_BYTES)
    try:
        return {str(name): str(value) for name, value in json.loads(content or b"{}").items()}
    except (ValueError, AttributeError):
        raise InfraKitError(f"{WHOLE} is damaged", f"sudo rm {WHOLE}; then: sudo infrakit up") from None


def none_moving(machine: Machine) -> None:
    """UsageProblem where a move was broken off: who changes the stack now would begin what went, or is not here yet,
    empty."""
    if whole(machine):
        what = "the stack of this machine went to another one, or is on its way"
        raise UsageProblem(
            what, "sudo infrakit move --all goes on with it; sudo infrakit move --all --back takes it back"
        )
    coming = arriving(machine)
    if coming:
        what = f"a move of {coming.shown} to this machine was broken off"
        verb = f"sudo infrakit move {coming.services[-1]}"
        raise UsageProblem(what, f"sudo infrakit move --take TICKET goes on with it; {verb} --back gives it up")
    for item in all_here(machine):
        if item.way != GONE:
            raise UsageProblem(f"a move of {item.shown} to {item.to} was broken off", how_on(item))


def how_on(under: Under) -> str:
    """What to do with one that was broken off."""
    verb = f"sudo infrakit move {under.name}"
    if under.way == OUT:
        return f"{verb} goes on with it; {verb} --back takes it back"
    return f"{verb} --{under.way} goes on with it"


def judge(machine: Machine, deployment: Deployment) -> Iterator[Finding]:
    """Where the file has here what is on another host by now, and would be two."""
    there = {service.name for service in deployment.services}
    for item in all_here(machine):
        names = [name for name in item.group.services if name in there]
        if item.way == GONE and names:
            what = f"{', '.join(names)} went to {item.to}, and the file has it here: there would be two"
            verb = f"sudo infrakit move {item.name}"
            remedy = f"{verb} --back takes it back, with the data that it had when it went; else correct the file"
            yield Finding("moved-away", "error", what, remedy)


class Noted(NamedTuple):
    """It is written down how far a move is."""

    under: Under

    def holds(self, machine: Machine) -> bool:
        return bool(machine.read(self.under.file, MOST_BYTES) == printed(self.under))

    def text(self) -> str:
        return f"{self.under.shown}: {WORDS[self.under.way]}"


class NoteIt(NamedTuple):
    """Write that down."""

    under: Under

    def do(self, machine: Machine, tell: Tell) -> None:
        machine.make_folder(MOVES, 0o700)
        machine.write(self.under.file, printed(self.under), 0o600)

    def text(self) -> str:
        return f"write down: {WORDS[self.under.way]}"
