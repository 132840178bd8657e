"""What must not change by itself."""

from infrakit.model import Deployment
from infrakit.policy.broken import Broken, containers, origin_of

BY_NAME = ("postgres", "mariadb", "mysql", "mongo", "redis", "valkey", "goauthentik")
"""Moved where they are named, and never by the way."""
KEPT = (*BY_NAME, "caddy", "haproxy", "watchtower")


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
        if container.watch and any(word in own_name(container.image) for word in KEPT)
    ]


def own_name(image: str) -> str:
    """The last two parts of a name: what comes before is a registry, or a mirror of the user's."""
    return "/".join(image.split("/")[-2:])
