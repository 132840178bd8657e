"""Plans that look at what backups are worth, and write down what is known of the last set and its repository."""

from typing import NamedTuple

from infrakit.machine import Machine
from infrakit.plan import Plan, Step
from infrakit.plan.model import Event, Tell
from infrakit.stack.backup.last import keep, last, now
from infrakit.stack.backup.repository import Repository
from infrakit.stack.backup.take import SET
from infrakit.stack.backup.verify import SETS, Look, damages, reads, version_of


class Verify(NamedTuple):
    """Read it, and write down what is damaged."""

    repository: Repository
    reads: tuple[str, ...]

    def do(self, machine: Machine, tell: Tell) -> None:
        before = last(machine)
        look = Look(self.repository, version_of(machine), self.reads, SET, before.damaged)
        found = tuple(damages(machine, look, tell))
        keep(machine, before._replace(verified=now(), damaged=found))
        if found:
            tell(Event("note", "", f"{len(found)} damaged"))

    def text(self) -> str:
        return f"restic check {' '.join(self.reads)}; see that each backup has its parts, and the dumps their end"


def plan_verify(repository: Repository, day: int, *, everything: bool) -> Plan:
    """Nothing is changed there, but for locks that nobody holds. `day`: a number that grows by one each day."""
    which = "all" if everything else f"its lists and a part of {SETS} of the data"
    title = f"read {which} of {repository.to}"
    return Plan(title, (Step("verify", title, (), (Verify(repository, reads(day, everything=everything)),)),))


def write_down(machine: Machine, number: str, missing: tuple[str, ...]) -> None:
    """That a set was made, without these parts."""
    before = last(machine)
    keep(machine, before._replace(set=number, missing=missing, whole=before.whole if missing else number))
