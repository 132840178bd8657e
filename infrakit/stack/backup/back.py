"""Snapshots of a set -> the steps that put a host's data back as it was: fetched whole beside what is there, then
exchanged while nobody has it open; a database by its own tools, into an empty folder.

Each step says by what is on the disk whether it is done, so that a run after a kill goes on.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from infrakit.backups import BackupPart, Dump
from infrakit.emit.compose import docker_volume
from infrakit.errors import UsageProblem
from infrakit.machine import Machine
from infrakit.model import Container, Deployment, Mount
from infrakit.plan import Action, Plan, Step
from infrakit.resolve.backups import is_in
from infrakit.stack.backup.exchange import (
    Clean,
    Complete,
    Empty,
    Exchange,
    Fetch,
    Fetched,
    IsBack,
    Load,
    Mark,
    Note,
    Over,
    StartAll,
)
from infrakit.stack.backup.online import Copied, of_json
from infrakit.stack.backup.repository import Repository, restic
from infrakit.stack.backup.take import DUMP, SET, SQL
from infrakit.stack.change.aside import Stop
from infrakit.stack.down import WaitUntilWell
from infrakit.stack.inside import container_name
from infrakit.stack.layout import secrets_folder
from infrakit.stack.roles import SetRole, role_of
from infrakit.stack.up import in_order


class Chosen(NamedTuple):
    """A part that is put back: `snapshot`, and how many `bytes` it has; `folders`: (volume as Docker calls it, where it
    is in the snapshot); `dumps`: the same of databases; `online`: SQLite's."""

    part: BackupPart
    snapshot: str
    bytes: int
    folders: tuple[tuple[str, str], ...]
    dumps: tuple[tuple[Dump, str], ...]
    online: tuple[Copied, ...]


def content_of(machine: Machine, repository: Repository, snapshot: str) -> dict[str, Any]:
    """What a set says of itself. `snapshot`: of the host."""
    return restic(machine, repository, "dump", snapshot, SET)[0]


def chosen(deployment: Deployment, content: Mapping[str, Any], names: Sequence[str]) -> tuple[Chosen, ...]:
    """The parts that are meant, all where none is named. UsageProblem where the set, or the host, has no such part."""
    assert deployment.backup is not None, "the file says where backups are"
    here, there = {part.name: part for part in deployment.backup.parts}, content["parts"]
    for name in names:
        if name not in there:
            raise UsageProblem(f"the backup has no {name}", f"it has: {', '.join(sorted(there))}")
        if name not in here:
            raise UsageProblem(f"{name} is not in the file any more", f"infrakit restore --beside FOLDER {name}")
    parts = in_turn(deployment, [here[name] for name in (names or there) if name in here])
    return tuple(_chosen(deployment, part, there[part.name]) for part in parts)


def in_turn(deployment: Deployment, parts: Sequence[BackupPart]) -> list[BackupPart]:
    """Each after those of services that its own needs: whose dump is read back may ask them. Volumes that apps share
    come first."""
    order = [service.name for service in in_order(deployment.services)]
    return sorted(parts, key=lambda part: order.index(part.name) if part.name in order else -1)


def needed_by(deployment: Deployment, name: str) -> tuple[str, ...]:
    """Containers that run before this one does, in turn."""
    every = {item.name: item for service in in_order(deployment.services) for item in service.containers}
    found = {name}
    while more := {need.container for item in found & set(every) for need in every[item].depends_on} - found:
        found |= more
    return tuple(item for item in every if item in found - {name} and not every[item].one_shot)


def _chosen(deployment: Deployment, part: BackupPart, about: Mapping[str, Any]) -> Chosen:
    """As the set has it: an app may have said another way since, and then its files are in one, and a dump in the
    other."""
    own = next((service.volumes for service in deployment.services if service.name == part.name), ())
    sources = dict.fromkeys((*part.volumes, *own))
    volumes = [docker_volume(deployment.name, name, deployment.volumes) for name in sources]
    folders = tuple((name, about["volumes"][name]) for name in volumes if name in about["volumes"])
    dumps = tuple((dump, about["dumps"][dump.container]) for dump in part.dumps if dump.container in about["dumps"])
    known = {dump.container: path for dump, path in dumps if path.endswith(DUMP if dump.own else SQL)}
    for container in about["dumps"]:
        if container not in known:
            what = f"{container} was written down in another way than the file says now"
            hint = f"say it as then; or infrakit restore --beside FOLDER {part.name} brings {about['dumps'][container]}"
            raise UsageProblem(what, hint)
    return Chosen(part, about.get("snapshot", ""), about.get("bytes", 0), folders, dumps, of_json(about))


