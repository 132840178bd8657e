"""Plan -> what would be done; or done, step by step, with how to take each change back kept before it is made."""

from collections.abc import Callable
from typing import NamedTuple

from infrakit.errors import EXIT_DOCKER, EXIT_STEP, InfraKitError, Stopped
from infrakit.machine import Machine
from infrakit.plan.model import Action, Event, Looking, Plan, Step, Tell, inverse_of
from infrakit.plan.probes import holds

Keep = Callable[[str, Action], None]
GO_ON = "run again to go on"


class StepFailed(InfraKitError):
    """A step could not be taken, or did not help. Everything before it stays; running again goes on from there."""

    exit_code = EXIT_STEP


class Interrupted(InfraKitError):
    """The user said stop, and we did: between two changes, or in a wait that may be broken off."""

    exit_code = EXIT_STEP


class Preview(NamedTuple):
    """One step: whether it would act, or only wait, which probe says that it has to, and what it would do in words."""

    step: Step
    acts: bool
    because: str
    actions: tuple[str, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether it would change something."""
        return self.acts and not self.step.waits


def preview(plan: Plan, machine: Machine) -> list[Preview]:
    """Ask every probe, change nothing. A later step is asked about the machine as it is now, not as it will be."""
    found = []
    for step in plan.steps:
        missing = [probe.text() for probe in step.done_when if not holds(probe, machine)]
        acts = bool(missing) or not step.done_when
        actions = tuple(line for action in step.actions for line in words(action, machine)) if acts else ()
        found.append(Preview(step, acts, missing[0] if missing else "", actions))
    return found


def words(action: Action, machine: Machine) -> tuple[str, ...]:
    """What an action would do on this machine: its own answer where it looks before it acts, else its text."""
    if not isinstance(action, Looking):
        return (action.text(),)
    try:
        with machine.breakable():
            return action.foretold(machine)
    except InfraKitError:
        return (action.text(),)


def run(plan: Plan, machine: Machine, tell: Tell, keep: Keep, *, stopping: Callable[[], bool] = lambda: False) -> int:
    """Take every step that is not done yet; how many changed something. Raises StepFailed or Interrupted.

    `keep(step, action)` is called with the inverse of each change before the change. `stopping` is asked between
    changes; a wait, or a question, ends by itself when somebody says stop (machine.breakable).
    """
    taken = 0
    for step in plan.steps:
        if stopping():
            raise Interrupted(f"stopped before: {step.title}", GO_ON)
        started = machine.monotonic()
        try:
            if step.done_when and all(holds(probe, machine) for probe in step.done_when):
                tell(Event("kept", step.name, step.title, machine.monotonic() - started))
                continue
            tell(Event("begin", step.name, step.title))
            taken += not step.waits
            _act(step, machine, tell, keep, stopping)
        except Stopped:
            error = Interrupted(f"stopped in: {step.title}", GO_ON)
            tell(Event("failed", step.name, error.message, machine.monotonic() - started))
            raise error from None
        except InfraKitError as error:
            tell(Event("failed", step.name, error.message, machine.monotonic() - started))
            raise
        tell(Event("kept" if step.waits else "done", step.name, step.title, machine.monotonic() - started))
    return taken


def _act(step: Step, machine: Machine, tell: Tell, keep: Keep, stopping: Callable[[], bool]) -> None:
    for action in step.undo:
        keep(step.name, action)
    for action in step.actions:
        if stopping():
            raise Interrupted(f"stopped in: {step.title}", GO_ON)
        for inverse in inverse_of(action, machine):
            keep(step.name, inverse)
        try:
            action.do(machine, lambda event: tell(event._replace(step=step.name)))
        except StepFailed:
            raise
        except InfraKitError as error:
            failed = StepFailed(f"{step.title}: {error.message}", error.hint or "mend it, then run again")
            if error.exit_code == EXIT_DOCKER:
                failed.exit_code = EXIT_DOCKER
            raise failed from None
    missing = [probe.text() for probe in step.done_when if not holds(probe, machine)]
    if missing:
        raise StepFailed(f"{step.title}: it did not help: not so: {missing[0]}", "run again; if it stays so, tell us")
