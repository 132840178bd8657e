"""infrakit restore: data as it was in a backup, into its place or beside."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import click

from infrakit.cli import here, installing
from infrakit.cli.backup import meant, sets_of, take
from infrakit.cli.carry import carry_out, need_agreement, need_root, show
from infrakit.cli.preflight import ACCEPT
from infrakit.cli.progress import Progress
from infrakit.cli.talk import result, say
from infrakit.errors import EXIT_OK, InfraKitError, UsageProblem
from infrakit.model import Deployment
from infrakit.plan import Interrupted
from infrakit.stack.backup.back import chosen, content_of, plan_restore
from infrakit.stack.backup.bare import begun
from infrakit.stack.backup.exchange import under_way
from infrakit.stack.backup.holes import dig
from infrakit.stack.backup.online import of_json, put_in_place
from infrakit.stack.backup.repository import LONGEST_S, Repository, repository_of, restic
from infrakit.stack.change.update import none_under_way
from infrakit.stack.layout import LOCK
from infrakit.system.lock import held
from infrakit.system.machine import Machine


@click.command(
    help="""Put the data of PARTS back, as `infrakit backup list` names them, or of all: as in the newest backup, or the
one of --at. A backup of what is there now is made first. Where it was broken off, it goes on.

With --from, on a machine that has nothing: install all that a backup in PLACE has, with its data, before anything
starts. It asks for the groups of the recovery sheet."""
)
@click.argument("parts", metavar="[PART]...", nargs=-1)
@click.option("--at", metavar="BACKUP", help="Which backup, as `infrakit backup list` names it; else the newest.")
@click.option("--beside", metavar="FOLDER", help="Put the files there, and leave all that runs alone.")
@click.option("--without-backup", is_flag=True, help="Make no backup of what is there now.")
@click.option(
    "--from", "folder", metavar="PLACE", help="On a machine that has nothing: all of it, of the backups there."
)
@click.option("--host", metavar="NAME", help="With --from: whose backups, where PLACE has those of several hosts.")
@click.option("--key-file", metavar="FILE", help="With --from: the key, or the groups of the sheet; else it asks.")
@click.option("--host-key", metavar="KEY", default="", help="With --from sftp://...: the key of the server itself.")
@click.option(
    "--secret", "secrets", metavar="NAME=FILE", multiple=True, help="With --from: what opens a server, from a file."
)
@ACCEPT
@installing.options
@here.YES
@here.DRY_RUN
@here.CHANGE_JSON
def command(
    parts: tuple[str, ...],
    at: str | None,
    beside: str | None,
    without_backup: bool,
    folder: str | None,
    host: str | None,
    key_file: str | None,
    host_key: str,
    secrets: tuple[str, ...],
    accept: tuple[str, ...],
    yes: bool,
    dry_run: bool,
    as_json: bool,
    **packages: Any,
) -> int:
    if folder:
        if parts or beside or without_backup:
            what = "--from brings all of it back: PART, --beside and --without-backup do not go with it"
            raise UsageProblem(what, "leave them out")
        from infrakit.cli.bare import Asked, bring_back

        said = installing.packages_of(**packages)
        return bring_back(Asked(folder, host, at, key_file, host_key, secrets, accept, said, yes, dry_run, as_json))
    if host or key_file or accept or secrets or host_key:
        what = "--host, --key-file, --host-key, --secret and --accept are for a machine that has nothing"
        raise UsageProblem(what, "name --from PLACE")
    need_root()
    machine = Machine()
    begun_from, _, _ = begun(machine)
    if begun_from:
        what = f"a restore from {begun_from} was broken off"
        raise UsageProblem(what, f"sudo infrakit restore --from {begun_from} goes on with it")
    deployment, backup = meant(machine)
    repository, (going_on, names) = repository_of(backup, deployment.host), under_way(machine)
    if going_on and (beside or at not in (None, going_on)):
        raise UsageProblem(f"a restore of {going_on} was broken off", "sudo infrakit restore goes on with it")
    if not going_on and not beside:
        none_under_way(machine)
    found = {item["set"]: item["snapshot"] for item in sets_of(machine, repository)}
    number, names = going_on or at or max(found, default=""), names or parts
    if number not in found:
        raise UsageProblem(f"there is no backup {number}".rstrip(), "see: infrakit backup list")
    content = content_of(machine, repository, found[number])
    if beside:
        return _beside(machine, repository, content["parts"], parts, os.path.abspath(beside))
    if going_on:
        say(f"a restore of {', '.join(names)} as in {number} was broken off; going on")
    absent = [part.name for part in backup.parts if part.name not in content["parts"]]
    if absent and not names:
        say(f"not in this backup, and left as it is: {', '.join(absent)}")
    plan = plan_restore(deployment, repository, number, chosen(deployment, content, names))
    if dry_run:
        return carry_out(plan, yes=yes, dry_run=True, as_json=as_json, machine=machine)
    if not yes:
        show(plan, machine, as_json=False)
        need_agreement(as_json=as_json)
    if not (going_on or without_backup):
        _first(machine, deployment, as_json=as_json)
    again = ("restore", *names, "--at", number, "--yes", "--without-backup")
    return carry_out(
        plan,
        yes=True,
        dry_run=False,
        as_json=as_json,
        machine=machine,
        recorded=False,
        again=again,
        shown=lambda: len(plan.steps),
    )


def _first(machine: Machine, deployment: Deployment, *, as_json: bool) -> None:
    """What is there now, backed up; nothing old goes, for it may be what is put back."""
    say("a backup of what is there now comes first")
    try:
        with held(LOCK):
            take(machine, deployment, Progress(as_json=as_json), forgets=False)
    except Interrupted:
        raise
    except InfraKitError as error:
        hint = f"{error.hint}; --without-backup goes on without it, and what is there now is lost"
        raise InfraKitError(f"nothing was put back: {error.message}", hint) from None


def _beside(
    machine: Machine, repository: Repository, there: Mapping[str, Any], parts: Sequence[str], folder: str
) -> int:
    """Files as they were, below another folder."""
    for name in parts or sorted(there):
        if name not in there:
            raise UsageProblem(f"the backup has no {name}", f"it has: {', '.join(sorted(there))}")
        words = ("restore", there[name]["snapshot"], "--target", folder, "--verify")
        restic(machine, repository, *words, timeout_s=LONGEST_S)
        dig(machine, folder, name)
        put_in_place(machine, folder, of_json(there[name]))
        paths = [folder + path for about in ("volumes", "dumps") for path in there[name][about].values()]
        result(f"{name}: {', '.join(paths)}")
    return EXIT_OK
