"""Deployment -> the lines by which a person would say what has become of each app: who enters, and what it has."""

from infrakit.emit.review_facts import sections
from infrakit.model import Container, Deployment, Health, Route

Facts = dict[str, list[str] | dict[str, dict[str, list[str]]]]
Shown = frozenset[tuple[str, str, str]]


def facts(deployment: Deployment, without: Shown) -> Facts:
    """What there is because of apps; `without` is what a page shows in colour where there are none."""
    apps = [service for service in deployment.services if service.kind == "app"]
    names = {service.name for service in apps}
    shown = sorted(coloured(deployment) - without)
    found: Facts = {
        "doors": [_door(route) for route in deployment.routes if route.service in names],
        "containers": {each.name: _container(each) for service in apps for each in service.containers},
        "red": [f"{where}: {text}" for colour, where, text in shown if colour == "red"],
        "amber": [f"{where}: {text}" for colour, where, text in shown if colour == "amber"],
    }
    return {name: value for name, value in found.items() if value}


def coloured(deployment: Deployment) -> Shown:
    """Each red and each amber word of the review, with the first words of its row."""
    return frozenset(
        ("red" if word.danger else "amber", row.cells[0].words[0].text, word.text)
        for section in sections(deployment)
        for table in section.tables
        for row in table.rows
        for cell in row.cells
        for word in cell.words
        if word.danger or word.amber
    )


def _door(route: Route) -> str:
    people = f" for {', '.join(route.allow)}" if route.allow else ""
    places = ", ".join(f"{route.scheme}://{upstream.address}" for upstream in route.upstreams)
    passes = "".join(f", but {each.text}" for each in route.passes)
    told = "".join(f", {header} is the {what}" for header, what in route.identity)
    return f"{route.hostname} -> {places}, {route.sign_in}{people}{passes}{told}"


def _container(container: Container) -> dict[str, list[str]]:
    found = {
        "mounts": [
            f"{mount.kind} {mount.source} at {mount.path}{', read only' if mount.read_only else ''}"
            for mount in container.mounts
        ],
        "ports": [
            f"{port.address or 'everywhere'} {port.port} -> {port.container_port}/{port.protocol}"
            for port in container.ports
        ],
        "powers": [f"{name} {value}" for name, value in container.privileges],
        "health": ["none: it ends"] if container.one_shot else _health(container.health),
        "after": [f"{each.container} {each.condition}" for each in container.depends_on],
        "secrets": [each.name for each in container.secrets],
        "secret_environment": [name for name, _ in container.secret_environment],
        "networks": list(container.networks),
    }
    return {name: value for name, value in found.items() if value}


def _health(health: Health | None) -> list[str]:
    """Without the script that asks a port by whatever the image has."""
    if health is None:
        return ["the image's own"]
    words = [word for word in health.test if "command -v" not in word]
    return [" ".join(words)]
