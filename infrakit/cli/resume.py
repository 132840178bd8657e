"""infrakit resume: go on with what was broken off without a word: its process was killed, or the power went."""

import json
from contextlib import suppress

import click

from infrakit.cli import rotate, update
from infrakit.cli.carry import need_root
from infrakit.cli.talk import result, say
from infrakit.errors import EXIT_OK, InfraKitError
from infrakit.stack.layout import BEGUN
from infrakit.system.machine import Machine

MOST_BYTES = 1 << 16
FINISH = (["up"], ["rollback"], ["drift"], ["down"])


@click.command(
    help="""Go on with what was broken off without a word, as by a power cut: a change of the stack, an update, a
rotation of secrets. What failed, or was told to stop, it leaves alone. A unit of systemd calls it at boot."""
)
def command() -> int:
    need_root()
    found = [rotate.go_on(), update.go_on()]
    words = _begun(Machine())
    if words:
        from infrakit.cli.program import run

        say(f"going on with: infrakit {' '.join(words)}")
        return run(words)
    if not any(found):
        result("nothing was broken off")
    return EXIT_OK


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
