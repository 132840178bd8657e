"""Generations that are forgotten -> the images that were theirs alone, which go with them.

Those alone that we fetched, as the record of changes has it; one that a container is made from, or that has another
name, Docker keeps.
"""

import json
from collections.abc import Collection, Iterator

from infrakit.errors import InfraKitError
from infrakit.machine import Machine
from infrakit.stack.change import applied
from infrakit.stack.change.applied import Applied
from infrakit.stack.images import REMOVE_S, Pull
from infrakit.stack.layout import UNDO

MOST_BYTES = 1 << 26


def images_of_none(machine: Machine, gone: Collection[str], left: Collection[str]) -> tuple[str, ...]:
    """Names of images that only generations in `gone` have. None where one that stays cannot be read: nobody knows
    what that has."""
    if not gone:
        return ()
    try:
        staying, going = (
            {name for generation in names for name in _names(applied.read(machine, generation))}
            for names in (left, gone)
        )
    except InfraKitError:
        return ()
    names = going - staying
    record = machine.whole(UNDO, MOST_BYTES) or b"" if names else b""
    return tuple(sorted(name for name in names if json.dumps(name).encode() in record))


def _names(item: Applied | None) -> Iterator[str]:
    """All that its images may be called. One that never was in force is no way back."""
    if item is None:
        return
    architecture = item.deployment.architecture
    for service in item.deployment.services:
        for container in service.containers:
            yield from Pull(container.image, architecture, container.pin).names


def remove_images(machine: Machine, names: Collection[str]) -> None:
    """Where Docker lets them go."""
    for name in names:
        machine.run(("docker", "image", "rm", name), timeout_s=REMOVE_S)
