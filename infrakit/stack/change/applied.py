"""What a generation was made from, as JSON beside its files: by it a later run says what changed, and can go back.

The decided host, without the places that its values came from. No secret is in it: the compiler never sees one.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from infrakit import VERSION, backups, channels, model, monitoring
from infrakit.catalog.versions import version
from infrakit.errors import InfraKitError, UsageProblem
from infrakit.machine import Machine
from infrakit.model import Artifact, Deployment, Origin
from infrakit.stack import layout

FILE = "applied.json"
FORMAT = 1
MOST_BYTES = 1 << 26
KIND = ""
"""Key of an object: which of the model's tuples it is."""


class Applied(NamedTuple):
    """A generation that was in force. `number` counts what was put in force; `files`: path -> its mode and SHA-256;
    `labels`: container -> what its label says; `changed`: against the one before it, in words; `program`: the InfraKit
    that put it in force."""

    name: str
    number: int
    program: str
    changed: tuple[str, ...]
    files: Mapping[str, tuple[int, str]]
    labels: Mapping[str, str]
    deployment: Deployment


def to_json(applied: Applied) -> bytes:
    """The file that `read` reads."""
    fields = {**applied._asdict(), "deployment": _plain(applied.deployment)}
    return json.dumps({"format": FORMAT, **fields}, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def files_of(artifacts: Sequence[Artifact], digest: Callable[[bytes], str]) -> dict[str, tuple[int, str]]:
    """Path -> mode and SHA-256."""
    return {item.path: (item.mode, digest(item.content)) for item in artifacts}


def read(machine: Machine, name: str) -> Applied | None:
    """Of a generation; None where it never was in force, or an older InfraKit put it there."""
    content = machine.read(f"{layout.GENERATIONS}/{name}/{FILE}", MOST_BYTES)
    if content is None:
        return None
    try:
        found = json.loads(content)
        files = {str(path): (int(mode), str(digest)) for path, (mode, digest) in found["files"].items()}
        deployment = _value(found["deployment"])
        if not isinstance(deployment, Deployment):
            raise TypeError
        labels = {str(container): str(label) for container, label in found["labels"].items()}
        number, program, changed = int(found["number"]), str(found["program"]), tuple(map(str, found["changed"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        what = f"generation {name} was written by another InfraKit than {VERSION}, or damaged"
        raise InfraKitError(what, "use the InfraKit that wrote it; infrakit up writes a new one") from None
    return Applied(name, number, program, changed, files, labels, deployment)


def readable(machine: Machine, name: str) -> Applied | None:
    """The same; None, too, where this InfraKit cannot read it."""
    try:
        return read(machine, name)
    except InfraKitError:
        return None


def all_here(machine: Machine) -> list[Applied]:
    """Those that can be read, in the order of their numbers."""
    found = [readable(machine, name) for name in machine.listing(layout.GENERATIONS)]
    return sorted((item for item in found if item), key=lambda item: item.number)


def in_force(machine: Machine) -> Applied | None:
    """The one that `current` leads to, where it can be read."""
    name = machine.target(layout.CURRENT).rpartition("/")[2]
    return readable(machine, name) if name else None


def none_newer(machine: Machine) -> None:
    """UsageProblem where what is in force was put there by a newer InfraKit than this: its catalogue may have newer
    images, whose data an older one does not open."""
    content = machine.read(f"{layout.CURRENT}/{FILE}", MOST_BYTES)
    try:
        program = str(json.loads(content)["program"]) if content else ""
    except (ValueError, KeyError, TypeError):
        return
    if version(program) > version(VERSION):
        what = f"InfraKit {program} put in force what runs here, and this is {VERSION}"
        raise UsageProblem(what, f"use InfraKit {program} or a newer one: {layout.PROGRAM}")


def _plain(value: Any) -> Any:
    """A tuple of the model as JSON; what is as its default is left out, and so is where a value came from."""
    if hasattr(value, "_asdict"):
        usual = value._field_defaults
        kept = {name: item for name, item in value._asdict().items() if name not in usual or item != usual[name]}
        return {KIND: type(value).__name__, **{name: {} if name == "origins" else _plain(kept[name]) for name in kept}}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return {str(key): _plain(item) for key, item in value.items()} if isinstance(value, Mapping) else value


def same(one: Deployment, other: Deployment) -> bool:
    """Whether both say the same, whatever file and line it was read from."""
    return bool(_said(_plain(one)) == _said(_plain(other)))


def _said(found: Any) -> Any:
    """What `_plain` wrote, without where that came from."""
    if isinstance(found, list):
        return [_said(item) for item in found]
    if not isinstance(found, dict):
        return found
    return None if found.get(KIND) == Origin.__name__ else {name: _said(item) for name, item in found.items()}


def _value(found: Any) -> Any:
    """What `_plain` wrote."""
    if isinstance(found, list):
        return tuple(_value(item) for item in found)
    if not isinstance(found, dict):
        return found
    kind = found.pop(KIND, "")
    fields = {name: _value(item) for name, item in found.items()}
    if not kind:
        return fields
    found_in = next(module for module in (model, backups, channels, monitoring) if hasattr(module, kind))
    return getattr(found_in, kind)(**fields)
