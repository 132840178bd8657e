"""What must not change by itself."""

from infrakit.model import Deployment
from infrakit.policy.broken import Broken, containers, origin_of

KEPT = ("postgres", "mariadb", "mysql", "mongo", "redis", "valkey", "goauthentik", "caddy", "haproxy", "watchtower")


def databases_left_alone(deployment: Deployment) -> list[Broken]:
    """Databases, Authentik, Caddy and the socket proxies are never updated by Watchtower."""
    return [
        Broken(
            origin_of(container, "update"),
            f"{container.name} must not be updated by itself",
            "automatic-update",
            "say update: never",
        )
        for _, container in containers(deployment)
        if container.watch and any(word in container.image for word in KEPT)
    ]
