"""What every container has: a health check, limits, a root that cannot be written, a known image."""

from infrakit.model import Deployment
from infrakit.policy.broken import Broken, containers, origin_of


def checked(deployment: Deployment) -> list[Broken]:
    """Every container that stays has a health check; of an app, it may be its image's, the file may say that it has
    none, and where it says nothing, `up` and `status` ask its ports."""
    return [
        Broken(
            origin_of(container, "health"),
            f"{container.name} has no health check",
            "no-health-check",
            "add health: {test: [CMD, ...]}",
        )
        for service, container in containers(deployment)
        if container.health is None and not container.one_shot and service.kind != "app"
    ]


def limited(deployment: Deployment) -> list[Broken]:
    """Every container has limits of memory and processes."""
    return [
        Broken(origin_of(container, "memory"), f"{container.name} has no limit", "no-limit", "add memory: 256m")
        for _, container in containers(deployment)
        if container.memory_bytes < 4 << 20 or container.pids <= 0
    ]


def read_only(deployment: Deployment) -> list[Broken]:
    """A catalogue container's root file system is read-only."""
    return [
        Broken(
            origin_of(container, "writable_root"),
            f"{container.name} may write to its root file system",
            "writable-root",
        )
        for service, container in containers(deployment)
        if service.kind == "catalogue" and not container.read_only
    ]


def adopted(deployment: Deployment) -> list[Broken]:
    """Every one-shot has a container that waits for it, so that `up --wait` tells the truth."""
    awaited = {
        dependency.container
        for _, container in containers(deployment)
        for dependency in container.depends_on
        if dependency.condition == "service_completed_successfully"
    }
    return [
        Broken(
            origin_of(container, "one_shot"),
            f"nothing waits for the one-shot {container.name}",
            "one-shot-alone",
            f"add needs: [{service.name}] to an app that waits for its end"
            if service.kind == "app"
            else f"add needs: {{{container.name}: completed}} to a container that stays",
        )
        for service, container in containers(deployment)
        if container.one_shot and container.name not in awaited
    ]


def is_pinned(image: str) -> bool:
    """Whether it has a digest, or a tag that may say more than "the newest"."""
    name, _, digest = image.partition("@")
    return bool(digest) or name.rpartition("/")[2].partition(":")[2] not in ("", "latest")


def pinned(deployment: Deployment) -> list[Broken]:
    """Every image has a tag other than latest, or a digest."""
    found = []
    for _, container in containers(deployment):
        if not is_pinned(container.image):
            tag = container.image.endswith(":latest")
            what = f"the image of {container.name} has {'the tag latest' if tag else 'no tag'}"
            found.append(
                Broken(
                    origin_of(container, "image"),
                    what,
                    "image-not-pinned",
                    "name a version, so that it changes when you say so",
                )
            )
    return found
