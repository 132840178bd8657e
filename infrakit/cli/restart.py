"""infrakit restart: the containers of one service, or of all, once."""

import click

from infrakit.cli import here
from infrakit.cli.carry import carry_out, need_root
from infrakit.cli.source import compiled
from infrakit.config.nearest import nearest
from infrakit.errors import UsageProblem
from infrakit.model import network_of
from infrakit.stack.down import in_waves, plan_restart
from infrakit.stack.move.under import none_moving
from infrakit.system.machine import Machine


@click.command(
    help="Restart the containers of SERVICE, or of all services, as they are: each after those that it needs."
)
@click.argument("service", required=False)
@here.RUNNING
@click.option("--host", metavar="NAME", help="Which host of the file this machine is.")
@here.YES
@here.DRY_RUN
@here.CHANGE_JSON
def command(service: str | None, file: str | None, host: str | None, yes: bool, dry_run: bool, as_json: bool) -> int:
    deployment = here.deployment_of(compiled(here.running(file)), host)
    names = {
        item.name: [container.name for container in item.containers if not container.one_shot]
        for item in deployment.services
    }
    if service and service not in names:
        close = nearest(service, names)
        raise UsageProblem(
            f"{deployment.host} has no service {service}",
            f"did you mean {close}?" if close else f"one of: {', '.join(names)}",
        )
    wanted = {name for item, members in names.items() if service in (None, item) for name in members}
    everything = [container for item in deployment.services for container in item.containers]
    # Who is in the network of one that starts again has none any more.
    wanted |= {item.name for item in everything if network_of(item.privileges) in wanted}
    there = Machine().engine.containers(deployment.name)
    running = {item.service: item.name for item in there if item.service in wanted}
    if not running:
        raise UsageProblem(f"{service or deployment.name} does not run here", "infrakit up")
    if not dry_run:
        need_root()
        none_moving(Machine())
    plan = plan_restart(deployment.name, in_waves(everything, running))
    return carry_out(plan, yes=yes, dry_run=dry_run, as_json=as_json)
