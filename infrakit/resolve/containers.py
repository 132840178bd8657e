"""Blueprints with what the user says about them -> Services and their containers, every reference replaced."""

from typing import Any

from infrakit.catalog.model import Blueprint, ContainerBlueprint, FileBlueprint
from infrakit.catalog.references import Lookup, substitute
from infrakit.config.bind import PRIVILEGES, SETTINGS
from infrakit.config.model import AppConfig, Path
from infrakit.model import (
    HOST_NAME,
    NO_CHECK,
    ConfigFile,
    Container,
    Dependency,
    Health,
    Mount,
    Origin,
    PublishedPort,
    Route,
    SecretFile,
    SecretMount,
    Service,
)
from infrakit.resolve.addresses import canonical
from infrakit.resolve.apps import is_asked_outside, unfolded
from infrakit.resolve.images import said_image
from infrakit.resolve.references import References
from infrakit.resolve.world import DOOR, SIGN_IN, TUNNEL, HostDraft, Placed, World

DEFAULT_MEMORY = 256 << 20
# Docker refuses more than the host has, and the smallest have one.
DEFAULT_CPUS = "1.0"
CONDITIONS = {"healthy": "service_healthy", "completed": "service_completed_successfully", "started": "service_started"}

KEYS_OF_APPS = {
    "volumes": "data",
    "host_paths": "mounts",
    "writable_root": "writable",
    "shm_size": "shm",
    "tmpfs": "tmp",
    "one_shot": "once",
    "stop_grace_period_s": "stop_grace",
    **{f"privileges.{key}": key for key in (*PRIVILEGES, "network")},
    **{f"settings.{key}": key for key in SETTINGS},
}
"""Field of a blueprint's container -> key of an app, where that is called otherwise."""

COMPILED = {
    DOOR: {"caddy": ("caddy", "/etc/caddy")},
    SIGN_IN: {
        "authentik": ("authentik/blueprints", "/blueprints/infrakit"),
        "authentik-worker": ("authentik/blueprints", "/blueprints/infrakit"),
    },
    TUNNEL: {"cloudflared": ("cloudflared", "/etc/cloudflared")},
}
"""Folders of the tree that we compile: service -> container -> (folder, path in the container)."""


def build_services(world: World) -> World:
    """Instantiate every placed blueprint."""
    return world._replace(hosts=tuple(_built(world, host) for host in world.hosts))


def _built(world: World, host: HostDraft) -> HostDraft:
    return host._replace(services=tuple(_service(world, host, placed) for placed in host.placed))


def _service(world: World, host: HostDraft, placed: Placed) -> Service:
    blueprint = placed.blueprint
    table = References(world, host, placed)
    containers = tuple(build_container(world, host, placed, spec, table) for spec in sorted(blueprint.containers))
    files = tuple(_file(world, placed, file, table) for file in blueprint.files)
    volumes = {mount.source for container in containers for mount in container.mounts if mount.kind == "volume"}
    return Service(
        name=blueprint.name,
        title=blueprint.title,
        kind=placed.kind,
        profiles=tuple(blueprint.profiles),
        containers=containers,
        files=files,
        volumes=tuple(sorted(volumes)),
        socket_proxies=(),
        origin=placed.cause,
        asked_by=placed.asked_by,
    )


def _file(world: World, placed: Placed, file: FileBlueprint, table: References) -> ConfigFile:
    lookup = table.for_container(readers(placed.blueprint, file.name)[0])
    if placed.kind == "app" and placed.app is not None:
        from infrakit.emit.secret_environment import shown
        from infrakit.resolve.texts import parted, plain

        text = parted(file.content, lookup)
        content = shown(text) if any(name for _, name in text) else plain(file.content, lookup)
        origin = world.origin((*placed.app.path, "files", f"/{file.name}"), "containers")
    else:
        content = substitute(file.content, lookup)
        origin = Origin(placed.blueprint.document, ("files", file.name, "content"), "containers")
    return ConfigFile(f"{placed.name}/{file.name}", content, file.mode_bits, origin)


def readers(blueprint: Blueprint, file: str) -> list[ContainerBlueprint]:
    """The containers that mount a file of their blueprint: some, and all see a secret at one path (checks/own.py)."""
    return [item for item in blueprint.containers if any(use.file == file for use in item.files)]


