"""The stack that runs x the decided host -> what `up` would do to it: each container, network, volume, image and file,
why, and what that costs. Asks what the steps of the plan ask, and changes nothing.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from infrakit.emit.compose import docker_volume
from infrakit.errors import InfraKitError
from infrakit.machine import Container as Running
from infrakit.model import Container, Service, network_of
from infrakit.plan.run import Preview
from infrakit.stack.change.applied import Applied, readable
from infrakit.stack.change.cost import pages, seconds
from infrakit.stack.change.reasons import Why, World, reasons
from infrakit.stack.down import listed
from infrakit.stack.generation import MADE_FROM
from infrakit.stack.layout import secrets_folder
from infrakit.stack.networks import as_drawn, other_networks
from infrakit.stack.readers import reading
from infrakit.stack.services import LABEL, Wanted, is_well, with_who_needs
from infrakit.stack.up import in_order, wanted_of

CREATE, CHANGE, ANEW, RESTART, REMOVE = "+", "~", "-/+", ">", "-"
NAMES = {CREATE: "create", CHANGE: "change", ANEW: "re-create", RESTART: "restart", REMOVE: "remove"}
DEPENDS = "com.docker.compose.depends_on"
"""Compose's label: what it waited for when it was made, each with its condition."""
SOCKET = "/var/run/docker.sock"
SHOWN = ("service", "networks", "others", "readers", "tree", "in", "secrets", "environment", "layers", "image")
"""First words of the names of steps that are told in words of their own."""


class Difference(NamedTuple):
    """One thing that changes. sign: of NAMES; kind: "container", "network", "volume", "image", "secret" or "step".

    `seconds`: how long it is away, about; `pages`: host names that do not answer meanwhile; `data`: volumes that
    another image opens, which may not be undone.
    """

    sign: str
    kind: str
    name: str
    why: tuple[Why, ...] = ()
    seconds: int = 0
    pages: tuple[str, ...] = ()
    data: tuple[str, ...] = ()


Fates = dict[str, tuple[str, list[Why]]]
"""Container -> what happens to it, and why."""


def differences(world: World, generation: str, found: Sequence[Preview]) -> tuple[Difference, ...]:
    """All of them, in the order of the plan. `generation`: which one it would be; `found`: the preview of the plan."""
    running = _running(world)
    there = running or {}
    acting = [item for item in found if item.changes]
    fates = _fates(world, generation, there) if acting else {}
    containers = tuple(_container(world, name, fates[name], there.get(name)) for name in _order(world, fates))
    networks = _networks(world, there) if acting and running is not None else ()
    told = {item.name for item in containers}
    wanted = {service.name: {item.name for item in service.containers} for service in world.deployment.services}
    rest = []
    for item in acting:
        word, _, name = item.step.name.partition(" ")
        if word == "image":
            rest.append(Difference(CREATE, "image", name))
        elif word not in SHOWN or word == "service" and not wanted.get(name, set()) & told:
            rest.append(_step(item))
    made = _secrets(world) if any(item.step.name == "secrets" for item in acting) else ()
    changes = (*rest, *made, *networks, *_volumes(world, fates), *containers)
    if acting and not changes:
        changes = tuple(_step(item) for item in acting)
    return changes


def _running(world: World) -> dict[str, Running] | None:
    """By their names in Compose's file; None where there is no engine yet."""
    try:
        return {item.service: item for item in world.machine.engine.containers(world.deployment.name)}
    except InfraKitError:
        if world.machine.exists(SOCKET):
            raise
        return None


def _step(item: Preview) -> Difference:
    return Difference(CHANGE, "step", item.step.title, tuple(Why("follows", line) for line in item.actions))


def _order(world: World, fates: Fates) -> list[str]:
    names = [item.name for service in world.deployment.services for item in service.containers]
    return [name for name in fates if name not in names] + [name for name in names if name in fates]


def _fates(world: World, generation: str, there: Mapping[str, Running]) -> Fates:
    deployment, machine = world.deployment, world.machine
    wanted = wanted_of(deployment, world.artifacts)
    fates: Fates = {
        name: (REMOVE, [Why("file", "it is in the file no more")])
        for name in there
        if not any(item.name == name for items in wanted.values() for item in items)
    }
    older = reading(deployment, wanted).stale(machine) if there else []
    stale = {item.container.service: item for item in older}
    misplaced = as_drawn(deployment, wanted).misplaced(machine) if there else set()
    generations: dict[str, Applied | None] = {}
    for service in in_order(deployment.services):
        members = {item.name: item for item in service.containers}
        ill: set[str] = set()
        for item in wanted[service.name]:
            running = there.get(item.name)
            sign, why = _fate(world, generation, (service, members[item.name]), item, running, generations)
            anew = item.name in misplaced or item.name in stale and stale[item.name].anew
            if anew or not is_well(running, item):
                ill.add(item.name)
            if item.name in stale and sign in ("", RESTART):
                sign = ANEW if stale[item.name].anew else sign or RESTART
                why += [Why("secret", f"{name} was set again") for name in stale[item.name].secrets]
            if item.name in misplaced and sign in ("", RESTART):
                sign = ANEW
                why.append(Why("follows", "a network of it is another"))
            if sign:
                fates[item.name] = sign, why
        _along(fates, members, wanted[service.name], there, generation, ill)
    return fates


