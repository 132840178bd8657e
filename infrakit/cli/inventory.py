"""infrakit inventory: what this machine has already, so that its next bundle can leave it out. Changes nothing, asks no
network."""

import click

from infrakit.bundle.inventory import Inventory, render, trimmed
from infrakit.cli.talk import result_text, say
from infrakit.errors import EXIT_OK, InfraKitError
from infrakit.host.facts import facts_of
from infrakit.host.recording import record
from infrakit.stack.layout import PROGRAM
from infrakit.system.digest import hex_digest
from infrakit.system.machine import Machine

STATUS = "/var/lib/dpkg/status"
MOST_BYTES = 1 << 26


@click.command(
    help=(
        "Print what this machine has: its packages, and the layers of its images. Carry it to where bundles are "
        "made: bundle create --inventory FILE."
    )
)
def command() -> int:
    machine = Machine()
    facts = facts_of(record(machine))
    chains: set[tuple[str, ...]] = set()
    if facts.docker_running:
        try:
            chains = machine.engine.chains()
        except InfraKitError as error:
            say(f"note: without images: {error.message}")
    status = (machine.read(STATUS, MOST_BYTES) or b"").decode("utf-8", "replace")
    program = machine.read(PROGRAM, MOST_BYTES)
    digest = hex_digest(program) if program else ""
    result_text(
        render(
            Inventory(
                facts.hostname,
                f"{facts.distribution}-{facts.codename}",
                facts.architecture,
                tuple(chains),
                trimmed(status),
                digest,
            )
        )
    )
    return EXIT_OK