def plan_restore(deployment: Deployment, repository: Repository, number: str, parts: Sequence[Chosen]) -> Plan:
    """In the order in which containers start; nothing of what runs is touched before all is here. `number`: of the
    set."""
    used = _users(deployment, parts)
    fetch = [fetch_step(repository, number, part) for part in parts if part.snapshot]
    back = [_back(deployment, number, part) for part in parts if part.snapshot]
    names = tuple(container_name(deployment.name, item) for item in used)
    note = Note(number, tuple(part.part.name for part in parts))
    stop = Stop(deployment.name, tuple(reversed(used)))
    return Plan(
        f"put {', '.join(part.part.name for part in parts)} back as in {number}",
        (
            *fetch,
            Step("stop", f"stop {', '.join(used)}", (), (note, stop)),
            *back,
            Step("start", f"start {', '.join(used)}", (), (StartAll(names), WaitUntilWell(deployment.name, names))),
            Step("over", "what was there before goes", (Over(),), (Clean(),)),
        ),
    )


def _users(deployment: Deployment, parts: Sequence[Chosen]) -> tuple[str, ...]:
    """Who has what is put back open, or needs a database that is, each after those that it needs."""
    volumes = {name for part in parts for name, _ in part.folders}
    found = {dump.container for part in parts for dump, _ in part.dumps}
    every = [item for service in in_order(deployment.services) for item in service.containers if not item.one_shot]
    found |= {item.name for item in every if any(_volume_of(deployment, mount) in volumes for mount in item.mounts)}
    while more := {item.name for item in every if {need.container for need in item.depends_on} & found} - found:
        found |= more
    return tuple(item.name for item in every if item.name in found)


def _volume_of(deployment: Deployment, mount: Mount) -> str:
    """As Docker calls it, "" where it is none."""
    is_one = mount.kind in ("volume", "shared")
    return docker_volume(deployment.name, mount.source, deployment.volumes) if is_one else ""


def fetch_step(repository: Repository, number: str, part: Chosen) -> Step:
    """A part is here, whole."""
    name = part.part.name
    action = Fetch(repository, number, name, part.snapshot, part.bytes)
    return Step(f"fetch {name}", f"fetch {name}", (Fetched(number, name),), (action,))


def _back(deployment: Deployment, number: str, part: Chosen) -> Step:
    name = part.part.name
    databases = tuple(
        action for dump, path in part.dumps for action in database_actions(deployment, number, name, dump, path)
    )
    # Files first: who runs already would keep those that he has open.
    actions = (*file_actions(number, part), *databases, Mark(number, name))
    return Step(f"back {name}", f"{name} as it was", (IsBack(number, name),), actions)


def file_actions(number: str, part: Chosen) -> Iterator[Action]:
    """Its volumes, as in a set."""
    if part.online:
        yield Complete(number, part.part.name, part.online)
    yield from (Exchange(number, part.part.name, *folder) for folder in part.folders)


def database_actions(deployment: Deployment, number: str, part: str, dump: Dump, path: str) -> Iterator[Action]:
    """A database in its container, as in a set: into an empty server, with the passwords of now."""
    container = next(
        item for service in deployment.services for item in service.containers if item.name == dump.container
    )
    project = deployment.name
    yield Stop(project, (dump.container,))
    yield Empty(number, part, dump.container, tuple(_places(deployment, container, dump)))
    for name in (*(needed_by(deployment, dump.container) if dump.own else ()), dump.container):
        yield StartAll((container_name(project, name),))
        yield WaitUntilWell(project, (container_name(project, name),))
    yield Load(number, part, project, dump, path)
    for spec in deployment.secrets:
        role = role_of(deployment, spec.name)
        if role and role.container == dump.container:
            yield SetRole(project, role, f"{secrets_folder(deployment.host)}/secrets/{spec.name}")


def _places(deployment: Deployment, container: Container, dump: Dump) -> Iterator[tuple[str, str]]:
    """(kind, volume or folder) of the server's files."""
    for mount in container.mounts:
        if is_in(dump, mount) and not mount.read_only:
            name = mount.source
            yield mount.kind, name if mount.kind == "host" else docker_volume(deployment.name, name, deployment.volumes)
