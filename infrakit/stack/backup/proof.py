"""What a drill looks at: whether what was fetched, loaded and started is as the backup recorded it. Each raises Differs
where it is not."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from infrakit.backups import Dump
from infrakit.errors import EXIT_FAILED, InfraKitError
from infrakit.machine import Machine
from infrakit.plan.model import Event, Tell
from infrakit.stack.backup.dump import is_whole, load
from infrakit.stack.backup.online import Copied, of_json, put_in_place
from infrakit.stack.backup.repository import LONGEST_S
from infrakit.stack.backup.rows import Rows, differing, in_server, total
from infrakit.stack.change.aside import work
from infrakit.stack.down import WaitUntilWell
from infrakit.stack.inside import container_name, inside
from infrakit.stack.roles import MOST_BYTES, TRY, Role
from infrakit.stack.services import SETTLE_S
from infrakit.stack.watch import LONGEST_START_S, PAUSE_S, Watch

ANOTHER = "take another backup: sudo infrakit backup now, then: sudo infrakit backup drill"
MOST_NAMED = 5


class Differs(InfraKitError):
    """Something is not as it was recorded."""

    exit_code = EXIT_FAILED


def _differs(told: Sequence[str]) -> None:
    """Differs, where anything is told."""
    if told:
        more = f"; and {len(told) - MOST_NAMED} more" if len(told) > MOST_NAMED else ""
        raise Differs("; ".join(told[:MOST_NAMED]) + more, ANOTHER)


class AsRecorded(NamedTuple):
    """A part has the volumes and dumps that it should, and as many files and bytes as were copied. `about`: what the
    set says of it."""

    folder: str
    about: Mapping[str, Any]
    volumes: tuple[str, ...]
    dumps: tuple[Dump, ...]

    def do(self, machine: Machine, tell: Tell) -> None:
        told = [f"the volume {name} is not in the backup" for name in self.volumes if not self._has(machine, name)]
        told += [said for dump in self.dumps if (said := self._wrong(machine, dump))]
        sizes: list[int] = []
        words = ("find", self.folder, "-type", "f", "-printf", "%s\\n")
        machine.run(words, timeout_s=LONGEST_S, heard=lambda line: sizes.append(int(line)))
        told += [
            f"the copy of {item.live} is not in the backup"
            for item in of_json(self.about)
            if not machine.exists(f"{self.folder}{item.copy}")
        ]
        for name, there in (("files", len(sizes)), ("bytes", sum(sizes))):
            if self.about.get(name, there) != there:
                told.append(f"it has {there} {name}, and had {self.about[name]}")
        if told:
            raise Differs("; ".join(told), ANOTHER)

    def _has(self, machine: Machine, volume: str) -> bool:
        path = self.about.get("volumes", {}).get(volume)
        return bool(path) and machine.exists(f"{self.folder}{path}")

    def _wrong(self, machine: Machine, dump: Dump) -> str:
        path = self.about.get("dumps", {}).get(dump.container)
        if not path or not machine.exists(f"{self.folder}{path}"):
            return f"the dump of {dump.container} is not in the backup"
        return "" if is_whole(machine, dump, f"{self.folder}{path}") else f"the dump of {dump.container} has no end"

    def text(self) -> str:
        return "compare files and bytes with what was recorded"


class SqliteIsSound(NamedTuple):
    """Databases that SQLite copied are without damage and have as many rows as were recorded; then they stand among
    the files."""

    folder: str
    found: tuple[Copied, ...]

    def do(self, machine: Machine, tell: Tell) -> None:
        told = []
        for item in self.found:
            path = f"{self.folder}{item.copy}"
            damage = machine.sqlite_damage(path)
            if damage:
                told.append(f"{item.live} is damaged: {damage}")
            else:
                told += differing({item.live: item.rows}, {item.live: machine.sqlite_rows(path)})
        _differs(told)
        put_in_place(machine, self.folder, self.found)
        rows, tables = total({item.live: item.rows for item in self.found})
        tell(Event("note", "", f"{rows} rows in {tables} tables"))

    def text(self) -> str:
        return "look for damage in SQLite databases, and compare their rows with what was recorded"


class LoadDump(NamedTuple):
    """A database from what it was written down as."""

    project: str
    dump: Dump
    path: str

    def do(self, machine: Machine, tell: Tell) -> None:
        load(machine, self.project, self.dump, self.path)

    def text(self) -> str:
        return f"load the database of {self.dump.container}"


class RowsAreThere(NamedTuple):
    """As many rows in each table as were recorded. `container`: as Docker calls it."""

    container: str
    rows: Rows

    def do(self, machine: Machine, tell: Tell) -> None:
        _differs(differing(self.rows, in_server(machine, self.container, self.rows)))
        rows, tables = total(self.rows)
        tell(Event("note", "", f"{rows} rows in {tables} tables"))

    def text(self) -> str:
        return "compare its rows with what was recorded"


class TakesPassword(NamedTuple):
    """A role of a database takes the password that the set has for it. `path`: of the secret called `name`."""

    project: str
    role: Role
    path: str
    name: str

    def do(self, machine: Machine, tell: Tell) -> None:
        value = machine.read(self.path, MOST_BYTES) or b""
        feed = value.replace(b"\\", rb"\\").replace(b":", rb"\:") + b"\n"
        words = ("sh", "-c", TRY, self.role.user, self.role.database)
        if inside(machine, container_name(self.project, self.role.container), words, feed=feed).split() != ["yes"]:
            what = f"{self.role.text()} does not take the password of the set, the secret {self.name}"
            raise Differs(
                what, f"is it the one of now? sudo infrakit secrets rotate {self.name} makes it so; {ANOTHER}"
            )

    def text(self) -> str:
        return f"try the password of {self.role.text()}"


class WellOrDone(NamedTuple):
    """Start a container, and wait until its check says that it is well, or its work is done. `name`: as Docker calls
    it; `once`: it does its work and ends."""

    project: str
    name: str
    once: bool

    def do(self, machine: Machine, tell: Tell) -> None:
        work(machine, ("docker", "start", self.name), LONGEST_START_S)
        if not self.once:
            WaitUntilWell(self.project, (self.name,)).do(machine, tell)
            self._stays(machine, tell)
            return
        watch = Watch(machine, tell, self.project)
        while (found := watch.found(self.name)) and found.state == "running" and watch.left_s() > 0:
            machine.sleep(PAUSE_S)
        if found is None or found.state != "exited" or found.exit_code:
            raise Differs(watch.last_words(found) if found else f"{self.name} is gone", ANOTHER)

    def _stays(self, machine: Machine, tell: Tell) -> None:
        """Who has no check is well who stays up for a while."""
        watch = Watch(machine, tell, self.project)
        found = watch.found(self.name)
        if found and not found.health:
            machine.sleep(SETTLE_S)
            found = watch.found(self.name)
        if found is None or found.state != "running":
            raise Differs(watch.last_words(found) if found else f"{self.name} is gone", ANOTHER)

    def text(self) -> str:
        return f"start {self.name}, and wait until it is well"
