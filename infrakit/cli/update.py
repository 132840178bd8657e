"""infrakit update: newer images, one after the other, each only where all stays well; else everything as it was."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import click

from infrakit.catalog.versions import newest, tag_of
from infrakit.cli import here, source
from infrakit.cli.carry import carried, need_agreement, need_root
from infrakit.cli.lock import Wanted, asked, wanted_of
from infrakit.cli.plan import as_object, show_changes
from infrakit.cli.preflight import refuse
from infrakit.cli.progress import Progress
from infrakit.cli.talk import result, result_json, say
from infrakit.compiler import Compiled, load
from infrakit.composed.addition import replaced, text_at
from infrakit.config.nearest import nearest
from infrakit.emit import emit
from infrakit.errors import EXIT_DIFFERENCES, EXIT_FAILED, EXIT_OK, InfraKitError, UsageProblem
from infrakit.host.checks import Finding
from infrakit.host.checks.model import size
from infrakit.lock import Lock, LockFile, full_name, locked_name, parse, render, untagged, updated
from infrakit.model import Artifact, Deployment
from infrakit.plan import Interrupted, preview
from infrakit.policy.updates import BY_NAME, own_name
from infrakit.stack.change.applied import files_of, in_force
from infrakit.stack.change.aside import Data, data_of, room
from infrakit.stack.change.differences import Difference, differences
from infrakit.stack.change.reasons import World
from infrakit.stack.change.update import BACK, WATCH_S, Files, Under, carry, look, plan_update, read, touched
from infrakit.stack.generation import generation_id
from infrakit.stack.layout import CONFIGURATION, LOCK, LOCKED
from infrakit.stack.up import plan_up
from infrakit.system.digest import hex_digest
from infrakit.system.lock import held
from infrakit.system.machine import Machine

NO_LOCK = "there is no lock: only tags that infrakit.yaml names can move, and none that its registry moved"


class Made(NamedTuple):
    """What files come to on this host."""

    compiled: Compiled
    deployment: Deployment
    artifacts: tuple[Artifact, ...]

    @property
    def generation(self) -> str:
        return generation_id(self.artifacts, hex_digest)


class Move(NamedTuple):
    """An image that moves: its names before and after, which are the same where only its digest is another one, who
    runs it, and where infrakit.yaml names it, () where it does not."""

    name: str
    new: str
    services: frozenset[str]
    path: tuple[str, ...]


Ask = Callable[[Lock, Wanted, set[str], Compiled], Lock]


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
@click.option("--back", is_flag=True, help="Take an update back that was broken off.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--dry-run", is_flag=True, help="Change nothing; print the plan. Exit code 6 where something would change."
)
@click.option("--json", "as_json", is_flag=True, help="Print the plan, or what happens, as JSON.")
def command(services: tuple[str, ...], watch_s: int, back: bool, yes: bool, dry_run: bool, as_json: bool) -> int:
    need_root()
    found = here.running(None)
    if not here.is_installed(found):
        raise UsageProblem("nothing is installed on this machine", "sudo infrakit up")
    run = _Run(found, Machine(), Progress(as_json=as_json), watch_s)
    with held(LOCK):
        under = read(run.machine)
        if under is None and back:
            raise UsageProblem("no update was broken off", "infrakit rollback puts an earlier generation in force")
        if under is not None:
            under = under._replace(way=BACK) if back else under
            say(f"an update of {', '.join(under.services)} was broken off; going {under.way}")
            if not (yes or dry_run):
                need_agreement(as_json=as_json)
            return EXIT_DIFFERENCES if dry_run else run.go(under)
        return _update(run, services, yes=yes, dry_run=dry_run, as_json=as_json)


class _Run(NamedTuple):
    """One call."""

    source: source.Source
    machine: Machine
    progress: Progress
    watch_s: int

    def files(self) -> Files:
        """As they are installed now."""
        found = source.find(CONFIGURATION, None)
        return Files(found.content.decode(), found.lock.content.decode() if found.lock else None)

    def made(self, files: Files) -> Made:
        lock = None if files.lock is None else LockFile(LOCKED, files.lock.encode())
        compiled = load(files.file.encode(), CONFIGURATION, self.source.read_blueprint, lock)
        deployment = here.deployment_of(compiled, None)
        return Made(compiled, deployment, emit(deployment))

    def go(self, under: Under) -> int:
        """Carry an update out, or go on with it."""
        made = self.made(under.after)
        plans = plan_update(under, made.deployment, made.artifacts, hex_digest, self.watch_s)
        carry(under, plans, self.machine, hex_digest, lambda plan: carried(plan, self.machine, self.progress))
        if not self.progress.as_json:
            way = "is as it was before the update" if under.way == BACK else "is up to date"
            result(f"{', '.join(under.services)}: {way}")
        return EXIT_OK


def _update(run: _Run, services: Sequence[str], *, yes: bool, dry_run: bool, as_json: bool) -> int:
    files = run.files()
    now = run.made(files)
    applied = in_force(run.machine)
    if applied is None or applied.name != now.generation:
        what = f"what is in force is not what {CONFIGURATION} says, or another InfraKit put it there"
        raise UsageProblem(what, "sudo infrakit up; an update moves images, and nothing else")
    silent: list[str] = []
    moves = _moves(now, files, services, silent)
    if moves:
        whole = _after(run, files, moves, asked)
        data, changes = _shown(run, now, run.made(whole), as_json=as_json, dry_run=dry_run)
        if dry_run:
            return EXIT_DIFFERENCES
        _need_room(run.machine, data)
        if changes and not yes:
            need_agreement(as_json=as_json)
        _one_after_the_other(run, moves, parse((whole.lock or "").encode(), LOCKED) if whole.lock else Lock({}))
    elif dry_run and as_json:
        result_json(as_object("update", (), ()))
    elif not as_json:
        result("every image is the newest of its line" if not silent else "nothing to update")
    return EXIT_FAILED if silent else EXIT_OK


def _moves(now: Made, files: Files, services: Sequence[str], silent: list[str]) -> list[Move]:
    """What is newer, of the services that are meant. `silent` gets names that nobody could be asked about."""
    from infrakit.system.registry.locked import announcement, hear

    mirror = now.compiled.mirror
    owners: dict[str, set[str]] = {}
    for service in now.deployment.services:
        for container in service.containers:
            owners.setdefault(locked_name(container.image, mirror), set()).add(service.name)
    known = {service.name for service in now.deployment.services}
    for name in services:
        if name not in known:
            close = nearest(name, known)
            hint = f"did you mean {close}?" if close else f"one of: {', '.join(sorted(known))}"
            raise UsageProblem(f"{now.deployment.host} has no service {name}", hint)
    meant = {
        name: (now.deployment.architecture, "")
        for name, running in owners.items()
        if "@" not in name
        and (running & {*services} if services else not any(word in own_name(name) for word in BY_NAME))
    }
    lock = None if files.lock is None else parse(files.lock.encode(), LOCKED)
    if lock is None:
        say(NO_LOCK)
    announcement(meant, mirror, say)
    moves = []
    places = {name: _named_at(files, name, owners[name]) for name in meant}
    for name, heard in hear(meant, mirror, say, only=[name for name in meant if places[name]]).items():
        if heard.problem:
            silent.append(name)
            say(f"{name}: {heard.problem}")
        newer = newest(tag_of(name), heard.tags).same
        locked = lock.images.get(name) if lock else None
        if newer or locked and heard.digest not in ("", locked.index):
            new = f"{untagged(name)}:{newer}" if newer else name
            moves.append(Move(name, new, frozenset(owners[name]), places[name] if newer else ()))
    return moves


def _named_at(files: Files, name: str, services: Iterable[str]) -> tuple[str, ...]:
    """Where infrakit.yaml names an image; () where it is the catalogue's, or named by several."""
    paths = [(key, service, "image") for service in services for key in ("apps", "services")]
    found = [path for path in paths if full_name(text_at(files.file.encode(), CONFIGURATION, path)) == name]
    return found[0] if len(found) == 1 else ()


