"""What moves, or is backed up, by itself -> the steps that have systemd see to it; or those that take that away."""

from typing import NamedTuple

from infrakit.emit import timer
from infrakit.errors import MachineUnfit
from infrakit.machine import Machine
from infrakit.model import Deployment
from infrakit.plan import FileIs, Gone, Probe, Run, Step
from infrakit.plan.model import Event, Tell
from infrakit.plan.probes import UnitRuns
from infrakit.stack.layout import PROGRAM, UNITS

RELOAD = ("systemctl", "daemon-reload")
WHAT = {
    timer.UPDATES: ("timer", "updates"),
    timer.BACKUPS: ("backups", "backups"),
    timer.DRILLS: ("drills", "drills of backups"),
    timer.MONITOR: ("monitor", "looks at this machine"),
}
"""Name of the units -> that of the step, and what happens by itself."""


def timer_steps(deployment: Deployment) -> tuple[Step, ...]:
    """As the file says. Nothing of it is in the record of changes: down takes it away, and uninstall with that."""
    titles = {}
    if deployment.updates is not None:
        titles[timer.UPDATES] = f"({deployment.updates.automatic}): {deployment.updates.window}"
    if deployment.backup is not None:
        titles[timer.BACKUPS] = f"to {deployment.backup.to}: {deployment.backup.daily}"
        if deployment.backup.drill in timer.DRILL_DAYS:
            titles[timer.DRILLS] = deployment.backup.drill
    if deployment.monitor is not None:
        titles[timer.MONITOR] = f"each {deployment.monitor.every_s // 60} min"
    files = [(item.path.rpartition("/")[2], item.content) for item in timer.emit(deployment)]
    return tuple(
        _timer_step(
            name, titles[name], tuple((f"{UNITS}/{file}", text) for file, text in files if file.startswith(name))
        )
        if name in titles
        else _no_timer(name)
        for name in WHAT
    )


def no_timers() -> tuple[Step, ...]:
    """Nothing happens by itself."""
    return tuple(map(_no_timer, WHAT))


def _timer_step(name: str, how: str, files: tuple[tuple[str, bytes], ...]) -> Step:
    step, what = WHAT[name]
    probes: tuple[Probe, ...] = (*(FileIs(*file) for file in files), UnitRuns(f"{name}.timer"))
    return Step(step, f"{what} by themselves {how}", probes, (SetTimer(f"{name}.timer", files),))


def _no_timer(name: str) -> Step:
    step, what = WHAT[name]
    action = NoTimer(name)
    return Step(step, f"no {what} by themselves", tuple(map(Gone, action.paths)), (action,))


class SetTimer(NamedTuple):
    """Units of systemd, and its timer runs, now and from each boot on."""

    timer: str
    files: tuple[tuple[str, bytes], ...]

    def do(self, machine: Machine, tell: Tell) -> None:
        for path, content in self.files:
            machine.write(path, content)
        for words in (RELOAD, ("systemctl", "enable", self.timer), ("systemctl", "restart", self.timer)):
            Run(words, 120, f"see: systemctl status {self.timer}").do(machine, tell)
        if not machine.exists(PROGRAM):
            tell(Event("note", "", f"it runs {PROGRAM}, which is not there: sudo python3 infrakit.pyz install"))

    def text(self) -> str:
        return f"write {' and '.join(path for path, _ in self.files)}, and start {self.timer}, now and at boot"


class NoTimer(NamedTuple):
    """The units of this name go; what the service is about goes on to its end, but for a look at the machine: it writes
    down what it saw."""

    name: str

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(f"{UNITS}/{self.name}.{kind}" for kind in ("timer", "service"))

    def do(self, machine: Machine, tell: Tell) -> None:
        machine.run(("systemctl", "disable", "--now", f"{self.name}.timer"))  # there may be the other file alone
        if self.name == timer.MONITOR:
            machine.run(("systemctl", "stop", f"{self.name}.service"))
        for path in self.paths:
            machine.remove(path)
        done = machine.run(RELOAD)
        if done.code:
            raise MachineUnfit(done.err.strip() or f"exit code {done.code}", "run again")

    def text(self) -> str:
        return f"stop {self.name}.timer, and remove {' and '.join(self.paths)}"
