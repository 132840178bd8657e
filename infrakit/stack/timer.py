"""What moves by itself -> the step that has systemd see to it; or the one that takes that away."""

from typing import NamedTuple

from infrakit.emit import timer
from infrakit.errors import MachineUnfit
from infrakit.machine import Machine
from infrakit.model import Deployment
from infrakit.plan import FileIs, Gone, Probe, Run, Step
from infrakit.plan.model import Event, Tell
from infrakit.plan.probes import UnitRuns
from infrakit.stack.layout import PROGRAM, UNITS

PATHS = tuple(f"{UNITS}/{name}" for name in (timer.TIMER, timer.SERVICE))
RELOAD = ("systemctl", "daemon-reload")


def timer_step(deployment: Deployment) -> Step:
    """As the file says. Nothing of it is in the record of changes: down takes it away, and uninstall with that."""
    if deployment.updates is None:
        return no_timer()
    files = tuple((f"{UNITS}/{item.path.rpartition('/')[2]}", item.content) for item in timer.emit(deployment))
    probes: tuple[Probe, ...] = (*(FileIs(*file) for file in files), UnitRuns(timer.TIMER))
    title = f"updates by themselves ({deployment.updates.automatic}): {deployment.updates.window}"
    return Step("timer", title, probes, (SetTimer(files),))


def no_timer() -> Step:
    """Nothing moves by itself."""
    return Step("timer", "no updates by themselves", tuple(map(Gone, PATHS)), (NoTimer(),))


class SetTimer(NamedTuple):
    """Units of systemd, and its timer runs, now and from each boot on."""

    files: tuple[tuple[str, bytes], ...]

    def do(self, machine: Machine, tell: Tell) -> None:
        for path, content in self.files:
            machine.write(path, content)
        for words in (RELOAD, ("systemctl", "enable", timer.TIMER), ("systemctl", "restart", timer.TIMER)):
            Run(words, 120, f"see: systemctl status {timer.TIMER}").do(machine, tell)
        if not machine.exists(PROGRAM):
            tell(Event("note", "", f"it runs {PROGRAM}, which is not there: sudo python3 infrakit.pyz install"))

    def text(self) -> str:
        return f"write {' and '.join(path for path, _ in self.files)}, and start {timer.TIMER}, now and at boot"


class NoTimer(NamedTuple):
    """The units go; an update that the service is about goes on to its end."""

    def do(self, machine: Machine, tell: Tell) -> None:
        machine.run(("systemctl", "disable", "--now", timer.TIMER))  # there may be the other file alone
        for path in PATHS:
            machine.remove(path)
        done = machine.run(RELOAD)
        if done.code:
            raise MachineUnfit(done.err.strip() or f"exit code {done.code}", "run again")

    def text(self) -> str:
        return f"stop {timer.TIMER}, and remove {' and '.join(PATHS)}"
