"""A broken promise, before it has a place."""

from collections.abc import Iterator
from typing import NamedTuple

from infrakit.model import Container, Deployment, Origin, Service


class Broken(NamedTuple):
    """What is wrong, with the origin of the value that is wrong."""

    origin: Origin
    what: str
    code: str
    hint: str = ""


def containers(deployment: Deployment) -> Iterator[tuple[Service, Container]]:
    """Every container with its service."""
    for service in deployment.services:
        for container in service.containers:
            yield service, container


def origin_of(container: Container, field: str) -> Origin:
    """Where `field` of a container comes from: its own origin, or the container's with the field's name."""
    found = container.origins.get(field)
    if found is not None:
        return found
    base = container.origins[""]
    return base._replace(path=(*base.path, *field.split(".")))


def has_grant(deployment: Deployment, service: Service, capability: str) -> bool:
    """Whether the operator allowed it to this service."""
    return any(grant.service == service.name and grant.capability == capability for grant in deployment.grants)
