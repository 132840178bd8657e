"""The installed file x what registries say -> images that can move, and the file and the lock once they have."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from infrakit.catalog import load_catalog
from infrakit.catalog.versions import by_repository, newest, tag_of
from infrakit.cli import here, source
from infrakit.cli.lock import Wanted, wanted_of
from infrakit.cli.talk import say
from infrakit.compiler import Compiled, load
from infrakit.composed.addition import replaced, text_at
from infrakit.config.nearest import nearest
from infrakit.emit import emit
from infrakit.errors import ConfigurationInvalid, InfraKitError, UsageProblem
from infrakit.host.fit import fitted
from infrakit.lock import Lock, LockFile, full_name, locked_name, parse, render, untagged, updated
from infrakit.model import Artifact, Deployment
from infrakit.policy.updates import BY_NAME, own_name
from infrakit.stack.change.update import Files, touched
from infrakit.stack.generation import generation_id
from infrakit.stack.layout import CONFIGURATION, LOCKED
from infrakit.system.digest import hex_digest
from infrakit.system.machine import Machine
from infrakit.system.registry import Client
from infrakit.system.registry.locked import announcement, ask, hear, to_ask

if TYPE_CHECKING:
    from infrakit.lock.entries import LockedName

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


class Host(NamedTuple):
    """This machine, and where the installed file's blueprints are."""

    source: source.Source
    machine: Machine

    def files(self) -> Files:
        """As they are installed now."""
        found = source.find(CONFIGURATION, None)
        return Files(found.content.decode(), found.lock.content.decode() if found.lock else None)

    def made(self, files: Files) -> Made:
        """What they come to."""
        lock = None if files.lock is None else LockFile(LOCKED, files.lock.encode())
        compiled = load(files.file.encode(), CONFIGURATION, self.source.read_blueprint, lock)
        deployment, _ = fitted(here.named(compiled, None), self.machine)
        return Made(compiled, deployment, emit(deployment))


def askable(
    host: Host, now: Made, files: Files, groups: Sequence[Sequence[Move]], silent: list[str]
) -> tuple[list[Sequence[Move]], Ask]:
    """Those whose images are there for every processor, and what a lock has of them then: a tag may be there for one
    before it is for all."""
    found: dict[str, LockedName] = {}

    def fresh(before: Lock, wanted: Wanted, same: set[str], compiled: Compiled) -> Lock:
        names = {name: index for name, index in to_ask(before.images, wanted, same).items() if name not in found}
        with Client(tell=say, attempts=2) as client:
            found.update({name: ask(client, name, compiled.mirror, wanted[name], names[name]) for name in names})
        return known(before, wanted, same, compiled)

    def known(before: Lock, wanted: Wanted, same: set[str], compiled: Compiled) -> Lock:
        moved = {name: found[name] for name in wanted if name in found and (name in same or name not in before.images)}
        return updated(before, wanted, moved)

    there = []
    for group in groups:
        try:
            if touched(now.deployment, host.made(after(host, files, group, fresh)).deployment):
                there.append(group)  # else it is another index of the same image
        except InfraKitError as error:
            silent += [move.name for move in group]
            problems = error.problems if isinstance(error, ConfigurationInvalid) else ()
            say(f"{', '.join(move.new for move in group)}: {problems[0].what if problems else error.message}")
    return there, known


def moves_of(now: Made, files: Files, services: Sequence[str], silent: list[str]) -> list[Move]:
    """What is newer, of the services that are meant. `silent` gets names that nobody could be asked about."""
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
    processor = now.deployment.architecture
    meant = {name: (processor, "") for name, running in owners.items() if is_meant(name, running, services)}
    lock = None if files.lock is None else parse(files.lock.encode(), LOCKED)
    if lock is None:
        say(NO_LOCK)
    announcement(meant, mirror, say)
    moves = []
    catalog = by_repository(load_catalog())
    places = {name: _named_at(files, name, owners[name]) for name in meant}
    for name, heard in hear(meant, mirror, say, only=[name for name in meant if places[name]]).items():
        if heard.problem:
            silent.append(name)
            say(f"{name}: {heard.problem}")
        item = catalog.get(untagged(name))
        newer, other = newest(tag_of(name), heard.tags, item.lines if item else None)
        if other:
            say(f"{name} is not moved to {other}, which is of a later line: infrakit.yaml has to name it")
        locked = lock.images.get(name) if lock else None
        if newer or locked and heard.digest not in ("", locked.index):
            new = f"{untagged(name)}:{newer}" if newer else name
            moves.append(Move(name, new, frozenset(owners[name]), places[name] if newer else ()))
    return moves


def is_meant(name: str, running: Collection[str], services: Collection[str]) -> bool:
    """Whether an image may move where `services` are named, or nobody is. What has a digest in the file stays."""
    by_name = any(word in own_name(name) for word in BY_NAME)
    return "@" not in name and (bool({*running} & {*services}) if services else not by_name)


def _named_at(files: Files, name: str, services: Iterable[str]) -> tuple[str, ...]:
    """Where infrakit.yaml names an image; () where it is the catalogue's, or named by several."""
    paths = [(key, service, "image") for service in services for key in ("apps", "services")]
    found = [path for path in paths if full_name(text_at(files.file.encode(), CONFIGURATION, path)) == name]
    return found[0] if len(found) == 1 else ()


def after(host: Host, files: Files, moves: Sequence[Move], ask: Ask) -> Files:
    """The files once these images have moved."""
    content = files.file.encode()
    for move in moves:
        if move.path:
            old = text_at(content, CONFIGURATION, move.path)
            new = f"{old.removesuffix(tag_of(move.name))}{tag_of(move.new)}"
            content = replaced(content, CONFIGURATION, move.path, old, new)
    if files.lock is None:
        return Files(content.decode(), None)
    compiled = load(content, CONFIGURATION, host.source.read_blueprint, None)
    same = {move.name for move in moves if not move.path}
    lock = ask(parse(files.lock.encode(), LOCKED), wanted_of(compiled), same, compiled)
    return Files(content.decode(), render(lock).decode())


def groups_of(moves: Sequence[Move]) -> list[list[Move]]:
    """Images that a service has in common move at once."""
    groups: list[list[Move]] = []
    for move in moves:
        near = [group for group in groups if any(move.services & other.services for other in group)]
        groups = [group for group in groups if group not in near] + [
            [move, *(item for group in near for item in group)]
        ]
    return groups
