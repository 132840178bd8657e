"""infrakit preflight: whether this machine is fit for the stack, and what to do where it is not."""

import click

from infrakit.cli import here
from infrakit.cli.source import compiled
from infrakit.cli.talk import result, result_json
from infrakit.errors import EXIT_MACHINE, EXIT_OK, printable
from infrakit.host.checks import CHECKS, Wanted, run
from infrakit.host.facts import facts_of
from infrakit.host.recording import record, to_json
from infrakit.model import Deployment
from infrakit.system.machine import Machine

SIGNS = {"error": "!", "warning": "~", "note": "-"}


@click.command(help="Look at this machine, change nothing, and say what stands in the way of the stack. Exit code 3 where something does.")
@click.option("-f", "--file", metavar="FILE", help="The file; infrakit.yaml in this folder, else the installed one.")
@click.option("--host", metavar="NAME", help="Which host of the file this machine is.")
@click.option("--record", "recorded", is_flag=True, help="Print all that was looked at, as JSON, to show to somebody.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def command(file, host, recorded, as_json):
    wanted = wanted_of(here.deployment_of(compiled(here.find(file)), host))
    recording = record(Machine(), wanted.names)
    if recorded:
        result(to_json(recording))
        return EXIT_OK
    findings = run(facts_of(recording), wanted)
    errors = [finding for finding in findings if finding.severity == "error"]
    if as_json:
        result_json([finding._asdict() for finding in findings])
    else:
        for finding in findings:
            result(printable(f"{SIGNS[finding.severity]} {finding.what} [{finding.code}]"))
            result(printable(f"    {finding.remedy}"))
        result(f"{len(CHECKS)} checks: {len(errors)} in the way, {len(findings) - len(errors)} worth knowing")
    return EXIT_MACHINE if errors else EXIT_OK


def wanted_of(deployment: Deployment) -> Wanted:
    """What a decided host asks of its machine."""
    door = deployment.door
    ports = [("tcp", port) for port in (door.http_port, door.https_port, door.tunnel_port, door.fleet_port) if port]
    return Wanted(
        ports=tuple(ports),
        memory_bytes=sum(container.memory_bytes for service in deployment.services for container in service.containers),
        names=tuple(route.hostname for route in deployment.routes if route.sign_in != "fleet"),
    )
