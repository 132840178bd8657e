"""infrakit update: newer images, one after the other, each only where all stays well; else everything as it was."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import click

from infrakit.cli import here
from infrakit.cli.automatic import chosen, closed, is_open, remember
from infrakit.cli.carry import carried, need_agreement, need_root
from infrakit.cli.newer import Ask, Host, Made, Move, after, askable, groups_of, moves_of
from infrakit.cli.plan import as_object, show_changes
from infrakit.cli.preflight import refuse
from infrakit.cli.progress import Progress
from infrakit.cli.talk import result, result_json, say
from infrakit.errors import EXIT_DIFFERENCES, EXIT_FAILED, EXIT_OK, InfraKitError, UsageProblem
from infrakit.host.checks import Finding
from infrakit.host.checks.model import size
from infrakit.plan import Interrupted, Plan, preview
from infrakit.stack.change.applied import files_of, in_force, none_newer
from infrakit.stack.change.aside import Data, data_of, room
from infrakit.stack.change.differences import Difference, differences
from infrakit.stack.change.reasons import World
from infrakit.stack.change.update import (
    BACK,
    WATCH_S,
    TakenBack,
    Under,
    carry,
    look,
    none_other,
    none_restored,
    none_rotated,
    plan_update,
    read,
    touched,
)
from infrakit.stack.layout import CONFIGURATION, LOCK
from infrakit.stack.up import plan_up
from infrakit.system.digest import hex_digest
from infrakit.system.lock import held
from infrakit.system.machine import Machine


@click.command(
    help="""Move images to what is newer: a digest that is locked to the one that its tag has now, a tag that
infrakit.yaml names to the newest of its line. SERVICE alone, or all; databases and Authentik only by name.

