"""What a host keeps -> a set of snapshots of one run: one for each part, at one instant each, and at last one of the
host itself, which names the others. A set without that is none.
"""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from infrakit import VERSION
from infrakit.backups import BackupPart
from infrakit.emit.compose import docker_volume
from infrakit.emit.timer import STOPPED
from infrakit.errors import InfraKitError
from infrakit.machine import Machine
from infrakit.model import Deployment
from infrakit.plan import Plan, Step
from infrakit.plan.model import Tell
from infrakit.stack.backup.before import InTime, Unlock
from infrakit.stack.backup.dump import end_of, write_down
from infrakit.stack.backup.holes import DUMPS, listed
from infrakit.stack.backup.last import last
from infrakit.stack.backup.online import as_json, copied, left_out
from infrakit.stack.backup.repository import (
    FOLDER,
    HOST,
    LONGEST_S,
    TAG,
    Begin,
    Ready,
    Repository,
    repository_of,
    restic,
    tagged,
)
from infrakit.stack.backup.rows import in_dump
from infrakit.stack.down import WaitUntilWell
from infrakit.stack.inside import container_name
from infrakit.stack.layout import CONFIGURATION, CURRENT, STATE, secrets_folder

FORMAT = 1
SET = f"{FOLDER}/set.json"
"""What the last run has taken so far, and the file in the host's snapshot by which a set is read."""
SQL, DUMP = ".sql", ".dump"
"""How files end that a database's own tools wrote, and that an app's own command did."""
MOST_BYTES = 1 << 24
MOST_UNUSED = "10%"
"""Of a repository: what is less is not worth writing the rest of its file anew."""
AGAIN = ("docker", "restart")
"""Not `start`: it would do nothing for one that Docker is still stopping, for a run that was killed."""
LIVE = "live"
"""Tag of a snapshot that was taken while others wrote, so that the next takes less time."""


def plans(deployment: Deployment, number: str) -> tuple[Plan, tuple[Plan, ...], Plan]:
    """(what comes first, one for each part, what makes the set whole). `number`: of the set, a time."""
    backup = deployment.backup
    assert backup is not None, "the file says where backups go"
    repository = repository_of(backup, deployment.host)
    title = f"back {deployment.name} on {deployment.host} up"
    ready = Step("repository", f"backups in {repository.to}", (Ready(repository),), (Begin(repository),))
    begin = Step("begin", "nobody stopped for a backup", (NobodyStopped(),), (StartStopped(),))
    forget = Step("begin", "begin a set", (), (Unlock(repository), InTime(repository, number), Forget(number)))
    parts = tuple(Plan(title, (_part(deployment, repository, number, part),)) for part in backup.parts)
    whole = Step("host", f"backup of {deployment.host} itself", (), (TakeHost(repository, deployment, number),))
    kept = tuple((f"--keep-{kind}", str(count)) for kind, count in backup.keep if count)
    old = Step("old", "old backups", (), (ForgetOld(repository, kept),))
    return Plan(title, (begin, ready, forget)), parts, Plan(title, (whole, old))


def _part(deployment: Deployment, repository: Repository, number: str, part: BackupPart) -> Step:
    volumes = tuple(docker_volume(deployment.name, name, deployment.volumes) for name in part.volumes)
    take = Take(repository, deployment.name, number, part, volumes)
    return Step(f"backup {part.name}", f"backup of {part.name}", (InSet(number, part.name),), (take,))


