"""infrakit secrets: set those that only you have, rotate others, and list all of them. Values are read, never shown."""

import os
import sys
from collections.abc import Iterator

import click

from infrakit.cli import here, source
from infrakit.cli.carry import need_root
from infrakit.cli.exported import export_secrets, import_secrets
from infrakit.cli.given_secret import MOST_BYTES, checked
from infrakit.cli.rotate import rotate_secrets
from infrakit.cli.talk import result, result_json, say
from infrakit.config.nearest import nearest
from infrakit.errors import UsageProblem
from infrakit.model import Deployment
from infrakit.stack.layout import CONFIGURATION, HOSTS
from infrakit.system import secrets
from infrakit.system.files import plain_errors

HOST = click.option("--host", metavar="NAME", help="Only this host.")
JSON = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


@click.group(name="secrets", help="Set the secrets that only you have, rotate others, and list all of them.")
def command() -> None:
    pass


command.add_command(export_secrets)
command.add_command(import_secrets)
command.add_command(rotate_secrets)


@command.command(name="list", help="Name every secret, who reads it, and whether it is there. Never a value.")
@HOST
@here.FILE
@here.OUTPUT
@JSON
def list_secrets(host: str | None, file: str | None, output: str | None, as_json: bool) -> None:
    found = []
    for deployment, place in _meant(host, file, output):
        found += secrets.states(place, deployment.host, deployment.secrets)
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
@HOST
@here.FILE
@here.OUTPUT
@JSON
def set_secret(name: str, host: str | None, file: str | None, output: str | None, as_json: bool) -> None:
    places, known, owner = [], set(), ""
    for deployment, place in _meant(host, file, output):
        users = {spec.name for spec in deployment.secrets if spec.kind == "user"}
        known |= users
        # One that we make is the user's to say where it is gone, and what it made is still there (stack/moves.py).
        made = {spec.name for spec in deployment.secrets if spec.kind == "password"}
        lost = {each for each in made if not os.path.lexists(os.path.join(place, secrets.FOLDER, each))}
        if name in users | lost:
            places.append(place)
            owner = next(spec.owner for spec in deployment.secrets if spec.name == name)
    if not places:
        close = nearest(name, sorted(known))
        hint = f"did you mean {close}?" if close else f"to be set: {', '.join(sorted(known)) or 'none'}"
        raise UsageProblem(f"there is no secret {name} to set", hint)
    value = _read(name, owner)
    with plain_errors("keep the secret"):
        for place in places:
            os.makedirs(place, exist_ok=True)
            secrets.store(place, name, value)
    if as_json:
        result_json({"name": name, "hosts": [os.path.basename(place) for place in places]})
    else:
        applied = "; sudo infrakit up applies it" if os.path.dirname(places[0]) == HOSTS else ""
        result(f"{name} is set for {', '.join(os.path.basename(place) for place in places)}{applied}")


def _meant(host: str | None, file: str | None, output: str | None) -> Iterator[tuple[Deployment, str]]:
    """The hosts that are meant, each with its folder: of the installed file this machine alone, where `up` looks."""
    if not (file or os.path.exists(source.FILE)) and os.path.exists(CONFIGURATION):
        need_root()  # else the file is shut, and so is the folder
    found = here.find(file)
    folder = here.secrets_place(found, output)
    fleet = source.compiled(found)
    say(f"secrets of {found.name}, in {folder}")
    only = here.named(fleet, host).host if host or folder == HOSTS else ""
    return ((item, os.path.join(folder, item.host)) for item in fleet.fleet.deployments if only in ("", item.host))


def _read(name: str, owner: str) -> bytes:
    """Standard input to its end, or a hidden prompt."""
    if sys.stdin.isatty():
        value = click.prompt(name, hide_input=True, err=True).encode()
    else:
        value = sys.stdin.buffer.read(MOST_BYTES + 1)
    return checked(name, value, owner)
