"""The files of one host -> its folder: what is new, changed, gone, or edited by hand, and then the change itself.

The new tree is made whole in a staging folder, then one rename exchanges it for the old one: a full disk changes
nothing, and a run that dies leaves the old tree or the new one. `manifest.json` lists what is ours.
"""

import json
import os
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from infrakit.errors import InfraKitError, MachineUnfit
from infrakit.model import Artifact
from infrakit.system.digest import hex_digest
from infrakit.system.files import exchange, link, read, remove, write_new

MANIFEST = "manifest.json"
STAGING = ".infrakit.new"


class Change(NamedTuple):
    """kind: "added", "changed" or "removed". `before`/`after` are None where there is no such content."""

    kind: str
    path: str
    before: bytes | None
    after: bytes | None


class TreePlan(NamedTuple):
    """What it takes to bring the folder up to date. `edited` are paths that somebody changed by hand, which stay."""

    folder: str
    artifacts: tuple[Artifact, ...]
    changes: tuple[Change, ...]
    edited: tuple[str, ...]
    manifest: bytes
    manifest_changes: bool
    fresh: bool


def read_manifest(folder: str) -> Mapping[str, Any]:
    """The manifest of a folder; {"files": {}} where there is none, or where it cannot be understood."""
    content = read(os.path.join(folder, MANIFEST))
    try:
        found = json.loads(content) if content else {}
    except ValueError:
        found = {}
    return found if isinstance(found, dict) and isinstance(found.get("files"), dict) else {"files": {}}


def plan_tree(folder: str, artifacts: Iterable[Artifact], about: Mapping[str, Any] | None, *, force: bool) -> TreePlan:
    """Compare `artifacts` with what is on the disk. `about` goes into the manifest; None where the host has left the
    file."""
    artifacts = tuple(artifacts)
    digests = {artifact.path: _digest(artifact.content) for artifact in artifacts}
    manifest = manifest_bytes(about, artifacts, digests) if about else b""
    if os.path.islink(folder):
        raise _linked(folder)
    if not os.path.lexists(folder):
        added = tuple(Change("added", artifact.path, None, artifact.content) for artifact in artifacts)
        return TreePlan(folder, artifacts, added, (), manifest, True, True)
    ours = _ours(folder)
    changes: list[Change] = []
    edited: list[str] = []
    for artifact in artifacts:
        before = _content(folder, artifact.path)
        if before == artifact.content:
            continue
        if before is not None and not force and hex_digest(before) != ours.get(artifact.path):
            edited.append(artifact.path)
            continue
        changes.append(Change("added" if before is None else "changed", artifact.path, before, artifact.content))
    for path in sorted(set(ours) - set(digests)):
        before = _content(folder, path)
        if before is None:
            continue
        if force or hex_digest(before) == ours[path]:
            changes.append(Change("removed", path, before, None))
        else:
            edited.append(path)
    old = read(os.path.join(folder, MANIFEST))
    return TreePlan(folder, artifacts, tuple(changes), tuple(edited), manifest, old != manifest, False)


def manifest_bytes(about: Mapping[str, Any], artifacts: Iterable[Artifact], digests: Mapping[str, str]) -> bytes:
    """manifest.json: what the tree is, and path, SHA-256 and mode of every file, a line each."""
    files = ",\n".join(
        f'  {json.dumps(item.path)}: {{"mode": "{item.mode:04o}", "sha256": "{digests[item.path]}"}}'
        for item in sorted(artifacts)
    )
    parts = {key: json.dumps(value, sort_keys=True) for key, value in about.items()}
    parts["files"] = f"{{\n{files}\n }}" if files else "{}"
    lines = ",\n".join(f' "{key}": {parts[key]}' for key in sorted(parts))
    return f"{{\n{lines}\n}}\n".encode()


@lru_cache(maxsize=64)
def _digest(content: bytes) -> str:
    """Hosts of one kind share most of their files, as the same objects."""
    return hex_digest(content)


class Staged(NamedTuple):
    """A tree whose bytes are on the disk, whole, in the staging folder. kind: "fresh", "exchanged" or, where nothing
    remains, "gone"."""

    folder: str
    kind: str

    @property
    def place(self) -> str:
        """Where it waits."""
        output, name = os.path.split(self.folder)
        return os.path.join(output, STAGING, name)


