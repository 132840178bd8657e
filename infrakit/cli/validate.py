"""infrakit validate: everything that is wrong with the file, and nothing else."""

import click

from infrakit import resources
from infrakit.cli import source
from infrakit.cli.talk import problem_json, result, result_json, say_problems
from infrakit.compiler import Locator
from infrakit.config.second import disagreements
from infrakit.errors import InfraKitError


@click.command(help="Check infrakit.yaml and say everything that is wrong with it. Writes nothing.")
@click.option(
    "-f", "--file", metavar="FILE", help="The file to check; infrakit.yaml in this folder where nothing is said."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(file: str | None, as_json: bool) -> None:
    found = source.find(file, None)
    compiled = source.compiled(found)
    _ask_again(compiled.locate)
    hosts = len(compiled.fleet.deployments)
    if as_json:
        result_json(
            {"file": found.name, "hosts": hosts, "warnings": [problem_json(item) for item in compiled.warnings]}
        )
        return
    say_problems(compiled.warnings)
    result(f"{found.name} is right: {hosts} host{'' if hosts == 1 else 's'}")


def _ask_again(locate: Locator) -> None:
    """jsonschema judges what our checker found right. Of two that read one schema differently one is wrong: ours."""
    for document, schema in locate.judged():
        found = disagreements(document, resources.schema(schema))
        if found:
            raise InfraKitError(
                f"jsonschema refuses what InfraKit finds right, at {'; '.join(found[:5])}",
                "this is a bug in InfraKit, please report it with the line above; the file may be right",
            )
