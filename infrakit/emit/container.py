"""Container -> its entry under `services:` of a Compose file, and which field of the model each value of it came from.

What no blueprint can switch off is written here: dropped capabilities, no new privileges, limits, bounded logs,
restarts. Every `$` of a value is doubled, because Compose interpolates values (not keys) of the caller's environment
into them.
"""

from collections.abc import Mapping
from typing import Any

from infrakit.model import NO_CHECK, SECRETS_DIRECTORY, Container, Health, Mount, Origin, PublishedPort

CONFIG_LABEL = "io.infrakit.config"
IMAGE_LABEL = "io.infrakit.image"
"""The image ID that the lock pins. `image:` stays a name with a tag: Docker forgets digests over `docker save` and
`docker load`."""
WATCH_LABEL = "com.centurylinklabs.watchtower.enable"
DEFAULT_STOP_S = 10
UNITS = ((1 << 30, "g"), (1 << 20, "m"), (1 << 10, "k"))

# The journal of a chatty container must not fill a Pi's SD card; "local" is binary and rotates by itself.
LOGGING = {"driver": "local", "options": {"max-size": "10m", "max-file": "3"}}

PRIVILEGE_KEYS = {
    "pid": "pid",
    "ipc": "ipc",
    "userns": "userns_mode",
    "privileged": "privileged",
    "devices": "devices",
    "sysctls": "sysctls",
    "runtime": "runtime",
    "cgroup_parent": "cgroup_parent",
}
"""privileges.<key> of a blueprint -> key of Compose. `network`, `security_opt` and `extra_hosts` join other values."""

SETTING_KEYS = {"hostname": "hostname", "groups": "group_add", "dns": "dns", "init": "init", "ulimits": "ulimits"}
"""settings.<key> of a blueprint -> key of Compose."""


def container_tree(container: Container, profiles: tuple[str, ...], config_hash: str) -> dict[str, Any]:
    """The Compose service of one container; without `config_hash`, without its label."""
    privileges, settings = dict(container.privileges), dict(container.settings)
    tree: dict[str, Any] = {"image": _literal(container.image)}
    if profiles:
        tree["profiles"] = list(profiles)
    tree["restart"] = "no" if container.one_shot else "unless-stopped"
    for key, words in (("entrypoint", container.entrypoint), ("command", container.command)):
        if words is not None:
            tree[key] = [_literal(word) for word in words]
    if container.user:
        tree["user"] = _literal(container.user)
    if container.working_dir:
        tree["working_dir"] = _literal(container.working_dir)
    tree.update((name, _literal(settings[key])) for key, name in SETTING_KEYS.items() if key in settings)
    if "groups" in settings:
        from infrakit.emit.groups import reference

        tree["group_add"] = [reference(str(group)) for group in settings["groups"]]
    if "ulimits" in settings:
        tree["ulimits"] = {name: _ulimit(limit) for name, limit in settings["ulimits"].items()}
    if container.environment:
        tree["environment"] = {key: _literal(value) for key, value in container.environment}
    if container.secret_environment:
        tree["env_file"] = [f"./secrets/.{container.name}.env"]
    tree.update(_reach(container, privileges))
    tree.update(_storage(container))
    tree.update(_confinement(container, privileges))
    tree.update(_limits(container, privileges))
    if container.health is not None:
        tree["healthcheck"] = _health(container.health)
    if container.depends_on:
        tree["depends_on"] = {need.container: {"condition": need.condition} for need in container.depends_on}
    if container.stop_grace_period_s != DEFAULT_STOP_S:
        tree["stop_grace_period"] = f"{container.stop_grace_period_s}s"
    tree["labels"] = _labels(container, config_hash)
    tree["logging"] = LOGGING
    return tree


def _reach(container: Container, privileges: Mapping[str, Any]) -> dict[str, Any]:
    """Networks, published ports, names of hosts. Without a network it gets none: Compose's default one leads
    everywhere."""
    tree: dict[str, Any] = {}
    if privileges.get("network"):
        tree["network_mode"] = _literal(privileges["network"])
    elif container.networks:
        tree["networks"] = list(container.networks)
        if container.aliases:
            names = dict(container.aliases)
            tree["networks"] = {
                item: {"aliases": [names[item]]} if item in names else None for item in container.networks
            }
    else:
        tree["network_mode"] = "none"
    if container.ports:
        tree["ports"] = [_port(port) for port in container.ports]
    hosts = [*container.extra_hosts, *privileges.get("extra_hosts", ())]
    if hosts:
        tree["extra_hosts"] = [_literal(host) for host in hosts]
    return tree


