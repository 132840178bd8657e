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
    core = next((host.name for host in config.hosts if _is_core(host)), "")
    lone = "" if core else _lone_with_pages(config.hosts)
    hosts = tuple(_draft(world, host, alone=host.name == lone) for host in config.hosts)
    return world._replace(hosts=hosts, core=core or lone)


def _is_core(host: HostConfig) -> bool:
    return "identity" in profiles_of(host.patterns, host.profiles, alone=False)


def _lone_with_pages(hosts: tuple[HostConfig, ...]) -> str:
    """Without a core, the only host that shows anything brings its own sign-in."""
    showing = [host for host in hosts if shows_pages(profiles_of(host.patterns, host.profiles, alone=False))]
    return showing[0].name if len(showing) == 1 and not showing[0].width else ""


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
