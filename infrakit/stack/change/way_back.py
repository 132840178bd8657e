"""The way back of what did not go well, as an update and a rotation of secrets take it."""

from collections.abc import Callable
from contextlib import suppress

from infrakit.errors import InfraKitError, MachineUnfit
from infrakit.host.docker import ANSWERS
from infrakit.machine import Machine
from infrakit.plan import Interrupted, Plan, StepFailed

ENGINE_S = 60
"""How long systemd may take to start an engine anew that died."""


def take_back(
    what: str,
    verb: str,
    machine: Machine,
    note: Callable[[], None],
    plan: Callable[[], Plan],
    run: Callable[[Plan], int],
) -> None:
    """`note` down that it goes back, and carry the plan out. StepFailed where that does not go well either: then `verb`
    tries again with --back."""
    with suppress(MachineUnfit):  # on a full disk: a later run would try once more to go on, and come back here
        note()
    end = machine.monotonic() + ENGINE_S
    while not ANSWERS.holds(machine) and machine.monotonic() < end:
        machine.sleep(1)
    try:
        run(plan())
    except Interrupted:
        raise
    except InfraKitError as error:
        said = f"{what}, nor did the way back: {error.message}"
        raise StepFailed(said, f"mend it, then: sudo infrakit {verb} --back") from None
