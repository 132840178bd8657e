"""A repository, and the sets in it -> what is damaged: what restic's check finds, and what it does not know of.

Small files have the SHA-256 of their content for a name, so that each can be named; restic only says that something
does not open, and what lies in its cache it does not read again.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from infrakit.errors import InfraKitError
from infrakit.machine import Machine
from infrakit.plan.model import Tell
from infrakit.stack.backup.before import Unlock
from infrakit.stack.backup.damage import (
    HARMLESS,
    NOT_LISTED,
    Damage,
    of_config,
    of_file,
    of_list,
    of_lost,
    of_pack,
    of_set,
    of_words,
    others_in,
    packs_in,
    trees_in,
)
from infrakit.stack.backup.dump import TOOLS
from infrakit.stack.backup.places import is_folder
from infrakit.stack.backup.repository import (
    HOST,
    LONGEST_S,
    TAG,
    Damaged,
    NoneThere,
    Repository,
    asked,
    call,
    restic,
    said_in,
    unfit,
    values,
)

FOLDERS = ("keys", "index", "snapshots")
SETS = 30
"""Into so many parts the data is divided, one of which is read each day."""
MOST_NAMED, SHORT = 10, 8
UNREADABLE = re.compile(r"belongs to snapshot ([0-9a-f]{64})")
ENDING_BYTES = 4096
MOST_FILES_S = 3600


class Look(NamedTuple):
    """How it is looked at. `reads`: words for restic's check; `file`: of a snapshot, the list of a set; `before`: what
    was damaged at the last look."""

    repository: Repository
    version: tuple[int, ...]
    reads: tuple[str, ...]
    file: str
    before: tuple[Damage, ...] = ()


class Pack(NamedTuple):
    """A file with data, as the index has it: how many bytes it has at least, and how many are there, -1 for none;
    `trees`: lists of folders are in it; `some`: of the data in it."""

    bytes: int
    there: int
    trees: bool
    some: tuple[str, ...]


class Seen(NamedTuple):
    """What is there: `packs` by their names, `every` snapshot of the host, `bad`: names of small files."""

    packs: Mapping[str, Pack]
    every: Sequence[dict[str, Any]]
    bad: tuple[str, ...]

    @property
    def lost(self) -> list[str]:
        """Files with data that are missing or cut."""
        return [name for name, pack in self.packs.items() if pack.there < pack.bytes]

    @property
    def is_shut(self) -> bool:
        """Lists of folders are in them: restic would ask for each for most of a minute."""
        return any(self.packs[name].trees for name in self.lost)


def reads(day: int, *, everything: bool) -> tuple[str, ...]:
    """Which of the data is read. `day`: a number that grows by one each day."""
    return ("--read-data",) if everything else (f"--read-data-subset={day % SETS + 1}/{SETS}",)


def version_of(machine: Machine) -> tuple[int, ...]:
    """Of restic; (0,) where it does not say."""
    words = machine.run(("restic", "version")).out.split()
    numbers = words[1].split(".") if len(words) > 1 else ["0"]
    return tuple(int(item) for item in numbers if item.isdigit()) or (0,)


def damages(machine: Machine, look: Look, tell: Tell) -> list[Damage]:
    """All that is found. MachineUnfit where there is no repository, or another restic is at work there."""
    repository = look.repository
    bad = _not_as_named(machine, repository)
    found = [of_file(repository, folder, name, look.version) for folder, name in bad]
    shut = _shut(machine, repository, has_key="keys" not in {folder for folder, _ in bad})
    if shut is not None:
        return [*([] if any(item.file.startswith("keys") for item in found) else [shut]), *found]
    Unlock(repository).do(machine, tell)
    every = restic(machine, repository, "snapshots", "--host", repository.host, "--tag", TAG, tell=tell)
    if any(folder == "index" for folder, _ in bad):
        return found
    seen = Seen(_packs(machine, repository), every, tuple(name for _, name in bad))
    found += [_of_pack(machine, look, name, seen) for name in seen.lost]
    if seen.is_shut:
        return found
    found = [*_checked(machine, look, seen, tell), *found]
    found += [item for item in look.before if _still(machine, repository, item)]
    found = list({item.file or item.what: item for item in reversed(found)}.values())
    return found if any(item.file.startswith("data/") for item in found) else [*found, *_sets(machine, look, seen)]


def _still(machine: Machine, repository: Repository, damage: Damage) -> bool:
    """Whether a file with data, which is not read each day, is as damaged as it was."""
    folder, _, name = damage.file.rpartition("/")
    if not folder.startswith("data/"):
        return False
    if not is_folder(repository.to):
        return False
    digest = machine.run(("sha256sum", f"{repository.to}/{damage.file}"), timeout_s=MOST_FILES_S).out[:64]
    return bool(digest) and digest != name


def _not_as_named(machine: Machine, repository: Repository) -> list[tuple[str, str]]:
    """(folder, name) of small files whose content is another one."""
    places = [f"{repository.to}/{folder}" for folder in FOLDERS if machine.exists(f"{repository.to}/{folder}")]
    if not is_folder(repository.to) or not places:
        return []
    words = ("find", *places, "-type", "f", "-exec", "sha256sum", "{}", "+")
    bad = []
    for line in machine.run(words, timeout_s=MOST_FILES_S).out.splitlines():
        digest, _, path = line.partition("  ")
        folder, _, name = path.rpartition("/")
        if len(name) == len(digest) == 64 and name != digest:
            bad.append((folder.rpartition("/")[2], name))
    return sorted(bad)


def _shut(machine: Machine, repository: Repository, *, has_key: bool) -> Damage | None:
    """Why it does not open, where that is a damage."""
    try:
        restic(machine, repository, "cat", "config")
    except NoneThere:
        if not (is_folder(repository.to) and machine.exists(f"{repository.to}/keys")):
            raise
        return of_config(repository, "is missing")
    except InfraKitError as error:
        if has_key and not isinstance(error, Damaged):
            raise
        return of_config(repository, "is damaged")
    return None


def _packs(machine: Machine, repository: Repository) -> dict[str, Pack]:
    """Of a folder: what a server has, restic's own check asks."""
    if not is_folder(repository.to):
        return {}
    words = ("find", f"{repository.to}/data", "-type", "f", "-printf", r"%f %s\n")
    lines = machine.run(words, timeout_s=MOST_FILES_S).out.splitlines()
    there = {name: int(size) for name, _, size in (line.partition(" ") for line in lines)}
    found = {}
    for name in machine.listing(f"{repository.to}/index"):
        for item in restic(machine, repository, "cat", "index", name):
            for pack in item.get("packs") or ():
                ends = max((blob["offset"] + blob["length"] for blob in pack["blobs"]), default=0)
                data = [blob["id"] for blob in pack["blobs"] if blob["type"] == "data"]
                trees = len(data) < len(pack["blobs"])
                found[pack["id"]] = Pack(ends, there.get(pack["id"], -1), trees, tuple(data[:MOST_NAMED]))
    return found


