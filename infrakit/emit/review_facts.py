"""Deployment -> sections of tables: what a person must see before saying yes, before it becomes Markdown or HTML.

Plain words only: nothing here is escaped, and nothing depends on how long a text is (a host's name may still be a
placeholder).
"""

from infrakit.emit.review_doors import EVERYBODY, doors
from infrakit.emit.review_parts import Cell, Row, Section, Table, Word, of, row, section
from infrakit.emit.review_people import people
from infrakit.model import (
    BASE_CAPABILITIES,
    NO_CHECK,
    POWER_READS,
    POWER_ROOT,
    Container,
    Deployment,
    Grant,
    Mount,
    Network,
    PublishedPort,
    SocketProxy,
    groups_named,
)
from infrakit.policy.grants import path_of, pieces
from infrakit.policy.red import STRONG_GROUPS, is_red

MEBIBYTE = 1 << 20
DOCKER_SOCKET = "docker.sock"
IDLE_UPDATER = "it would be root on this host and find nothing newer: every tag that it would watch is exact, or locked"
HOW_TO_UPDATE = "raise versions yourself, or let one move: services.NAME.image with a tag such as v10"


def sections(deployment: Deployment) -> tuple[Section, ...]:
    """All of them, in the order in which a careful person asks."""
    return (
        _first(deployment),
        doors(deployment),
        _ports(deployment),
        _services(deployment),
        _docker(deployment),
        _grants(deployment),
        _networks(deployment),
        *_shared_volumes(deployment),
        _secrets(deployment),
        people(deployment),
    )


def headline(deployment: Deployment) -> str:
    """One sentence about the host."""
    found = _all(deployment)
    memory = sum(item.memory_bytes for item in found) // MEBIBYTE
    return (
        f"{_count(len(deployment.services), 'service')} in {_count(len(found), 'container')}, {memory} MiB of memory "
        f"at most, {deployment.architecture}"
    )


def powers(proxy: SocketProxy) -> tuple[Word, ...]:
    """What the calls of a socket proxy amount to."""
    return tuple(Word(power, power != POWER_READS) for power in proxy.powers)


def asks_docker_directly(container: Container, proxies: tuple[SocketProxy, ...]) -> bool:
    """Whether a container has Docker's socket without being a socket proxy."""
    if not any(_is_docker(mount) for mount in container.mounts):
        return False
    return all(container.name != f"{proxy.consumer}-socket" for proxy in proxies)


def _first(deployment: Deployment) -> Section:
    """What is red on the rest of the page and not part of every host, and what is left to do."""
    rows = [
        row(of(route.origins, "allow"), Word(EVERYBODY, True), Word(route.hostname))
        for route in deployment.routes
        if route.sign_in == "public"
    ]
    rows += [
        row(grant.origin, _granted(grant, "granted: "), Word(_where(grant))) for grant in deployment.grants if grant.red
    ]
    for service in deployment.services:
        rows += [
            row(proxy.origin, power, Word(f"{proxy.consumer}, by what it may ask Docker"))
            for proxy in service.socket_proxies
            for power in powers(proxy)
            if power.danger
        ]
        rows += [
            row(
                container.origins[""],
                Word(POWER_ROOT, True),
                Word(f"{container.name}, with Docker's socket and no proxy"),
            )
            for container in service.containers
            if asks_docker_directly(container, service.socket_proxies)
        ]
    rows += [
        row(spec.origin, Word("to do"), Word(f"infrakit secrets set {spec.name}", code=True))
        for spec in deployment.secrets
        if spec.kind == "user"
    ]
    return section("Look here first", "", ("What", "Where"), rows, "Nothing stands out.", deployment)


def _ports(deployment: Deployment) -> Section:
    rows = [
        row(
            of(container.origins, "ports"),
            Word(_address(port), code=True),
            Word(f"{port.container_port}/{port.protocol}", code=True),
            Word(container.name, container.name != "caddy"),
        )
        for container in _all(deployment)
        for port in container.ports
    ]
    return section(
        "Published ports",
        "What answers from outside the host.",
        ("Port of the host", "Port in the container", "Container"),
        rows,
        "Nothing on this host answers from outside.",
        deployment,
    )


def _address(port: PublishedPort) -> str:
    if not port.address:
        return f"every address, {port.port}"
    return f"[{port.address}]:{port.port}" if ":" in port.address else f"{port.address}:{port.port}"


