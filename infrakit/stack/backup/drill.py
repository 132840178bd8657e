"""A set of snapshots -> the steps of a drill: all of it fetched into a project of its own, compared with what the
backup recorded before anybody there can change it, and started. What a drill puts here is in remains.py.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from infrakit.backups import BackupPart, Dump
from infrakit.emit.compose import MAIN, docker_volume, emit, service_path
from infrakit.errors import MachineUnfit
from infrakit.machine import Machine
from infrakit.model import Artifact, Deployment
from infrakit.plan import Action, Plan, Step
from infrakit.stack.backup.back import in_turn, needed_by
from infrakit.stack.backup.exchange import StartAll
from infrakit.stack.backup.isolated import Isolated, isolated
from infrakit.stack.backup.online import of_json
from infrakit.stack.backup.proof import AsRecorded, LoadDump, RowsAreThere, SqliteIsSound, TakesPassword, WellOrDone
from infrakit.stack.backup.remains import NoteRemains, Remains
from infrakit.stack.backup.repository import Repository
from infrakit.stack.backup.stage import Create, FetchInto, Fill, GiveToUser, PutSecrets
from infrakit.stack.belongings import of_deployment
from infrakit.stack.change.aside import free_bytes
from infrakit.stack.down import WaitUntilWell
from infrakit.stack.inside import container_name
from infrakit.stack.layout import secrets_folder
from infrakit.stack.roles import role_of

FOLDER = "infrakit-drill"
"""Beside Docker's volumes, so that what is fetched gets into one by a rename."""
MEMORY = "/proc/meminfo"


class Drill(NamedTuple):
    """`number`, `snapshot`: of the set, and of the host's in it; `content`: what it says of itself; `parts`: of the
    host those that the set has; `files`: of the tree in force; `folder`: where all is that Docker does not keep."""

    deployment: Deployment
    repository: Repository
    number: str
    snapshot: str
    content: Mapping[str, Any]
    parts: tuple[BackupPart, ...]
    alone: Isolated
    files: tuple[Artifact, ...]
    folder: str

    @property
    def secrets(self) -> str:
        """The folder that holds `secrets/`, as the set has them."""
        return f"{self.folder}/host{secrets_folder(str(self.content.get('host') or self.deployment.host))}"

    def about(self, part: BackupPart) -> Mapping[str, Any]:
        """What the set says of a part."""
        return self.content["parts"].get(part.name, {})  # type: ignore[no-any-return]  # JSON

    def stage(self, part: BackupPart) -> str:
        """Where a part is fetched to."""
        return f"{self.folder}/parts/{part.name.replace('/', '.')}"


def drill_of(
    machine: Machine,
    deployment: Deployment,
    repository: Repository,
    number: str,
    snapshot: str,
    content: Mapping[str, Any],
    files: Sequence[Artifact],
) -> Drill:
    """Of a host that says where backups go."""
    assert deployment.backup is not None, "the file says where backups are"
    parts = tuple(in_turn(deployment, [part for part in deployment.backup.parts if part.name in content["parts"]]))
    folder = f"{machine.engine.folder()}/{FOLDER}"
    alone = isolated(deployment, parts)
    return Drill(deployment, repository, number, snapshot, content, parts, alone, _read(alone, files), folder)


def _read(alone: Isolated, files: Sequence[Artifact]) -> tuple[Artifact, ...]:
    """Those that its containers mount."""
    containers = [item for service in alone.deployment.services for item in service.containers]
    sources = {mount.source for item in containers for mount in item.mounts if mount.kind == "file"}
    return tuple(file for file in files if any(f"{file.path}/".startswith(f"{source}/") for source in sources))


def need_room(machine: Machine, drill: Drill) -> None:
    """MachineUnfit where its containers may use more memory than is free, or what it fetches is more than the disk
    takes."""
    containers = [item for service in drill.alone.deployment.services for item in service.containers]
    wanted, free = sum(item.memory_bytes for item in containers), _memory_free(machine)
    if wanted > free:
        what = f"the containers of a drill may use {wanted >> 20} MiB of memory, and {free >> 20} are free"
        raise MachineUnfit(what, "lower their limits in infrakit.yaml, or add memory; else backup: {drill: never}")
    # A database is there twice: as it was written down, and loaded.
    fetched = sum(drill.about(part).get("bytes", 0) * (1 + bool(part.dumps)) for part in drill.parts)
    room = free_bytes(machine)
    if fetched > room:
        what = f"a drill takes {fetched / 1e6:.0f} MB of disk, and there is room for {max(0, room) / 1e6:.0f}"
        raise MachineUnfit(what, f"make room in {machine.engine.folder()}")


def _memory_free(machine: Machine) -> int:
    for line in (machine.read(MEMORY) or b"").decode().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) << 10
    return 0


def remains_of(drill: Drill) -> Remains:
    """What it is about to put here."""
    alone = drill.alone.deployment
    names = of_deployment(alone).names
    networks = {name for name in names if name not in _volumes(alone)}
    containers = tuple(container_name(alone.name, name) for name in drill.alone.order)
    return Remains(drill.folder, containers, tuple(sorted(names - networks)), tuple(sorted(networks)))


def _volumes(deployment: Deployment) -> set[str]:
    names = [volume for service in deployment.services for volume in service.volumes]
    names += [volume.name for volume in deployment.volumes]
    return {docker_volume(deployment.name, name, deployment.volumes) for name in names}


