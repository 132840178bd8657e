"""Which hosts there are, their profiles, and which one is the core."""

from infrakit.config.model import HostConfig
from infrakit.resolve.patterns import profiles_of, shows_pages
from infrakit.resolve.world import HOST_TOKEN, HostDraft, World


def place_hosts(world: World) -> World:
    """Turn `hosts:` (or the one unnamed host) into hosts with profiles, and choose the core: the host with sign-in."""
    config = world.config
    if not config.hosts:
        path = ("pattern",) if config.patterns else ("profiles",)
        profiles = profiles_of(config.patterns, config.profiles, alone=True)
        host = HostDraft(config.name, None, config.patterns, profiles, "", "", 0, world.origin(path, "hosts"))
        return world._replace(hosts=(host,), core=config.name if "identity" in profiles else "")
    core = next((host.name for host in cores_of(config.hosts)), "")
    hosts = tuple(_draft(world, host, alone=host.name == core) for host in config.hosts)
    return world._replace(hosts=hosts, core=core)


def cores_of(hosts: tuple[HostConfig, ...]) -> list[HostConfig]:
    """Those that bring sign-in: one, where the file is right. Where none says so, the only host that shows anything."""
    profiles = [(host, profiles_of(host.patterns, host.profiles, alone=False)) for host in hosts]
    said = [host for host, found in profiles if "identity" in found]
    showing = [host for host, found in profiles if shows_pages(found)]
    return said or [host for host in showing if len(showing) == 1 and not host.width]


def _draft(world: World, host: HostConfig, *, alone: bool) -> HostDraft:
    return HostDraft(
        name=HOST_TOKEN if host.width else host.name,
        config=host,
        patterns=host.patterns,
        profiles=profiles_of(host.patterns, host.profiles, alone=alone),
        architecture=host.architecture,
        address=host.address,
        memory_bytes=host.memory_bytes,
        origin=world.origin(host.path, "hosts"),
    )
