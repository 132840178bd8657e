"""Fleet -> Problems: the promises, checked on every compile whatever the catalogue or a blueprint of the user's says.

A rule looks at one Deployment and trusts nobody. Hosts of one shape are judged once.
"""

from collections.abc import Callable

from infrakit.errors import Position, Problem
from infrakit.model import Deployment, Fleet, Origin
from infrakit.policy.belongings import (
    clients_kept,
    doors_kept,
    files_kept,
    named_apart,
    secrets_kept,
    shared_apart,
    volumes_kept,
)
from infrakit.policy.containers import adopted, checked, limited, pinned, read_only
from infrakit.policy.doors import only_caddy_publishes, signed_in
from infrakit.policy.grants import granted
from infrakit.policy.neighbours import alone_outside, separated
from infrakit.policy.secrets import secrets_as_files
from infrakit.policy.sockets import socket_kept
from infrakit.policy.updates import databases_left_alone

RULES = (
    only_caddy_publishes,
    signed_in,
    socket_kept,
    secrets_as_files,
    checked,
    limited,
    read_only,
    adopted,
    pinned,
    databases_left_alone,
    separated,
    alone_outside,
    named_apart,
    secrets_kept,
    clients_kept,
    volumes_kept,
    files_kept,
    doors_kept,
    granted,
)


def judge(fleet: Fleet, locate: Callable[[Origin], Position]) -> list[Problem]:
    """What breaks a promise, with its place. `locate` turns an origin into a position.

    Nobody can mend the catalogue: what breaks there, breaks where the user's file brings the service in.
    """
    shapes = shapes_of(fleet)
    found = [broken for deployment in shapes for rule in RULES for broken in rule(deployment)]
    causes = {
        container.origins[""].document: service.origin
        for deployment in shapes
        for service in deployment.services
        if service.kind == "catalogue"
        for container in service.containers
    }
    problems = {}
    for broken in found + shared_apart(shapes):
        place = locate(causes.get(broken.origin.document, broken.origin))
        # Hosts that are alike break it alike: once is enough.
        problems[place, broken.what] = Problem(place, broken.what, broken.code, broken.hint)
    return list(problems.values())


def shapes_of(fleet: Fleet) -> tuple[Deployment, ...]:
    """One host of each shape."""
    shapes = getattr(fleet.deployments, "shapes", None)
    return shapes() if shapes else tuple(fleet.deployments)
