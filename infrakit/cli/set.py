"""infrakit set: one key of infrakit.yaml gets another value."""

import click

from infrakit.cli.setting import Asked, edit, of_a_file
from infrakit.composed.edit import assigned
from infrakit.errors import UsageProblem


@click.command(
    help="""Change one key of infrakit.yaml; comments, order and every other line stay. KEY as infrakit explain and
errors write it (services.glances.memory, access.administrators[0]; access.administrators[+] is one more), VALUE as in
the file: a text as it is, a list or map as in [a, b]. Nothing is written that makes the file wrong."""
)
@click.argument("key")
@click.argument("value")
@of_a_file
def command(key: str, value: str, asked: Asked) -> int:
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise UsageProblem("VALUE is not UTF-8")
    return edit(key, asked, lambda source, name, path, schema: assigned(source, name, path, schema, value))
