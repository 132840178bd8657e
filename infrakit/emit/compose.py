"""Deployment, and the configuration files already made -> compose.yaml and services/<service>.yaml.

Networks, secrets and volumes stand in compose.yaml only: Compose loads each included file without checking references,
and a resource that both declare "conflicts with imported resource" as soon as the two differ (tried with 2.26; read in
5.x). A container's label carries a hash over its definition, its networks and the files that it reads: a changed file
re-creates exactly its readers, and one look at the running containers says which of them are up to date.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from infrakit.emit.container import container_origin, container_tree, field_origin
from infrakit.emit.memo import Memo
from infrakit.emit.yaml_text import leaves, to_yaml
from infrakit.model import (
    Artifact,
    Container,
    Deployment,
    Network,
    Origin,
    SecretFile,
    SecretSpec,
    Service,
    SharedVolume,
    groups_named,
)

MAIN = "compose.yaml"
HEADING = "Compiled by InfraKit: change infrakit.yaml, not this file."
WAY_OUT = "infrakit_default"
PASS = "emit.compose"
HASH_LENGTH = 16

_services = Memo()
_mains = Memo(16)
_drawn = Memo(16)


def emit(deployment: Deployment, read: Sequence[Artifact] = ()) -> tuple[Artifact, ...]:
    """`read`: the configuration files of the tree, for the hash labels."""
    services = _with_containers(deployment)
    about = (deployment.name, deployment.networks, deployment.secrets, deployment.volumes)
    main = _mains.get((*about, *services), _main)
    return (
        main,
        *(
            _services.get((service, deployment.networks, deployment.volumes, *_readable(service, read)), _service)
            for service in services
        ),
    )


def _with_containers(deployment: Deployment) -> tuple[Service, ...]:
    """Those that Compose has anything to do with; a door alone is Caddy's."""
    return tuple(service for service in deployment.services if service.containers)


def trace(deployment: Deployment, path: str) -> dict[str, Origin]:
    """Leaf -> Origin of one of the files above."""
    if path == MAIN:
        return _main_trace(deployment)
    service = next(service for service in deployment.services if service_path(service) == path)
    containers = {container.name: container for container in service.containers}
    # A hash of any value: the label is a leaf, its value has no part in its origin.
    tree = _service_tree(service, dict.fromkeys(containers, "x"))
    found = {}
    for name, body in tree["services"].items():
        for leaf in leaves(body):
            found[f"services.{name}.{leaf}"] = container_origin(containers[name], leaf, PASS)
    return found


def service_path(service: Service) -> str:
    """Where the Compose file of `service` stands in the tree."""
    return f"services/{service.name}.yaml"


def _readable(service: Service, read: Sequence[Artifact]) -> list[Artifact]:
    """Those files of the tree that a container of `service` mounts."""
    sources = {mount.source for container in service.containers for mount in container.mounts if mount.kind == "file"}
    return [artifact for artifact in read if _is_below(artifact.path, sources)] if sources else []


def _is_below(path: str, sources: set[str]) -> bool:
    """Whether `path`, or a folder above it, is one of `sources`."""
    while path:
        if path in sources:
            return True
        path = path.rpartition("/")[0]
    return False


def _service(
    service: Service, networks: tuple[Network, ...], volumes: tuple[SharedVolume, ...], *read: Artifact
) -> Artifact:
    hashes = config_hashes(service, networks, read, volumes)
    return Artifact(service_path(service), to_yaml(_service_tree(service, hashes), HEADING).encode())


def _service_tree(service: Service, hashes: Mapping[str, str]) -> dict[str, Any]:
    return {
        "services": {
            container.name: container_tree(container, service.profiles, hashes[container.name])
            for container in service.containers
        }
    }


def _by_name(networks: Sequence[Network]) -> dict[str, tuple[Any, ...]]:
    """What of each network its members depend on."""
    return {network.name: network[:4] for network in networks}


def config_hashes(
    service: Service, networks: Sequence[Network], read: Sequence[Artifact], volumes: Sequence[SharedVolume] = ()
) -> dict[str, str]:
    """Container -> a short SHA-256 over its definition, the networks it is in, the shared volumes and the files of the
    tree that it mounts."""
    drawn = _drawn.get((networks,), _by_name)
    found = {}
    for container in service.containers:
        digest = _sha256()
        # Not repr(): which characters that shows as they are differs between Pythons.
        digest.update(ascii(container_tree(container, service.profiles, "")).encode())
        digest.update(ascii([drawn[name] for name in container.networks if name in drawn]).encode())
        if container.secret_files:
            digest.update(ascii(container.secret_files).encode())
        if container.secret_environment:
            digest.update(ascii(container.secret_environment).encode())
        shared = {mount.source for mount in container.mounts if mount.kind == "shared"}
        if shared:
            digest.update(ascii([volume[:4] for volume in volumes if volume.name in shared]).encode())
        sources = {mount.source for mount in container.mounts if mount.kind == "file"}
        for artifact in sorted(artifact for artifact in read if _is_below(artifact.path, sources)) if sources else ():
            digest.update(b"%d %s %d " % (len(artifact.path), artifact.path.encode(), len(artifact.content)))
            digest.update(artifact.content)
        found[container.name] = digest.hexdigest()[:HASH_LENGTH]
    return found


