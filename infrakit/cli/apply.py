"""infrakit apply: exactly the plan that was looked at, or nothing."""

import click

from infrakit.cli import here
from infrakit.cli.plan import changes_of, show_changes, state_of_plan
from infrakit.cli.planning import bring_up, prepared
from infrakit.plan import preview
from infrakit.stack.change.saved import check, read, steps_of
from infrakit.system.files import only_ours, read_input
from infrakit.system.machine import Machine


@click.command(
    help="""Carry out the plan in PLAN, of infrakit plan --out PLAN: exactly that, or nothing. Exit code 6 where
something is not as it was: the file, the lock, a secret, what runs."""
)
@click.argument("plan", metavar="PLAN")
@here.YES
@click.option("--json", "as_json", is_flag=True, help="Print what happens as JSON.")
def command(plan: str, yes: bool, as_json: bool) -> int:
    content = read_input(plan)
    only_ours(plan)
    saved = read(content, plan)
    call = saved.call
    found = prepared(
        call["file"], call["host"], tuple(call["accept"]), call["flags"], asks=True, looks=False, quiet=as_json
    )

    def same() -> int:
        machine = Machine()
        steps = preview(found.plan, machine)
        check(saved, state_of_plan(found, machine), steps_of(steps), plan)
        if not as_json:
            show_changes(found.plan.title, changes_of(found, machine, steps))
        return len(saved.steps)

    return bring_up(found, yes=yes, dry_run=False, as_json=as_json, shown=same)
