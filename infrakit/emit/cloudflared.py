"""Deployment -> cloudflared/config.yaml: every host name of the tunnel leads to Caddy, and nowhere else.

The user holds only a token, and `tunnel run` takes it with these rules as long as the tunnel is managed locally. One
that is managed in Cloudflare's dashboard gets its rules from there, and those replace these: they too must name only
https://caddy:443. cloudflared and Caddy are alone on a network of their own.
"""

from typing import Any

from infrakit.emit.memo import Memo
from infrakit.emit.yaml_text import leaves, to_yaml
from infrakit.model import Artifact, Deployment, Origin, Route

PATH = "cloudflared/config.yaml"
HEADING = "Compiled by InfraKit: change infrakit.yaml, not this file."
SERVICE = "cloudflared"
CADDY = "https://caddy:443"
PASS = "emit.cloudflared"

_files = Memo(16)


def emit(deployment: Deployment) -> tuple[Artifact, ...]:
    if all(service.name != SERVICE for service in deployment.services):
        return ()
    return (_files.get((deployment.routes,), _artifact),)


def trace(deployment: Deployment, path: str) -> dict[str, Origin]:
    """Leaf -> Origin: a rule comes from its route, the refusal at the end from the tunnel itself."""
    routes = _tunnelled(deployment.routes)
    tunnel = next(service.origin for service in deployment.services if service.name == SERVICE)
    found = {}
    for leaf in leaves(_tree(deployment.routes)):
        index = int(leaf.split(".")[1])
        origin = routes[index].origins[""] if index < len(routes) else tunnel
        found[leaf] = origin if leaf.endswith("hostname") else origin._replace(decided_by=PASS)
    return found


def _artifact(routes: tuple[Route, ...]) -> Artifact:
    return Artifact(PATH, to_yaml(_tree(routes), HEADING).encode())


def _tree(routes: tuple[Route, ...]) -> dict[str, Any]:
    rules: list[dict[str, Any]] = [_rule(route) for route in _tunnelled(routes)]
    return {"ingress": [*rules, {"service": "http_status:404"}]}


def _tunnelled(routes: tuple[Route, ...]) -> list[Route]:
    """The doors for people; those for the fleet's own Caddy are asked over the local network."""
    return [route for route in routes if route.sign_in != "fleet"]


def _rule(route: Route) -> dict[str, Any]:
    # Caddy's certificate is from its own authority, made at its first start: cloudflared cannot know it.
    # The name still chooses the site. Nobody else is on this network.
    return {
        "hostname": route.hostname,
        "service": CADDY,
        "originRequest": {"originServerName": route.hostname, "noTLSVerify": True},
    }
