"""infrakit schema: the JSON Schemas, for editors and other tools."""

import click

from infrakit import resources
from infrakit.cli.talk import result_text


@click.command(help="Print the JSON Schema of infrakit.yaml, or of a blueprint.")
@click.argument("name", type=click.Choice(["infrakit", "blueprint"]), default="infrakit")
@click.option("--json", "as_json", is_flag=True, help="The schema is JSON anyway.")
def command(name: str, as_json: bool) -> None:
    result_text(resources.schema_source(name).decode())
