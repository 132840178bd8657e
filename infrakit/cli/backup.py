"""infrakit backup: copies of what this machine keeps, made by restic."""

import time
from collections.abc import Sequence
from typing import Any

import click

from infrakit.backups import Backup
from infrakit.cli import here, sheet
from infrakit.cli.carry import carried, need_root, show
from infrakit.cli.progress import Progress
from infrakit.cli.talk import result, result_json
from infrakit.errors import EXIT_DIFFERENCES, EXIT_FAILED, EXIT_OK, InfraKitError, UsageProblem
from infrakit.model import Deployment
from infrakit.plan import Interrupted, Plan
from infrakit.stack.backup.damage import Damage, words_of
from infrakit.stack.backup.last import as_json as as_row
from infrakit.stack.backup.last import last
from infrakit.stack.backup.last import now as number_of_now
from infrakit.stack.backup.repository import HOST, TAG, NoneThere, Repository, known, repository_of, restic
from infrakit.stack.backup.take import plans, so_far
from infrakit.stack.backup.verified import plan_verify, write_down
from infrakit.stack.change.applied import in_force
from infrakit.stack.change.update import none_restored
from infrakit.stack.layout import CONFIGURATION, LOCK
from infrakit.system.lock import held
from infrakit.system.machine import Machine

VERSION = 1
LAZY = ("drill", "restic")
DAY_S = 86_400
MOST_NAMED = 3
PLACES = 8
"""Letters of a snapshot's name that are shown, as restic does."""


class Commands(click.Group):
    """Imports the module of what is rarely called only when it is."""

    def list_commands(self, context: click.Context) -> list[str]:
        return [*super().list_commands(context), *LAZY]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in LAZY:
            return super().get_command(context, name)
        from importlib import import_module

        return import_module(f"infrakit.cli.backup_{name}").command  # type: ignore[no-any-return]


@click.group(
    name="backup",
    cls=Commands,
    help="Copies of all that this machine keeps: now, list, verify, drill, and the sheet that opens them.",
)
def command() -> None:
    pass


command.add_command(sheet.command)


class Incomplete(InfraKitError):
    """Some parts are not in the set; the others are."""

    exit_code = EXIT_FAILED


@command.command(
    help="""Back this machine up, to where infrakit.yaml says: databases are written down by their own tools, and who
writes to files stands still for the moment that their last changes take. A timer of systemd calls it each day."""
)
@here.DRY_RUN
@click.option("--json", "as_json", is_flag=True, help="Print the plan, or what happens, as JSON.")
def now(dry_run: bool, as_json: bool) -> int:
    need_root()
    machine = Machine()
    deployment, _ = meant(machine)
    if dry_run:
        first, parts, end = plans(deployment, number_of_now())
        steps = [step for plan in (first, *parts, end) for step in plan.steps]
        show(Plan(first.title, tuple(steps)), machine, as_json=as_json)
        return EXIT_DIFFERENCES
    with held(LOCK):
        none_restored(machine)
        take(machine, deployment, Progress(as_json=as_json))
    return EXIT_OK


def take(machine: Machine, deployment: Deployment, progress: Progress, *, forgets: bool = True) -> None:
    """Make a backup. Incomplete where parts of it did not go well. `forgets`: old ones go."""
    first, parts, end = plans(deployment, number_of_now())
    carried(first, machine, progress, recorded=False)
    failed = _each(parts, machine, progress)
    whole, old = (end._replace(steps=(step,)) for step in end.steps)
    carried(whole, machine, progress, recorded=False)
    found = so_far(machine)
    write_down(machine, found["set"], tuple(sorted(_meant(deployment) - set(found["parts"]))))
    damaged: tuple[Damage, ...] = ()
    if forgets:
        damaged = _read(machine, deployment, progress, everything=False)
    if forgets and all(item.set for item in damaged):  # what is damaged may be all that there is of something
        carried(old, machine, progress, recorded=False)
    if failed:
        raise Incomplete("; ".join(error.message for error in failed), failed[0].hint)
    grave = [item for item in damaged if item.set in ("", found["set"])]
    if grave:
        what = "; ".join(map(words_of, grave[:MOST_NAMED]))
        raise Incomplete(f"the backup is made, and not all is well: {what}", grave[0].remedy)
    if not progress.as_json:
        count = sum(part.get("bytes", 0) for part in found["parts"].values())
        result(f"backup {found['set']}: {len(parts)} parts, {count / 1e6:.1f} MB")