Data is put aside first. Who was well has to stay well, and doors that answered have to answer; else image, data,
infrakit.yaml and lock go back. Where it was broken off, update goes on with it."""
)
@click.argument("services", metavar="[SERVICE]...", nargs=-1)
@click.option(
    "--watch",
    "watch_s",
    metavar="SECONDS",
    type=click.IntRange(0, 3600),
    default=WATCH_S,
    show_default=True,
    help="How long everything has to stay well.",
)
@click.option("--automatic", is_flag=True, help="Move what updates: in the file lets move by itself now; do not ask.")
@click.option("--back", is_flag=True, help="Take an update back that was broken off.")
@here.YES
@here.DRY_RUN
@here.CHANGE_JSON
def command(
    services: tuple[str, ...], watch_s: int, automatic: bool, back: bool, yes: bool, dry_run: bool, as_json: bool
) -> int:
    if automatic and (services or back):
        raise UsageProblem("--automatic moves what the file says, and nothing back", "leave the rest out")
    need_root()
    found = here.running(None)
    if not here.is_installed(found):
        raise UsageProblem("nothing is installed on this machine", "sudo infrakit up")
    host, going = Host(found, Machine()), _Going(Progress(as_json=as_json), watch_s, automatic)
    yes = yes or automatic
    with held(LOCK):
        none_newer(host.machine)
        none_rotated(host.machine)
        under = read(host.machine)
        if under is None and back:
            raise UsageProblem("no update was broken off", "infrakit rollback puts an earlier generation in force")
        if under is None:
            none_restored(host.machine)
            return _update(host, going, services, yes=yes, dry_run=dry_run, as_json=as_json)
        none_other(services, under.services, "an update", "update")
        under = under._replace(way=BACK) if back else under
        say(f"an update of {', '.join(under.services)} was broken off; going {under.way}")
        if dry_run:
            return EXIT_DIFFERENCES
        if not yes:
            need_agreement(as_json=as_json)
        going.on(host, under)
        return EXIT_OK


def go_on() -> bool:
    """With an update that was broken off; whether there was one."""
    machine = Machine()
    with held(LOCK):
        under = read(machine)
        if under is not None:
            say(f"an update of {', '.join(under.services)} was broken off; going {under.way}")
            _Going(Progress(as_json=False), WATCH_S).on(Host(here.running(None), machine), under)
    return under is not None


class _Going(NamedTuple):
    """How updates are carried out."""

    progress: Progress
    watch_s: int
    automatic: bool = False

    def on(self, host: Host, under: Under) -> None:
        """Carry one out, or go on with it. What was taken back is remembered."""

        def plans() -> tuple[Plan, Plan]:
            made = host.made(under.after)
            return plan_update(under, made.deployment, made.artifacts, hex_digest, self.watch_s)

        try:
            carry(under, plans, host.machine, hex_digest, lambda plan: carried(plan, host.machine, self.progress))
        except TakenBack:
            remember(host, under)
            raise
        if under.way == BACK:
            remember(host, under)
        if not self.progress.as_json:
            way = "is as it was before the update" if under.way == BACK else "is up to date"
            result(f"{', '.join(under.services)}: {way}")


def _update(host: Host, going: _Going, services: Sequence[str], *, yes: bool, dry_run: bool, as_json: bool) -> int:
    files = host.files()
    now = host.made(files)
    applied = in_force(host.machine)
    if applied is None or applied.name != now.generation:
        what = f"what is in force is not what {CONFIGURATION} says, or another InfraKit put it there"
        raise UsageProblem(what, "sudo infrakit up; an update moves images, and nothing else")
    why = closed(now.deployment.updates, files) if going.automatic else ""
    if why:
        result(why)
        return EXIT_OK
    silent: list[str] = []
    groups, known = askable(host, now, files, groups_of(moves_of(now, files, services, silent)), silent)
    if going.automatic:
        groups = chosen(host, now, files, groups, known, looks=dry_run)
    moves = [move for group in groups for move in group]
    if moves:
        data, changes = _shown(host, now, host.made(after(host, files, moves, known)), as_json=as_json, dry_run=dry_run)
        if dry_run:
            return EXIT_DIFFERENCES
        need_room(host.machine, data)
        if changes and not yes:
            need_agreement(as_json=as_json)
        _one_after_the_other(host, going, groups, known)
    elif not as_json:
        result("nothing to update")
    elif dry_run:
        result_json(as_object("update", (), ()))
    return EXIT_FAILED if silent else EXIT_OK


def _shown(host: Host, now: Made, then: Made, *, as_json: bool, dry_run: bool) -> tuple[Data, Sequence[Difference]]:
    """Say what all of it comes to."""
    moving = touched(now.deployment, then.deployment)
    steps = preview(plan_up(then.deployment, then.artifacts, hex_digest), host.machine)
    files = files_of(then.artifacts, hex_digest)

    def locate(origin: Any) -> str:
        return str(then.compiled.locate.origin(origin))

    world = World(then.deployment, then.artifacts, files, in_force(host.machine), host.machine, locate)
    changes = differences(world, then.generation, steps)
    title, data = f"update {', '.join(moving)} on {then.deployment.host}", data_of(now.deployment, moving)
    if as_json:
        if dry_run:
            result_json({**as_object(title, changes, steps), "aside": data.volumes, "not_aside": data.left})
        return data, changes
    show_changes(title, changes)
    if data.volumes:
        result(f"put aside first, with {', '.join(data.containers)} stopped: {', '.join(data.volumes)}")
    if data.left:
        result(f"not put aside, and does not go back: {', '.join(data.left)}")
    return data, changes


def need_room(machine: Machine, data: Data) -> None:
    """MachineUnfit where the copy does not fit."""
    takes, free = room(machine, data)
    if takes > free:
        left = size(max(0, free))
        what = f"{size(takes)} of data are to be put aside, and {machine.engine.folder()} has room for {left}"
        refuse([Finding("no-room-aside", "error", what, "make room, or name fewer services: infrakit update SERVICE")])


def _one_after_the_other(host: Host, going: _Going, groups: Sequence[Sequence[Move]], known: Ask) -> None:
    """InfraKitError, at the end, where one did not go well."""
    failed: list[InfraKitError] = []
    for group in groups:
        files = host.files()
        now, then = host.made(files), after(host, files, group, known)
        if going.automatic and not (now.deployment.updates and is_open(now.deployment.updates)):
            say(f"{', '.join(move.new for move in group)} is left: the window is over")
            continue
        services = touched(now.deployment, host.made(then).deployment)
        under = look(host.machine, now.deployment, now.artifacts, services, files)._replace(after=then)
        try:
            going.on(host, under)
        except InfraKitError as error:
            if isinstance(error, Interrupted) or read(host.machine) is not None:
                raise
            failed.append(error)
    if len(failed) == 1:
        raise failed[0]
    if failed:
        raise InfraKitError("; ".join(error.message for error in failed), "see: infrakit status")
