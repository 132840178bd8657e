"""infrakit unset: one key out of infrakit.yaml."""

import click

from infrakit.cli.setting import Asked, edit, of_a_file
from infrakit.composed.edit import deleted


@click.command(
    help="""Take one key out of infrakit.yaml; comments, order and every other line stay. KEY as in infrakit set.
Nothing is written that makes the file wrong."""
)
@click.argument("key")
@of_a_file
def command(key: str, asked: Asked) -> int:
    return edit(key, asked, lambda source, name, path, schema: deleted(source, name, path))
