"""infrakit up: bring this host's stack up, or up to date, and wait until it is healthy."""

import click

from infrakit.cli import from_bundle, here
from infrakit.cli.carry import carry_out
from infrakit.cli.preflight import look, refuse
from infrakit.cli.source import compiled
from infrakit.cli.talk import say_problems
from infrakit.emit import emit
from infrakit.stack.bundle import remembered
from infrakit.stack.up import plan_up
from infrakit.system.digest import hex_digest
from infrakit.system.machine import Machine


@click.command(help="Bring this host's stack up, or up to date, and wait until all of it is healthy.")
@click.option("-f", "--file", metavar="FILE", help="The file; infrakit.yaml in this folder, else the installed one.")
@click.option("--host", metavar="NAME", help="Which host of the file this machine is.")
@from_bundle.options
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--dry-run", is_flag=True, help="Change nothing; print the plan. Exit code 6 where something would change."
)
@click.option("--json", "as_json", is_flag=True, help="Print the plan, or what happens, as JSON.")
def command(file, host, yes, dry_run, as_json, **flags):
    bundle = from_bundle.found(**flags, quiet=as_json)
    source = here.find(file)
    found = compiled(source)
    deployment = here.deployment_of(found, host)
    say_problems(found.warnings)
    seen = here.data(found, deployment)
    findings = here.findings(source, found, deployment, seen)
    if bundle:
        findings += look(Machine(), deployment, bundle=bundle)[1]
    refuse([finding for finding in findings if not (dry_run and finding.code == "not-root")])
    plan = plan_up(deployment, emit(deployment), hex_digest, bundle.source if bundle else None, seen.former)
    plan = remembered(plan, bundle.source, bundle.pinned) if bundle else plan
    return carry_out(plan, yes=yes, dry_run=dry_run, as_json=as_json)
