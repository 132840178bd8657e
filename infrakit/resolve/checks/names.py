"""Host names: every door has its own."""

from infrakit.catalog.model import Catalog
from infrakit.config.model import Config, HostConfig, Path
from infrakit.errors import Problem
from infrakit.resolve.world import Locate

Doorway = tuple[str, str, Path]
"""Subdomain, whose it is, and where the user wrote it: () where nobody did."""


def hostnames(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """No two doors have the same name; both places are named."""
    taken: dict[str, tuple[str, Path]] = {}
    found = []
    said = {service.name: service for service in config.services}
    doors: list[Doorway] = []
    for name, blueprint in catalog.blueprints.items():
        setting = said.get(name)
        if blueprint.route is None or (setting is not None and setting.enabled is False):
            continue
        if setting is not None and setting.subdomain:
            doors.append((setting.subdomain, f"services.{name}", (*setting.path, "subdomain")))
        else:
            doors.append((blueprint.route.subdomain, f"services.{name}", ()))
    doors += _doors_elsewhere(config, doors)
    for app in config.apps:
        path = (*app.path, "subdomain") if app.subdomain else app.path
        if app.port or app.blueprint:
            doors.append((app.subdomain or app.name, f"apps.{app.name}", path))
    for subdomain, owner, path in doors:
        if subdomain not in taken:
            taken[subdomain] = (owner, path)
            continue
        other, other_path = taken[subdomain]
        place = path or other_path
        what = f"{owner}: {subdomain}.{config.domain} is the address of {other}"
        related = locate(other_path) if other_path and path else None
        found.append(
            Problem(locate(place), what, "same-hostname", "give one of them another subdomain", related=related)
        )
    return found


def _doors_elsewhere(config: Config, doors: list[Doorway]) -> list[Doorway]:
    """The same services on other hosts: <subdomain>-<host>. A range takes the names of apps that look like one of its
    hosts."""
    names = [app.subdomain or app.name for app in config.apps]
    return [
        (name, f"{owner} on {host.name}", path)
        for subdomain, owner, path in doors
        for name in sorted(set(names))
        if name.startswith(f"{subdomain}-")
        for host in config.hosts
        if _is_host(name[len(subdomain) + 1 :], host)
    ]


def _is_host(name: str, host: HostConfig) -> bool:
    if not host.width:
        return name == host.name
    number = name[len(host.prefix) : len(name) - len(host.suffix)]
    return name == f"{host.prefix}{number}{host.suffix}" and number.isdigit() and host.first <= int(number) <= host.last