def _of_pack(machine: Machine, look: Look, name: str, seen: Seen) -> Damage:
    """Whose data is in it is asked only where that needs nothing that is damaged."""
    repository, pack = look.repository, seen.packs.get(name)
    there = not is_folder(repository.to) or machine.exists(f"{repository.to}/data/{name[:2]}/{name}")
    blobs = pack.some if pack and not pack.trees and not seen.is_shut else ()
    hits = _hits(_found(machine, repository, "--blob", *blobs), seen) if blobs else ()
    return of_pack(repository, name, there=there, hits=hits, version=look.version)


def _checked(machine: Machine, look: Look, seen: Seen, tell: Tell) -> Iterator[Damage]:
    """What restic's own check finds. It does not read where it would ask again and again for what is not there."""
    repository = look.repository
    words = () if seen.lost else look.reads
    done = asked(machine, repository, "check", *words, timeout_s=LONGEST_S, tell=tell)
    if not done.code:
        return
    lines = list(said_in(done.err))
    said = "\n".join((done.out, *lines))
    names = packs_in(said)
    yield from (_of_pack(machine, look, name, seen) for name in names)
    if names:
        return
    if NOT_LISTED.search(said):
        found = {item for tree in trees_in(said)[:MOST_NAMED] for item in _found(machine, repository, "--tree", tree)}
        lost = of_lost(repository, sorted(found), _hits(found, seen), look.version)
        yield of_list(repository, look.version) if HARMLESS in said else lost
        return
    error = unfit(done, repository)
    others = others_in(lines)
    if seen.bad:
        others = [line for line in others if not any(name[:SHORT] in line for name in seen.bad)]
        yield from (of_words(repository, line) for line in others[:MOST_NAMED])
        return
    if not others and not isinstance(error, Damaged):
        raise error
    yield from (of_words(repository, line) for line in others[:MOST_NAMED] or [error.message])


def _found(machine: Machine, repository: Repository, *what: str) -> set[str]:
    """Snapshots that have it, or should; none where that cannot be told."""
    done = asked(machine, repository, "find", *what)
    named = {str(item["snapshot"]) for item in values(done.out) if "snapshot" in item}
    return named | set(UNREADABLE.findall(done.out + done.err))


def _hits(snapshots: set[str], seen: Seen) -> tuple[str, ...]:
    """Their parts."""
    return tuple(sorted({_part(item["tags"]) for item in seen.every if item["id"] in snapshots}))


def _part(tags: Sequence[str]) -> str:
    return next((tag.removeprefix("part=") for tag in tags if tag.startswith("part=")), "InfraKit itself")


def _sets(machine: Machine, look: Look, seen: Seen) -> Iterator[Damage]:
    """Parts that a set names and that are not there; dumps of the newest without their end."""
    there = [*(str(item["id"]) for item in seen.every), *seen.bad]
    hosts = [item for item in seen.every if HOST in item["tags"]]
    for item in hosts:
        number, host = next(tag[4:] for tag in item["tags"] if tag.startswith("set=")), str(item["id"])
        try:
            (content,) = restic(machine, look.repository, "dump", host, look.file)
        except (Damaged, ValueError) as error:
            yield of_set(look.repository, number, host, f"the list of the backup {number} cannot be read: {error}")
            continue
        for name, about in content["parts"].items():
            snapshot = about.get("snapshot", "")
            if snapshot and not any(other.startswith(snapshot) for other in there):
                what = f"{name} of the backup {number} is missing: snapshot {snapshot}"
                yield of_set(look.repository, number, host, what)
            elif item is hosts[-1] and any(str(other["id"]).startswith(snapshot) for other in seen.every):
                for container in _endless(machine, look, about):
                    what = f"the database {container} in {name} of the backup {number} has no end"
                    yield of_set(look.repository, number, host, what)


def _endless(machine: Machine, look: Look, about: Mapping[str, Any]) -> Iterator[str]:
    """Databases of a part, by their ends alone: what is before them, restic has checked."""
    ends = about.get("ends", {})
    for container, path in about.get("dumps", {}).items():
        words, environment = call(machine, look.repository, "dump", about["snapshot"], path)
        tail = ("sh", "-c", f'"$@" | tail -c {ENDING_BYTES}', "sh", *words)
        end = machine.run(tail, timeout_s=LONGEST_S, environment=environment).out
        known = [ends[container]] if container in ends else [tools.end for tools in TOOLS.values()]
        if not end or not any(one in end for one in known):
            yield container
