"""A Project as `docker compose config --format json` prints it: what both mean must be equal, field for field.

Left out of both are `x-` keys, what Compose does not print (services whose profile is asleep, resources that nobody
uses), and the order of maps. Compose doubles each dollar sign, so that its output can be read again.
"""

from infrakit.composed.model import Project, Resource, Service

NANOSECONDS = 10**9
UNDER_LIMITS = {"mem_limit", "mem_reservation", "memswap_limit", "shm_size", "mem_swappiness"}
SIZES = {"memory", "rate", "shm_size", "size", "mem_swappiness"}
DURATIONS = {"delay", "monitor", "window"}


def duration(count: int) -> str:
    """As Go writes it."""
    if not count:
        return "0s"
    if count < NANOSECONDS:
        for unit, name in ((10**6, "ms"), (10**3, "µs"), (1, "ns")):
            if count >= unit:
                return f"{_decimal(count, unit)}{name}"
    hours, rest = divmod(count, 3600 * NANOSECONDS)
    minutes, rest = divmod(rest, 60 * NANOSECONDS)
    seconds = f"{_decimal(rest, NANOSECONDS)}s"
    return f"{hours}h{minutes}m{seconds}" if hours else f"{minutes}m{seconds}" if minutes else seconds


def _decimal(count: int, unit: int) -> str:
    whole, part = divmod(count, unit)
    digits = str(part).rjust(len(str(unit)) - 1, "0").rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)


def project(found: Project) -> dict:
    services = {each.name: service(each) for each in found.services if each.active}
    used = {kind: _used(kind, found) for kind in ("volumes", "networks", "configs", "secrets")}
    tree = {"name": found.name, "services": services}
    for kind, names in used.items():
        declared = {each.key: resource(kind, each) for each in getattr(found, kind) if each.key in names}
        if declared:
            tree[kind] = declared
    return tree


def _used(kind: str, found: Project) -> set[str]:
    active = [each for each in found.services if each.active]
    if kind == "networks":
        return {network.network for each in active for network in each.networks}
    if kind == "volumes":
        return {mount.source for each in active for mount in each.volumes if mount.kind == "volume"}
    granted = {grant.source for each in active for grant in getattr(each, kind)}
    built = [each.others["build"] for each in active if "build" in each.others]
    return granted | {each["source"] for build in built for each in build.get(kind, ())}


def resource(kind: str, found: Resource) -> dict:
    tree = {
        "name": found.name,
        "driver": found.driver,
        "driver_opts": dict(found.driver_opts),
        "labels": dict(found.labels),
        "file": found.file,
        "environment": found.variable,
        "content": found.content or "",
    }
    tree = {key: value for key, value in tree.items() if value}
    if found.external:
        tree["external"] = True
    if kind == "networks":
        tree["ipam"] = {}
    others = {key: value for key, value in found.others.items() if value is not False or key == "enable_ipv6"}
    return tree | others


TEXTS = (
    "image network_mode hostname domainname container_name mac_address user working_dir restart pid ipc uts"
    " userns_mode stop_signal platform pull_policy"
).split()
LISTS = (
    "expose volumes_from tmpfs links external_links dns dns_search dns_opt group_add profiles cap_add cap_drop"
    " security_opt"
).split()


