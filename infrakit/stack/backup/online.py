"""SQLite databases of a part that runs on while it is copied: each beside the files, as it is at one instant, and back
in the place of the file that was in use.

What is in use is in no snapshot: the file, its log and its journal. Databases come first: what they name was there
before, and is found after.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from infrakit.backups import BackupPart
from infrakit.errors import MachineUnfit
from infrakit.machine import Machine
from infrakit.stack.backup.repository import LONGEST_S
from infrakit.stack.change.aside import work

BESIDE = ("-wal", "-shm", "-journal")
"""How names end of what SQLite keeps beside a database that is in use (sqlite.org/tempfiles.html)."""


class Copied(NamedTuple):
    """`live`: the file in use; `copy`: where it was copied to; `rows`: table -> rows."""

    live: str
    copy: str
    rows: Mapping[str, int]


def copied(machine: Machine, part: BackupPart, folders: Mapping[str, str], place: str) -> list[Copied]:
    """All that are in its volumes. MachineUnfit where one that the app names is not. `folders`: of volumes, as the part
    names them; `place`: a folder for the copies."""
    if not part.sqlite:
        return []
    there = {(volume, name) for volume, folder in folders.items() for name in machine.sqlite_in(folder)}
    for volume, path in part.sqlite:
        if not any(volume == other and f"{name}/".startswith(f"{path}/" if path else "") for other, name in there):
            what = f"{part.name}: no SQLite database is at {path or 'the top'} of the volume {volume}"
            hint = f"correct apps.{part.name}.backup.sqlite; without it the app stands still, and its files are copied"
            raise MachineUnfit(what, hint)
    machine.make_folder(place, 0o700)
    return [
        _one(machine, folders[volume], name, f"{place}/{part.name}.{number}.sqlite")
        for number, (volume, name) in enumerate(sorted(there))
    ]


def _one(machine: Machine, folder: str, name: str, copy: str) -> Copied:
    machine.copy_sqlite(folder, name, copy)
    return Copied(f"{folder}/{name}", copy, machine.sqlite_rows(copy))


def left_out(found: Sequence[Copied]) -> Iterator[str]:
    """Words that tell restic so. In its patterns some letters mean more than themselves."""
    for item in found:
        plain = "".join(f"\\{letter}" if letter in "\\*?[" else letter for letter in item.live)
        for end in ("", *BESIDE):
            yield from ("--exclude", f"{plain}{end}")


def as_json(found: Sequence[Copied]) -> dict[str, Any]:
    """As a set says it of a part."""
    return {item.live: {"copy": item.copy, "rows": dict(item.rows)} for item in found}


def of_json(about: Mapping[str, Any]) -> tuple[Copied, ...]:
    """What a set says of a part."""
    return tuple(Copied(live, item["copy"], item["rows"]) for live, item in about.get("sqlite", {}).items())


def put_in_place(machine: Machine, folder: str, found: Sequence[Copied]) -> None:
    """What was fetched into a folder gets whole: each database where it was in use, by a rename. Done again, it goes
    on. MachineUnfit where a link of the app's would lead that elsewhere."""
    root = _real(machine, folder)
    for item in found:
        fresh, place = f"{folder}{item.copy}", f"{folder}{item.live}"
        if not machine.exists(fresh):
            continue
        if _real(machine, place.rpartition("/")[0]) != root + item.live.rpartition("/")[0]:
            raise MachineUnfit(f"{item.live}: a link leads elsewhere", f"put it back by hand: it is {fresh}")
        for end in BESIDE:
            machine.remove(f"{place}{end}")
        work(machine, ("mv", "-T", fresh, place), LONGEST_S)


def _real(machine: Machine, path: str) -> str:
    return machine.run(("readlink", "-f", "-n", "--", path)).out.rstrip("/")