def _meant(deployment: Deployment) -> set[str]:
    return {part.name for part in deployment.backup.parts} if deployment.backup else set()


def _read(machine: Machine, deployment: Deployment, progress: Progress, *, everything: bool) -> tuple[Damage, ...]:
    """Look at what is there; what is damaged of it."""
    assert deployment.backup is not None, "the file says where backups go"
    repository = repository_of(deployment.backup, deployment.host)
    plan = plan_verify(repository, int(time.time() // DAY_S), everything=everything)
    carried(plan, machine, progress, recorded=False)
    return last(machine).damaged


@command.command(
    help="""Look at what the backups are worth: restic's check, with a thirtieth of the data, another one each day, as
`infrakit backup now` does at its end; whether each backup has its parts, and each database its end. Exit code 1 where
something is damaged."""
)
@click.option("--all", "everything", is_flag=True, help="Read all of the data.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def verify(everything: bool, as_json: bool) -> int:
    need_root()
    machine = Machine()
    deployment, backup = meant(machine)
    if backup.to not in known(machine):
        raise UsageProblem(f"there is no backup in {backup.to} yet", "sudo infrakit backup now")
    with held(LOCK):
        damaged = _read(machine, deployment, Progress(as_json=False), everything=everything)
    if as_json:
        result_json({"version": VERSION, "to": backup.to, **as_row(last(machine))})
    else:
        for item in damaged:
            result(f"! {words_of(item)}")
            result(f"    {item.remedy}")
        result(f"{backup.to}: {len(damaged)} damaged" if damaged else f"{backup.to}: nothing is damaged")
    return EXIT_FAILED if damaged else EXIT_OK


def _each(parts: Sequence[Plan], machine: Machine, progress: Progress) -> list[InfraKitError]:
    """One that does not go well keeps no other from being taken."""
    failed = []
    for plan in parts:
        try:
            carried(plan, machine, progress, recorded=False)
        except Interrupted:
            raise
        except InfraKitError as error:
            failed.append(error)
    return failed


@command.command(name="list", help="List the backups of this machine, the newest last.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def list_backups(as_json: bool) -> None:
    need_root()
    machine = Machine()
    deployment, backup = meant(machine)
    rows = sets_of(machine, repository_of(backup, deployment.host))
    if as_json:
        result_json({"version": VERSION, "to": backup.to, "backups": rows})
        return
    for row in rows:
        result(f"{row['set']}  {row['snapshot']}  {', '.join(row['parts']) or 'nothing but InfraKit itself'}")
    if not rows:
        result(f"no backup in {backup.to} yet: sudo infrakit backup now")


def sets_of(machine: Machine, repository: Repository) -> list[dict[str, Any]]:
    """set, snapshot (of the host), parts (name -> snapshot) of each, the newest last."""
    try:
        every = restic(machine, repository, "snapshots", "--host", repository.host, "--tag", TAG)
    except NoneThere:
        if repository.to in known(machine):
            raise
        return []
    return [_row(item, every) for item in every if HOST in item["tags"]]


def _row(item: dict[str, Any], every: Sequence[dict[str, Any]]) -> dict[str, Any]:
    number = next(tag for tag in item["tags"] if tag.startswith("set="))
    parts = {_named(other["tags"]): str(other["id"])[:PLACES] for other in every if number in other["tags"]}
    parts.pop("", None)
    return {
        "set": number.removeprefix("set="),
        "snapshot": str(item["id"])[:PLACES],
        "parts": dict(sorted(parts.items())),
    }


def _named(tags: Sequence[str]) -> str:
    return next((tag.removeprefix("part=") for tag in tags if tag.startswith("part=")), "")


def meant(machine: Machine) -> tuple[Deployment, Backup]:
    """What is in force, and where its backups go."""
    applied = in_force(machine)
    if applied is None:
        raise UsageProblem("nothing is in force on this machine", "sudo infrakit up")
    if applied.deployment.backup is None:
        what = f"{CONFIGURATION} does not say where backups go, or did not when it came into force"
        raise UsageProblem(what, "write backup: {to: /mnt/usb/backups} into it, then: sudo infrakit up")
    return applied.deployment, applied.deployment.backup
