"""The doors that lead from the core to other hosts of the fleet: whether their Caddy answers ours, and believes it."""

from infrakit.machine import Machine
from infrakit.model import Deployment
from infrakit.stack.layout import secrets_folder


def far_doors(deployment: Deployment) -> list[tuple[str, str]]:
    """(host, host:port as Caddy dials it) of each other host that a door leads to, or whose logs are asked for."""
    found = {
        (upstream.remote, upstream.address)
        for route in deployment.routes
        for upstream in route.upstreams
        if upstream.remote
    }
    return sorted(found | {(relay.host, relay.address) for relay in deployment.relays if relay.port})


def problems(deployment: Deployment, machine: Machine) -> list[tuple[str, str]]:
    """(host, what is wrong with the way there, "" where nothing is)."""
    doors = far_doors(deployment)
    if not doors:
        return []
    said = machine.knock_at_fleet(doors, f"{secrets_folder(deployment.host)}/secrets")
    return [(host, problem) for (host, _), problem in zip(doors, said)]
