"""What is seen to before a set is begun: locks that nobody holds any more go, and the clock is not behind."""

from typing import NamedTuple

from infrakit.errors import MachineUnfit
from infrakit.machine import Machine
from infrakit.plan.model import Tell
from infrakit.stack.backup.repository import HOST, Repository, by_hand, restic


class Unlock(NamedTuple):
    """Locks of runs that were killed go; restic leaves those of a process that is there, or that are young and another
    machine's (restic lock.go)."""

    repository: Repository

    def do(self, machine: Machine, tell: Tell) -> None:
        restic(machine, self.repository, "unlock")

    def text(self) -> str:
        return "remove locks that runs left behind that are gone"


class InTime(NamedTuple):
    """No set is from a time to come: with a clock that is wrong, the wrong ones would be forgotten, and the newest not
    be known. `number`: of the set that is begun."""

    repository: Repository
    number: str

    def do(self, machine: Machine, tell: Tell) -> None:
        every = restic(machine, self.repository, "snapshots", "--host", self.repository.host, "--tag", HOST, tell=tell)
        times = {tag[4:]: item["id"] for item in every for tag in item["tags"] or () if tag.startswith("set=")}
        newest = max(times, default="")
        if newest < self.number:
            return
        what = f"the clock says {self.number}, and there is a backup of {newest} already"
        mend = by_hand(self.repository, "forget")
        hint = "set the clock: sudo timedatectl set-ntp true"
        raise MachineUnfit(what, f"{hint}; where it was wrong then: sudo {mend} {str(times[newest])[:8]}")

    def text(self) -> str:
        return "see that the clock is not behind the newest backup"
