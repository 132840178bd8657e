"""infrakit up: bring this host's stack up, or up to date, and wait until it is healthy."""

from typing import Any

import click

from infrakit.cli import doors, from_bundle, here
from infrakit.cli.carry import carry_out
from infrakit.cli.preflight import ACCEPT, accepted, look, refuse
from infrakit.cli.source import compiled
from infrakit.cli.talk import say_problems
from infrakit.emit import emit
from infrakit.stack.bundle import remembered
from infrakit.stack.up import plan_up
from infrakit.system.digest import hex_digest
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
    bundle = from_bundle.found(**flags, quiet=as_json)
    source = here.find(file)
    found = compiled(source)
    deployment = here.deployment_of(found, host)
    say_problems(found.warnings)
    seen = here.data(found, deployment)
    findings = here.findings(source, found, deployment, seen)
    findings += here.edited(source, asks=dry_run or not (yes or as_json))
    if bundle:
        findings += look(Machine(), deployment, bundle=bundle)[1]
    refuse([finding for finding in accepted(findings, accept) if not (dry_run and finding.code == "not-root")])
    put = here.file_to_install(source)
    plan = plan_up(deployment, emit(deployment), hex_digest, bundle.source if bundle else None, seen.former, file=put)
    plan = remembered(plan, bundle.source, bundle.pinned) if bundle else plan
    machine = Machine()

    def tell_doors(taken: int) -> None:
        doors.tell(deployment, machine, as_json=as_json, whole=False, ask_names=bundle is None)

    return carry_out(plan, yes=yes, dry_run=dry_run, as_json=as_json, machine=machine, after=tell_doors)
