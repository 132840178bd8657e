"""A consumer of Docker's API -> its own socket proxy: one small container, alone with it on a network."""

from infrakit.catalog.docker_api import docker_call
from infrakit.catalog.model import DockerBlueprint
from infrakit.model import Container, Dependency, Mount, Origin, Service, SocketProxy
from infrakit.resolve.containers import build_container
from infrakit.resolve.references import References
from infrakit.resolve.world import PROXY_TEMPLATE, HostDraft, Placed, World

DOCKER_SOCKET = "/var/run/docker.sock"
SOCKET_FOLDER = "/run/proxy"
CONFIGURATION = "/usr/local/etc/haproxy/haproxy.cfg"


def guard_sockets(world: World) -> World:
    """Add a socket proxy beside every container that asks Docker something."""
    return world._replace(hosts=tuple(_guarded(world, host) for host in world.hosts))


def _guarded(world: World, host: HostDraft) -> HostDraft:
    return host._replace(
        services=tuple(
            _with_proxies(world, host, placed, service) for placed, service in zip(host.placed, host.services)
        )
    )


def _with_proxies(world: World, host: HostDraft, placed: Placed, service: Service) -> Service:
    proxies, containers, volumes = [], [], set(service.volumes)
    for container in service.containers:
        asking = placed.blueprint.container(container.name)
        if asking is None or asking.docker is None:
            containers.append(container)
            continue
        proxy = _proxy(placed, container.name, asking.docker)
        proxies.append(proxy)
        ready = Dependency(f"{container.name}-socket", "service_healthy")
        containers.append(container._replace(depends_on=tuple(sorted({*container.depends_on, ready}))))
        containers.append(_proxy_container(world, host, container, proxy))
        if asking.docker.transport == "unix":
            volumes.add(f"{container.name}-socket")
    return service._replace(containers=tuple(containers), socket_proxies=tuple(proxies), volumes=tuple(sorted(volumes)))


def _proxy(placed: Placed, consumer: str, spec: DockerBlueprint) -> SocketProxy:
    calls = tuple(sorted({docker_call(entry) for entry in spec.allow}))
    origin = Origin(placed.blueprint.document, ("containers", consumer, "docker"), "sockets")
    return SocketProxy(consumer, calls, spec.transport, origin)


def _proxy_container(world: World, host: HostDraft, consumer: Container, proxy: SocketProxy) -> Container:
    """The template's container as the proxy of one consumer."""
    said = next((item for item in world.config.services if item.name == PROXY_TEMPLATE), None)
    template = Placed(world.catalog.blueprints[PROXY_TEMPLATE], said, None, proxy.origin)
    base = build_container(world, host, template, template.blueprint.main, References(world, host, template))
    name = f"{consumer.name}-socket"
    mounts = [
        Mount("file", f"socket-proxy/{consumer.name}.cfg", CONFIGURATION, True),
        Mount("host", DOCKER_SOCKET, DOCKER_SOCKET, True),
    ]
    if proxy.transport == "unix":
        mounts.append(Mount("volume", name, SOCKET_FOLDER, False))
    return base._replace(
        name=name, mounts=tuple(sorted(mounts, key=lambda mount: mount.path)), networks=host.membership.get(name, ())
    )
