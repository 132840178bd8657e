"""The user's mirror before every image, for pull-through caches and closed networks."""

from infrakit.model import Container
from infrakit.resolve.world import World


def mirror_images(world: World) -> World:
    """Put `images.mirror` before the full name of every image."""
    mirror = world.config.mirror
    if not mirror:
        return world
    origin = world.origin(("images", "mirror"), "images")

    def mirrored(container: Container) -> Container:
        image = f"{mirror.rstrip('/')}/{full_name(container.image)}"
        return container._replace(image=image, origins={**container.origins, "image": origin})

    return world._replace(hosts=tuple(
        host._replace(services=tuple(
            service._replace(containers=tuple(mirrored(container) for container in service.containers))
            for service in host.services
        ))
        for host in world.hosts
    ))


def full_name(image: str) -> str:
    """An image with its registry spelled out, as Docker reads it: "caddy:2" -> "docker.io/library/caddy:2"."""
    first, slash, _ = image.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return image
    return f"docker.io/{image}" if slash else f"docker.io/library/{image}"
