"""The files of one host -> its folder: what is new, changed, gone, or edited by hand, and then the change itself.

`manifest.json` is written last and lists what is ours. A run that dies leaves `manifest.pending.json`, which lists what it
was about to write, so that the next one knows its own half-done work from somebody's edits.
"""

import json
import os
from typing import Any, Iterable, Mapping, NamedTuple

from infrakit.errors import InfraKitError
from infrakit.model import Artifact
from infrakit.system.digest import hex_digest
from infrakit.system.files import read, remove, replace, write_new

MANIFEST = "manifest.json"
PENDING = "manifest.pending.json"


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
    """The manifest of a folder; empty where there is none, or where it cannot be understood."""
    content = read(os.path.join(folder, name))
    try:
        found = json.loads(content) if content else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) and isinstance(found.get("files"), dict) else {}


def plan_tree(folder: str, artifacts: Iterable[Artifact], about: Mapping[str, Any], *, force: bool) -> TreePlan:
    """Compare `artifacts` with what is on the disk. `about` goes into the manifest."""
    artifacts = tuple(artifacts)
    digests = {artifact.path: hex_digest(artifact.content) for artifact in artifacts}
    manifest = manifest_bytes(about, artifacts, digests)
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
    """manifest.json: what the tree is, and path, SHA-256 and mode of every file."""
    files = {item.path: {"mode": f"{item.mode:04o}", "sha256": digests[item.path]} for item in artifacts}
    return json.dumps({**about, "files": files}, indent=1, sort_keys=True).encode() + b"\n"


def carry_out(plan: TreePlan) -> None:
    """Make the folder as planned. Raises OSError; running again completes it."""
    if plan.fresh:
        _write_fresh(plan)
        return
    if not plan.changes and not plan.manifest_changes:
        remove(os.path.join(plan.folder, PENDING))
        return
    modes = {artifact.path: artifact.mode for artifact in plan.artifacts}
    replace(os.path.join(plan.folder, PENDING), plan.manifest)
    for change in plan.changes:
        path = os.path.join(plan.folder, change.path)
        if change.after is None:
            remove(path)
            _prune(plan.folder, os.path.dirname(change.path))
            continue
        _make_folders(plan.folder, os.path.dirname(change.path))
        replace(path, change.after, modes[change.path])
    replace(os.path.join(plan.folder, MANIFEST), plan.manifest)
    remove(os.path.join(plan.folder, PENDING))


def _write_fresh(plan: TreePlan) -> None:
    """A host that has no folder yet: all of it beside its place, then one rename."""
    parent, name = os.path.split(plan.folder)
    staged = os.path.join(parent, f".{name}.new")
    made = {""}
    if os.path.isdir(staged):
        _sweep(staged)
    os.makedirs(staged, exist_ok=True)
    for artifact in plan.artifacts:
        folder = os.path.dirname(artifact.path)
        if folder not in made:
            os.makedirs(os.path.join(staged, folder), exist_ok=True)
            made.add(folder)
        write_new(os.path.join(staged, artifact.path), artifact.content, artifact.mode)
    write_new(os.path.join(staged, MANIFEST), plan.manifest, 0o644)
    os.rename(staged, plan.folder)


def _sweep(folder: str) -> None:
    """Remove what an earlier run left behind while it staged; never follows a link."""
    with os.scandir(folder) as entries:
        for entry in list(entries):
            if entry.is_dir(follow_symlinks=False):
                _sweep(entry.path)
            else:
                os.unlink(entry.path)
    os.rmdir(folder)


def _ours(folder: str) -> dict[str, set[str]]:
    """Path -> digests under which an earlier run wrote it, or was about to."""
    found: dict[str, set[str]] = {}
    for name in (MANIFEST, PENDING):
        for path, entry in read_manifest(folder, name).get("files", {}).items():
            if _is_inside(path) and isinstance(entry, dict):
                found.setdefault(path, set()).add(entry.get("sha256", ""))
    return found


def _is_inside(path: str) -> bool:
    return bool(path) and not path.startswith("/") and ".." not in path.split("/")


def _content(folder: str, path: str) -> bytes | None:
    """What stands at `path`. A link where a file or folder of ours should be is an error: we would write through it."""
    place = folder
    for step in path.split("/"):
        place = os.path.join(place, step)
        if os.path.islink(place):
            raise InfraKitError(f"{place}: a link where a file of ours should be", "remove it, or choose another folder with -o")
    return read(place)


def _make_folders(root: str, folder: str) -> None:
    if folder:
        os.makedirs(os.path.join(root, folder), exist_ok=True)


def _prune(root: str, folder: str) -> None:
    """Remove folders that a removal left empty."""
    while folder:
        try:
            os.rmdir(os.path.join(root, folder))
        except OSError:
            return
        folder = os.path.dirname(folder)
