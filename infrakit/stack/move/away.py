"""A group of apps x the file as it is without them -> the plan that sends them away: copied while nobody writes, gone
from here, their data kept; a ticket for who takes them; and the plans that end it, one way or the other.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from infrakit.errors import InfraKitError, MachineUnfit
from infrakit.machine import Machine
from infrakit.model import Deployment
from infrakit.plan import FileIs, Gone, Plan, Remove, Step
from infrakit.plan.model import Tell
from infrakit.stack.change.aside import work
from infrakit.stack.layout import secrets_folder
from infrakit.stack.move.copy import Forget, KeepKey, KeyThere, MakePlace, PlaceThere, Take, Taken, repository_of, taken
from infrakit.stack.move.ticket import MOST_BYTES as MOST_TICKET_BYTES
from infrakit.stack.move.ticket import Ticket, printed, read
from infrakit.stack.move.under import BACK, CONFIRM, GONE, OUT, Noted, NoteIt, Under
from infrakit.stack.secrets import Given

REMOVE_S = 600
MOST_BYTES = 1 << 16


def plan_away(under: Under, project: str, programs: Sequence[Step], key: Given, up: Plan, draft: Ticket) -> Plan:
    """`programs`: of the copy; `up`: what brings the rest up without them; `draft`: a ticket that lacks what the copy
    has."""
    repository, names = repository_of(under), {step.name for step in up.steps}
    first = [step for step in programs if step.name not in names]
    on_the_way, gone = under._replace(way=OUT), under._replace(way=GONE)
    return Plan(
        f"move {under.shown} from {under.host} to {under.to}",
        (
            *[step for step in up.steps if step.name in {item.name for item in programs}],
            *first,
            Step("key", "a key for the copy alone", (KeyThere(under.key, key),), (KeepKey(under.key, key),)),
            Step("begun", "it is written down that it has begun", (Noted(on_the_way),), (NoteIt(on_the_way),)),
            Step("place", f"a copy in {under.place}", (PlaceThere(repository),), (MakePlace(repository),)),
            Step("copy", f"copy {under.shown}", (Taken(under, project),), (Take(under, project),)),
            *[step for step in up.steps if step.name not in {item.name for item in programs}],
            ticket_step(under, draft),
            Step("gone", _kept(under), (Noted(gone),), (NoteIt(gone),)),
        ),
    )


def _kept(under: Under) -> str:
    kept = ", ".join(under.group.volumes)
    return f"kept here until you confirm: {kept}" if kept else "it had no data"


def ticket_step(under: Under, draft: Ticket) -> Step:
    """The ticket is there, and is the right one."""
    title = f"{under.ticket}: the ticket for {under.to}"
    return Step("ticket", title, (TicketThere(under, draft),), (WriteTicket(under, draft),))


class TicketThere(NamedTuple):
    """It is there."""

    under: Under
    draft: Ticket

    def holds(self, machine: Machine) -> bool:
        return FileIs(self.under.ticket, _content(machine, self.under, self.draft), 0o600).holds(machine)

    def text(self) -> str:
        return f"{self.under.ticket} is there"


class WriteTicket(NamedTuple):
    """Write it, for root alone."""

    under: Under
    draft: Ticket

    def do(self, machine: Machine, tell: Tell) -> None:
        machine.write(self.under.ticket, _content(machine, self.under, self.draft), 0o600)

    def text(self) -> str:
        return (
            f"write {self.under.ticket}, for root alone: who has it has the data and the secrets of {self.under.shown}"
        )


def _content(machine: Machine, under: Under, draft: Ticket) -> bytes:
    found = taken(machine, under)
    if not found:
        raise InfraKitError(f"there is no copy of {under.shown}", f"sudo infrakit move {under.name} --back")
    place = draft.place._replace(snapshot=found["snapshot"], bytes=found["bytes"])
    dumps = tuple((dump, found["dumps"][dump.container]) for dump in under.group.dumps)
    whole = draft._replace(place=place, dumps=dumps, volumes=found["volumes"], secrets=found["secrets"])
    return printed(whole, machine.read(under.key, MOST_BYTES) or b"")


def plan_confirm(under: Under, deployment: Deployment) -> Plan:
    """What is kept here goes. `deployment`: what is in force here; what it has of the same stays."""
    confirming = under._replace(way=CONFIRM)
    external = {volume.external for volume in deployment.volumes if volume.external}
    volumes = tuple(name for name in under.group.volumes if name not in under.group.theirs and name not in external)
    used = {spec.name for spec in deployment.secrets}
    secrets = [name for name in under.group.secrets if name not in used]
    paths = tuple(f"{secrets_folder(under.host)}/secrets/{name}" for name in secrets)
    texts = tuple(f"{secrets_folder(under.host)}/secrets/{name}" for name in under.group.written)
    return Plan(
        f"{under.shown} is on {under.to}: remove what is kept here",
        (
            Step("begun", "it is written down that it has begun", (Noted(confirming),), (NoteIt(confirming),)),
            *(Step(f"volume {name}", f"no {name}", (NoVolume(name),), (RemoveVolume(name),)) for name in volumes),
            *(Step(f"no {path}", f"no {path}", (Gone(path),), (RemoveSecret(path),)) for path in (*paths, *texts)),
            *_ended(under),
        ),
    )


def plan_back(under: Under, up: Plan) -> Plan:
    """`up`: what brings them up here again, with the data that never went."""
    back = under._replace(way=BACK)
    return Plan(
        f"take {under.shown} back from {under.to}",
        (
            Step("begun", "it is written down that it has begun", (Noted(back),), (NoteIt(back),)),
            *up.steps,
            *_ended(under),
        ),
    )


def _ended(under: Under) -> tuple[Step, ...]:
    """The copy goes, the ticket is worth nothing, and nothing is under way; the note last."""
    actions = (
        Forget(repository_of(under)),
        RemoveTicket(under.ticket, under.number),
        RemoveSecret(under.taken),
        RemoveSecret(under.key),
    )
    return (
        Step("copy", f"no copy in {under.place}", (Gone(under.key),), actions),
        Step("over", "it is over", (Gone(under.file),), (RemoveSecret(under.file),)),
    )


class RemoveSecret(NamedTuple):
    """No file at this path. No record keeps what was in it."""

    path: str

    def do(self, machine: Machine, tell: Tell) -> None:
        machine.remove(self.path)

    def text(self) -> str:
        return Remove(self.path).text()


class RemoveTicket(NamedTuple):
    """No ticket of this move at this path; what somebody else put there stays."""

    path: str
    number: str

    def do(self, machine: Machine, tell: Tell) -> None:
        with suppress(InfraKitError):
            if read(machine.read(self.path, MOST_TICKET_BYTES) or b"", self.path)[0].number == self.number:
                machine.remove(self.path)

    def text(self) -> str:
        return f"remove {self.path}"


class NoVolume(NamedTuple):
    """Docker has no such volume."""

    name: str

    def holds(self, machine: Machine) -> bool:
        return self.name not in machine.run(("docker", "volume", "ls", "--format", "{{.Name}}")).out.split()

    def text(self) -> str:
        return f"there is no volume {self.name}"


class RemoveVolume(NamedTuple):
    """And what is in it. Docker keeps one that a container has."""

    name: str

    def do(self, machine: Machine, tell: Tell) -> None:
        try:
            work(machine, ("docker", "volume", "rm", self.name), REMOVE_S)
        except MachineUnfit as error:
            raise MachineUnfit(error.message, "see: docker ps --all; who has it open is not of the move") from None

    def text(self) -> str:
        return f"remove the volume {self.name} and all in it"
