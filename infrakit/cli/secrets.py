"""infrakit secrets: set those that only you have, and list all of them. Values are read, never shown."""

import os
import sys

import click

from infrakit.cli import source
from infrakit.cli.talk import result, result_json
from infrakit.config.check import nearest
from infrakit.errors import UsageProblem
from infrakit.system import secrets
from infrakit.system.files import plain_errors

MOST_BYTES = 64 * 1024
FILE = click.option(
    "-f", "--file", metavar="FILE", help="The file; infrakit.yaml in this folder where nothing is said."
)
OUTPUT = click.option(
    "-o", "--output", metavar="FOLDER", default="build", show_default=True, help="Where the trees are."
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


@click.group(name="secrets", help="Set the secrets that only you have, and list all of them.")
def command():
    pass


@command.command(name="list", help="Name every secret, who reads it, and whether it is there. Never a value.")
@FILE
@OUTPUT
@JSON
def list_secrets(file, output, as_json):
    found = []
    for deployment in source.compiled(source.find(file, None)).fleet.deployments:
        found += secrets.states(os.path.join(output, deployment.host), deployment.host, deployment.secrets)
    if as_json:
        result_json(
            [
                {"host": item.host, "name": item.name, "state": item.state, "read_by": list(item.spec.required_by)}
                for item in found
            ]
        )
        return
    for item in found:
        result(f"{item.host}: {item.name}: {item.state}; read by {', '.join(item.spec.required_by) or 'nobody'}")


@command.command(
    name="set", help="Read a secret from standard input or a hidden prompt, and keep it for every host that needs it."
)
@click.argument("name")
@click.option("--host", metavar="NAME", help="Only for this host.")
@FILE
@OUTPUT
@JSON
def set_secret(name, host, file, output, as_json):
    places, known = [], set()
    for deployment in source.compiled(source.find(file, None)).fleet.deployments:
        for spec in deployment.secrets:
            if spec.kind == "user":
                known.add(spec.name)
            if spec.name == name and spec.kind == "user" and host in (None, deployment.host):
                places.append(os.path.join(output, deployment.host))
    if not places:
        close = nearest(name, sorted(known))
        hint = f"did you mean {close}?" if close else f"to be set: {', '.join(sorted(known)) or 'none'}"
        raise UsageProblem(f"there is no secret {name} to set", hint)
    value = _read(name)
    with plain_errors("keep the secret"):
        for place in places:
            os.makedirs(place, exist_ok=True)
            secrets.store(place, name, value)
    if as_json:
        result_json({"name": name, "hosts": [os.path.basename(place) for place in places]})
    else:
        result(f"{name} is set for {', '.join(os.path.basename(place) for place in places)}")


def _read(name: str) -> bytes:
    """Standard input to its end, or a hidden prompt; one line break at the end is not part of the value."""
    if sys.stdin.isatty():
        value = click.prompt(name, hide_input=True, err=True).encode()
    else:
        value = sys.stdin.buffer.read(MOST_BYTES + 1)
    value = value.removesuffix(b"\n").removesuffix(b"\r")
    if not value:
        raise UsageProblem(f"{name}: nothing was given")
    if len(value) > MOST_BYTES:
        raise UsageProblem(f"{name}: more than {MOST_BYTES} bytes")
    return value
