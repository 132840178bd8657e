"""What a service of a Compose file may hold: each key with its kind. Nothing of it is more than one key's matter."""

from infrakit.composed.paths import absolute
from infrakit.composed.shapes import (
    Kind,
    Place,
    anything,
    choice,
    command,
    duration,
    environment,
    fields,
    filled_pairs,
    flag,
    mapped,
    mode,
    named,
    number,
    one_or_several,
    pairs,
    several,
    size,
    text,
    texts,
    whole,
    word,
    words,
)
from infrakit.composed.short_forms import device, hosts, mount, ports
from infrakit.composed.tree import Item

CONDITIONS = ("service_started", "service_healthy", "service_completed_successfully")


def file_path(item: Item, place: Place) -> Item:
    """A path of the host, absolute."""
    return item.of(absolute(str(text(item, place).value), place.base, place.home))


def one_path(item: Item, place: Place) -> Item:
    """One path, or a list of them."""
    return one_or_several(file_path)(item, place)


def env_files(item: Item, place: Place) -> Item:
    """A list of files with `required`."""
    found = []
    for index, each in enumerate(item.value if isinstance(item.value, list) else [item]):
        under = place.under(str(index))
        long = each if isinstance(each.value, dict) else each.of({"path": each})
        entries = _ENV_FILE(long, under).entries()
        found.append(Item({"required": each.of(True), **entries}, each.at))
    return item.of(list(found))


_ENV_FILE = fields({"path": file_path, "required": flag, "format": text}, needed=("path",))


def depends_on(item: Item, place: Place) -> Item:
    """A map of services with condition and `required`."""
    if isinstance(item.value, list):
        return item.of(
            {
                str(each.value): Item(
                    {"condition": each.of("service_started"), "required": each.of(True)}, each.at, each.at
                )
                for each in several(text)(item, place).items()
            }
        )
    found = mapped(_DEPENDENCY)(item, place)
    return found.of(
        {
            name: each if each.tag == "reset" else each.of({"required": _default(each, True), **each.entries()})
            for name, each in found.entries().items()
        }
    )


_DEPENDENCY = fields({"condition": choice(*CONDITIONS), "restart": flag, "required": flag}, needed=("condition",))


def networks(item: Item, place: Place) -> Item:
    """A map of networks; nothing where the service only is in it."""
    if isinstance(item.value, list):
        return item.of({str(each.value): Item(None, each.at, each.at) for each in several(text)(item, place).items()})
    return mapped(_network)(item, place)


def _network(item: Item, place: Place) -> Item:
    return item if item.value is None else _NETWORK(item, place)


_NETWORK = fields(
    {
        "aliases": several(text),
        "ipv4_address": text,
        "ipv6_address": text,
        "link_local_ips": several(text),
        "mac_address": text,
        "driver_opts": mapped(word),
        "interface_name": text,
        "priority": number,
        "gw_priority": number,
    }
)


def health_test(item: Item, place: Place) -> Item:
    """A list whose first word says how: CMD, CMD-SHELL, or NONE."""
    if isinstance(item.value, list):
        found = several(text, unique=False)(item, place)
        if not found.items() or found.items()[0].value not in ("NONE", "CMD", "CMD-SHELL"):
            place.refuse(item, "a test that does not say how it is run", "let it begin with CMD or CMD-SHELL")
        return found
    return item.of([item.of("CMD-SHELL"), text(item, place)])


def _default(item: Item, value: str | bool) -> Item:
    """A value that stands below one that another file has written."""
    return Item(value, item.at, item.key, "default")


def granted(folder: str) -> Kind:
    """Configs or secrets of a service; they stand in `folder`, if that is given."""

    def read(item: Item, place: Place) -> Item:
        found = {"source": item} if isinstance(item.value, str) else dict(_GRANTED(item, place).entries())
        if folder and "source" in found:
            found.setdefault("target", item.of(f"{folder}/{found['source'].value}"))
        return item.of(dict(found))

    return several(read)


