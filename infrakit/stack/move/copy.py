"""The copy of what goes, in a repository of restic's of its own: made here, while nobody writes; and forgotten when it
is over.

Not among the backups: these are forgotten set by set, and are shut with a key that opens all that this host ever kept.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from infrakit.errors import InfraKitError, MachineUnfit
from infrakit.machine import Machine
from infrakit.plan.model import Event, Tell
from infrakit.stack.backup.dump import write_down
from infrakit.stack.backup.holes import DUMPS, listed
from infrakit.stack.backup.places import is_folder
from infrakit.stack.backup.repository import LONGEST_S, Repository, restic, tagged
from infrakit.stack.backup.repository import number as number_of
from infrakit.stack.change.aside import work
from infrakit.stack.down import WaitUntilWell
from infrakit.stack.inside import container_name
from infrakit.stack.layout import secrets_folder
from infrakit.stack.move.under import MOVES, Under
from infrakit.stack.secrets import Given
from infrakit.stack.watch import is_done

TAG, ARRIVED = "infrakit-move", "arrived"
LONGEST_STOP_S = 900
MOST_BYTES = 1 << 22
AGAIN = 'test -e "$1" || { shift; exec docker restart "$@"; }'
"""For a shell: who was stopped for a copy that did not come to its end runs again, be it that Docker is still stopping
him."""


def repository_of(under: Under) -> Repository:
    """Of the copy, as this host opens it."""
    return Repository(under.place, under.host, under.key, under.host_key)


def taken(machine: Machine, under: Under) -> dict[str, Any]:
    """What is in the copy: snapshot, bytes, volumes, dumps, secrets (name -> path each); {} where it is not whole."""
    try:
        found = json.loads(machine.read(under.taken, MOST_BYTES) or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) and found.get("number") == under.number else {}


class KeyThere(NamedTuple):
    """There is what opens the copy."""

    path: str
    key: Given

    def holds(self, machine: Machine) -> bool:
        return bool(machine.read(self.path) == self.key.value)

    def text(self) -> str:
        return "there is a key for the copy"


class KeepKey(NamedTuple):
    """Keep it. No text has its value."""

    path: str
    key: Given

    def do(self, machine: Machine, tell: Tell) -> None:
        machine.make_folder(MOVES, 0o700)
        machine.write(self.path, self.key.value, 0o600)

    def text(self) -> str:
        return "keep a key for the copy"


class PlaceThere(NamedTuple):
    """The repository of the copy is there, and its key opens it."""

    repository: Repository

    def holds(self, machine: Machine) -> bool:
        return bool(number_of(machine, self.repository))

    def text(self) -> str:
        return f"{self.repository.to} is there"


class NeedPlace(NamedTuple):
    """Go no further where the copy is not there, or cannot be opened: nothing is begun yet."""

    repository: Repository

    def do(self, machine: Machine, tell: Tell) -> None:
        need_folder(machine, self.repository.to)
        restic(machine, self.repository, "cat", "config")

    def text(self) -> str:
        return f"look whether the copy in {self.repository.to} is there"


class MakePlace(NamedTuple):
    """Make it; what a cut left half made there is ours."""

    repository: Repository

    def do(self, machine: Machine, tell: Tell) -> None:
        need_folder(machine, self.repository.to)
        if is_folder(self.repository.to) and not machine.exists(f"{self.repository.to}/config"):
            machine.remove_tree(self.repository.to)
        restic(machine, self.repository, "init")

    def text(self) -> str:
        return f"make {self.repository.to}"


def need_folder(machine: Machine, place: str) -> None:
    """MachineUnfit where the disk of a folder is not there."""
    folder = place.rpartition("/")[0]
    if is_folder(place) and not machine.exists(folder):
        raise MachineUnfit(f"{folder} is not there", "is its disk plugged in? --through FOLDER says where it is")


class Taken(NamedTuple):
    """The copy is whole, and nobody wrote since."""

    under: Under
    project: str

    def holds(self, machine: Machine) -> bool:
        found = machine.engine.containers(self.project, self.under.group.containers)
        return bool(taken(machine, self.under)) and not any(item.state == "running" for item in found)

    def text(self) -> str:
        return f"all that {self.under.shown} has is copied, and it stands still"


class Take(NamedTuple):
    """Files first while all runs; then who writes stops, databases are written down, and what is new is copied. Who was
    stopped stays so; where this is broken off, he runs again."""

    under: Under
    project: str

    def do(self, machine: Machine, tell: Tell) -> None:
        under, group = self.under, self.under.group
        machine.remove(under.taken)
        machine.make_folder(MOVES, 0o700)
        volumes = self._volumes(machine)
        found = {item.service: item for item in machine.engine.containers(self.project, group.containers)}
        again = [name for name in group.containers if name in found and not is_done(machine, found[name])]
        names = [container_name(self.project, name) for name in again]
        running = [item for item in found.values() if item.state == "running"]
        if running and volumes:
            self._backup(machine, tell, "live", [*volumes.values()])
        tell(Event("note", "", f"{under.shown} stops now"))
        try:
            with machine.afterwards(("sh", "-c", AGAIN, "sh", under.taken, *names)):
                dumps = self._written_down(machine, tell)
                secrets = self._secrets(machine)
                holes = listed(machine, volumes.values(), group.services[-1])
                paths = [*volumes.values(), *dumps.values(), *secrets.values(), *holes]
                done = self._backup(machine, tell, "whole", paths)
                whole = {"number": under.number, "volumes": volumes, "dumps": dumps, "secrets": secrets, **done}
                machine.write(under.taken, json.dumps(whole, sort_keys=True).encode(), 0o600)
        finally:
            machine.remove_tree(DUMPS)

    def _volumes(self, machine: Machine) -> dict[str, str]:
        """As mounts name them -> the folder."""
        found = {}
        for source, name in self.under.group.copied:
            path = f"{machine.engine.folder()}/volumes/{name}/_data"
            if machine.exists(path):
                found[source] = path
        return found

    def _written_down(self, machine: Machine, tell: Tell) -> dict[str, str]:
        """Container -> file; then all stand still."""
        group = self.under.group
        servers = tuple(dump.container for dump in group.dumps)
        others = [name for name in reversed(group.containers) if name not in servers]
        self._stop(machine, others)
        paths = {name: f"{DUMPS}/{name}.sql" for name in servers}
        if servers:
            machine.remove_tree(DUMPS)
            machine.make_folder(DUMPS, 0o700)
            work(
                machine, ("docker", "start", *(container_name(self.project, name) for name in servers)), LONGEST_STOP_S
            )
            WaitUntilWell(self.project, servers).do(machine, tell)
        for dump in group.dumps:
            write_down(machine, self.project, dump, paths[dump.container])
        self._stop(machine, servers)
        return paths

    def _stop(self, machine: Machine, names: Sequence[str]) -> None:
        found = {item.service: item for item in machine.engine.containers(self.project, names)}
        running = [
            found[name].name for name in names if name in found and found[name].state not in ("exited", "created")
        ]
        if running:
            work(machine, ("docker", "stop", *running), LONGEST_STOP_S)

    def _secrets(self, machine: Machine) -> dict[str, str]:
        folder = f"{secrets_folder(self.under.host)}/secrets"
        paths = {name: f"{folder}/{name}" for name in self.under.group.secrets}
        return {name: path for name, path in paths.items() if machine.exists(path)}

    def _backup(self, machine: Machine, tell: Tell, kind: str, paths: Sequence[str]) -> dict[str, Any]:
        repository = repository_of(self.under)
        words = ("backup", "--host", repository.host, *tagged(TAG, kind, f"set={self.under.number}"), *paths)
        said = restic(machine, repository, *words, timeout_s=LONGEST_S, tell=tell) if paths else []
        summary: dict[str, Any] = next((item for item in reversed(said) if item.get("message_type") == "summary"), {})
        return {"snapshot": summary.get("snapshot_id", ""), "bytes": summary.get("total_bytes_processed", 0)}

    def text(self) -> str:
        return (
            f"copy volumes, databases and secrets, with {', '.join(self.under.group.containers)} stopped from then on"
        )


class TellOrigin(NamedTuple):
    """Say beside the copy that all of it is on the other host, and well; who cannot be told asks a person."""

    repository: Repository
    number: str

    def do(self, machine: Machine, tell: Tell) -> None:
        path = f"{MOVES}/{ARRIVED}.note"
        machine.write(path, f"{self.number}\n".encode(), 0o600)
        try:
            words = ("backup", "--host", self.repository.host, *tagged(TAG, ARRIVED, f"set={self.number}"), path)
            restic(machine, self.repository, *words, tell=tell)
        except InfraKitError as error:
            tell(Event("note", "", f"it could not be said beside the copy: {error.message}"))
        machine.remove(path)

    def text(self) -> str:
        return "say beside the copy that it is here"


def arrived(machine: Machine, repository: Repository, number: str) -> str:
    """When the other host said that it has it; "" where it has not, or the copy cannot be reached."""
    try:
        words = ("snapshots", "--tag", f"{TAG},{ARRIVED},set={number}")
        return max((str(item["time"])[:19] for item in restic(machine, repository, *words)), default="")
    except InfraKitError:
        return ""


class Forget(NamedTuple):
    """The copy goes; one on a disk that is not here stays, for whoever has its key: nobody."""

    repository: Repository

    def do(self, machine: Machine, tell: Tell) -> None:
        place = self.repository.to
        if is_folder(place) and machine.exists(place.rpartition("/")[0]):
            machine.remove_tree(place)
            return
        with suppress(InfraKitError):
            found = [str(item["id"]) for item in restic(machine, self.repository, "snapshots")]
            if found:
                restic(machine, self.repository, "forget", *found, tell=tell)
                restic(machine, self.repository, "prune", timeout_s=LONGEST_S, tell=tell)
            return
        tell(Event("note", "", f"{place} could not be reached, and stays; nothing opens it any more"))

    def text(self) -> str:
        return f"remove the copy in {self.repository.to}"
