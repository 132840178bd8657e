"""The files of one host -> its folder: what is new, changed, gone, or edited by hand, and then the change itself.

First all bytes are staged beside their places, then renames put them there: a full disk changes nothing.
`manifest.json` comes last and lists what is ours. A run that dies leaves `manifest.pending.json`, which lists what it was
about to put in place, so that the next one knows its own half-done work from somebody's edits.
"""

import json
import os
from functools import lru_cache
from typing import Any, Iterable, Mapping, NamedTuple

from infrakit.errors import InfraKitError
from infrakit.model import Artifact
from infrakit.system.digest import hex_digest
from infrakit.system.files import read, remove, replace, write_new

MANIFEST = "manifest.json"
PENDING = "manifest.pending.json"
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


def read_manifest(folder: str, name: str = MANIFEST) -> Mapping[str, Any]:
    """The manifest of a folder; {"files": {}} where there is none, or where it cannot be understood."""
    content = read(os.path.join(folder, name))
    try:
        found = json.loads(content) if content else {}
    except ValueError:
        found = {}
    return found if isinstance(found, dict) and isinstance(found.get("files"), dict) else {"files": {}}


def plan_tree(folder: str, artifacts: Iterable[Artifact], about: Mapping[str, Any], *, force: bool) -> TreePlan:
    """Compare `artifacts` with what is on the disk. `about` goes into the manifest."""
    artifacts = tuple(artifacts)
    digests = {artifact.path: _digest(artifact.content) for artifact in artifacts}
    manifest = manifest_bytes(about, artifacts, digests)
    if os.path.islink(folder):
        raise _linked(folder)
    if not os.path.lexists(folder):
        changes = tuple(Change("added", artifact.path, None, artifact.content) for artifact in artifacts)
        return TreePlan(folder, artifacts, changes, (), manifest, True, True)
    ours = _ours(folder)
    changes, edited = [], []
    for artifact in artifacts:
        before = _content(folder, artifact.path)
        if before == artifact.content:
            continue
        if before is not None and not force and hex_digest(before) not in ours.get(artifact.path, ()):
            edited.append(artifact.path)
            continue
        changes.append(Change("added" if before is None else "changed", artifact.path, before, artifact.content))
    for path in sorted(set(ours) - set(digests)):
        before = _content(folder, path)
        if before is None:
            continue
        if force or hex_digest(before) in ours[path]:
            changes.append(Change("removed", path, before, None))
        else:
            edited.append(path)
    old = read(os.path.join(folder, MANIFEST))
    return TreePlan(folder, artifacts, tuple(changes), tuple(edited), manifest, old != manifest, False)


