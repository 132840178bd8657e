"""infrakit uninstall: take away what install put here, by its record of every change."""

from contextlib import suppress

import click

from infrakit.cli import here
from infrakit.cli.carry import carry_out, need_root
from infrakit.cli.source import compiled
from infrakit.cli.talk import say
from infrakit.errors import InfraKitError, UsageProblem
from infrakit.host.docker import ANSWERS
from infrakit.plan.probes import holds
from infrakit.resolve.backups import KEY
from infrakit.stack.backup.remains import remains
from infrakit.stack.belongings import Belongings, all_here
from infrakit.stack.down import used_by_others
from infrakit.stack.layout import CONFIGURATION, HOSTS, UNDO
from infrakit.stack.moves import in_force
from infrakit.stack.undo import MOST_BYTES, Record
from infrakit.stack.uninstall import plan_uninstall, still_ours
from infrakit.system.machine import Machine


@click.command(help="Take away what install put on this machine. Data and secrets stay, unless --purge.")
@click.option(
    "--keep-data/--purge",
    "keep_data",
    default=True,
    help="Keep volumes, secrets and the file (the default), or remove them too.",
)
@click.option("--yes", count=True, help="Do not ask; with --purge, give it twice.")
@here.DRY_RUN
@here.CHANGE_JSON
def command(keep_data: bool, yes: int, dry_run: bool, as_json: bool) -> int:
    if not dry_run:
        need_root()
    machine = Machine()
    records = Record(machine.whole(UNDO, MOST_BYTES) or b"").whole()
    ours = belongings_here(machine)
    if not records and not ours:
        raise UsageProblem("nothing is installed here", f"there is neither {CONFIGURATION} nor {UNDO}")
    is_there = machine.run(("docker", "--version")).code == 0
    records = still_ours(records, engine_is_there=is_there)
    if not keep_data and any(machine.exists(f"{HOSTS}/{host}/secrets/{KEY}") for host in machine.listing(HOSTS)):
        say(
            f"note: the key of the backups goes along, and nobody opens them without it: keep a copy of {HOSTS}/HOST/"
            f"secrets/{KEY}"
        )
    named = " and ".join(item.project for item in ours)
    if (
        not keep_data
        and not dry_run
        and yes < 2
        and named
        and click.prompt(f"all data of {named} goes; type its name to go on", err=True) != named
    ):
        raise InfraKitError("nothing was changed", "without --purge, data stays")
    drilled = remains(machine)
    keep_docker = used_by_others(machine, ours, (*drilled.container, *drilled.volume))
    if keep_docker:
        say(
            "note: Docker stays: it holds containers or volumes that are not InfraKit's; uninstall takes it away when "
            "they are gone"
        )
    is_down = is_there and bool(ours) and not holds(ANSWERS, machine)
    plan = plan_uninstall(ours, records, keep_data=keep_data, keep_docker=keep_docker, engine_is_down=is_down)
    return carry_out(plan, yes=bool(yes), dry_run=dry_run, as_json=as_json, recorded=False, again=())


def belongings_here(machine: Machine) -> list[Belongings]:
    """Of what was brought up here: as it was written down; of an older InfraKit what is in force, or what the installed
    file says, as far as that can be read."""
    ours = all_here(machine)
    running, _ = in_force(machine)
    if not ours and not running and machine.read(CONFIGURATION) is not None:
        with suppress(InfraKitError):  # a file that is broken by now
            running = compiled(here.find(CONFIGURATION)).fleet.name
    if running:
        ours.setdefault(running, Belongings(running))
    return list(ours.values())