def _port(port: PublishedPort) -> dict[str, Any]:
    tree = {"target": port.container_port, "published": str(port.port), "protocol": port.protocol}
    return {**tree, "host_ip": port.address} if port.address else tree


def _storage(container: Container) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    if container.secrets or container.secret_files:
        seen = [(use.name, use.target or f"{SECRETS_DIRECTORY}/{use.name}") for use in container.secrets]
        seen += [(file.name, file.path) for file in container.secret_files]
        tree["secrets"] = [{"source": name, "target": _literal(target)} for name, target in seen]
    if container.mounts:
        tree["volumes"] = [_mount(mount) for mount in container.mounts]
    if container.tmpfs:
        tree["tmpfs"] = [_literal(mount) for mount in container.tmpfs]
    tree["read_only"] = container.read_only
    return tree


def _mount(mount: Mount) -> dict[str, Any]:
    kind, source = ("volume" if mount.kind in ("volume", "shared") else "bind"), mount.source
    if mount.kind == "file":
        source = f"./{source}"
    tree: dict[str, Any] = {"type": kind, "source": _literal(source), "target": _literal(mount.path)}
    if mount.read_only:
        tree["read_only"] = True
    if kind == "bind":
        # Docker would make a missing source a directory, owned by root, and the mistake would show much later.
        tree["bind"] = {"create_host_path": False}
    return tree


