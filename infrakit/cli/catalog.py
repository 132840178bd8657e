"""infrakit catalog: the services that InfraKit knows."""

import click

from infrakit.catalog import load_catalog
from infrakit.catalog.show import describe, text_of
from infrakit.cli.talk import result, result_json, result_text
from infrakit.config.check import nearest
from infrakit.errors import UsageProblem


@click.group(name="catalog", help="The services that InfraKit knows.")
def command():
    pass


@command.command(name="list", help="One line for each service.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def list_services(as_json):
    blueprints = load_catalog().blueprints.values()
    if as_json:
        result_json(
            [{"name": item.name, "profiles": list(item.profiles), "summary": item.summary} for item in blueprints]
        )
        return
    for item in blueprints:
        result(f"{item.name:22}{item.summary}")


@command.command(help="Images, architectures, memory, ports, health, secrets and backup recipe of one service.")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def show(name, as_json):
    blueprints = load_catalog().blueprints
    if name not in blueprints:
        close = nearest(name, blueprints)
        hint = f"did you mean {close}?" if close else "infrakit catalog list"
        raise UsageProblem(f"there is no service {name} in the catalogue", hint)
    if as_json:
        result_json(describe(blueprints[name]))
    else:
        result_text(text_of(blueprints[name]))
