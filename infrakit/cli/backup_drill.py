"""infrakit backup drill: whether a backup can be put back, tried in a project of its own that is removed again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from infrakit.backups import BackupPart
from infrakit.cli.backup import meant, sets_of
from infrakit.cli.carry import carried, need_root, stopping
from infrakit.cli.progress import Progress
from infrakit.cli.talk import result, result_json
from infrakit.errors import EXIT_FAILED, EXIT_OK, InfraKitError, UsageProblem
from infrakit.model import Deployment
from infrakit.plan import Interrupted, Plan
from infrakit.stack.backup.back import content_of
from infrakit.stack.backup.drill import Drill, compose_files, drill_of, need_room, plan_part, plan_project, plan_start
from infrakit.stack.backup.isolated import needs_of
from infrakit.stack.backup.last import now
from infrakit.stack.backup.outcome import Outcome, keep
from infrakit.stack.backup.remains import away
from infrakit.stack.backup.repository import repository_of
from infrakit.stack.backup.rows import total
from infrakit.stack.change.back import artifacts_of, current
from infrakit.stack.layout import LOCK
from infrakit.system.digest import hex_digest
from infrakit.system.lock import held
from infrakit.system.machine import Machine

VERSION = 1
STOPPING = "stopping; all of the drill is removed first"
AWAY = Plan("take a drill away", (away(),))


@click.command(
    name="drill",
    help="""Try a backup out, the newest or that of --at: bring all of it into containers, volumes and networks of its
own, without ports and without a way out, compare files and rows with what the backup recorded, wait until all is well,
and remove it. What runs is not touched. Exit code 1 where something differs, 3 where memory or disk would not do.""",
)
@click.option("--at", metavar="BACKUP", help="Which backup, as `infrakit backup list` names it; else the newest.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option("--remove", is_flag=True, help="Only remove what is left of a drill that was killed.")
def command(at: str | None, as_json: bool, remove: bool) -> int:
    need_root()
    machine, progress = Machine(), Progress(as_json=False)
    with held(LOCK):
        carried(AWAY, machine, progress, recorded=False)
        if remove:
            return EXIT_OK
        deployment, _ = meant(machine)
        with _kept(machine):
            drill = _prepared(machine, deployment, at)
        need_room(machine, drill)
        with stopping(machine.stop, lambda: STOPPING), _taken_away(progress), _kept(machine, drill.number):
            outcome = _drilled(drill, machine, progress)
        keep(machine, outcome)
    _say(outcome, as_json=as_json)
    return EXIT_FAILED if outcome.failed else EXIT_OK


@contextmanager
def _kept(machine: Machine, number: str = "") -> Iterator[None]:
    """What ends a drill is how it ended, but for a wrong word, and for who said stop."""
    try:
        yield
    except (Interrupted, UsageProblem):
        raise
    except InfraKitError as error:
        keep(machine, Outcome(now(), number, failed=(error.message,)))
        raise


@contextmanager
def _taken_away(progress: Progress) -> Iterator[None]:
    """By another look at the machine: who said stop has said it to the first."""
    try:
        yield
    finally:
        carried(AWAY, Machine(), progress, recorded=False)


def _prepared(machine: Machine, deployment: Deployment, at: str | None) -> Drill:
    assert deployment.backup is not None, "the file says where backups are"
    repository = repository_of(deployment.backup, deployment.host)
    found = {item["set"]: item["snapshot"] for item in sets_of(machine, repository)}
    number = at or max(found, default="")
    if number not in found:
        raise UsageProblem(f"there is no backup {number}".rstrip(), "see: infrakit backup list")
    content = content_of(machine, repository, found[number])
    own = compose_files(deployment)
    files = [item for item in artifacts_of(machine, current(machine), hex_digest) if item.path not in own]
    return drill_of(machine, deployment, repository, number, found[number], content, files)


def _drilled(drill: Drill, machine: Machine, progress: Progress) -> Outcome:
    """One that is not as it should be keeps no other from being looked at."""
    assert drill.deployment.backup is not None, "the file says where backups are"
    failed = [f"{item.name} is not in the backup" for item in drill.deployment.backup.parts if item not in drill.parts]
    attempt = _attempt(machine, progress, failed)
    if not attempt(plan_project(drill)):
        return Outcome(now(), drill.number, left=dict(drill.alone.left), failed=tuple(failed))
    parts = [part for part in drill.parts if attempt(plan_part(drill, part))]
    found = {part.name: _words(drill.about(part)) for part in parts}
    wrong = {name for part in drill.parts if part not in parts for name in _users(drill, part)}
    begun = _started(drill, wrong, machine, progress)
    left = dict(drill.alone.left)
    return begun._replace(set=drill.number, parts=found, left=left, failed=(*failed, *begun.failed))


def _started(drill: Drill, wrong: set[str], machine: Machine, progress: Progress) -> Outcome:
    """What came of its containers. `wrong`: those whose data is not as it should be."""
    well: list[str] = []
    skipped, unsure, failed = {}, {}, []
    every = {item.name: item for service in drill.alone.deployment.services for item in service.containers}
    for name in drill.alone.order:
        need = next((need for need in (name, *needs_of(every[name])) if need in wrong), "")
        lacks = drill.alone.lacking.get(name)
        said: list[str] = []
        if need:
            skipped[name] = "its data is not as recorded" if need == name else f"it needs {need}"
        elif _attempt(machine, progress, said)(plan_start(drill, name)):
            well.append(name)
            continue
        elif lacks:
            unsure[name] = f"it has no {lacks} here; {said[0]}"
        else:
            failed += said
        wrong.add(name)
    return Outcome(now(), "", {}, tuple(well), skipped, unsure, {}, tuple(failed))


def _attempt(machine: Machine, progress: Progress, failed: list[str]) -> Callable[[Plan], bool]:
    def attempt(plan: Plan) -> bool:
        try:
            carried(plan, machine, progress, recorded=False)
        except Interrupted:
            raise
        except InfraKitError as error:
            failed.append(error.message)
            return False
        return True

    return attempt


def _users(drill: Drill, part: BackupPart) -> set[str]:
    """Containers that have a part's data open."""
    containers = [item for service in drill.alone.deployment.services for item in service.containers]
    found = {item.name for item in containers if any(mount.source in part.volumes for mount in item.mounts)}
    return found | {dump.container for dump in part.dumps}


def _words(about: Any) -> str:
    bases = {f"{name} {base}": rows for name, found in about.get("rows", {}).items() for base, rows in found.items()}
    rows, tables = total({**bases, **{live: item["rows"] for live, item in about.get("sqlite", {}).items()}})
    counted = f", {rows} rows in {tables} tables" if tables else ", rows not recorded" if about.get("dumps") else ""
    return f"as recorded: {about.get('files', 0)} files, {about.get('bytes', 0) / 1e6:.1f} MB{counted}"


def _say(outcome: Outcome, *, as_json: bool) -> None:
    if as_json:
        result_json({"version": VERSION, **outcome._asdict()})
        return
    for line in outcome.lines():
        result(line)
    for line in outcome.failed:
        result(f"! {line}")