def _services(deployment: Deployment) -> Section:
    columns = ("Container", "Image", "At most", "User", "Mounts", "Powers")
    updated = any(service.name == "watchtower" for service in deployment.services)
    tables = tuple(
        Table(service.title, columns, tuple(_container(item, updated) for item in service.containers), service.origin)
        for service in deployment.services
        if service.containers
    )
    if deployment.idle_updater is not None:
        left_out = row(deployment.idle_updater, Word("watchtower"), Word(IDLE_UPDATER), Word(HOW_TO_UPDATE))
        tables += (Table("Left out", ("Service", "Why", "What to do"), (left_out,), deployment.idle_updater),)
    return Section(
        "Services",
        "What runs, from which image, and what each container sees of the host.",
        tables,
        "This host runs nothing.",
    )


def _container(container: Container, updated: bool) -> Row:
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
            Cell(_beyond(container)),
        ),
        origins[""],
    )


def _shared_volumes(deployment: Deployment) -> list[Section]:
    """Few hosts have any: what says them is not loaded for the rest."""
    if not deployment.volumes:
        return []
    from infrakit.emit.review_volumes import shared_volumes

    return [shared_volumes(deployment)]


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


def _beyond(container: Container) -> tuple[Word, ...]:
    base = set(BASE_CAPABILITIES) <= set(container.capabilities)
    words = [Word("starts as root, and may become somebody else")] if base else []
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


def _docker(deployment: Deployment) -> Section:
    rows = [
        Row((Cell((Word(proxy.consumer),)), Cell(powers(proxy)), Cell(tuple(_calls(proxy)))), proxy.origin)
        for service in deployment.services
        for proxy in service.socket_proxies
    ]
    rows += [
        row(
            container.origins[""],
            Word(container.name),
            Word(POWER_ROOT, True),
            Word("everything: it has Docker's socket itself", True),
        )
        for service in deployment.services
        for container in service.containers
        if asks_docker_directly(container, service.socket_proxies)
    ]
    intro = (
        "Each consumer has a socket proxy of its own that lets exactly these calls pass, and after a question mark "
        "exactly these queries."
    )
    return section(
        "What may ask Docker", intro, ("Consumer", "Power", "May ask"), rows, "Nothing asks Docker.", deployment
    )


def _calls(proxy: SocketProxy) -> list[Word]:
    """One word per method, with its paths and the queries that may come with each."""
    targets: dict[str, list[str]] = {}
    for call in proxy.calls:
        targets.setdefault(call.method, []).append(call.target)
    return [Word(f"{method} {', '.join(found)}", code=True) for method, found in targets.items()]


def _grants(deployment: Deployment) -> Section:
    rows = [
        row(grant.origin, Word(grant.container or grant.service), _granted(grant), Word(grant.detail))
        for grant in deployment.grants
    ]
    return section(
        "Granted by you",
        "What InfraKit refuses unless you allow it, and what the keys of your apps allow.",
        ("Container", "Granted", "What it is"),
        rows,
        "You granted nothing dangerous.",
        deployment,
    )


def _where(grant: Grant) -> str:
    place = grant.container or grant.service
    return f"{place}, {grant.detail}" if grant.detail else place


def _granted(grant: Grant, before: str = "") -> Word:
    return Word(f"{before}{grant.capability}", grant.red, amber=not grant.red)


def _networks(deployment: Deployment) -> Section:
    members: dict[str, list[str]] = {}
    for container in _all(deployment):
        for name in container.networks:
            members.setdefault(name, []).append(container.name)
    rows = [
        row(
            network.origin,
            Word(network.name, code=True),
            Word(", ".join(members.get(network.name, ())) or "nobody"),
            Word(network.purpose),
            Word(f"{network.subnet}, {_way_out(network)}"),
        )
        for network in deployment.networks
    ]
    intro = "Containers reach only those that share a network with them."
    return section("Networks", intro, ("Network", "Members", "For", "Subnet"), rows, "There are none.", deployment)


def _way_out(network: Network) -> str:
    out = "no way out" if network.internal else "leads out" if network.masquerade else "lets in, not out"
    return f"{out}, members cannot reach each other" if network.isolated else out


def _secrets(deployment: Deployment) -> Section:
    rows = [
        row(
            spec.origin,
            Word(spec.name, code=True),
            Word(", ".join(spec.required_by) or "nobody"),
            Word(f"only you have it: infrakit secrets set {spec.name}", True)
            if spec.kind == "user"
            else Word("minted, same on every host" if spec.shared else "minted"),
            Word(spec.description),
        )
        for spec in deployment.secrets
    ]
    intro = "Files that containers read. No value stands on this page or in any compiled file."
    return section(
        "Secrets by name", intro, ("Name", "Read by", "Where from", "What"), rows, "This host has none.", deployment
    )


def _is_docker(mount: Mount) -> bool:
    return mount.kind == "host" and mount.source.endswith(DOCKER_SOCKET)


def _all(deployment: Deployment) -> list[Container]:
    return [container for service in deployment.services for container in service.containers]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
