"""infrakit resume: go on with what was broken off without a word: its process was killed, or the power went."""

import json
from contextlib import suppress

import click

from infrakit.cli import rotate, update
from infrakit.cli.carry import need_root
from infrakit.cli.talk import result, say
from infrakit.emit.timer import DRILLING, STOPPED
from infrakit.errors import EXIT_OK, InfraKitError
from infrakit.stack.layout import BEGUN, HALTED, LOCK
from infrakit.system.lock import held
from infrakit.system.machine import Machine

MOST_BYTES = 1 << 16
FINISH = (["up"], ["rollback"], ["drift"], ["down"], ["restore"], ["move"])


@click.command(
    help="""Go on with what was broken off without a word, as by a power cut: a change of the stack, an update, a
rotation of secrets. What failed, or was told to stop, it leaves alone. A unit of systemd calls it at boot."""
)
def command() -> int:
    need_root()
    machine = Machine()
    found = [_halted(machine), _start(machine), rotate.go_on(), update.go_on(), _away(machine)]
    words = _begun(machine)
    if words:
        from infrakit.cli.program import run

        say(f"going on with: infrakit {' '.join(words)}")
        return run(words)
    if not any(found):
        result("nothing was broken off")
    return EXIT_OK


def _halted(machine: Machine) -> bool:
    """Who was stopped since the machine was to go off; whether anybody was."""
    if not machine.exists(HALTED):
        return False
    from infrakit.stack.change.applied import in_force
    from infrakit.stack.halt import StartHalted

    applied = in_force(machine)
    with held(LOCK):
        say("the machine was off; starting what ran before, each after those that it relies on")
        StartHalted(applied.deployment.name if applied else "").do(machine, lambda event: None)
    return True


def _start(machine: Machine) -> bool:
    """Who was stopped for a backup that was broken off; whether anybody was."""
    if not machine.exists(STOPPED):
        return False
    from infrakit.stack.backup.take import StartStopped, stopped

    with held(LOCK):
        say(f"a backup was broken off; starting {', '.join(stopped(machine))}")
        StartStopped().do(machine, lambda event: None)
    return True


def _away(machine: Machine) -> bool:
    """What a drill left that was broken off; whether anything was."""
    if not machine.exists(DRILLING):
        return False
    from infrakit.stack.backup.remains import TakeAway

    with held(LOCK):
        say("a drill of a backup was broken off; removing it")
        TakeAway().do(machine, lambda event: None)
    return True


def _begun(machine: Machine) -> list[str]:
    """Words of the verb that was."""
    content = machine.read(BEGUN, MOST_BYTES)
    if content is None:
        return []
    found = None
    with suppress(ValueError):
        found = json.loads(content)
    if not isinstance(found, list) or not all(isinstance(word, str) for word in found) or found[:1] not in FINISH:
        raise InfraKitError(f"{BEGUN} was written by another InfraKit, or damaged", "sudo infrakit up")
    return found
