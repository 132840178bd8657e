"""The finished World -> Fleet: hosts as deployments, a range of equal hosts unfolded one by one as it is read."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

from infrakit.config.model import HostConfig
from infrakit.model import Deployment, Fleet, Grant, SharedVolume, Tls
from infrakit.policy.doors import written_at
from infrakit.policy.grants import written
from infrakit.resolve.world import HOST_TOKEN, HostDraft, World

if TYPE_CHECKING:
    from infrakit.backups import Backup
    from infrakit.channels import Channel
    from infrakit.monitoring import Monitor

DEFAULT_ARCHITECTURE = "amd64"


class Deployments(Sequence[Deployment]):
    """Deployments of all hosts, in the order of the file; those of a range share all that does not hold their name."""

    def __init__(self, shapes: tuple[tuple[Deployment, HostConfig | None], ...]) -> None:
        self._shapes = shapes

    def __len__(self) -> int:
        return sum(config.last - config.first + 1 if config and config.width else 1 for _, config in self._shapes)

    @overload
    def __getitem__(self, index: int) -> Deployment: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Deployment, ...]: ...

    def __getitem__(self, index: int | slice) -> Deployment | tuple[Deployment, ...]:
        return tuple(self)[index]

    def __iter__(self) -> Iterator[Deployment]:
        for deployment, names in self.groups():
            if names is None:
                yield deployment
                continue
            named = [place for place, service in enumerate(deployment.services) if HOST_TOKEN in repr(service)]
            for name in names:
                services = list(deployment.services)
                for place in named:
                    services[place] = renamed(services[place], name)
                yield deployment._replace(host=name, services=tuple(services))

    def groups(self) -> Iterator[tuple[Deployment, Iterator[str] | None]]:
        """(deployment, None) for a host; (deployment called HOST_TOKEN, the names) for a range of hosts."""
        for deployment, config in self._shapes:
            yield deployment, host_names(config) if config is not None and config.width else None

    def names(self) -> frozenset[str]:
        """What the hosts are called."""
        return frozenset(
            name for deployment, names in self.groups() for name in ((deployment.host,) if names is None else names)
        )

    def shapes(self) -> tuple[Deployment, ...]:
        """One deployment for each distinct shape: enough for every rule that does not look at names."""
        return tuple(next(iter(Deployments((shape,)))) for shape in self._shapes)


def host_names(config: HostConfig) -> Iterator[str]:
    """The names that a range stands for: edge-[008:010] -> edge-008, edge-009, edge-010."""
    for number in range(config.first, config.last + 1):
        yield f"{config.prefix}{number:0{config.width}d}{config.suffix}"


def renamed(value: Any, name: str) -> Any:
    """`value` with the range's placeholder replaced by the name of one host, in every string below it."""
    if isinstance(value, str):
        return value.replace(HOST_TOKEN, name) if HOST_TOKEN in value else value
    if isinstance(value, tuple):
        items = [renamed(item, name) for item in value]
        if all(new is old for new, old in zip(items, value)):
            return value
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    return value


def assemble(world: World) -> Fleet:
    """The Fleet that the rules judge and the emitters print."""
    shapes = tuple((_deployment(world, host, number), host.config) for number, host in enumerate(world.hosts))
    return Fleet(world.config.name, world.config.domain, Deployments(shapes))


def _deployment(world: World, host: HostDraft, number: int) -> Deployment:
    config = world.config
    profiles = {profile for service in host.services for profile in service.profiles}
    is_core = host.name == world.core
    return Deployment(
        host=host.name,
        name=config.name,
        domain=config.domain,
        timezone=config.timezone,
        architecture=host.architecture or DEFAULT_ARCHITECTURE,
        address=host.address,
        core=world.core,
        patterns=host.patterns,
        profiles=tuple(sorted(profiles)),
        memory_bytes=host.memory_bytes,
        tls=Tls(
            config.tls.mode,
            config.tls.provider,
            config.contact,
            world.origin(config.tls.path, "tls"),
            config.tls.staging,
            config.tls.resolvers,
            config.tls.propagation_delay,
            config.tls.propagation_timeout,
        ),
        door=host.door,
        services=host.services,
        networks=host.networks,
        routes=host.routes,
        access=world.access if is_core else world.access._replace(groups=(), users=(), applications=()),
        secrets=host.secrets,
        grants=_grants(world, host),
        shape=number,
        origin=host.origin,
        idle_updater=host.idle_updater,
        volumes=_volumes(world, host),
        relays=host.relays,
        updates=config.updates,
        backup=_backup(world, host),
        monitor=_monitor(world),
        notify=_notify(world, host),
    )


def _monitor(world: World) -> "Monitor | None":
    config = world.config
    if not config.monitor_s:
        return None
    from infrakit.monitoring import Known, Monitor

    ignored = [Known(item.code, item.until, item.why, ".".join(map(str, item.path))) for item in config.ignored]
    return Monitor(config.monitor_s, tuple(ignored), world.origin(("monitor",), "monitor"))


def _backup(world: World, host: HostDraft) -> "Backup | None":
    if world.config.backup is None:
        return None
    from infrakit.resolve.backups import backup_of

    return backup_of(world.config.backup, world, host, _volumes(world, host))


def _notify(world: World, host: HostDraft) -> "tuple[Channel, ...]":
    if not world.config.notify:
        return ()
    from infrakit.resolve.channels import channels_of

    return channels_of(world, host.name)


def _volumes(world: World, host: HostDraft) -> tuple[SharedVolume, ...]:
    if not world.config.volumes:
        return ()
    from infrakit.resolve.volumes import volumes_of

    return volumes_of(world, host)


def _grants(world: World, host: HostDraft) -> tuple[Grant, ...]:
    """What the operator allowed to the blueprints of others, and to his apps by their keys; policy/grants.py says
    whether it was enough."""
    found = [
        Grant(placed.name, "", capability, "", world.origin(path, "grants"))
        for placed in host.placed
        if placed.app is not None
        for capability, path in placed.app.grants
    ]
    dialled = {upstream.address for route in host.routes for upstream in route.upstreams}
    for service in host.services:
        if service.kind == "app":
            found += written(service, dialled, "grants")
    for route in host.routes:
        found += written_at(route, "grants")
    return tuple(found)
