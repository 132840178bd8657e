"""infrakit halt: the stack stands still before the machine does."""

import time

import click

from infrakit.cli import here
from infrakit.cli.carry import carried, need_root, show
from infrakit.cli.progress import Progress
from infrakit.cli.talk import say
from infrakit.errors import EXIT_DIFFERENCES, EXIT_OK
from infrakit.plan import Plan, Step
from infrakit.stack.change.applied import in_force
from infrakit.stack.halt import Halt, waves
from infrakit.stack.layout import LOCK
from infrakit.system.files import Locked
from infrakit.system.lock import held
from infrakit.system.machine import Machine

PATIENCE_S = 60
"""So long another run is waited for: it was told to end, too, and a battery does not last."""


@click.command(
    help="""Stop what runs here in the order in which it relies on each other: doors first, databases last. It starts
again at the next boot, or by `infrakit resume`. systemd calls it before the machine goes off; NUT can, too:
SHUTDOWNCMD "infrakit halt; shutdown -h now"."""
)
@here.DRY_RUN
@click.option("--json", "as_json", is_flag=True, help="Print the plan, or what happens, as JSON.")
def command(dry_run: bool, as_json: bool) -> int:
    need_root()
    machine = Machine()
    applied = in_force(machine)
    if applied is None:
        say("nothing is in force on this machine")
        return EXIT_OK
    action = Halt(applied.deployment.name, waves(applied.deployment))
    plan = Plan(f"halt {applied.deployment.name}", (Step("halt", "nothing of it runs", (), (action,)),))
    if dry_run:
        show(plan, machine, as_json=as_json)
        return EXIT_DIFFERENCES
    end_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            with held(LOCK):
                carried(plan, machine, Progress(as_json=as_json), recorded=False)
            return EXIT_OK
        except Locked as error:
            if time.monotonic() > end_s:
                say(f"note: {error.message}; not waiting for it any longer")
                break
            time.sleep(1)
    carried(plan, machine, Progress(as_json=as_json), recorded=False)
    return EXIT_OK
