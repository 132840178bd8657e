"""infrakit up: bring this host's stack up, or up to date, and wait until it is healthy."""

from typing import Any

import click

from infrakit.cli import doors, from_bundle, here
from infrakit.cli.carry import carry_out
from infrakit.cli.planning import prepared
from infrakit.cli.preflight import ACCEPT
from infrakit.system.machine import Machine


@click.command(help="Bring this host's stack up, or up to date, and wait until all of it is healthy.")
@here.FILE
@click.option("--host", metavar="NAME", help="Which host of the file this machine is.")
@ACCEPT
@from_bundle.options
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--dry-run", is_flag=True, help="Change nothing; print the plan. Exit code 6 where something would change."
)
@click.option("--json", "as_json", is_flag=True, help="Print the plan, or what happens, as JSON.")
def command(
    file: str | None, host: str | None, accept: tuple[str, ...], yes: bool, dry_run: bool, as_json: bool, **flags: Any
) -> int:
    found = prepared(file, host, accept, flags, asks=dry_run or not (yes or as_json), looks=dry_run, quiet=as_json)
    machine = Machine()

    def tell_doors(taken: int) -> None:
        doors.tell(found.deployment, machine, as_json=as_json, whole=False, ask_names=not found.offline)

    return carry_out(found.plan, yes=yes, dry_run=dry_run, as_json=as_json, machine=machine, after=tell_doors)
