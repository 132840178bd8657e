"""volumes: of infrakit.yaml -> those that a host has, since an app that runs there mounts them."""

from infrakit.config.model import VolumeConfig
from infrakit.model import SharedVolume
from infrakit.resolve.world import HostDraft, World


def volumes_of(world: World, host: HostDraft) -> tuple[SharedVolume, ...]:
    """By name."""
    mounted = mounted_on(host)
    return tuple(_shared(world, volume) for volume in world.config.volumes if volume.name in mounted)


def mounted_on(host: HostDraft) -> set[str]:
    """Names of those that apps of this host mount."""
    return {
        mount.source
        for service in host.services
        for container in service.containers
        for mount in container.mounts
        if mount.kind == "shared"
    }


def _shared(world: World, volume: VolumeConfig) -> SharedVolume:
    server, _, folder = volume.nfs.rpartition(":")
    return SharedVolume(volume.name, server.strip("[]"), folder, volume.external, world.origin(volume.path, "volumes"))