_GRANTED = fields({"source": text, "target": text, "uid": text, "gid": text, "mode": mode}, needed=("source",))


def build(item: Item, place: Place) -> Item:
    """A context with its Dockerfile."""
    found = {"context": item} if isinstance(item.value, str) else dict(_BUILD(item, place).entries())
    if isinstance(item.value, str):
        found["context"] = file_path(item, place)
    found.setdefault("context", _default(item, place.base))
    if "dockerfile_inline" not in found:
        found.setdefault("dockerfile", _default(item, "Dockerfile"))
    return item.of(dict(found))


def ulimit(item: Item, place: Place) -> Item:
    """One number, or soft and hard."""
    return _ULIMIT(item, place) if isinstance(item.value, dict) else whole(item, place)


_ULIMIT = fields({"soft": whole, "hard": whole}, needed=("soft", "hard"))


def gpus(item: Item, place: Place) -> Item:
    """A list of devices; `all` is all."""
    if item.value == "all":
        return item.of([item.of({"count": item.of(-1)})])
    return several(_GPU)(item, place)


def count(item: Item, place: Place) -> Item:
    """How many devices; -1 is all of them."""
    return item.of(-1) if item.value == "all" else whole(item, place)


_DEVICES: dict[str, Kind] = {
    "capabilities": several(text),
    "count": count,
    "device_ids": several(text),
    "driver": text,
    "options": filled_pairs,
}
_GPU = fields(_DEVICES)
_ULIMITS = mapped(ulimit)
_LIMITS: dict[str, Kind] = {"cpus": number, "memory": size}
_DISCRETE = fields({"discrete_resource_spec": fields({"kind": text, "value": number})})
_RESOURCES = fields(
    {
        "limits": fields({**_LIMITS, "pids": whole}),
        "reservations": fields(
            {**_LIMITS, "generic_resources": several(_DISCRETE), "devices": several(fields(_DEVICES))}
        ),
    }
)
_UPDATE = fields(
    {
        "parallelism": whole,
        "delay": duration,
        "failure_action": text,
        "monitor": duration,
        "max_failure_ratio": number,
        "order": choice("start-first", "stop-first"),
    }
)
_DEPLOY = fields(
    {
        "mode": text,
        "endpoint_mode": text,
        "replicas": whole,
        "labels": filled_pairs,
        "update_config": _UPDATE,
        "rollback_config": _UPDATE,
        "resources": _RESOURCES,
        "restart_policy": fields({"condition": text, "delay": duration, "max_attempts": whole, "window": duration}),
        "placement": fields(
            {
                "constraints": several(text),
                "preferences": several(fields({"spread": text})),
                "max_replicas_per_node": whole,
            }
        ),
    },
    empty=("resources", "placement"),
)
_BUILD = fields(
    {
        "context": file_path,
        "dockerfile": text,
        "dockerfile_inline": text,
        "entitlements": several(text),
        "args": environment,
        "ssh": anything,
        "labels": filled_pairs,
        "cache_from": several(text),
        "cache_to": several(text),
        "no_cache": flag,
        "additional_contexts": lambda item, place: mapped(file_path)(pairs(item, place), place),
        "network": text,
        "provenance": anything,
        "sbom": anything,
        "pull": flag,
        "target": text,
        "shm_size": size,
        "extra_hosts": hosts,
        "isolation": text,
        "privileged": flag,
        "secrets": granted(""),
        "tags": several(text),
        "ulimits": _ULIMITS,
        "platforms": several(text),
    }
)
_RATES = several(fields({"path": text, "rate": size}))
_HOOKS = several(
    fields(
        {"command": command, "user": text, "privileged": flag, "working_dir": text, "environment": pairs},
        needed=("command",),
    )
)
_BLOCK_DEVICES = fields(
    {
        "weight": whole,
        "weight_device": several(fields({"path": text, "weight": whole})),
        **{f"device_{way}_{what}": _RATES for way in ("read", "write") for what in ("bps", "iops")},
    }
)
_WATCHED: dict[str, Kind] = {
    "path": file_path,
    "action": text,
    "target": text,
    "ignore": texts,
    "include": texts,
    "initial_sync": flag,
    "exec": fields({"command": command, "user": text, "privileged": flag, "working_dir": text, "environment": pairs}),
}
_DEVELOP = fields({"watch": several(fields(_WATCHED, needed=("path", "action")))})
HEALTH = fields(
    {
        "disable": flag,
        "test": health_test,
        "interval": duration,
        "timeout": duration,
        "retries": whole,
        "start_period": duration,
        "start_interval": duration,
    }
)