def _sha256() -> Any:
    """The interpreter's own SHA-256 where it has one: `import hashlib` loads OpenSSL, a tenth of a whole compile."""
    try:
        from _sha2 import sha256  # CPython's own
    except ImportError:
        try:
            from _sha256 import sha256  # the same, before 3.12
        except ImportError:
            from hashlib import sha256
    return sha256()


def _main(
    name: str,
    networks: tuple[Network, ...],
    secrets: tuple[SecretSpec, ...],
    shared: tuple[SharedVolume, ...],
    *services: Service,
) -> Artifact:
    return Artifact(MAIN, to_yaml(_main_tree(name, networks, secrets, shared, services), HEADING).encode())


def _main_tree(
    name: str,
    networks: tuple[Network, ...],
    secrets: tuple[SecretSpec, ...],
    shared: tuple[SharedVolume, ...],
    services: tuple[Service, ...],
) -> dict[str, Any]:
    tree: dict[str, Any] = {"name": name}
    tree["include"] = [_included(service) for service in services]
    if networks:
        tree["networks"] = {network.name: network_tree(name, network) for network in networks}
    volumes: dict[str, Any] = {volume: {} for volume in _volumes(services)}
    volumes.update((volume.name, volume_tree(name, volume)) for volume in shared)
    if volumes:
        tree["volumes"] = dict(sorted(volumes.items()))
    mounted = sorted(_mounted_secrets(services))
    files = {name: file.stored for name, (_, file) in _secret_files(services).items()}
    if mounted or files:
        stored = {**{secret: secret for secret in mounted}, **files}
        tree["secrets"] = {secret: {"file": f"./secrets/{name}"} for secret, name in stored.items()}
    return tree


def _secret_files(services: Sequence[Service]) -> dict[str, tuple[Container, SecretFile]]:
    """Name -> the file with secrets in it, and whose it is."""
    containers = [container for service in services for container in service.containers if container.secret_files]
    return {file.name: (container, file) for container in containers for file in container.secret_files}


def _included(service: Service) -> dict[str, str]:
    tree = {"path": service_path(service), "project_directory": "."}
    if any(item.settings and groups_named(item.settings) for item in service.containers):
        from infrakit.emit.groups import FILE

        tree["env_file"] = FILE
    return tree


def _mounted_secrets(services: Sequence[Service]) -> set[str]:
    return {use.name for service in services for container in service.containers for use in container.secrets}


def _volumes(services: Sequence[Service]) -> dict[str, Service]:
    """Volume -> the service that owns it, by name."""
    return dict(sorted({volume: service for service in services for volume in service.volumes}.items()))


def volume_tree(project: str, volume: SharedVolume) -> dict[str, Any]:
    """What Compose is told of a shared volume of `project`.

    Docker keeps the options that a volume was made with: one of an NFS server is called after its address, so that
    another address is another volume.
    """
    if volume.external:
        return {"external": True, "name": volume.external}
    if not volume.server:
        return {}
    digest = _sha256()
    digest.update(f"{volume.server}:{volume.path}".encode())
    options = {"type": "nfs", "o": f"addr={volume.server},rw,nfsvers=4", "device": f":{volume.path}"}
    name = f"{project}_{volume.name}-{digest.hexdigest()[:8]}"
    return {"name": name, "driver": "local", "driver_opts": options}


def docker_volume(project: str, source: str, shared: Sequence[SharedVolume]) -> str:
    """What Docker calls the volume that a mount names `source`."""
    trees = [volume_tree(project, volume) for volume in shared if volume.name == source]
    return str(next((tree["name"] for tree in trees if "name" in tree), f"{project}_{source}"))


def network_tree(project: str, network: Network) -> dict[str, Any]:
    """What Compose is told of a network of `project`."""
    tree: dict[str, Any] = {}
    if network.name == WAY_OUT:
        # Compose would call it <project>_infrakit_default.
        tree["name"] = f"{project}_default"
    tree["driver"] = "bridge"
    tree["internal"] = network.internal
    switched_off = {"enable_icc": network.isolated, "enable_ip_masquerade": not network.masquerade}
    options = {f"com.docker.network.bridge.{key}": "false" for key, off in switched_off.items() if off}
    if options:
        tree["driver_opts"] = options
    if network.subnet:
        tree["ipam"] = {"config": [{"subnet": network.subnet}]}
    return tree


def _main_trace(deployment: Deployment) -> dict[str, Origin]:
    services = _with_containers(deployment)
    tree = _main_tree(deployment.name, deployment.networks, deployment.secrets, deployment.volumes, services)
    owners = {network.name: network for network in deployment.networks}
    volumes = {volume: service.origin for volume, service in _volumes(services).items()}
    volumes.update((volume.name, volume.origin) for volume in deployment.volumes)
    secrets = {secret.name: secret.origin for secret in deployment.secrets}
    secrets.update(
        (name, field_origin(container.origins, "files", (file.path,)))
        for name, (container, file) in _secret_files(services).items()
    )
    project = Origin(deployment.origin.document, ("name",), PASS)
    found = {}
    for leaf in leaves(tree):
        key, _, rest = leaf.partition(".")
        first = rest.partition(".")[0]
        if key == "name":
            found[leaf] = project
        elif key == "include":
            found[leaf] = services[int(first)].origin
        elif key == "networks":
            pool = owners[first].subnet_origin if leaf.endswith(".subnet") else None
            found[leaf] = project if leaf.endswith(".name") else pool or owners[first].origin
        elif key == "volumes":
            found[leaf] = volumes[first]
        else:
            found[leaf] = secrets.get(first, deployment.origin)
    return found