def _fate(
    world: World,
    generation: str,
    member: tuple[Service, Container],
    wanted: Wanted,
    running: Running | None,
    generations: dict[str, Applied | None],
) -> tuple[str, list[Why]]:
    """("", []) where it is as it should be."""
    known = world.before is not None and wanted.name in [
        item.name for service in world.before.deployment.services for item in service.containers
    ]
    if running is None:
        return CREATE, [Why("drift", "it is gone") if known else world.why("it is new", member[0].origin)]
    if running.labels.get(LABEL) != wanted.label:
        name = _made_from(running)
        if name not in generations:
            generations[name] = readable(world.machine, name)
        return ANEW, list(reasons(world, wanted.name, generations[name]))
    if wanted.images and running.image_id not in wanted.images:
        return ANEW, [Why("drift", f"its image is {running.image_id[:19]}, which infrakit.lock does not have")]
    if not is_well(running, wanted) and running.health != "starting":
        how = running.health if running.state == "running" else running.state
        return RESTART, [Why("drift", f"it is {how}")]
    return "", []


def _made_from(running: Running) -> str:
    return str(running.labels.get(MADE_FROM, "")).rpartition("/")[2]


def _moves(container: Container, running: Running, generation: str, chosen: set[str]) -> bool:
    """Whether Compose, asked for these containers of a service, makes one of them anew: its files are those of another
    generation, or it waits for others than before, of whom only the chosen count (2.26: tried)."""
    if _made_from(running) != generation and any(mount.kind == "file" for mount in container.mounts):
        return True
    before = {item.partition(":")[0] for item in running.labels.get(DEPENDS, "").split(",") if item}
    return before != {need.container for need in container.depends_on} & chosen


def _along(
    fates: Fates,
    members: Mapping[str, Container],
    wanted: tuple[Wanted, ...],
    there: Mapping[str, Running],
    generation: str,
    ill: set[str],
) -> None:
    """Who comes along with those of its service that are not as they should be: work that is done once, who waits for
    that, and who is in the network of one."""
    chosen = {item.name for item in with_who_needs(wanted, ill)} if ill else set()
    for name, container in members.items():
        if name not in there or fates.get(name, (RESTART,))[0] != RESTART:
            continue
        other = network_of(container.privileges)
        moves = name in chosen and _moves(container, there[name], generation, chosen)
        if name in fates:
            fates[name] = ANEW if moves else RESTART, fates[name][1]
        elif fates.get(other, (REMOVE,))[0] != REMOVE:
            fates[name] = ANEW, [Why("follows", f"it is in the network of {other}")]
        elif moves or name in chosen and container.one_shot:
            needs = ", ".join(need.container for need in container.depends_on if need.container in chosen)
            what = f"it waits for {needs}" if needs else "its files are of this generation"
            what = "its work is done again" if container.one_shot else what
            fates[name] = ANEW if moves else RESTART, [Why("follows", what)]


def _container(world: World, name: str, fate: tuple[str, list[Why]], running: Running | None) -> Difference:
    sign, why = fate
    found = {item.name: item for service in world.deployment.services for item in service.containers}
    container = found.get(name)
    if sign == CREATE or container is None or running is None:
        away = pages(world.before.deployment, name) if sign == REMOVE and world.before else ()
        return Difference(sign, "container", name, tuple(why), 0, away)
    volumes = [
        docker_volume(world.deployment.name, mount.source, world.deployment.volumes)
        for mount in container.mounts
        if mount.kind in ("volume", "shared") and not mount.read_only
    ]
    other = sign == ANEW and (running.image != container.image or any(item.what.startswith("image") for item in why))
    away = () if container.one_shot else pages(world.deployment, name)
    down = 0 if container.one_shot else seconds(container)
    return Difference(sign, "container", name, tuple(why), down, away, tuple(volumes) if other else ())


def _networks(world: World, there: Mapping[str, Running]) -> tuple[Difference, ...]:
    wanted = wanted_of(world.deployment, world.artifacts)
    probe = as_drawn(world.deployment, wanted)
    drawn = {item.name for item in probe.networks}
    known = {item.name for item in world.machine.engine.networks(world.deployment.name)}
    changed = {item.name for item in probe.in_the_way(world.machine)}
    names = other_networks(world.deployment).names
    staying = {item.name for items in wanted.values() for item in items}
    leaving = {item.name for item in there.values() if item.service not in staying}
    gone = [
        name
        for name in sorted(known.difference(names))
        if name not in changed and leaving.issuperset(world.machine.engine.inside(name))
    ]
    moved = (Why("file", "the file says something else of it"),)
    return (
        *(Difference(CREATE, "network", name) for name in sorted(drawn - known)),
        *(Difference(ANEW if name in drawn else REMOVE, "network", name, moved) for name in sorted(changed)),
        *(Difference(REMOVE, "network", name, (Why("file", "nothing needs it any more"),)) for name in gone),
    )


def _volumes(world: World, fates: Fates) -> tuple[Difference, ...]:
    """Those that containers which are made get, and that are not there."""
    deployment = world.deployment
    named = [
        docker_volume(deployment.name, mount.source, deployment.volumes)
        for service in deployment.services
        for item in service.containers
        if item.name in fates
        for mount in item.mounts
        if mount.kind in ("volume", "shared")
    ]
    there = set(listed(world.machine, "volume")) if named else set()
    return tuple(Difference(CREATE, "volume", name) for name in dict.fromkeys(named) if name not in there)


def _secrets(world: World) -> tuple[Difference, ...]:
    host, specs = world.deployment.host, world.deployment.secrets
    states = world.machine.secret_states(secrets_folder(host), host, specs)
    return tuple(Difference(CREATE, "secret", item.name) for item in states if item.state == "not minted")
