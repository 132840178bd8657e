"""Deployment -> the tables of what runs: each container with its image, its limits, what it sees of the host, and its
powers."""

from infrakit.emit.review_parts import Cell, Row, Section, Table, Word, of, row
from infrakit.model import (
    BASE_CAPABILITIES,
    NO_CHECK,
    POWER_READS,
    Container,
    Deployment,
    Mount,
    SocketProxy,
    Updates,
    groups_named,
)
from infrakit.policy.grants import path_of, pieces
from infrakit.policy.red import STRONG_GROUPS, is_red

MEBIBYTE = 1 << 20
DOCKER_SOCKET = "docker.sock"
IDLE_UPDATER = "it would be root on this host and find nothing newer: every tag that it would watch is exact, or locked"
MOVES = {"stateless": "what keeps no data, nor needs who does", "all": "all but databases and Authentik"}
HOW_TO_UPDATE = "raise versions yourself, or let one move: services.NAME.image with a tag such as v10"


def services(deployment: Deployment) -> Section:
    """The section of the review."""
    columns = ("Container", "Image", "At most", "User", "Mounts", "Powers")
    updated = any(service.name == "watchtower" for service in deployment.services)
    out = {network.name for network in deployment.networks if not network.internal and network.masquerade}
    tables = tuple(
        Table(
            service.title,
            columns,
            tuple(
                _container(item, updated, shut_in=service.kind == "app" and _is_shut_in(item, out))
                for item in service.containers
            ),
            service.origin,
        )
        for service in deployment.services
        if service.containers
    )
    if deployment.idle_updater is not None:
        left_out = row(deployment.idle_updater, Word("watchtower"), Word(IDLE_UPDATER), Word(HOW_TO_UPDATE))
        tables += (Table("Left out", ("Service", "Why", "What to do"), (left_out,), deployment.idle_updater),)
    if deployment.updates is not None:
        tables += (_by_themselves(deployment.updates),)
    return Section(
        "Services",
        "What runs, from which image, and what each container sees of the host.",
        tables,
        "This host runs nothing.",
    )


def _by_themselves(updates: Updates) -> Table:
    but = f", but {', '.join(updates.excepted)}" if updates.excepted else ""
    words = (
        f"{MOVES[updates.automatic]}{but}",
        updates.window,
        f"{updates.minimum_age_s // 3600} h after it was first seen",
    )
    moves = row(updates.origin, *map(Word, words))
    return Table("Moves to newer images by itself", ("What", "When", "Which"), (moves,), updates.origin)


def _is_shut_in(container: Container, ways_out: set[str]) -> bool:
    return not ways_out.intersection(container.networks) and "network" not in dict(container.privileges)


def _container(container: Container, updated: bool, *, shut_in: bool) -> Row:
    origins = container.origins
    memory = Word(f"{container.memory_bytes // MEBIBYTE} MiB") if container.memory_bytes else Word("no limit", True)
    user = container.user or "the image's own"
    root = container.user.partition(":")[0] in ("0", "root")
    updates = (Word("updated by Watchtower"),) if container.watch and updated else ()
    return Row(
        (
            Cell((Word(container.name), *updates)),
            Cell(_image(container), of(origins, "image")),
            Cell((memory,), of(origins, "memory")),
            Cell((Word(user), *([Word("root inside")] if root else [])), of(origins, "user")),
            Cell(tuple(_mount(item) for item in container.mounts) or (Word("none"),), of(origins, "mounts")),
            Cell(_beyond(container, shut_in)),
        ),
        origins[""],
    )


def _image(container: Container) -> tuple[Word, ...]:
    """Its name, and where it is locked the digests by which a registry, and Docker, know it."""
    name, pin = Word(container.image, code=True), container.pin
    return (name,) if pin is None else (name, Word(pin.index, code=True), Word(f"image ID {pin.image}"))


def _mount(mount: Mount) -> Word:
    # A socket mounted read-only can be written to all the same, so nothing is promised for it.
    suffix = ", read only" if mount.read_only and not _is_docker(mount) else ""
    kind = {"host": "host path", "shared": "shared volume"}.get(mount.kind, mount.kind)
    capability = {"host": "host_path", "shared": "shared_volume"}.get(mount.kind, "")
    return _power(
        f"{kind} {mount.source} at {mount.path}{suffix}",
        bool(capability),
        capability,
        path_of(mount) if mount.kind == "host" else mount.source,
    )


def _power(text: str, is_one: bool, capability: str, detail: str) -> Word:
    """A word about a power: in red, or in amber."""
    red = is_one and is_red(capability, detail)
    return Word(text, red, amber=is_one and not red)


def _beyond(container: Container, shut_in: bool) -> tuple[Word, ...]:
    base = set(BASE_CAPABILITIES) <= set(container.capabilities)
    words = [Word("reaches no internet, unless internet: true")] if shut_in else []
    words += [Word("starts as root, and may become somebody else")] if base else []
    words += [
        _power(f"capability {name}", True, "cap_add", name)
        for name in container.capabilities
        if not base or name not in BASE_CAPABILITIES
    ]
    words += [
        _power(f"{name}: {item}", True, name, f"{name}: {item}")
        for name, value in container.privileges
        for item in pieces(value)
    ]
    words += [
        _power(f"in the host's group {name}", name in STRONG_GROUPS, "groups", name)
        for name in groups_named(container.settings)
    ]
    if not container.read_only:
        words.append(Word("may change its own root file system"))
    if container.health is not None and container.health.test == NO_CHECK:
        words.append(Word("nothing asks whether it is well", amber=True))
    elif container.health is None and not container.one_shot:
        words.append(Word("asked how it is by its image's own check, if it has one"))
    words += [
        Word(f"{name}, with a secret in it: whoever may ask Docker can read it", amber=True)
        for name, _ in container.secret_environment
    ]
    words += [Word(f"{file.path} with a secret in it, put together on the host") for file in container.secret_files]
    words += [Word(f"{name} in plain sight: no secret") for name in container.not_secret]
    return tuple(words) or (Word("none"),)


def powers(proxy: SocketProxy) -> tuple[Word, ...]:
    """What the calls of a socket proxy amount to."""
    return tuple(Word(power, power != POWER_READS) for power in proxy.powers)


def asks_docker_directly(container: Container, proxies: tuple[SocketProxy, ...]) -> bool:
    """Whether a container has Docker's socket without being a socket proxy."""
    if not any(_is_docker(mount) for mount in container.mounts):
        return False
    return all(container.name != f"{proxy.consumer}-socket" for proxy in proxies)


def _is_docker(mount: Mount) -> bool:
    return mount.kind == "host" and mount.source.endswith(DOCKER_SOCKET)