def stage(plan: TreePlan) -> Staged | None:
    """Make the whole new tree in the staging folder: everything that can run out of space. None where nothing changes.

    What does not change is a link to the same file, be it ours or somebody else's. Raises OSError; `sweep` takes it all
    away.
    """
    if not plan.fresh and not plan.changes and not plan.manifest_changes:
        return None
    place = Staged(plan.folder, "").place
    os.makedirs(place)
    made = {""}
    modes = {artifact.path: artifact.mode for artifact in plan.artifacts}
    for change in plan.changes:
        if change.after is None:
            continue
        folder = os.path.dirname(change.path)
        if folder not in made:
            os.makedirs(os.path.join(place, folder), exist_ok=True)
            made.add(folder)
        write_new(os.path.join(place, change.path), change.after, modes[change.path])
    if not plan.fresh:
        _carry(plan.folder, place, {MANIFEST, *(change.path for change in plan.changes)})
    if plan.manifest:
        write_new(os.path.join(place, MANIFEST), plan.manifest, 0o644)
    elif not os.listdir(place):
        return Staged(plan.folder, "gone")
    return Staged(plan.folder, "fresh" if plan.fresh else "exchanged")


def commit(staged: Staged) -> None:
    """Put a staged tree in its place by one rename: before it all is old, after it all is new."""
    if staged.kind == "fresh":
        os.rename(staged.place, staged.folder)
    elif staged.kind == "gone":
        os.rename(staged.folder, staged.place)
    else:
        exchange(staged.place, staged.folder)


def sweep(output: str) -> None:
    """Remove the staging folder: of this run, or of one that was killed, whose exchange in two steps may want
    undoing."""
    staging = os.path.join(output, STAGING)
    if not os.path.lexists(staging):
        return
    for name in os.listdir(staging):
        folder = os.path.join(output, name.removeprefix("."))
        if name.startswith(".") and not os.path.lexists(folder):
            os.rename(os.path.join(staging, name), folder)
    remove_tree(staging)


def _carry(old: str, new: str, skipped: set[str], prefix: str = "") -> None:
    """Link every file below `old` whose path is not `skipped` into `new`; folders that this leaves empty do not come
    along."""
    status = os.lstat(old)
    if status.st_uid != os.geteuid() and os.geteuid():
        raise MachineUnfit(
            f"{old} belongs to another user", "move it out of the tree, or choose another folder with -o"
        )
    with os.scandir(old) as entries:
        for entry in list(entries):
            path, target = prefix + entry.name, os.path.join(new, entry.name)
            if path in skipped:
                continue
            if not entry.is_dir(follow_symlinks=False):
                link(entry.path, target)
                continue
            if os.path.ismount(entry.path):
                raise MachineUnfit(
                    f"something is mounted on {entry.path}", "unmount it, or choose another folder with -o"
                )
            mine = os.path.isdir(target)
            if not mine:
                os.mkdir(target, 0o700)
            _carry(entry.path, target, skipped, path + "/")
            if not mine and os.listdir(entry.path) and not os.listdir(target):
                os.rmdir(target)
    os.chmod(new, status.st_mode & 0o7777)
    if os.lstat(new).st_uid != status.st_uid:
        os.chown(new, status.st_uid, status.st_gid)


def remove_tree(folder: str) -> None:
    """Remove a folder and all in it; never follows a link, and never goes into another file system: what is mounted
    there is not ours.

    Where the folder itself is a file system, it stays, empty.
    """
    if os.path.islink(folder) or not os.path.isdir(folder):
        remove(folder)
        return
    with os.scandir(folder) as entries:
        for entry in list(entries):
            if not entry.is_dir(follow_symlinks=False):
                os.unlink(entry.path)
            elif os.path.ismount(entry.path):
                raise MachineUnfit(f"something is mounted on {entry.path}", "unmount it, then run again")
            else:
                remove_tree(entry.path)
    if not os.path.ismount(folder):
        os.rmdir(folder)


def _ours(folder: str) -> dict[str, str]:
    """Path -> the digest under which an earlier run wrote it."""
    return {
        path: entry.get("sha256", "")
        for path, entry in read_manifest(folder)["files"].items()
        if _is_inside(path) and isinstance(entry, dict)
    }


def _is_inside(path: str) -> bool:
    return bool(path) and not path.startswith("/") and ".." not in path.split("/")


def _content(folder: str, path: str) -> bytes | None:
    """What stands at `path`. A link where a file or folder of ours should be is an error: we would write through it."""
    place = folder
    for step in path.split("/"):
        place = os.path.join(place, step)
        if os.path.islink(place):
            raise _linked(place)
    return read(place)


def _linked(place: str) -> InfraKitError:
    return InfraKitError(
        f"{place}: a link where a file of ours should be", "remove it, or choose another folder with -o"
    )
