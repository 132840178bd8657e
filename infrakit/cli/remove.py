"""infrakit remove: an app out of infrakit.yaml, and what becomes of its data."""

import os

import click

from infrakit.cli import source
from infrakit.cli.adding import loaded
from infrakit.cli.talk import result, result_json
from infrakit.composed.removal import placed, without
from infrakit.config.reader import MAXIMUM_BYTES
from infrakit.errors import ConfigurationInvalid, UsageProblem
from infrakit.model import Deployment
from infrakit.system.files import only_ours, read_input, replace_as_read


@click.command(
    help="Take an app out of infrakit.yaml, and say what becomes of its data. Nothing stops before infrakit up."
)
@click.argument("app")
@click.option(
    "-f", "--file", metavar="FILE", default=source.FILE, show_default=True, help="The file to take it out of."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(app: str, file: str, as_json: bool) -> None:
    if not os.path.lexists(file):
        raise UsageProblem(f"{file}: there is no such file", "name another with -f")
    only_ours(file)
    before = read_input(file, MAXIMUM_BYTES)
    after = without(before, file, app)
    stays = _stays(before, after, file)
    replace_as_read(file, before, after)
    if as_json:
        result_json({"version": 1, "file": file, "app": app, **stays})
        return
    result(f"{file}: {app} is out; it runs until: sudo infrakit up")
    for volume in stays["volumes"]:
        result(f"its data stays in {volume}, until you remove it: docker volume rm {volume}")
    for name in stays["secrets"]:
        result(f"the secret {name} stays with the others of its host, until you remove it")
    for folder in stays["folders"]:
        result(f"{folder} stays as it is")


def _stays(before: bytes, after: bytes, file: str) -> dict[str, list[str]]:
    """What the app alone had. ConfigurationInvalid, with places in the file as it is, where something else needs it."""
    try:
        old = tuple(loaded(before, file).fleet.deployments)
    except ConfigurationInvalid:
        old = ()  # it may be what is wrong
    try:
        new = tuple(loaded(after, file).fleet.deployments)
    except ConfigurationInvalid as error:
        if old:
            # What is only a warning is for who reads the file when it is so.
            wrong = [placed(before, after, problem)[0] for problem in error.problems if problem.severity == "error"]
            raise ConfigurationInvalid(wrong) from None
        new = ()
    return {key: sorted(_of(old, key) - _of(new, key)) for key in ("volumes", "secrets", "folders")}


def _of(deployments: tuple[Deployment, ...], key: str) -> set[str]:
    found: set[str] = set()
    for deployment in deployments:
        for service in deployment.services:
            if key == "volumes":
                found |= {f"{deployment.name}_{name}" for name in service.volumes}
            elif key == "folders":
                mounts = (mount for container in service.containers for mount in container.mounts)
                found |= {mount.source for mount in mounts if mount.kind == "host"}
        if key == "secrets":
            found |= {spec.name for spec in deployment.secrets}
    return found