def manifest_bytes(about: Mapping[str, Any], artifacts: Iterable[Artifact], digests: Mapping[str, str]) -> bytes:
    """manifest.json: what the tree is, and path, SHA-256 and mode of every file, a line each."""
    files = ",\n".join(
        f'  {json.dumps(item.path)}: {{"mode": "{item.mode:04o}", "sha256": "{digests[item.path]}"}}' for item in sorted(artifacts)
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
    """A plan whose bytes are on the disk, beside what they will replace. `moves` are (file in the staging folder, its path)."""

    folder: str
    place: str
    moves: tuple[tuple[str, str], ...]
    removals: tuple[str, ...]
    fresh: bool


def stage(plan: TreePlan) -> Staged | None:
    """Write all that is new beside its place: everything that can run out of space. None where nothing changes.

    Raises OSError, and then leaves nothing behind; `commit` puts it in place, `abandon` takes it away.
    """
    parent, name = os.path.split(plan.folder)
    place = os.path.join(parent, f".{name}.new") if plan.fresh else os.path.join(plan.folder, STAGING)
    if not plan.fresh and not plan.changes and not plan.manifest_changes:
        remove(os.path.join(plan.folder, PENDING))
        _sweep(place)
        return None
    staged = Staged(plan.folder, place, *_moves(plan), plan.fresh)
    try:
        _sweep(place)
        os.mkdir(place)
        if plan.fresh:
            _write_fresh(plan, place)
        else:
            _write_staged(plan, place)
    except BaseException:
        abandon(staged)
        raise
    return staged


def commit(staged: Staged) -> None:
    """Put the staged files in place by renames, the manifest last. After a kill, running again completes it."""
    if staged.fresh:
        os.rename(staged.place, staged.folder)
        return
    for source, path in staged.moves:
        os.rename(os.path.join(staged.place, source), os.path.join(staged.folder, path))
    for path in staged.removals:
        remove(os.path.join(staged.folder, path))
        _prune(staged.folder, os.path.dirname(path))
    os.rename(os.path.join(staged.place, MANIFEST), os.path.join(staged.folder, MANIFEST))
    remove(os.path.join(staged.folder, PENDING))
    _sweep(staged.place)


def clear(plan: TreePlan) -> None:
    """Remove the files of a host that has left, its manifest last, and its folder where nothing else is in it."""
    for change in plan.changes:
        remove(os.path.join(plan.folder, change.path))
        _prune(plan.folder, os.path.dirname(change.path))
    _sweep(os.path.join(plan.folder, STAGING))
    remove(os.path.join(plan.folder, PENDING))
    remove(os.path.join(plan.folder, MANIFEST))
    _prune(os.path.dirname(plan.folder), os.path.basename(plan.folder))


def abandon(staged: Staged) -> None:
    """Take away what was staged; the tree stays as it was."""
    _sweep(staged.place)
    for _, path in () if staged.fresh else staged.moves:
        _prune(staged.folder, os.path.dirname(path))


def _moves(plan: TreePlan) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    if plan.fresh:
        return (), ()
    written = [change.path for change in plan.changes if change.after is not None]
    removed = [change.path for change in plan.changes if change.after is None]
    return tuple((str(number), path) for number, path in enumerate(written)), tuple(removed)


def _write_fresh(plan: TreePlan, place: str) -> None:
    """A host that has no folder yet: all of it beside its place, for one rename."""
    made = {""}
    for artifact in plan.artifacts:
        folder = os.path.dirname(artifact.path)
        if folder not in made:
            os.makedirs(os.path.join(place, folder), exist_ok=True)
            made.add(folder)
        write_new(os.path.join(place, artifact.path), artifact.content, artifact.mode)
    write_new(os.path.join(place, MANIFEST), plan.manifest, 0o644)


def _write_staged(plan: TreePlan, place: str) -> None:
    modes = {artifact.path: artifact.mode for artifact in plan.artifacts}
    written = [change for change in plan.changes if change.after is not None]
    for number, change in enumerate(written):
        write_new(os.path.join(place, str(number)), change.after or b"", modes[change.path])
        if "/" in change.path:
            os.makedirs(os.path.join(plan.folder, os.path.dirname(change.path)), exist_ok=True)
    write_new(os.path.join(place, MANIFEST), plan.manifest, 0o644)
    # From here on, files as staged (or as an earlier run that was killed had staged them) are ours too.
    pending = _ours(plan.folder, (PENDING,))
    for path, entry in json.loads(plan.manifest)["files"].items():
        pending.setdefault(path, set()).add(entry["sha256"])
    ours = {path: {"sha256": sorted(digests)} for path, digests in pending.items()}
    replace(os.path.join(plan.folder, PENDING), json.dumps({"files": ours}, sort_keys=True).encode())


def _sweep(folder: str) -> None:
    """Remove a staging folder and all in it, where there is one; never follows a link."""
    if os.path.islink(folder) or not os.path.isdir(folder):
        remove(folder)
        return
    with os.scandir(folder) as entries:
        for entry in list(entries):
            if entry.is_dir(follow_symlinks=False):
                _sweep(entry.path)
            else:
                os.unlink(entry.path)
    os.rmdir(folder)


def _ours(folder: str, names: tuple[str, ...] = (MANIFEST, PENDING)) -> dict[str, set[str]]:
    """Path -> digests under which an earlier run wrote it, or was about to."""
    found: dict[str, set[str]] = {}
    for name in names:
        for path, entry in read_manifest(folder, name)["files"].items():
            if _is_inside(path) and isinstance(entry, dict):
                digests = entry.get("sha256", "")
                found.setdefault(path, set()).update([digests] if isinstance(digests, str) else digests)
    return found


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
    return InfraKitError(f"{place}: a link where a file of ours should be", "remove it, or choose another folder with -o")


def _prune(root: str, folder: str) -> None:
    """Remove folders that a removal left empty."""
    while folder:
        try:
            os.rmdir(os.path.join(root, folder))
        except OSError:
            return
        folder = os.path.dirname(folder)