def build_container(
    world: World, host: HostDraft, placed: Placed, spec: ContainerBlueprint, table: References
) -> Container:
    """One container of a blueprint as it runs on `host`."""
    name = spec.name
    lookup = table.for_container(spec)
    origins = {"": _base(world, placed, name), **_said(world, host, placed, spec, table)}
    container = Container(
        name=name,
        image=spec.image,
        entrypoint=_words(spec.entrypoint, lookup),
        command=_words(spec.command, lookup),
        user=spec.user,
        environment=tuple((key, substitute(value, lookup)) for key, value in spec.environment),
        secrets=tuple(SecretMount(*secret) for secret in spec.secrets),
        mounts=_mounts(placed, name, spec),
        tmpfs=tuple(spec.tmpfs),
        read_only=not spec.writable_root,
        capabilities=tuple(sorted(spec.capabilities)),
        privileges=spec.privileges,
        memory_bytes=spec.memory_bytes or DEFAULT_MEMORY,
        cpus=spec.cpus or DEFAULT_CPUS,
        pids=spec.pids,
        shm_bytes=spec.shm_bytes,
        health=_health(spec.health, lookup),
        one_shot=spec.one_shot,
        depends_on=_depends_on(host, placed, spec),
        networks=host.membership.get(name, ()),
        ports=_ports(host, placed, spec),
        extra_hosts=(),
        labels=spec.labels,
        stop_grace_period_s=spec.stop_grace_period_s,
        watch=spec.update == "automatic",
        origins=origins,
        working_dir=spec.working_dir,
        settings=spec.settings,
        secret_files=_secret_files(placed, lookup),
        asked_at=placed.app.serves[:1] if placed.app is not None and is_asked_outside(placed.app) else (),
    )
    if placed.app is None and placed.name == DOOR:
        # Not the blueprint's list: the host's door says which of them are published.
        said = world.config.said.has(("network",))
        origins["ports"] = world.origin(("network",), "doors") if said else host.origin._replace(decided_by="doors")
        at_the_host = next((route for route in host.routes if _at_the_host(route)), None)
        if at_the_host is not None:
            container = container._replace(extra_hosts=(f"{HOST_NAME}:host-gateway",))
            origins["privileges.extra_hosts"] = at_the_host.origins[""]._replace(decided_by="containers")
    if host.membership.get(name):
        origins["networks"] = host.networks[0].origin._replace(document=placed.cause.document, path=placed.cause.path)
    return _overridden(world, placed, spec, container, lookup)


def _secret_files(placed: Placed, lookup: Lookup) -> tuple[SecretFile, ...]:
    """Files of an app that have secrets in them: the host puts them together."""
    found = _with_secrets(placed)
    if not found:
        return ()
    from infrakit.resolve.texts import parted

    return tuple(
        SecretFile(f"{placed.name}-file{number}", path, parted(content, lookup))
        for number, (path, content) in enumerate(found.items())
    )


def _with_secrets(placed: Placed) -> dict[str, str]:
    """Path in the container -> content of those files."""
    files = placed.app.files if placed.kind == "app" and placed.app is not None else ()
    if not any("${secret." in content for _, content in files):
        return {}
    from infrakit.resolve.texts import secrets_in

    return {path: content for path, content in files if secrets_in(content)}


def _at_the_host(route: Route) -> bool:
    return any(upstream.address.startswith(f"{HOST_NAME}:") for upstream in route.upstreams)


def _base(world: World, placed: Placed, name: str) -> Origin:
    if placed.app is not None and not placed.app.blueprint:
        return world.origin(placed.app.path, "containers")
    return Origin(placed.blueprint.document, ("containers", name), "containers")


def _said(
    world: World, host: HostDraft, placed: Placed, spec: ContainerBlueprint, table: References
) -> dict[str, Origin]:
    """Fields whose value the user wrote elsewhere than where the blueprint says it: through references, or as keys of
    an app."""
    texts = [(f"environment.{key}", value) for key, value in spec.environment]
    texts += [(f"command.{index}", word) for index, word in enumerate(spec.command or ())]
    found = {field: table.cause(text) for field, text in texts}
    if placed.app is not None and spec is placed.blueprint.main:
        for needed in host.needed(placed):
            path = next(path for name, path in placed.app.needs if name == needed.name)
            found[f"needs.{needed.blueprint.main.name}"] = world.origin(path, "containers")
    if placed.app is not None and not placed.app.blueprint:
        path = placed.app.path
        found.update((field, world.origin((*path, key), "containers")) for field, key in KEYS_OF_APPS.items())
        ports = [(place, item) for place, item in enumerate(placed.app.ports) for _ in unfolded(item.published)]
        found.update(
            (f"ports.{number}", world.origin((*path, "ports", place), "containers"))
            for number, (place, item) in enumerate(ports)
        )
        found["health"] = world.said((*path, "health"), "containers") or world.origin(
            (*path, "serves") if placed.app.serves else _port_at(placed.app), "containers"
        )
    return {field: origin for field, origin in found.items() if origin is not None}


def _port_at(app: AppConfig) -> Path:
    """Where the port stands that is asked whether the app is well."""
    return (*(app.doors[0].path if app.doors else app.path), "port")


def _depends_on(host: HostDraft, placed: Placed, spec: ContainerBlueprint) -> tuple[Dependency, ...]:
    """What the blueprint says of its own containers; an app's main one waits for what the app needs, too."""
    found = {Dependency(target, CONDITIONS[condition]) for target, condition in spec.needs}
    if spec is placed.blueprint.main:
        found |= {_waits_for(needed) for needed in host.needed(placed)}
        other = placed.app.network if placed.kind == "app" and placed.app is not None else ""
        found |= {_waits_for(item) for item in (host.placed if other else ()) if item.name == other}
    return tuple(sorted(found))


