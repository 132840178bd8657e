"""What it costs that a container is away: for how long, about, and which pages do not answer meanwhile."""

from infrakit.model import NO_CHECK, Container, Deployment

STOP_S, START_S = 2, 3


def seconds(container: Container) -> int:
    """About how long: it stops, starts, and is asked for the first time how it is."""
    health = container.health
    asked = health.start_interval_s or health.interval_s if health and health.test != NO_CHECK else 0
    return min(STOP_S, container.stop_grace_period_s) + START_S + asked


def pages(deployment: Deployment, name: str) -> tuple[str, ...]:
    """Host names that need a container: those of its service, and of all that need that; every one where it is Caddy's,
    and every one with sign-in where it is Authentik's."""
    owner = {item.name: service.name for service in deployment.services for item in service.containers}
    hit = {owner[name]} if name in owner else set()
    while True:
        more = {
            service.name
            for service in deployment.services
            if any(owner.get(need.container) in hit for item in service.containers for need in item.depends_on)
        }
        if more <= hit:
            break
        hit |= more
    sign_in = {route.service for route in deployment.routes if route.sign_in == "provider"} & hit
    found = [
        route.hostname
        for route in deployment.routes
        if "caddy" in hit
        or route.service in hit
        or sign_in
        and route.sign_in in ("forward_auth", "application", "provider")
    ]
    return tuple(dict.fromkeys(found))
