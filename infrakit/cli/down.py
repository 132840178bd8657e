"""infrakit down: stop the stack of this host, and keep its data."""

import os

import click

from infrakit.cli import here
from infrakit.cli.carry import carry_out
from infrakit.cli.source import compiled
from infrakit.stack.belongings import Belongings, all_here
from infrakit.stack.down import plan_down
from infrakit.system.machine import Machine


@click.command(help="Remove the containers and networks of this host's stack. Data and secrets stay.")
@here.RUNNING
@here.YES
@here.DRY_RUN
@here.CHANGE_JSON
def command(file: str | None, yes: bool, dry_run: bool, as_json: bool) -> int:
    project = compiled(here.running(file)).fleet.name
    ours = all_here(Machine()).get(project, Belongings(project))
    again = ("down", *(("-f", os.path.abspath(file)) if file else ()), "--yes")
    return carry_out(plan_down(ours), yes=yes, dry_run=dry_run, as_json=as_json, again=again)