def plan_project(drill: Drill) -> Plan:
    """What comes first: nothing runs yet."""
    alone = drill.alone.deployment
    tree = f"{drill.folder}/tree"
    compose = tuple(item for item in emit(alone, drill.files))
    steps = [
        Step("note", "what a drill puts here is written down", (), (NoteRemains(remains_of(drill)),)),
        Step("host", "secrets as the set has them", (), _secrets(drill)),
    ]
    if drill.alone.order:
        owners = tuple(_owners(drill))
        create = Create(tree, f"{drill.secrets}/secrets", (*compose, *drill.files))
        steps.append(Step("project", f"{alone.name}, a project of its own", (), (create, *owners)))
    return Plan(_title(drill), tuple(steps))


def _title(drill: Drill) -> str:
    return f"try the backup {drill.number} out"


def _secrets(drill: Drill) -> tuple[Action, ...]:
    fetch = FetchInto(drill.repository, drill.snapshot, f"{drill.folder}/host", "what InfraKit itself has in it")
    return fetch, PutSecrets(drill.secrets, drill.alone.deployment)


def _owners(drill: Drill) -> Iterator[GiveToUser]:
    """Volumes that nothing is fetched for: Docker makes them root's (stack/owners.py)."""
    alone = drill.alone.deployment
    filled = {volume for part in drill.parts for _, volume in _folders(drill, part)}
    for service in alone.services:
        for item in service.containers if service.kind == "app" else ():
            for mount in item.mounts:
                volume = docker_volume(alone.name, mount.source, alone.volumes)
                named = mount.kind in ("volume", "shared") and not mount.read_only and volume not in filled
                if named and item.user.partition(":")[0].strip("0"):
                    yield GiveToUser(volume, item.user)


def _folders(drill: Drill, part: BackupPart) -> Iterator[tuple[str, str]]:
    """(where it is in the snapshot, the drill's volume) of those that a container of the drill has."""
    alone, there = drill.alone.deployment, _volumes(drill.alone.deployment)
    for name in part.volumes:
        known = docker_volume(drill.deployment.name, name, drill.deployment.volumes)
        path = drill.about(part).get("volumes", {}).get(known)
        volume = docker_volume(alone.name, name, alone.volumes)
        if path and volume in there:
            yield path, volume


def plan_part(drill: Drill, part: BackupPart) -> Plan:
    """One part: here, as recorded, and in its place; a database loaded."""
    about, stage = drill.about(part), drill.stage(part)
    fetch = FetchInto(drill.repository, about.get("snapshot", ""), stage, part.name)
    wanted = {docker_volume(drill.deployment.name, name, drill.deployment.volumes) for name in part.volumes}
    compare = AsRecorded(stage, about, tuple(sorted(wanted)), part.dumps)
    steps = [
        Step(f"fetch {part.name}", f"{part.name} from the backup", (), (fetch,)),
        Step(f"files {part.name}", f"{part.name} as recorded", (), (compare,)),
    ]
    online = of_json(about)
    if online:
        sound = SqliteIsSound(stage, online)
        steps.append(Step(f"sqlite {part.name}", f"SQLite databases of {part.name} as recorded", (), (sound,)))
    folders = tuple(Fill(f"{stage}{path}", volume) for path, volume in _folders(drill, part))
    if folders:
        steps.append(Step(f"fill {part.name}", f"{part.name} in volumes of its own", (), folders))
    there = [dump for dump in part.dumps if dump.container in about.get("dumps", {})]
    steps += [_database(drill, part, dump) for dump in there if dump.container in drill.alone.order]
    return Plan(_title(drill), tuple(steps))


def _database(drill: Drill, part: BackupPart, dump: Dump) -> Step:
    """Compared before anybody else can ask it, or change it."""
    project, about = drill.alone.deployment.name, drill.about(part)
    called = container_name(project, dump.container)
    rows = about.get("rows", {}).get(dump.container, {})
    needs = needed_by(drill.deployment, dump.container) if dump.own else ()
    started = [container_name(project, name) for name in needs if name in drill.alone.order]
    actions: list[Action] = [
        *(action for name in (*started, called) for action in (StartAll((name,)), WaitUntilWell(project, (name,)))),
        LoadDump(project, dump, f"{drill.stage(part)}{about['dumps'][dump.container]}"),
        *([RowsAreThere(called, rows)] if rows else []),
    ]
    for spec in drill.deployment.secrets:
        role = role_of(drill.deployment, spec.name)
        if role and role.container == dump.container:
            actions.append(TakesPassword(project, role, f"{drill.secrets}/secrets/{spec.name}", spec.name))
    return Step(f"load {dump.container}", f"the database in {dump.container} as recorded", (), tuple(actions))


def plan_start(drill: Drill, name: str) -> Plan:
    """One container, once those that it needs are well."""
    project = drill.alone.deployment.name
    once = name in drill.alone.once
    action = WellOrDone(project, container_name(project, name), once)
    return Plan(
        _title(drill), (Step(f"start {name}", f"{name} {'does its work' if once else 'gets well'}", (), (action,)),)
    )


def compose_files(deployment: Deployment) -> set[str]:
    """Of a tree those that a drill writes itself."""
    return {MAIN, *(service_path(service) for service in deployment.services)}
