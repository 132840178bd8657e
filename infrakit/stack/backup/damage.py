"""What is damaged of a repository -> which file, what that hits, and what to do. Does nothing.

The words of restic are those of 0.14 to 0.18; what has other names from 0.16 on is called by the one that is there.
"""

import re
from typing import NamedTuple

from infrakit.stack.backup.places import is_folder
from infrakit.stack.backup.repository import KNOWN, Repository, by_hand

PACK = re.compile(r"\bpack\b.*?\b([0-9a-f]{64})\b", re.IGNORECASE)
HARMLESS = "not referenced in any index"
NOT_LISTED = re.compile(r"not found in (?:repository|index)")
TREE = re.compile(r"\btree ([0-9a-f]{8,64})\b")
NOISE = re.compile(r"Fatal: |Load\(|error for tree|retrying")
NEXT = "sudo infrakit backup now"
ALL = "sudo infrakit backup verify --all"
NEWER = (0, 16)
"""Of restic: from here on it repairs."""


class Damage(NamedTuple):
    """`file`: of the repository, "" where nothing says which; `hits`: whose data is in it, where that can be told.
    `set`: the backup that is not whole, where it is that alone."""

    what: str
    remedy: str
    file: str = ""
    hits: tuple[str, ...] = ()
    set: str = ""


def words_of(damage: Damage) -> str:
    """One line of it."""
    return damage.what + (f", with data of {', '.join(damage.hits)}" if damage.hits else "")


def of_file(repository: Repository, folder: str, name: str, version: tuple[int, ...]) -> Damage:
    """One of its small files, which is not what its name says."""
    file = f"{folder}/{name}"
    place = f"{repository.to}/{file}"
    if folder == "index":
        remedy = f"sudo {_restic(repository)} {_index(version)}; {NEXT}"
        return Damage(f"{place} is damaged: the list of what is where", remedy, file)
    if folder == "snapshots":
        remedy = f"sudo rm {place}; {NEXT}; what only this backup had of its part is lost"
        return Damage(f"{place} is damaged: one part of one backup", remedy, file)
    return Damage(f"{place} is damaged: the key that opens all", _another(repository, file), file)


def of_config(repository: Repository, how: str) -> Damage:
    """The file without which nothing opens."""
    return Damage(f"{repository.to}/config {how}: it opens all", _another(repository, "config"), "config")


def of_pack(
    repository: Repository, pack: str, *, there: bool, hits: tuple[str, ...], version: tuple[int, ...]
) -> Damage:
    """One of the files that hold the data. It goes, the list is made anew, and the next backup brings again what the
    machine still has."""
    file = f"data/{pack[:2]}/{pack}"
    place = f"{repository.to}/{file}"
    restic = _restic(repository)
    if not there:
        return Damage(f"{place} is missing", f"sudo {restic} {_index(version)}; {NEXT}", file, hits)
    away = (
        f"sudo {restic} repair packs {pack}"
        if version >= (0, 17) or not is_folder(repository.to)
        else f"sudo mv {place} {repository.to}.damaged.{pack[:8]}"
    )
    again = "" if version >= (0, 17) or not is_folder(repository.to) else f"; sudo {restic} {_index(version)}"
    return Damage(f"{place} is damaged", f"{away}{again}; {NEXT}; if it comes back, take another disk", file, hits)


def of_list(repository: Repository, version: tuple[int, ...]) -> Damage:
    """A list of what is where that has not all."""
    remedy = f"sudo {_restic(repository)} {_index(version)}; {NEXT}"
    return Damage(f"{repository.to}/index does not name all that is needed: a file of it is missing", remedy, "index")


def of_lost(repository: Repository, snapshots: list[str], hits: tuple[str, ...], version: tuple[int, ...]) -> Damage:
    """Backups that need what is nowhere any more, and so cannot be put back whole."""
    short = " ".join(item[:8] for item in snapshots)
    mend = "repair snapshots --forget" if version >= NEWER else f"forget {short}"
    remedy = f"sudo {_restic(repository)} {mend}; {ALL}" if short else ALL
    return Damage(f"{repository.to}: earlier backups need what was lost: {short or 'see below'}", remedy, "", hits)


def of_words(repository: Repository, said: str) -> Damage:
    """What restic says, and nobody knows of which file."""
    return Damage(f"{repository.to}: {said}", f"{ALL} names the file")


def of_set(repository: Repository, number: str, snapshot: str, what: str) -> Damage:
    """What restic does not know of: the repository is as it was written, and a set is not whole. `snapshot`: of its
    host."""
    remedy = f"{NEXT}; restore from another: sudo infrakit backup list; to let this one go: sudo {_restic(repository)}"
    return Damage(what, f"{remedy} forget {snapshot[:8]}", set=number)


def packs_in(said: str) -> list[str]:
    """Which files `restic check` says are damaged or missing, each once."""
    lines = [line for line in said.splitlines() if HARMLESS not in line]
    return list(dict.fromkeys(found[1] for line in lines if (found := PACK.search(line))))


def trees_in(said: str) -> list[str]:
    """Which lists of folders it could not read whole, each once."""
    return list(dict.fromkeys(found[1] for line in said.splitlines() if (found := TREE.search(line))))


def others_in(lines: list[str]) -> list[str]:
    """What it says else, without what says the same in other words."""
    return [line.removeprefix("error: ") for line in dict.fromkeys(lines) if not NOISE.match(line)]


def _restic(repository: Repository) -> str:
    return by_hand(repository)


def _index(version: tuple[int, ...]) -> str:
    return "repair index" if version >= NEWER else "rebuild-index"


def _another(repository: Repository, file: str) -> str:
    to = repository.to
    anew = f"sudo mv {to} {to}.damaged; sudo rm {KNOWN}; {NEXT}"
    if not is_folder(to):
        anew = f"another backup.to in infrakit.yaml; sudo infrakit up; {NEXT}"
    return f"put {file} back from a copy of the disk; without one its backups are lost, and another is begun by: {anew}"