def _confinement(container: Container, privileges: Mapping[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {"cap_drop": ["ALL"]}
    if container.capabilities:
        tree["cap_add"] = list(container.capabilities)
    tree["security_opt"] = ["no-new-privileges:true", *map(_literal, privileges.get("security_opt", ()))]
    for key, name in PRIVILEGE_KEYS.items():
        if key in privileges:
            tree[name] = _literal(privileges[key])
    return tree


def _limits(container: Container, privileges: Mapping[str, Any]) -> dict[str, Any]:
    # `deploy.resources.limits` is honoured by `docker compose up` since Compose 2, pids included; a number of bytes
    # must be a string.
    limits: dict[str, Any] = {"memory": size(container.memory_bytes)}
    if container.cpus:
        limits["cpus"] = container.cpus
    limits["pids"] = container.pids
    tree: dict[str, Any] = {"deploy": {"resources": {"limits": limits}}}
    if "gpus" in privileges:
        # No driver is named, as `docker run --gpus` names none; Compose's own `gpus` is younger than 2.26.
        count = privileges["gpus"] if privileges["gpus"] == "all" else int(privileges["gpus"])
        tree["deploy"]["resources"]["reservations"] = {"devices": [{"count": count, "capabilities": ["gpu"]}]}
    if container.shm_bytes:
        tree["shm_size"] = size(container.shm_bytes)
    return tree


def size(count: int) -> str:
    """Bytes as Docker reads them, in the largest unit that leaves a whole number."""
    for unit, letter in UNITS:
        if count and count % unit == 0:
            return f"{count // unit}{letter}"
    return f"{count}b"


def _health(health: Health) -> dict[str, Any]:
    if health.test == NO_CHECK:
        return {"disable": True}
    tree = {
        "test": [_literal(word) for word in health.test],
        "interval": f"{health.interval_s}s",
        "timeout": f"{health.timeout_s}s",
        "retries": health.retries,
        "start_period": f"{health.start_period_s}s",
    }
    if health.start_interval_s:
        tree["start_interval"] = f"{health.start_interval_s}s"
    return tree


def _ulimit(limit: str) -> int | dict[str, int]:
    soft, _, hard = limit.partition(":")
    return {"soft": int(soft), "hard": int(hard)} if hard else int(soft)


def _labels(container: Container, config_hash: str) -> dict[str, str]:
    labels = {key: _literal(value) for key, value in container.labels}
    labels[WATCH_LABEL] = "true" if container.watch else "false"
    if container.pin is not None:
        labels[IMAGE_LABEL] = container.pin.image
    if config_hash:
        labels[CONFIG_LABEL] = config_hash
    return dict(sorted(labels.items()))


def _literal(value: Any) -> Any:
    """`value` with every `$` doubled, at any depth; keys stay as they are."""
    if isinstance(value, str):
        return value.replace("$", "$$") if "$" in value else value
    if isinstance(value, dict):
        return {key: _literal(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_literal(item) for item in value]
    return value


FIELDS = {
    "profiles": "profiles",
    "image": "image",
    "entrypoint": "entrypoint",
    "command": "command",
    "user": "user",
    "environment": "environment",
    "env_file": "environment",
    "networks": "networks",
    "network_mode": "privileges.network",
    "ports": "ports",
    "extra_hosts": "privileges.extra_hosts",
    "secrets": "secrets",
    "tmpfs": "tmpfs",
    "read_only": "writable_root",
    "cap_add": "capabilities",
    "deploy.resources.limits.memory": "memory",
    "deploy.resources.limits.cpus": "cpus",
    "deploy.resources.limits.pids": "pids",
    "deploy.resources.reservations": "privileges.gpus",
    "shm_size": "shm_size",
    "healthcheck.disable": "health",
    "healthcheck.test": "health.test",
    "healthcheck.interval": "health.interval_s",
    "healthcheck.timeout": "health.timeout_s",
    "healthcheck.retries": "health.retries",
    "healthcheck.start_period": "health.start_period_s",
    "healthcheck.start_interval": "health",
    "depends_on": "needs",
    "stop_grace_period": "stop_grace_period_s",
    "labels": "labels",
    **{name: f"privileges.{key}" for key, name in PRIVILEGE_KEYS.items()},
    **{name: f"settings.{key}" for key, name in SETTING_KEYS.items()},
}
"""Key of Compose -> field of the blueprint that decides it. The rest (restart, cap_drop, ...) is decided in this
module."""

MOUNT_FIELDS = {"volume": "volumes", "file": "files", "host": "host_paths", "shared": "host_paths"}
POSITIONAL = ("entrypoint", "command", "tmpfs", "health.test")
"""Lists that come out in the order of the blueprint, so that an index leads back to the same item."""


def container_origin(container: Container, leaf: str, decided_by: str) -> Origin:
    """Why the value at `leaf` (dotted, below the service's key) is what it is."""
    if leaf.startswith("volumes."):
        mount = container.mounts[int(leaf.split(".")[1])]
        return field_origin(container.origins, MOUNT_FIELDS[mount.kind], ())
    if leaf.startswith("secrets.") and int(leaf.split(".")[1]) >= len(container.secrets):
        file = container.secret_files[int(leaf.split(".")[1]) - len(container.secrets)]
        return field_origin(container.origins, "files", (file.path,))
    key = _known_key(leaf)
    if not key or leaf in (f"labels.{WATCH_LABEL}", f"labels.{CONFIG_LABEL}"):
        field = "update" if leaf.endswith(WATCH_LABEL) else ""
        origin = field_origin(container.origins, field, ())
        return origin if field else origin._replace(decided_by=decided_by)
    field, rest = FIELDS[key], leaf[len(key) + 1 :]
    if key == "env_file":
        return field_origin(container.origins, f"environment.{container.secret_environment[0][0]}", ())
    if field in ("environment", "labels"):
        return field_origin(container.origins, field, (rest,) if rest else ())
    if field == "needs":
        return field_origin(container.origins, field, (rest.rpartition(".")[0],))
    position = (int(rest),) if field in POSITIONAL and rest.isdigit() else ()
    return field_origin(container.origins, field, position)


def _known_key(leaf: str) -> str:
    """The longest key of FIELDS that `leaf` starts with, "" for none."""
    parts = leaf.split(".")
    for length in range(min(len(parts), 4), 0, -1):
        key = ".".join(parts[:length])
        if key in FIELDS:
            return key
    return ""


def field_origin(origins: Mapping[str, Origin], field: str, rest: tuple[str | int, ...]) -> Origin:
    """The origin of the longest prefix of `field` and `rest`, its path led on by what remains."""
    parts: tuple[str | int, ...] = (*(field.split(".") if field else ()), *rest)
    for length in range(len(parts), -1, -1):
        origin = origins.get(".".join(map(str, parts[:length])))
        if origin is not None:
            return origin._replace(path=(*origin.path, *parts[length:]))
    raise KeyError(field)