def service(found: Service) -> dict:
    tree: dict = {name: getattr(found, name) for name in TEXTS}
    tree |= {name: list(getattr(found, name)) for name in LISTS}
    tree |= {name: getattr(found, name) or "" for name in ("privileged", "read_only", "tty", "stdin_open")}
    tree |= {name: str(getattr(found, name) or "") for name in UNDER_LIMITS if name != "mem_swappiness"}
    tree |= {"pids_limit": found.pids_limit, "cpus": found.cpus}
    tree |= {
        "environment": {each.name: each.value for each in found.environment},
        "labels": {each.name: each.value for each in found.labels},
        "sysctls": {each.name: each.value for each in found.sysctls},
        "extra_hosts": sorted(f"{name}={address}" for name, address in found.extra_hosts),
        "ports": [_port(each) for each in found.ports],
        "volumes": [_mount(each) for each in found.volumes],
        "devices": [each._asdict() | {"at": None} for each in found.devices],
        "networks": {each.network: _attachment(each) for each in found.networks},
        "ulimits": {
            each.name: each.soft if each.single else {"soft": each.soft, "hard": each.hard} for each in found.ulimits
        },
        "depends_on": {each.service: _dependency(each) for each in found.depends_on},
        "configs": [_grant(each) for each in found.configs],
        "secrets": [_grant(each) for each in found.secrets],
        "stop_grace_period": "" if found.stop_grace_period_ns is None else duration(found.stop_grace_period_ns),
    }
    tree = {key: _without_places(value) for key, value in tree.items() if value or value == 0 and value is not False}
    tree = {key: value for key, value in tree.items() if value not in ("", 0, [], {})}
    if found.init is not None:
        tree["init"] = found.init
    if found.healthcheck is not None:
        tree["healthcheck"] = _health(found.healthcheck)
    for name in ("command", "entrypoint"):
        words = getattr(found, name)
        tree[name] = None if words is None else list(words)
    others = {key: value for key, value in found.others.items() if key not in ("env_file", "label_file")}
    return tree | {key: _passed_on(value, key) for key, value in others.items()}


def _without_places(value):
    if isinstance(value, list):
        return [_without_places(each) for each in value]
    if isinstance(value, dict):
        return {name: each for name, each in value.items() if name != "at"}
    return value


def _port(found) -> dict:
    tree = {
        "mode": found.mode,
        "host_ip": found.address,
        "target": found.target,
        "published": found.published,
        "protocol": found.protocol,
    }
    return {key: value for key, value in tree.items() if value} | dict(found.others)


def _mount(found) -> dict:
    tree = {"type": found.kind, "source": found.source, "target": found.target, "read_only": found.read_only}
    others = {key: _passed_on(value, key) for key, value in found.others.items()}
    found = {key: value for key, value in tree.items() if value} | others
    return {key: value for key, value in found.items() if (key, value) != ("volume", {})}


def _attachment(found) -> dict | None:
    tree = {"aliases": list(found.aliases)} if found.aliases else {}
    return (tree | dict(found.others)) or None


def _dependency(found) -> dict:
    tree = {"condition": found.condition, "required": found.required}
    return tree | ({"restart": True} if found.restart else {})


def _grant(found) -> dict:
    return {"source": found.source, **({"target": found.target} if found.target else {}), **found.others}


def _health(found) -> dict:
    tree = {"test": list(found.test)} if found.test else {}
    if found.disabled:
        tree["disable"] = True
    for name in ("interval", "timeout", "start_period", "start_interval"):
        count = getattr(found, f"{name}_ns")
        if count is not None:
            tree[name] = duration(count)
    return tree | ({"retries": found.retries} if found.retries else {})


def _passed_on(value, key: str):
    """In Compose's print sizes are texts of bytes, and durations as Go writes them."""
    if isinstance(value, dict):
        tree = {name: _passed_on(each, name) for name, each in value.items() if each is not False or name == "attach"}
        if key == "args":
            tree = {name: each for name, each in tree.items() if each is not None}
        return tree | ({"placement": {}} if key == "deploy" and "placement" not in tree else {})
    if isinstance(value, list):
        return [_passed_on(each, key) for each in value]
    if key in SIZES and isinstance(value, int):
        return str(value)
    return duration(value) if key in DURATIONS and isinstance(value, int) else value


def compose(value, key: str = ""):
    """What Compose printed, in a form that can be compared."""
    if isinstance(value, dict):
        tree = {
            name.lower() if key in ("weight_device",) or key.startswith("device_") else name: compose(each, name)
            for name, each in value.items()
            if not name.startswith("x-")
        }
        if tree.get("exec") == {"command": None}:
            del tree["exec"]  # printed for every path that is watched
        if tree.get("volume") == {}:
            del tree["volume"]  # printed for some mounts, and says nothing
        return {name: each for name, each in tree.items() if each is not False or name in KEPT}
    if isinstance(value, list):
        found = [compose(each, key) for each in value]
        return sorted(found) if key == "extra_hosts" else found
    return value.replace("$$", "$") if isinstance(value, str) else value


KEPT = {"required", "init", "attach", "enable_ipv6"}
"""Flags that Compose prints when they are false."""
