"""infrakit compile: the words of its call; compiling.py does it."""

from typing import Any

import click

from infrakit.cli.compiling import compile_file
from infrakit.cli.source import EXAMPLES


@click.command(help="Write what would run on each host, for review. Needs no root, no Docker and no network.")
@click.option("-f", "--file", metavar="FILE", help="The file; infrakit.yaml in this folder where nothing is said.")
@click.option("-o", "--output", metavar="FOLDER", default="build", show_default=True, help="Where the trees go.")
@click.option("--host", metavar="NAME", help="Only this host.")
@click.option("--check", is_flag=True, help="Write nothing; exit code 6 where something would change.")
@click.option("--diff", is_flag=True, help="Write nothing; print what would change.")
@click.option("--no-secrets", is_flag=True, help="Mint no secrets.")
@click.option("--force", is_flag=True, help="Overwrite files that were edited by hand.")
@click.option("--example", type=click.Choice(EXAMPLES), help="Compile an embedded example instead of a file.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(**options: Any) -> int:
    return compile_file(**options)
