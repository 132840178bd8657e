"""infrakit generations: what was in force on this machine, and what each changed."""

import time
from typing import Any

import click

from infrakit.cli.carry import need_root
from infrakit.cli.talk import result, result_json
from infrakit.errors import InfraKitError
from infrakit.stack.change.applied import all_here
from infrakit.stack.change.aside import volumes_aside
from infrakit.stack.change.back import when_s
from infrakit.stack.layout import CURRENT
from infrakit.system.machine import Machine

VERSION = 1


@click.command(
    help="""List the generations of this machine's stack: number, when it came into force, by which InfraKit, and what
it changed; which data is put aside as it was then. * is in force."""
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(as_json: bool) -> None:
    need_root()
    machine = Machine()
    now = machine.target(CURRENT).rpartition("/")[2]
    rows: list[dict[str, Any]] = [
        {
            "number": item.number,
            "name": item.name,
            "since": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(when_s(machine, item.name))),
            "infrakit": item.program,
            "changed": list(item.changed),
            "in_force": item.name == now,
            "aside": _aside(machine, item.name),
        }
        for item in all_here(machine)
    ]
    if as_json:
        result_json({"version": VERSION, "generations": rows})
        return
    for row in rows:
        changed = row["changed"]
        more = f" (and {len(changed) - 1} more)" if len(changed) > 1 else ""
        sign = "*" if row["in_force"] else " "
        what = f"{changed[0]}{more}" if changed else "the first" if row is rows[0] else "the same as before"
        kept = f"; its data is put aside: {', '.join(row['aside'])}" if row["aside"] else ""
        result(f"{sign} {row['number']:>3}  {row['since']}  InfraKit {row['infrakit']}  {what}{kept}")


def _aside(machine: Machine, name: str) -> list[str]:
    """Volumes of which there is a copy, as they were while it was in force; none where no engine says where."""
    try:
        return volumes_aside(machine, name)
    except InfraKitError:
        return []
