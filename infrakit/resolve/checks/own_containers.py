"""Containers of the user's own blueprints -> Problems: the engine can make each, and whom it reaches is one."""

from collections.abc import Iterator, Set

from infrakit.catalog.model import Blueprint, ContainerBlueprint
from infrakit.config.model import Path
from infrakit.model import SECRETS_DIRECTORY
from infrakit.policy.red import parts_of
from infrakit.resolve.checks.keys import is_secrets, of_the_kernel
from infrakit.resolve.checks.limits import LEAST, LEAST_MEMORY, few_cpus

Misfit = tuple[Path, str, str, str]
"""Path below the container, what is wrong, its code, a hint."""


def containers_made(blueprint: Blueprint, away: Set[str]) -> Iterator[Misfit]:
    """The same, with paths in the blueprint. `away`: apps that are addresses."""
    for item in blueprint.containers:
        for path, what, code, hint in (
            *_limits(item),
            *_mounts_apart(item),
            *_of_the_kernel(item),
            *_reached(item, away),
        ):
            yield ("containers", item.name, *path), f"{item.name}: {what}", code, hint


def _limits(container: ContainerBlueprint) -> Iterator[Misfit]:
    low = (("memory", 0 < container.memory_bytes < LEAST_MEMORY), ("cpus", few_cpus(container.cpus)))
    for key in (key for key, is_low in low if is_low):
        yield (key,), f"{key}: Docker takes no less than {LEAST[key]}", "limit-low", "write more, or leave the key out"


def _mounts_apart(container: ContainerBlueprint) -> Iterator[Misfit]:
    """No two at one path, none at the root, none where Docker mounts itself."""
    taken: dict[tuple[str, ...], str] = {}
    for key, number, path in _mounts(container):
        inside, code = tuple(parts_of(path)), ""
        if ".." in inside or not inside or inside[0] == "proc" or key != "secrets" and is_secrets([*inside]):
            what, code = "is no place of the app's", "mount"
            hint = "choose a folder of the app's own, for instance /data"
        elif inside in taken:
            what, code, hint = f"is what {taken[inside]} has already", "same-path", "keep one of the two"
        if code:
            yield (key, number), f"{key}: {path} {what}", code, hint
        taken.setdefault(inside, key)


def _mounts(container: ContainerBlueprint) -> Iterator[tuple[str, int, str]]:
    """(key, number in it, path in the container)."""
    said = {
        "secrets": [use.target or f"{SECRETS_DIRECTORY}/{use.name}" for use in container.secrets],
        "volumes": [use.path for use in container.volumes],
        "files": [use.path for use in container.files],
        "host_paths": [use.path for use in container.host_paths],
        "tmpfs": container.tmpfs,
    }
    for key, paths in said.items():
        yield from ((key, number, path.partition(":")[0]) for number, path in enumerate(paths))


def _of_the_kernel(container: ContainerBlueprint) -> Iterator[Misfit]:
    """As for the keys of an app."""
    for path, what, code, hint in of_the_kernel(container):
        above = {"capabilities": (), "ulimits": ("settings",)}.get(str(path[0]), ("privileges",))
        yield (*above, *path), what, code, hint


def _reached(container: ContainerBlueprint, away: Set[str]) -> Iterator[Misfit]:
    for name in sorted(away & set(container.reaches)):
        hint = "remove it, and write internet: true, so that it can reach that address"
        yield ("reaches",), f"reaches: {name} is an address, and no container", "unknown-need", hint
