"""Containers of the user's own blueprints -> Problems: the engine can make each, and whom it reaches is one."""

import re
from collections.abc import Iterator, Set

from infrakit.catalog.model import Blueprint, ContainerBlueprint
from infrakit.config.model import Path
from infrakit.config.nearest import nearest
from infrakit.errors import Problem
from infrakit.model import SECRETS_DIRECTORY, Origin
from infrakit.policy.red import parts_of
from infrakit.resolve.checks.keys import is_secrets, of_the_kernel
from infrakit.resolve.checks.limits import LEAST, LEAST_MEMORY, few_cpus
from infrakit.resolve.world import SIGN_IN, HostDraft, Locate, Placed, World

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
    for number, text in enumerate(container.tmpfs):
        if re.search("[:,]size=0+[kmg%]?(,|$)", text, re.IGNORECASE):
            yield ("tmpfs", number), "tmpfs: size 0 would be no limit", "limit-low", "write size=64m, or leave it out"


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
    if container.name in container.reaches:
        yield ("reaches",), "reaches: it reaches itself without", "unknown-need", "remove it: its address is localhost"
    for name in sorted(away & set(container.reaches)):
        hint = "remove it, and write internet: true, so that it can reach that address"
        yield ("reaches",), f"reaches: {name} is an address, and no container", "unknown-need", hint


def reached_there(world: World, locate: Locate) -> list[Problem]:
    """Whom a container reaches runs on its own host: networks end there. A client of Authentik's finds it elsewhere,
    too."""
    found = {}
    for host in world.hosts:
        for placed in (placed for placed in host.placed if placed.kind == "blueprint"):
            for item in placed.blueprint.containers:
                for number, name in enumerate(item.reaches):
                    if not (host.has(name) or name == SIGN_IN and placed.blueprint.oidc is not None):
                        path = ("containers", item.name, "reaches", number)
                        place = locate.origin(Origin(placed.blueprint.document, path, "checks"))
                        what, code, hint = _unreached(world, host, placed, name)
                        found[place, name] = Problem(place, f"{item.name}: reaches: {what}", code, hint)
    return list(found.values())


def _unreached(world: World, host: HostDraft, placed: Placed, name: str) -> tuple[str, str, str]:
    known = sorted({*world.catalog.blueprints, *(app.name for app in world.config.apps)} - {placed.name})
    other = next((other.shown for other in world.hosts if other.has(name)), "")
    if name not in known:
        close = nearest(name, known)
        hint = f"did you mean {close}?" if close else "name a service of the catalogue, or an app; else remove it"
        return f"there is no app or service {name}", "unknown-need", hint
    where = f"runs on {other}" if other else "is off"
    hint = f"put both on one host with apps.{placed.name}.hosts" if other else "switch it on, or remove it"
    return f"{name} {where}, {placed.name} on {host.shown}", "unmet-need", hint
