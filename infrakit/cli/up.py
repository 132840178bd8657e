"""infrakit up: bring this host's stack up, or up to date, and wait until it is healthy."""

from typing import Any

import click

from infrakit.cli import from_bundle, here
from infrakit.cli.planning import bring_up, prepared
from infrakit.cli.preflight import ACCEPT


@click.command(help="Bring this host's stack up, or up to date, and wait until all of it is healthy.")
@here.FILE
@click.option("--host", metavar="NAME", help="Which host of the file this machine is.")
@ACCEPT
@from_bundle.options
@here.YES
@here.DRY_RUN
@here.CHANGE_JSON
def command(
    file: str | None, host: str | None, accept: tuple[str, ...], yes: bool, dry_run: bool, as_json: bool, **flags: Any
) -> int:
    found = prepared(file, host, accept, flags, asks=dry_run or not (yes or as_json), looks=dry_run, quiet=as_json)
    return bring_up(found, yes=yes, dry_run=dry_run, as_json=as_json)
