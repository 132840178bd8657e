"""infrakit secrets export and import: what makes a machine one of the fleet, carried from the core."""

import os

import click

from infrakit.cli import here, source
from infrakit.cli.carry import carry_out, need_root
from infrakit.cli.talk import result, result_json
from infrakit.errors import UsageProblem
from infrakit.plan import Plan
from infrakit.stack.layout import HOSTS
from infrakit.stack.moves import in_force
from infrakit.stack.secrets import Given, given_steps
from infrakit.system import exported
from infrakit.system.files import only_ours, plain_errors, read_input
from infrakit.system.files import replace as replace_file
from infrakit.system.machine import Machine


@click.command(
    name="export",
    help="Write what another host of the file needs to be one of the fleet: its certificate by this machine's "
    "authority, and secrets that are the same on all hosts. Run it on the core, or where all hosts are compiled.",
)
@click.option("--for", "host", metavar="HOST", required=True, help="The host that it is for.")
@click.option("--to", "target", metavar="FILE", help="Where to write it; HOST.secrets in this folder.")
@here.FILE
@here.OUTPUT
@click.option("--json", "as_json", is_flag=True, help="Print what was written, without values, as JSON.")
def export_secrets(host: str, target: str | None, file: str | None, output: str | None, as_json: bool) -> None:
    found = here.find(file)
    fleet = source.compiled(found)
    deployment = here.named(fleet, host)
    place = here.secrets_place(found, output)
    if place == HOSTS:
        need_root()
        ours = here.named(fleet, None)
        if ours.host == host:
            raise UsageProblem(f"this machine is {host}: its secrets are here", "--for names another host of the file")
        if ours.core not in ("", ours.host):
            raise UsageProblem(f"the fleet's authority is {ours.core}'s, not {ours.host}'s", f"run it on {ours.core}")
    made = exported.export(fleet.fleet.name, place, host, deployment.secrets, sorted(fleet.fleet.deployments.names()))
    if not made.secrets:
        raise UsageProblem(f"{host} shares nothing with the fleet", f"install it by itself: --host {host}")
    path = target or f"{host}.secrets"
    with plain_errors("write the secrets"):
        replace_file(path, exported.printed(made), 0o600)
    if as_json:
        said = {"host": host, "file": path, "secrets": sorted(made.secrets), "fingerprint": made.fingerprint}
        result_json({"version": 1, **said})
        return
    result(f"{path}: {', '.join(sorted(made.secrets))}")
    if made.fingerprint:
        result(f"the fleet's authority: SHA-256 {made.fingerprint}")
    name = os.path.basename(path)
    result(
        f"who has this file can pass for {host}: carry it there, beside infrakit.pyz and {found.name}; then, on {host}:"
    )
    result(f"  sudo python3 infrakit.pyz secrets import {name} && shred -u {name}")


@click.command(
    name="import",
    help="Put what `secrets export` wrote for this machine in its place. The plan shows the authority's fingerprint: "
    "it is what the export said.",
)
@click.argument("exported_file", metavar="EXPORTED")
@here.FILE
@here.YES
@here.DRY_RUN
@here.CHANGE_JSON
def import_secrets(exported_file: str, file: str | None, yes: bool, dry_run: bool, as_json: bool) -> int:
    need_root()
    only_ours(exported_file)
    found = exported.read(read_input(exported_file, exported.MOST_BYTES), exported_file)
    fleet = source.compiled(here.find(file))
    deployment = here.named(fleet, found.host)
    machine = Machine()
    _, running = in_force(machine)
    if running not in ("", found.host):
        raise UsageProblem(f"{exported_file} is for {found.host}, and this machine is {running}", "carry it there")
    if found.fleet != fleet.fleet.name:
        raise UsageProblem(f"{exported_file} is of {found.fleet}, and the file is of {fleet.fleet.name}")
    wanted = {spec.name for spec in deployment.secrets if spec.kind != "user"}
    given = [Given(name, value) for name, value in sorted(found.secrets.items()) if name in wanted]
    if not given:
        raise UsageProblem(f"{found.host} needs nothing of {exported_file} any more")
    steps = [
        step._replace(title=f"{step.title}: SHA-256 {found.fingerprint}") if step.name == "secret fleet_ca" else step
        for step in given_steps(found.host, given)
    ]
    plan = Plan(f"import the secrets of {found.host}", tuple(steps))

    def next_step(taken: int) -> None:
        if taken and not as_json:
            result("sudo infrakit up applies them" if running else f"sudo infrakit install --host {found.host}")

    return carry_out(plan, yes=yes, dry_run=dry_run, as_json=as_json, machine=machine, after=next_step)