def _after(run: _Run, files: Files, moves: Sequence[Move], ask: Ask) -> Files:
    """The files once these images have moved."""
    content = files.file.encode()
    for move in moves:
        if move.path:
            old = text_at(content, CONFIGURATION, move.path)
            new = f"{old.removesuffix(tag_of(move.name))}{tag_of(move.new)}"
            content = replaced(content, CONFIGURATION, move.path, old, new)
    if files.lock is None:
        return Files(content.decode(), None)
    compiled = load(content, CONFIGURATION, run.source.read_blueprint, None)
    same = {move.name for move in moves if not move.path}
    lock = ask(parse(files.lock.encode(), LOCKED), wanted_of(compiled), same, compiled)
    return Files(content.decode(), render(lock).decode())


def _shown(run: _Run, now: Made, then: Made, *, as_json: bool, dry_run: bool) -> tuple[Data, Sequence[Difference]]:
    """Say what all of it comes to."""
    moving = touched(now.deployment, then.deployment)
    steps = preview(plan_up(then.deployment, then.artifacts, hex_digest), run.machine)
    files = files_of(then.artifacts, hex_digest)

    def locate(origin: Any) -> str:
        return str(then.compiled.locate.origin(origin))

    world = World(then.deployment, then.artifacts, files, in_force(run.machine), run.machine, locate)
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


def _need_room(machine: Machine, data: Data) -> None:
    takes, free = room(machine, data)
    if takes > free:
        what = f"{size(takes)} of data are to be put aside, and {machine.engine.folder()} has room for {size(free)}"
        refuse([Finding("no-room-aside", "error", what, "make room, or name fewer services: infrakit update SERVICE")])


def _one_after_the_other(run: _Run, moves: Sequence[Move], new: Lock) -> None:
    """Images that a service has in common move at once. InfraKitError, at the end, where one did not go well."""
    failed: list[InfraKitError] = []

    def known(before: Lock, wanted: Mapping[str, set[str]], same: set[str], compiled: Compiled) -> Lock:
        moved = {name: new.images[name] for name in wanted if name in same or name not in before.images}
        return updated(before, wanted, moved)

    for group in _groups(moves):
        files = run.files()
        now, after = run.made(files), _after(run, files, group, known)
        services = touched(now.deployment, run.made(after).deployment)
        under = look(run.machine, now.deployment, now.artifacts, services, files)._replace(after=after)
        try:
            run.go(under)
        except InfraKitError as error:
            if isinstance(error, Interrupted) or read(run.machine) is not None:
                raise
            failed.append(error)
    if len(failed) == 1:
        raise failed[0]
    if failed:
        raise InfraKitError("; ".join(error.message for error in failed), "see: infrakit status")


def _groups(moves: Sequence[Move]) -> list[list[Move]]:
    groups: list[list[Move]] = []
    for move in moves:
        near = [group for group in groups if any(move.services & other.services for other in group)]
        groups = [group for group in groups if group not in near] + [
            [move, *(item for group in near for item in group)]
        ]
    return groups
