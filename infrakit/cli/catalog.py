"""infrakit catalog: the services that InfraKit knows."""

from typing import Any

import click

from infrakit.catalog import load_catalog, outdated
from infrakit.catalog.show import describe, text_of
from infrakit.catalog.versions import version
from infrakit.cli.talk import result, result_json, result_text
from infrakit.config import check_schema, parse
from infrakit.config.nearest import nearest
from infrakit.config.reader import MAXIMUM_BYTES
from infrakit.errors import EXIT_DIFFERENCES, ConfigurationInvalid, Problem, UsageProblem
from infrakit.system.files import read_input

NEWEST = {
    "type": "object",
    "propertyNames": {"x-hint": "for instance docker.io/library/caddy"},
    "additionalProperties": {
        "oneOf": [{"type": "string", "minLength": 1}, {"type": "array", "items": {"type": "string"}, "minItems": 1}],
        "examples": ["2.11.9"],
    },
}
"""What --against reads: the newest version of each image, or of each of its lines."""
AGAINST = click.option(
    "--against",
    metavar="FILE",
    help="A JSON or YAML file of newest versions by image (docker.io/library/caddy: 2.11.9), one or a list of one for "
    "each line. Nothing else is asked.",
)

TEMPLATES = ("add", "search")
"""Verbs about other catalogues, which few calls need: cli/templates.py."""


class Verbs(click.Group):
    """Those of this module, and those that are read where they are asked for."""

    def list_commands(self, context: click.Context) -> list[str]:
        return sorted([*super().list_commands(context), *TEMPLATES])

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in TEMPLATES:
            return super().get_command(context, name)
        from infrakit.cli import templates

        return templates.COMMANDS[name]


@click.group(name="catalog", cls=Verbs, help="The services that InfraKit knows, and templates of other catalogues.")
def command() -> None:
    pass


@command.command(name="list", help="One line for each service.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def list_services(as_json: bool) -> None:
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
def show(name: str, as_json: bool) -> None:
    blueprints = load_catalog().blueprints
    if name not in blueprints:
        close = nearest(name, blueprints)
        hint = f"did you mean {close}?" if close else "infrakit catalog list"
        raise UsageProblem(f"there is no service {name} in the catalogue", hint)
    if as_json:
        result_json(describe(blueprints[name]))
    else:
        result_text(text_of(blueprints[name]))


@command.command(
    name="outdated",
    short_help="Each pinned image, and whether it is too old.",
    help="Each pinned image: its version, the floor below which holes are known, and when that was looked up. Exit "
    "code 6 where a version is below its floor, or one of FILE is newer.",
)
@AGAINST
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_context
def outdated_pins(context: Any, against: Any, as_json: bool) -> None:
    catalog = load_catalog()
    known = newest_of(against, {pin.image for pin in outdated.pins(catalog, {})}) if against else {}
    found = outdated.pins(catalog, known)
    if as_json:
        result_json([outdated.facts(pin) for pin in found])
    else:
        result_text("\n".join(outdated.text_of(pin) for pin in found))
    if any(pin.is_below or pin.newer for pin in found):
        context.exit(EXIT_DIFFERENCES)


def newest_of(path: str, images: set[str]) -> dict[str, tuple[str, ...]]:
    """The versions of the file by image; a name that the catalogue has not, or a text that is no version, is wrong."""
    document = parse(read_input(path, MAXIMUM_BYTES), path)
    problems = check_schema(document, NEWEST)
    found = {}
    for name, value in (document.values or {}).items() if not problems else ():
        found[name] = (value,) if isinstance(value, str) else tuple(value)
        if name not in images:
            close = nearest(name, images)
            hint = (
                f"did you mean {close}?"
                if close
                else "infrakit outdated --offline --json, or infrakit catalog outdated, names them"
            )
            where = document.position((name,), key=True)
            problems.append(Problem(where, f"{name}: no service has such an image", "unknown-image", hint))
        elif not all(map(version, found[name])):
            problems.append(
                Problem(document.position((name,)), f"{name}: no version", "wrong-form", "for instance 2.11.9")
            )
    if problems:
        raise ConfigurationInvalid(problems)
    return found
