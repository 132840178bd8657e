"""infrakit logs: what the containers of a service said last."""

import click

from infrakit.cli import here
from infrakit.cli.source import compiled
from infrakit.cli.talk import result, result_json
from infrakit.config.nearest import nearest
from infrakit.errors import UsageProblem, printable
from infrakit.system.machine import Machine


@click.command(help="Print what the containers of SERVICE, or of all services, said last.")
@click.argument("service", required=False)
@click.option(
    "-n", "--lines", type=click.IntRange(1, 100_000), default=50, show_default=True, help="How many lines of each."
)
@here.RUNNING
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(service: str | None, lines: int, file: str | None, as_json: bool) -> None:
    project = compiled(here.running(file)).fleet.name
    engine = Machine().engine
    containers = engine.containers(project)
    chosen = [
        item
        for item in containers
        if service is None or item.service == service or item.service.startswith(f"{service}-")
    ]
    if not chosen:
        close = nearest(service or "", [item.service for item in containers])
        raise UsageProblem(
            f"{service or project} does not run here", f"did you mean {close}?" if close else "infrakit status"
        )
    if as_json:
        result_json({item.service: engine.logs(item.name, lines).splitlines() for item in chosen})
        return
    for item in chosen:
        for line in engine.logs(item.name, lines).splitlines():
            result(f"{item.service}: {printable(line)}" if len(chosen) > 1 else printable(line))
