"""Deployment -> sections of rows: what a person must see before saying yes, before it becomes Markdown or HTML."""

from typing import NamedTuple

from infrakit.model import Container, Deployment, Origin, Route, Service

MEBIBYTE = 1 << 20
ROOT = "root on the host"


class Cell(NamedTuple):
    """`danger` is printed in red words."""

    text: str
    danger: bool = False


class Row(NamedTuple):
    cells: tuple[Cell, ...]
    origin: Origin


class Section(NamedTuple):
    """`empty` is said where there are no rows."""

    title: str
    intro: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    empty: str


def sections(deployment: Deployment) -> tuple[Section, ...]:
    """All of them, in the order in which a careful person asks."""
    return (
        _doors(deployment), _ports(deployment), _dangers(deployment), _docker(deployment), _secrets(deployment),
        _containers(deployment), _mounts(deployment), _networks(deployment),
    )


def headline(deployment: Deployment) -> str:
    """One sentence about the host."""
    containers = sum(len(service.containers) for service in deployment.services)
    memory = sum(item.memory_bytes for service in deployment.services for item in service.containers) // MEBIBYTE
    return f"{len(deployment.services)} services in {containers} containers, {memory} MiB of memory at most, {deployment.architecture}"


def who(route: Route) -> Cell:
    """Who may pass a door."""
    if route.sign_in == "public":
        return Cell("everybody, without sign-in", True)
    if route.sign_in == "provider":
        return Cell("everybody, to sign in")
    if route.sign_in == "fleet":
        return Cell("only the core's Caddy, by certificate")
    return Cell(", ".join(route.allow) or "nobody")


def _row(origin: Origin, *cells) -> Row:
    return Row(tuple(cell if isinstance(cell, Cell) else Cell(cell) for cell in cells), origin)


def _doors(deployment: Deployment) -> Section:
    rows = tuple(
        _row(route.origins.get("allow", route.origins[""]), route.hostname, who(route), _leads(route)) for route in deployment.routes
    )
    return Section("Doors", "Every address that somebody can open, and who may.", ("Address", "Who may pass", "Leads to"), rows, "This host has no door.")


def _leads(route: Route) -> str:
    return ", ".join(f"{item.address} ({item.remote})" if item.remote else item.address for item in route.upstreams)


def _ports(deployment: Deployment) -> Section:
    rows = tuple(
        _row(container.origins.get("ports", container.origins[""]), f"{port.address or 'every address'}:{port.port}", port.protocol,
             Cell(container.name, container.name != "caddy"))
        for container in _all(deployment)
        for port in container.ports
    )
    return Section("Open ports", "What answers from outside the host.", ("Address and port", "Protocol", "Container"), rows, "Nothing on this host answers from outside.")


def _dangers(deployment: Deployment) -> Section:
    rows = [
        _row(grant.origin, grant.service, Cell(f"granted: {grant.capability}", True), "you allowed it in infrakit.yaml")
        for grant in deployment.grants
    ]
    for container in _all(deployment):
        origin = container.origins[""]
        rows += [_row(origin, container.name, Cell(name, True), "Linux capability") for name in container.capabilities]
        rows += [_row(origin, container.name, Cell(f"{name}: {value}", True), "shares it with the host") for name, value in container.privileges]
        rows += [
            _row(origin, container.name, Cell(f"reads {mount.source}" if mount.read_only else f"writes {mount.source}", True), "path of the host")
            for mount in container.mounts
            if mount.kind == "host"
        ]
        if not container.read_only:
            rows.append(_row(origin, container.name, Cell("writable root file system", True), ""))
    return Section("Privileges", "What goes beyond a closed container.", ("Container", "Privilege", "Why"), tuple(rows), "No container has any.")


def _docker(deployment: Deployment) -> Section:
    rows = tuple(
        _row(proxy.origin, proxy.consumer, Cell(ROOT, True) if proxy.writes else Cell("reads only"),
             ", ".join(f"{call.method} {call.path}" for call in proxy.calls))
        for service in deployment.services
        for proxy in service.socket_proxies
    )
    intro = "Each consumer has a proxy of its own that lets exactly these calls pass."
    return Section("What may ask Docker", intro, ("Consumer", "Power", "Calls"), rows, "Nothing asks Docker.")


def _secrets(deployment: Deployment) -> Section:
    rows = tuple(
        _row(spec.origin, spec.name, Cell(f"yours: infrakit secrets set {spec.name}", True) if spec.kind == "user" else Cell("minted"),
             ", ".join(spec.required_by) or "nobody", spec.description)
        for spec in deployment.secrets
    )
    return Section("Secrets by name", "Files that containers read; no value stands in any compiled file.", ("Name", "Where from", "Read by", "What"), rows, "This host has none.")


def _containers(deployment: Deployment) -> Section:
    rows = tuple(
        _row(container.origins.get("image", container.origins[""]), service.title, container.name, container.image,
             f"{container.memory_bytes // MEBIBYTE} MiB", container.user or "the image's", "itself" if container.watch else "when you say so")
        for service in deployment.services
        for container in service.containers
    )
    columns = ("Service", "Container", "Image", "Memory", "User", "Changes by")
    return Section("Containers", "", columns, rows, "This host runs nothing.")


def _mounts(deployment: Deployment) -> Section:
    rows = tuple(
        _row(container.origins[""], container.name, Cell(f"{mount.kind} {mount.source}", mount.kind == "host"), mount.path,
             "read" if mount.read_only else "read and write")
        for container in _all(deployment)
        for mount in container.mounts
    )
    return Section("Mounts", "", ("Container", "What", "Path in the container", "May"), rows, "No container mounts anything.")


def _networks(deployment: Deployment) -> Section:
    members = {network.name: [item.name for item in _all(deployment) if network.name in item.networks] for network in deployment.networks}
    rows = tuple(
        _row(network.origin, network.name, network.subnet, "no way out" if network.internal else "leads out", ", ".join(members[network.name]), network.purpose)
        for network in deployment.networks
    )
    return Section("Networks", "Containers reach only those that share a network with them.", ("Network", "Subnet", "", "Members", "For"), rows, "There are none.")


def _all(deployment: Deployment) -> list[Container]:
    return [container for service in deployment.services for container in service.containers]


def services_by_door(deployment: Deployment) -> list[tuple[Service, Route | None]]:
    """Services in the order of their names, each with its first door."""
    doors = {route.service: route for route in reversed(deployment.routes) if not route.upstreams[0].remote}
    return [(service, doors.get(service.name)) for service in deployment.services]
