"""infrakit validate: everything that is wrong with the file, and nothing else."""

import click

from infrakit.cli import source
from infrakit.cli.talk import problem_json, result, result_json, say_problems


@click.command(help="Check infrakit.yaml and say everything that is wrong with it. Writes nothing.")
@click.option(
    "-f", "--file", metavar="FILE", help="The file to check; infrakit.yaml in this folder where nothing is said."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(file, as_json):
    found = source.find(file, None)
    compiled = source.compiled(found)
    hosts = len(compiled.fleet.deployments)
    if as_json:
        result_json(
            {"file": found.name, "hosts": hosts, "warnings": [problem_json(item) for item in compiled.warnings]}
        )
        return
    say_problems(compiled.warnings)
    result(f"{found.name} is right: {hosts} host{'' if hosts == 1 else 's'}")