def so_far(machine: Machine) -> dict[str, Any]:
    """The set of the last run; {} where nothing can be read."""
    try:
        found = json.loads(machine.read(SET, MOST_BYTES) or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _keep(machine: Machine, content: dict[str, Any]) -> None:
    machine.make_folder(FOLDER, 0o700)
    machine.write(SET, json.dumps(content, sort_keys=True, indent=1).encode(), 0o600)


class NobodyStopped(NamedTuple):
    """Nobody stands still for a backup that is over."""

    def holds(self, machine: Machine) -> bool:
        return not machine.exists(STOPPED)

    def text(self) -> str:
        return "nobody is stopped for a backup"


class StartStopped(NamedTuple):
    """Start again who was stopped by one that was broken off."""

    def do(self, machine: Machine, tell: Tell) -> None:
        names = stopped(machine)
        with machine.afterwards(("docker", "start", *names)):
            pass
        machine.remove(STOPPED)

    def text(self) -> str:
        return "start who was stopped for a backup that was broken off"


def stopped(machine: Machine) -> list[str]:
    """Names of containers that stand still for a backup, as Docker calls them."""
    try:
        return [str(name) for name in json.loads(machine.read(STOPPED, MOST_BYTES) or b"[]")]
    except (ValueError, TypeError):
        raise InfraKitError(f"{STOPPED} is damaged", f"sudo rm {STOPPED}; sudo infrakit up starts all") from None


class Forget(NamedTuple):
    """Begin a set, which has nothing yet."""

    number: str

    def do(self, machine: Machine, tell: Tell) -> None:
        machine.remove_tree(DUMPS)
        _keep(machine, {"format": FORMAT, "set": self.number, "infrakit": VERSION, "parts": {}})

    def text(self) -> str:
        return f"begin the set {self.number}"


class InSet(NamedTuple):
    """A part is in the set."""

    number: str
    part: str

    def holds(self, machine: Machine) -> bool:
        found = so_far(machine)
        return found.get("set") == self.number and self.part in found["parts"]

    def text(self) -> str:
        return f"{self.part} is in the set {self.number}"


class Take(NamedTuple):
    """One part: databases first, then files; whoever writes to them stands still for the second pass, which finds
    little that the first has not."""

    repository: Repository
    project: str
    number: str
    part: BackupPart
    volumes: tuple[str, ...]

    def do(self, machine: Machine, tell: Tell) -> None:
        try:
            self._all(machine, tell)
        finally:
            machine.remove_tree(DUMPS)  # on a disk that is full, too

    def _all(self, machine: Machine, tell: Tell) -> None:
        dumps = {item.container: f"{DUMPS}/{item.container}{DUMP if item.own else SQL}" for item in self.part.dumps}
        for item in self.part.dumps:
            write_down(machine, self.project, item, dumps[item.container])
        folders = {name: f"{machine.engine.folder()}/volumes/{name}/_data" for name in self.volumes}
        there = {name: path for name, path in folders.items() if machine.exists(path)}
        rows = {item.container: in_dump(machine, dumps[item.container]) for item in self.part.dumps if not item.own}
        ends = {item.container: end_of(item) for item in self.part.dumps}
        named = {volume: there[name] for volume, name in zip(self.part.volumes, self.volumes) if name in there}
        online = copied(machine, self.part, named, DUMPS)
        holes = listed(machine, there.values(), self.part.name)
        paths = (*there.values(), *dumps.values(), *(item.copy for item in online), *holes)
        running = self._running(machine)
        taken = self._take(machine, tell, [*paths, *left_out(online)], running) if paths else {}
        content = so_far(machine)
        about = {"volumes": there, "dumps": dumps, "ends": ends, "rows": rows, "sqlite": as_json(online)}
        content["parts"][self.part.name] = {**taken, **about}
        _keep(machine, content)
        WaitUntilWell(self.project, tuple(running)).do(machine, tell)

    def _take(self, machine: Machine, tell: Tell, paths: Sequence[str], running: Sequence[str]) -> dict[str, Any]:
        tags = tagged(TAG, f"set={self.number}", f"part={self.part.name}")
        if not running:
            return _backup(machine, self.repository, tell, tags, paths)
        _backup(machine, self.repository, tell, tagged(TAG, LIVE), paths)
        machine.write(STOPPED, json.dumps(running).encode(), 0o600)
        with machine.afterwards((*AGAIN, *running)):
            done = machine.run(("docker", "stop", *reversed(running)), timeout_s=LONGEST_S)
            if done.code:
                raise InfraKitError(f"docker stop: {done.err.strip()}", "see: infrakit status")
            taken = _backup(machine, self.repository, tell, tags, paths)
        machine.remove(STOPPED)
        return taken

    def _running(self, machine: Machine) -> list[str]:
        found = {item.service: item for item in machine.engine.containers(self.project, self.part.stops)}
        names = [name for name in self.part.stops if name in found and found[name].state == "running"]
        return [container_name(self.project, name) for name in names]

    def text(self) -> str:
        meanwhile = f", with {', '.join(self.part.stops)} stopped for a moment" if self.part.stops else ""
        meanwhile += ", SQLite databases by SQLite itself" if self.part.sqlite else ""
        return f"copy {', '.join((*(item.container for item in self.part.dumps), *self.volumes))}{meanwhile}"


class TakeHost(NamedTuple):
    """What InfraKit itself has on a host, and the list of the set."""

    repository: Repository
    deployment: Deployment
    number: str

    def do(self, machine: Machine, tell: Tell) -> None:
        host = self.deployment
        about = {"host": host.host, "project": host.name, "architecture": host.architecture}
        _keep(machine, {**so_far(machine), **about})
        paths = (CONFIGURATION.rpartition("/")[0], secrets_folder(host.host), f"{STATE}/{machine.target(CURRENT)}", SET)
        tags = tagged(TAG, f"set={self.number}", HOST)
        _backup(machine, self.repository, tell, tags, [path for path in paths if machine.exists(path)])

    def text(self) -> str:
        return "copy infrakit.yaml, its lock, blueprints, secrets, and the tree in force"


class ForgetOld(NamedTuple):
    """Sets that are neither the newest nor kept go, with all their parts, and so does what belongs to no set."""

    repository: Repository
    kept: tuple[tuple[str, str], ...]

    def do(self, machine: Machine, tell: Tell) -> None:
        words = [word for pair in (("--keep-last", "1"), *self.kept) for word in pair]
        mine = ("--host", self.repository.host)
        restic(machine, self.repository, "forget", "--tag", HOST, *mine, "--group-by", "host", *words, tell=tell)
        every = restic(machine, self.repository, "snapshots", *mine, "--tag", TAG)
        sets = {tag for item in every if HOST in item["tags"] for tag in item["tags"] if tag.startswith("set=")}
        old = [item["id"] for item in every if not sets.intersection(item["tags"])]
        if old:
            restic(machine, self.repository, "forget", *old, tell=tell)
        restic(machine, self.repository, "prune", "--max-unused", MOST_UNUSED, timeout_s=LONGEST_S, tell=tell)

    def text(self) -> str:
        return f"forget backups but those of {' '.join(' '.join(pair) for pair in self.kept) or 'the last run'}"


def _backup(
    machine: Machine, repository: Repository, tell: Tell, tags: Sequence[str], paths: Sequence[str]
) -> dict[str, Any]:
    """One snapshot, and what restic says of it."""
    # Else restic takes a file that did not change for one that is in the repository, whole.
    again = ("--force",) if last(machine).damaged else ()
    words = ("backup", "--host", repository.host, *again, *tags, *paths)
    said = restic(machine, repository, *words, timeout_s=LONGEST_S, tell=tell)
    summary: dict[str, Any] = next((item for item in reversed(said) if item.get("message_type") == "summary"), {})
    names = {"snapshot_id": "snapshot", "total_files_processed": "files", "total_bytes_processed": "bytes"}
    return {ours: summary[theirs] for theirs, ours in names.items() if theirs in summary}