def _extends(item: Item, place: Place) -> Item:
    return item.of({"service": item}) if isinstance(item.value, str) else _EXTENDS(item, place)


_EXTENDS = fields({"service": text, "file": text}, needed=("service",))


def _several_keys(kind: Kind, names: str) -> dict[str, Kind]:
    return dict.fromkeys(names.split(), kind)


def _models(item: Item, place: Place) -> Item:
    return several(text)(item, place) if isinstance(item.value, list) else mapped(anything)(item, place)


KEYS: dict[str, Kind] = {
    **_several_keys(
        text,
        "cgroup_parent container_name cpuset domainname hostname image ipc isolation mac_address network_mode pid"
        " platform pull_policy pull_refresh_after restart runtime stop_signal user userns_mode uts working_dir",
    ),
    **_several_keys(flag, "attach init oom_kill_disable privileged read_only stdin_open tty use_api_socket"),
    **_several_keys(
        whole, "cpu_count cpu_shares cpu_quota cpu_period cpu_rt_period cpu_rt_runtime oom_score_adj pids_limit scale"
    ),
    **_several_keys(number, "cpus cpu_percent"),
    **_several_keys(size, "mem_limit mem_reservation mem_swappiness memswap_limit shm_size"),
    **_several_keys(
        several(text),
        "cap_add cap_drop device_cgroup_rules dns_opt external_links links profiles security_opt volumes_from",
    ),
    **_several_keys(texts, "dns dns_search tmpfs"),
    **_several_keys(words, "expose group_add"),
    **_several_keys(filled_pairs, "annotations labels sysctls"),
    **_several_keys(command, "command entrypoint"),
    **_several_keys(_HOOKS, "post_start pre_stop"),
    "blkio_config": _BLOCK_DEVICES,
    "build": build,
    "cgroup": choice("host", "private"),
    "configs": granted(""),
    "credential_spec": fields({"config": text, "file": text, "registry": text}),
    "depends_on": depends_on,
    "deploy": _DEPLOY,
    "develop": _DEVELOP,
    "devices": several(device),
    "env_file": env_files,
    "environment": environment,
    "extends": _extends,
    "extra_hosts": hosts,
    "gpus": gpus,
    "healthcheck": HEALTH,
    "label_file": one_path,
    "logging": fields({"driver": text, "options": mapped(word)}),
    "models": _models,
    "networks": networks,
    "ports": ports,
    "provider": fields({"type": text, "options": mapped(anything)}, needed=("type",)),
    "secrets": granted("/run/secrets"),
    "stop_grace_period": duration,
    "storage_opt": mapped(word),
    "ulimits": _ULIMITS,
    "volumes": several(mount),
}
SERVICE = fields(KEYS, empty=("command", "entrypoint", "deploy", "develop"))


def service(item: Item, place: Place) -> Item:
    """One service in its normal form, as far as this file says it."""
    if not isinstance(item.value, dict):
        place.refuse(item, f"{named(item)} where a service is wanted", "add image: NAME to it", "compose-missing")
        return item.of({"image": item.of("-")})
    return SERVICE(item, place)
