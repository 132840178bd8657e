"""Deployment -> sections of tables: what a person must see before saying yes, before it becomes Markdown or HTML.

Plain words only: nothing here is escaped, and nothing depends on how long a text is (a host's name may still be a
placeholder).
"""

from infrakit.emit.review_doors import EVERYBODY, doors
from infrakit.emit.review_parts import Cell, Row, Section, Word, of, row, section
from infrakit.emit.review_people import people
from infrakit.emit.review_services import MEBIBYTE, asks_docker_directly, powers, services
from infrakit.model import POWER_ROOT, Container, Deployment, Grant, Network, PublishedPort, SocketProxy


def sections(deployment: Deployment) -> tuple[Section, ...]:
    """All of them, in the order in which a careful person asks."""
    return (
        _first(deployment),
        doors(deployment),
        _ports(deployment),
        services(deployment),
        _docker(deployment),
        _grants(deployment),
        _networks(deployment),
        *_shared_volumes(deployment),
        *_backups(deployment),
        *_channels(deployment),
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
        row(spec.origin, Word("to do, unless done"), Word(f"infrakit secrets set {spec.name}", code=True))
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


def _shared_volumes(deployment: Deployment) -> list[Section]:
    """Few hosts have any: what says them is not loaded for the rest."""
    if not deployment.volumes:
        return []
    from infrakit.emit.review_volumes import shared_volumes

    return [shared_volumes(deployment)]


def _backups(deployment: Deployment) -> list[Section]:
    if deployment.backup is None:
        return []
    from infrakit.emit.review_backup import backups

    return [backups(deployment, deployment.backup)]


def _channels(deployment: Deployment) -> list[Section]:
    if not deployment.notify:
        return []
    from infrakit.emit.review_channels import channels

    return [channels(deployment)]


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


def _all(deployment: Deployment) -> list[Container]:
    return [container for service in deployment.services for container in service.containers]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