def _waits_for(needed: Placed) -> Dependency:
    """Compose waits for a check only that it is told of; `up` itself asks the others before it goes on."""
    main = needed.blueprint.main
    unchecked = main.health is not None and main.health.test == NO_CHECK
    unchecked = unchecked or needed.app is not None and is_asked_outside(needed.app)
    return Dependency(main.name, CONDITIONS["completed" if main.one_shot else "started" if unchecked else "healthy"])


def _words(words: tuple[str, ...] | None, lookup: Lookup) -> tuple[str, ...] | None:
    return None if words is None else tuple(substitute(word, lookup) for word in words)


def _health(spec: Health | None, lookup: Lookup) -> Health | None:
    if spec is None:
        return None
    return spec._replace(test=tuple(substitute(word, lookup) for word in spec.test))


def _mounts(placed: Placed, name: str, spec: ContainerBlueprint) -> tuple[Mount, ...]:
    service = placed.name
    found = [Mount("volume", final_volume(service, item.volume), item.path, item.read_only) for item in spec.volumes]
    secret = _with_secrets(placed)
    found += [
        Mount("file", f"{service}/{item.file}", item.path, True) for item in spec.files if item.path not in secret
    ]
    found += [Mount("host", item.host, item.path, item.read_only) for item in spec.host_paths]
    found += [Mount("shared", item.volume, item.path, item.read_only) for item in spec.shared]
    compiled = COMPILED.get(service, {}).get(name) if placed.app is None else None
    if compiled is not None:
        found.append(Mount("file", compiled[0], compiled[1], True))
    if spec.docker is not None and spec.docker.transport == "unix":
        found.append(Mount("volume", f"{name}-socket", spec.docker.socket_volume_path, False))
    return tuple(sorted(found, key=lambda mount: mount.path))


def final_volume(service: str, volume: str) -> str:
    """What the volume of a service is called beside those of others."""
    return volume if volume.startswith(f"{service}-") else f"{service}-{volume}"


def _ports(host: HostDraft, placed: Placed, spec: ContainerBlueprint) -> tuple[PublishedPort, ...]:
    """What the host's door says for Caddy; what a granted blueprint says for others."""
    if placed.app is not None or placed.name != DOOR:
        return tuple(PublishedPort(canonical(use.address), use.published, use.port, use.protocol) for use in spec.ports)
    door = host.door
    pairs = [(door.http_port, 80, "tcp"), (door.https_port, 443, "tcp"), (door.https_port, 443, "udp")]
    pairs += [(door.tunnel_port, door.tunnel_port, "tcp"), (door.fleet_port, door.fleet_port, "tcp")]
    return tuple(
        PublishedPort(address, published, inside, protocol)
        for address in door.addresses or ("",)
        for published, inside, protocol in pairs
        if published
    )


def _overridden(
    world: World, placed: Placed, spec: ContainerBlueprint, container: Container, lookup: Lookup
) -> Container:
    """The user's word about the main container of a service, or of an app with a blueprint of its own, and about those
    that run the same image: two halves of one program."""
    said = placed.settings or placed.app
    if said is None:
        return container
    main = placed.blueprint.main
    changes: dict[str, Any] = {}
    origins = dict(container.origins)
    limits = (("memory_bytes", "memory", said.memory_bytes), ("cpus", "cpus", said.cpus)) if spec is main else ()
    for field, key, value in (("image", "image", said_image(placed, spec)), *limits):
        if value:
            changes[field] = value
            origins[key] = world.origin((*said.path, key), "containers")
    if said.environment and spec.image == main.image and not spec.one_shot:
        changes.update(_environment(placed, container, said.environment, lookup))
        for key, _ in said.environment:
            origins[f"environment.{key}"] = world.origin((*said.path, "environment", key), "containers")
    container = container._replace(**changes, origins=origins) if changes else container
    there = names_of(container) if said.not_secret else set[str]()
    if said.not_secret and placed.app is not None and placed.app.files:
        from infrakit.resolve.names_in_files import assigned

        there.update(name for _, content in placed.app.files for name, _ in assigned(content))
    return (
        container._replace(not_secret=tuple(name for name in said.not_secret if name in there)) if there else container
    )


def _environment(
    placed: Placed, container: Container, said: tuple[tuple[str, str], ...], lookup: Lookup
) -> dict[str, Any]:
    """The user's variables beside the blueprint's. References are replaced in those of his own apps, which secrets may
    stand in."""
    values, secret = dict(said), {}
    if placed.kind == "app" and any("${" in value for _, value in said):
        from infrakit.resolve.texts import parted

        texts = {name: parted(value, lookup) for name, value in said}
        secret = {name: text for name, text in texts.items() if any(name for _, name in text)}
        values = {name: text[0][0] for name, text in texts.items() if name not in secret}
    kept = {name: value for name, value in container.environment if name not in secret}
    return {
        "environment": tuple(sorted({**kept, **values}.items())),
        "secret_environment": tuple(sorted(secret.items())),
    }


def names_of(container: Container) -> set[str]:
    """What `not_secret` can name: variables of the environment, and what words of the command are called."""
    from infrakit.policy.secrets import named_words

    variables = {name for name, _ in (*container.environment, *container.secret_environment)}
    return variables | {name for _, name, _ in named_words(container)}
