"""Deployment -> the section of the review about volumes that apps share."""

from infrakit.emit.review_parts import Section, Word, row, section
from infrakit.model import Deployment, SharedVolume


def shared_volumes(deployment: Deployment) -> Section:
    """Who mounts each, and where it is."""
    rows = [
        row(
            volume.origin,
            Word(volume.name, code=True),
            Word(", ".join(_mounted_by(deployment, volume)), amber=True),
            Word(_place(volume), amber=bool(volume.server or volume.external)),
        )
        for volume in deployment.volumes
    ]
    intro = "Who mounts one sees what the others wrote there. What is elsewhere is never removed with this host."
    return section("Shared volumes", intro, ("Volume", "Mounted by", "Where"), rows, "There are none.", deployment)


def _mounted_by(deployment: Deployment, volume: SharedVolume) -> list[str]:
    return [
        f"{container.name}{', to read only' if mount.read_only else ''}"
        for service in deployment.services
        for container in service.containers
        for mount in container.mounts
        if mount.kind == "shared" and mount.source == volume.name
    ]


def _place(volume: SharedVolume) -> str:
    if volume.external:
        return f"Docker's volume {volume.external}, which was there before"
    return f"{volume.path} of the NFS server {volume.server}, unencrypted" if volume.server else "on this host"
