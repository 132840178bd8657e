"""A whole host -> the plan after which nothing of it runs, all of it is in a backup that nobody wrote after, and a key
is written for the machine that brings it back; and the plan that starts it here again.

Nothing is removed, and nothing is new on the other machine: that restores, as one whose disk burnt does.
"""

import json
from typing import NamedTuple

from infrakit.machine import Machine
from infrakit.model import Deployment
from infrakit.plan import FileIs, Gone, Plan, Step
from infrakit.plan.model import Tell
from infrakit.stack.backup.confirmed import key_of
from infrakit.stack.backup.exchange import StartAll
from infrakit.stack.backup.take import plans
from infrakit.stack.down import WaitUntilWell
from infrakit.stack.halt import Halt, StartHalted, halted, waves
from infrakit.stack.inside import container_name
from infrakit.stack.layout import HALTED
from infrakit.stack.move.away import RemoveSecret
from infrakit.stack.move.under import MOVES, WHOLE, whole

RAN = f"{MOVES}/all.ran"
"""Who ran before."""


def plan_whole(deployment: Deployment, number: str, ticket: str) -> Plan:
    """`number`: of the set; `ticket`: where the key goes."""
    assert deployment.backup is not None, "the file says where backups go"
    first, parts, end = plans(deployment, number)
    servers = tuple(sorted({dump.container for part in deployment.backup.parts for dump in part.dumps}))
    out, gone = (Note(way, number, ticket) for way in ("out", "gone"))
    all_still = Halt(deployment.name, waves(deployment), RAN)
    writers = all_still._replace(spared=servers)
    return Plan(
        f"move {deployment.name} on {deployment.host} to another machine",
        (
            Step("begun", "it is written down that it has begun", (NotedAs(out),), (out,)),
            *first.steps,
            Step("still", "who writes files stands still", (Still(writers), Gone(HALTED)), (writers,)),
            *_serving(deployment.name, servers),
            *(step for plan in parts for step in plan.steps),
            end.steps[0],
            Step("all still", "nothing of it runs", (Still(all_still),), (all_still,)),
            Step("ticket", f"{ticket}: the key of the backups", (KeyIs(deployment.host, ticket),), (
                WriteKey(deployment.host, ticket),)),
            Step("gone", "it starts here no more until you take it back", (NotedAs(gone),), (gone,)),
        ),
    )  # fmt: skip


def _serving(project: str, servers: tuple[str, ...]) -> tuple[Step, ...]:
    """Databases are asked for what they have; a run before, which was cut, may have stopped them."""
    called = tuple(container_name(project, name) for name in servers)
    actions = (StartAll(called), WaitUntilWell(project, servers))
    return (Step("databases", "databases run", (Serving(project, servers),), actions),) if servers else ()


def plan_whole_back(deployment: Deployment, ticket: str) -> Plan:
    """All of it runs here as it did; nothing was removed."""
    gone = (RemoveKey(deployment.host, ticket), RemoveSecret(RAN), RemoveSecret(WHOLE))
    return Plan(
        f"start {deployment.name} on {deployment.host} again",
        (
            Step("run", "all that ran before", (Gone(RAN), Gone(HALTED)), (StartAgain(deployment.name),)),
            Step("over", "it is over", (Gone(WHOLE),), gone),
        ),
    )


class Note(NamedTuple):
    """Write down how far it is. way: "out" or "gone"."""

    way: str
    number: str
    ticket: str

    def do(self, machine: Machine, tell: Tell) -> None:
        machine.make_folder(MOVES, 0o700)
        machine.write(WHOLE, json.dumps(self._asdict()).encode(), 0o600)

    def text(self) -> str:
        return "write down that it has begun" if self.way == "out" else "write down that it is gone"


class NotedAs(NamedTuple):
    """It is written down."""

    note: Note

    def holds(self, machine: Machine) -> bool:
        return whole(machine) == self.note._asdict()

    def text(self) -> str:
        return "it is written down"


class Serving(NamedTuple):
    """These run, and are well."""

    project: str
    names: tuple[str, ...]

    def holds(self, machine: Machine) -> bool:
        found = {item.service: item for item in machine.engine.containers(self.project, self.names)}
        return all(
            name in found and found[name].state == "running" and found[name].health in ("healthy", "")
            for name in self.names
        )

    def text(self) -> str:
        return f"{', '.join(self.names)} run, and are well"


class Still(NamedTuple):
    """None of these runs."""

    halt: Halt

    def holds(self, machine: Machine) -> bool:
        return not self.halt.left(machine)

    def text(self) -> str:
        return "they stand still"


class StartAgain(NamedTuple):
    """Start who ran before; a boot in the midst of this goes on with it, as after a halt. Who was not well before, and
    is not now, is told of once, and keeps nothing from being over."""

    project: str

    def do(self, machine: Machine, tell: Tell) -> None:
        if machine.exists(RAN):
            machine.write(HALTED, json.dumps(halted(machine, RAN)).encode(), 0o600)
            machine.write(WHOLE, json.dumps({**whole(machine), "way": "out"}).encode(), 0o600)
            machine.remove(RAN)
        StartHalted(self.project).do(machine, tell)

    def text(self) -> str:
        return "start who ran before, each after those that it relies on"


class KeyIs(NamedTuple):
    """The key is there, for root alone."""

    host: str
    path: str

    def holds(self, machine: Machine) -> bool:
        return FileIs(self.path, key_of(machine, self.host) + b"\n", 0o600).holds(machine)

    def text(self) -> str:
        return f"{self.path} has the key of the backups"


class WriteKey(NamedTuple):
    """Write it."""

    host: str
    path: str

    def do(self, machine: Machine, tell: Tell) -> None:
        machine.write(self.path, key_of(machine, self.host) + b"\n", 0o600)

    def text(self) -> str:
        return f"write {self.path}, for root alone: who has it opens all backups of {self.host}"


class RemoveKey(NamedTuple):
    """No key at this path; what somebody else put there stays."""

    host: str
    path: str

    def do(self, machine: Machine, tell: Tell) -> None:
        if KeyIs(self.host, self.path).holds(machine):
            machine.remove(self.path)

    def text(self) -> str:
        return f"remove {self.path}"
