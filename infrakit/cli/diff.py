"""infrakit diff: what is different between the files of two generations. Secrets are in none."""

import click

from infrakit.cli.carry import need_root
from infrakit.cli.report import unified
from infrakit.cli.talk import result, result_json, result_text
from infrakit.stack.change.back import before, current, numbered
from infrakit.stack.generation import folder_of
from infrakit.system.machine import Machine

VERSION = 1
PAGE = "review.html"
"""REVIEW.md says the same in lines."""


@click.command(
    help="""Print what is different between the files of two generations: of A and B, of A and the one in force, or of
the one before and the one in force. See: infrakit generations."""
)
@click.argument("first", metavar="[A]", type=int, required=False)
@click.argument("second", metavar="[B]", type=int, required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the names of the files as JSON.")
def command(first: int | None, second: int | None, as_json: bool) -> None:
    need_root()
    machine = Machine()
    new = current(machine) if second is None else numbered(machine, second)
    old = before(machine) if first is None else numbered(machine, first)
    paths = [path for path in sorted({*old.files, *new.files}) if old.files.get(path) != new.files.get(path)]
    if as_json:
        result_json({"version": VERSION, "from": old.number, "to": new.number, "files": paths})
        return
    for path in paths:
        was, now = (machine.read(f"{folder_of(item.name)}/{path}", 1 << 24) for item in (old, new))
        if path != PAGE:
            result_text(unified(path, was, now))
    if not paths:
        result(f"generations {old.number} and {new.number}: the same files")
