"""infrakit explain: what a key means, or why a value of a compiled file is what it is."""

import json
from collections.abc import Mapping

import click

from infrakit import resources
from infrakit.cli import source
from infrakit.cli.talk import result, result_json
from infrakit.config.keys import key_facts
from infrakit.emit import emit, trace
from infrakit.errors import UsageProblem
from infrakit.model import Origin


@click.command(
    help="""Say what a key means (services.glances.memory), or why a value of a compiled file is what it is
(compose.yaml:services.caddy.ports.0, caddy/Caddyfile:12): the line that caused it, and the pass that decided it."""
)
@click.argument("what", metavar="KEY|FILE:PATH")
@click.option("-f", "--file", metavar="FILE", help="The file; infrakit.yaml in this folder where nothing is said.")
@click.option("--host", metavar="NAME", help="The host; the first one where nothing is said.")
@click.option("--example", type=click.Choice(source.EXAMPLES), help="Explain an embedded example.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(what: str, file: str | None, host: str | None, example: str | None, as_json: bool) -> None:
    if ":" in what:
        name, _, path = what.partition(":")
        _explain_value(name, path, file, host, example, as_json)
    else:
        _explain_key(what, as_json)


def _explain_key(key: str, as_json: bool) -> None:
    facts = key_facts(resources.schema("infrakit"), key)
    if as_json:
        result_json(facts)
        return
    result(f"{facts['key']}: {facts['type']}")
    result(f"  {facts['description']}")
    if facts["values"]:
        result(f"  values: {', '.join(str(value) for value in facts['values'])}")
    if facts["default"] not in (None, "", [], {}):
        result(f"  default: {json.dumps(facts['default'], ensure_ascii=False)}")
    for example in facts["examples"]:
        result(f"  example: {json.dumps(example, ensure_ascii=False)}")
    if facts["keys"]:
        result(f"  keys: {', '.join(facts['keys'])}")


def _explain_value(
    name: str, path: str, file: str | None, host: str | None, example: str | None, as_json: bool
) -> None:
    compiled = source.compiled(source.find(file, example))
    deployment = next((item for item in compiled.fleet.deployments if host in (None, item.host)), None)
    if deployment is None:
        raise UsageProblem(f"there is no host {host} in the file")
    name = name.removeprefix("./").removeprefix(f"{deployment.host}/")
    paths = [artifact.path for artifact in emit(deployment)]
    traced = [item for item in paths if item == name] or [item for item in paths if item.endswith(f"/{name}")]
    if name == "compose.yaml" and path.startswith("services."):
        # The services stand in files of their own, which compose.yaml includes.
        traced = [item for item in paths if item.startswith("services/")] + traced
    if not traced:
        raise UsageProblem(f"{deployment.host} has no file {name}", f"one of: {', '.join(paths)}")
    for item in traced:
        found = trace(deployment, item)
        leaf = path if path in found else _under(found, path)
        if leaf:
            origin = found[leaf]
            position = compiled.locate.origin(origin)
            if as_json:
                result_json({"file": item, "path": leaf, "cause": str(position), "decided_by": origin.decided_by})
            else:
                result(f"{item}:{leaf}")
                result(f"  because of {position}")
                result(f"  decided by {origin.decided_by}")
            return
    raise UsageProblem(
        f"{name} has no value at {path}",
        "name a value as in compose.yaml:services.caddy.image, or a line as in caddy/Caddyfile:12",
    )


def _under(found: Mapping[str, Origin], path: str) -> str:
    """The first leaf below `path`, for a path that leads to a block."""
    return next((leaf for leaf in found if leaf.startswith(f"{path}.")), "")
