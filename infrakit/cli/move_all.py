"""infrakit move --all: this machine stands still, and another one becomes it; or it starts again."""

import os

from infrakit.cli.backup import meant
from infrakit.cli.carry import carry_out
from infrakit.cli.moving import Asked, need_place_for
from infrakit.cli.talk import result, say
from infrakit.errors import EXIT_OK, UsageProblem
from infrakit.model import Deployment
from infrakit.stack.backup.last import now as number_of_now
from infrakit.stack.backup.places import is_folder
from infrakit.stack.change.update import none_under_way
from infrakit.stack.move.under import all_here, whole
from infrakit.stack.move.whole import plan_whole, plan_whole_back
from infrakit.system.machine import Machine


def send(asked: Asked) -> int:
    """The exit code. Goes on with one that was broken off."""
    machine = Machine()
    deployment, _ = meant(machine)
    under = whole(machine)
    if not under:
        none_under_way(machine)
        for item in all_here(machine):
            what = f"what {item.shown} left here is in no backup: it went to {item.to}"
            raise UsageProblem(what, f"sudo infrakit move {item.name} --confirm, or --back; then this")
    ticket = os.path.abspath(asked.ticket or under.get("ticket") or f"{deployment.host}.move")
    if under.get("way") == "gone":
        _say_next(deployment, under["number"], under["ticket"])
        return EXIT_OK
    if not under:
        _need_no_own_dump(deployment)
        need_place_for(ticket)
    number = number_of_now()
    for place, who in deployment.backup.left if deployment.backup else ():
        if place.startswith("/"):
            say(f"note: {place}, which {who} writes to, is in no backup, and stays here")
    plan = plan_whole(deployment, number, ticket)

    def after(taken: int) -> None:
        if not asked.as_json:
            _say_next(deployment, number, ticket)

    words = ("move", "--all", "--ticket", ticket, "--yes")
    yes, dry_run, as_json = asked.yes, asked.dry_run, asked.as_json
    return carry_out(
        plan, yes=yes, dry_run=dry_run, as_json=as_json, machine=machine, again=words, recorded=False, after=after
    )


def _need_no_own_dump(deployment: Deployment) -> None:
    """Who is written down by a command of his own runs meanwhile, and what he writes after that would stay here."""
    parts = deployment.backup.parts if deployment.backup else ()
    for part in (part for part in parts if any(dump.own for dump in part.dumps)):
        what = f"{part.name} would have to run for its own dump, and go on writing, while all else stands still"
        hint = f"sudo infrakit unset apps.{part.name}.backup && sudo infrakit up: then its files are copied"
        raise UsageProblem(what, hint)


def _say_next(deployment: Deployment, number: str, ticket: str) -> None:
    assert deployment.backup is not None, "it was backed up"
    base, name = deployment.backup.to.rpartition("/")[0], os.path.basename(ticket)
    more = "" if is_folder(base) else " --secret NAME=FILE"
    more += " --host-key KEY" if deployment.backup.host_key else ""
    result(f"{deployment.name} on {deployment.host} stands still, and starts here no more; nothing of it was removed")
    result(f"carry {name} to the machine that becomes {deployment.host}, with the disk of the backups; there:")
    call = f"restore --from {base} --host {deployment.host} --at {number} --key-file {name}{more}"
    result(f"  sudo python3 infrakit.pyz {call} && shred -u {name}")
    result("to start it here again: sudo infrakit move --all --back")
    result("when all is well there, and nothing here is wanted any more: sudo infrakit uninstall --purge")


def take_back(asked: Asked) -> int:
    """The exit code."""
    machine = Machine()
    under = whole(machine)
    if not under:
        raise UsageProblem("all of this machine is here", "infrakit move --list says what is under way")
    deployment, _ = meant(machine)
    say("note: where another machine became this one, let it stand still first; what it wrote is not in what is here")
    words = ("move", "--all", "--back", "--yes")
    yes, dry_run, as_json = asked.yes, asked.dry_run, asked.as_json
    plan = plan_whole_back(deployment, under["ticket"])
    return carry_out(plan, yes=yes, dry_run=dry_run, as_json=as_json, machine=machine, again=words, recorded=False)
