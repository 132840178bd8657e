"""infrakit backup restic: restic itself, which is told where the backups of this machine are and what opens them."""

import os

import click

from infrakit.cli.backup import meant
from infrakit.cli.carry import need_root
from infrakit.errors import MachineUnfit
from infrakit.stack.backup.repository import call, repository_of
from infrakit.system.machine import Machine


@click.command(
    name="restic",
    context_settings={"ignore_unknown_options": True},
    help="""Call restic with WORDS, told where the backups of this machine are, and what opens them: `snapshots`,
`mount`, `repair index`.""",
)
@click.argument("words", metavar="WORDS...", nargs=-1, required=True, type=click.UNPROCESSED)
def command(words: tuple[str, ...]) -> None:
    need_root()
    machine = Machine()
    deployment, backup = meant(machine)
    whole, environment = call(machine, repository_of(backup, deployment.host), *words)
    try:
        os.execvpe(whole[0], whole, {**os.environ, **environment})
    except FileNotFoundError:
        raise MachineUnfit("restic is not on this machine", "sudo infrakit up installs it") from None
