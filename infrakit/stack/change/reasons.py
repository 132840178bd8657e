"""Why a container is another one than before: each value of it that changed, and the line that it comes from."""

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from infrakit import VERSION
from infrakit.changes import compare, facts_of
from infrakit.emit import trace
from infrakit.emit.container import FIELDS, IMAGE_LABEL, container_origin, container_tree
from infrakit.errors import shortened
from infrakit.lock import short
from infrakit.machine import Machine
from infrakit.model import Artifact, Container, Deployment, Origin
from infrakit.stack.change.applied import Applied
from infrakit.stack.generation import folder_of

Locate = Callable[[Origin], str]
"""Origin -> FILE:LINE:COLUMN."""
MOST = 12
LONGEST = 80
PASS = "stack.change"


class Why(NamedTuple):
    """One cause. kind: "file" (infrakit.yaml), "lock", "catalogue" (another InfraKit), "secret", "drift" (by hand, or
    by itself), or "follows" (from another change); `at`: the line, "" where none is to blame."""

    kind: str
    what: str
    at: str = ""


class World(NamedTuple):
    """A decided host and its files, the generation in force (None where nothing tells), and where to look lines up;
    None for a host that was written down, without the places that it came from."""

    deployment: Deployment
    artifacts: Sequence[Artifact]
    files: Mapping[str, tuple[int, str]]
    before: Applied | None
    machine: Machine
    locate: Locate | None = None

    def why(self, what: str, origin: Origin) -> Why:
        """A cause that has a line."""
        if self.locate is None:
            return Why("file", what)
        own = origin.document == self.deployment.origin.document
        kind = "file" if own else "lock" if origin.document.endswith(".lock") else "catalogue"
        return Why(kind, what, self.locate(origin))


def containers_of(deployment: Deployment) -> dict[str, tuple[Container, tuple[str, ...]]]:
    """Name -> the container, and the profiles of its service."""
    return {item.name: (item, service.profiles) for service in deployment.services for item in service.containers}


def reasons(world: World, name: str, before: Applied | None) -> tuple[Why, ...]:
    """Why a container of the host is another one than in the generation that it was made from."""
    old = containers_of(before.deployment).get(name) if before else None
    if before is None or old is None:
        return (Why("catalogue", "the generation that it was made from does not say what it was"),)
    new = containers_of(world.deployment)[name]
    other = before.program != VERSION
    found = [
        world.why(what, container_origin(new[0], leaf, PASS) if world.locate else world.deployment.origin)
        if leaf
        else Why("catalogue" if other else "file", what)  # what is gone has no line any more
        for leaf, what in differing(old, new)
    ]
    found += _networks(world, before, new[0])
    found += _files(world, before, new[0])
    if not found:
        found = [Why("catalogue", f"InfraKit {VERSION} compiles it otherwise" if other else "its definition changed")]
    return tuple(dict.fromkeys(found))


def differing(
    old: tuple[Container, tuple[str, ...]], new: tuple[Container, tuple[str, ...]]
) -> Iterator[tuple[str, str]]:
    """(the leaf in its Compose file, "" where it is gone; what changed in words) of each value."""
    before, after = (dict(_values(container_tree(*item, ""))) for item in (old, new))
    if old[0].secret_environment != new[0].secret_environment:
        yield "", "environment with secrets in it"
    for key in sorted({*before, *after}):
        was, now = before.get(key), after.get(key)
        if was == now:
            continue
        if isinstance(was or now, list):
            was, now = was or [], now or []
            for index, item in enumerate(now):
                if item not in was:
                    yield f"{key}.{index}", f"{_called(key)} + {_text(item)}"
            yield from (("", f"{_called(key)} - {_text(item)}") for item in was if item not in now)
            if not [item for item in [*was, *now] if (item in was) != (item in now)]:
                yield f"{key}.0", f"{_called(key)} in another order"
        elif now is None:
            yield "", f"{_called(key)} - {_text(was)}"
        else:
            yield key, f"{_called(key)} {'+' if was is None else f'{_text(was)} ->'} {_text(now)}"


def _values(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted path -> value; a list is one."""
    if isinstance(tree, dict) and tree:
        for key, item in tree.items():
            yield from _values(item, f"{path}.{key}" if path else str(key))
    else:
        yield path, list(tree) if isinstance(tree, tuple) else tree


def _called(leaf: str) -> str:
    """What a user calls it."""
    if leaf == f"labels.{IMAGE_LABEL}":
        return "image"
    key = max((key for key in FIELDS if leaf == key or leaf.startswith(f"{key}.")), key=len, default="")
    return FIELDS[key] + leaf[len(key) :] if key else leaf


def _text(value: Any) -> str:
    text = " ".join(str(item) for item in value.values()) if isinstance(value, dict) else str(value)
    if text.startswith("sha256:"):
        return short(text)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _networks(world: World, before: Applied, container: Container) -> Iterator[Why]:
    old = {item.name: item for item in before.deployment.networks}
    for new in world.deployment.networks:
        was = old.get(new.name)
        if new.name in container.networks and was is not None and was[:4] != new[:4]:
            moved = f"network {new.name} " + (
                f"{was.subnet} -> {new.subnet}" if was.subnet != new.subnet else "has other options"
            )
            yield world.why(moved, new.subnet_origin or new.origin)


def _files(world: World, before: Applied, container: Container) -> Iterator[Why]:
    """Files of the tree that it mounts."""
    sources = tuple(mount.source for mount in container.mounts if mount.kind == "file")
    contents = {item.path: item.content for item in world.artifacts}
    for path in sorted({*world.files, *before.files}):
        if not any(path == source or path.startswith(f"{source}/") for source in sources):
            continue
        if world.files.get(path) != before.files.get(path):
            was = world.machine.read(f"{folder_of(before.name)}/{path}", 1 << 24)
            yield from _lines(world, path, was or b"", contents.get(path, b""))


def _lines(world: World, path: str, was: bytes, now: bytes) -> list[Why]:
    """The causes of the lines of a file that changed, where it is traced by lines."""
    old, new = (part.decode("utf-8", "replace").splitlines() for part in (was, now))
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    changed = [
        line + 1 for tag, _, _, start, end in matcher.get_opcodes() if tag != "equal" for line in range(start, end)
    ]
    traced = trace(world.deployment, path) if world.locate and path in world.files else {}
    found = [world.why(path, traced[str(line)]) for line in changed if str(line) in traced]
    return list(dict.fromkeys(found))[:MOST] or [Why("file", path)]


def told(before: Applied | None, deployment: Deployment, files: Mapping[str, tuple[int, str]]) -> tuple[str, ...]:
    """What is different from the generation before, in the words of a person; a few lines."""
    if before is None:
        return ()
    lines = compare(facts_of(before.deployment), facts_of(deployment))
    was, now = containers_of(before.deployment), containers_of(deployment)
    lines += [f"~ {name}: {what}" for name in now if name in was for _, what in differing(was[name], now[name])]
    if not lines:
        lines = [f"~ {path}" for path in sorted({*files, *before.files}) if files.get(path) != before.files.get(path)]
    more = [f"and {len(lines) - MOST} more"] if len(lines) > MOST else []
    return tuple(shortened(line) for line in [*lines[:MOST], *more])
