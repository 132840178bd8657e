"""The tree of a project in its normal form -> Project, typed. Decides nothing and refuses nothing."""

from collections.abc import Iterable
from typing import Any, TypeVar

from infrakit.composed.model import (
    Attachment,
    Dependency,
    Device,
    EnvFile,
    Grant,
    Health,
    Mount,
    Others,
    Port,
    Resource,
    Service,
    Ulimit,
    Variable,
)
from infrakit.composed.tree import Item, plain
from infrakit.errors import Position

T = TypeVar("T", str, int, float, bool)


def text(item: Item, name: str) -> str:
    """What stands under `name`, "" if nothing does."""
    return _typed(item, name, str) or ""


def _typed(item: Item, name: str, kind: type[T]) -> T | None:
    found = item.get(name)
    return found.value if found is not None and isinstance(found.value, kind) else None


def _number(item: Item, name: str) -> int:
    return _typed(item, name, int) or 0


def texts(item: Item | None) -> tuple[str, ...]:
    """The words of a list."""
    return tuple(str(each.value) for each in item.items()) if item is not None else ()


def _below(item: Item, name: str) -> Iterable[tuple[str, Item]]:
    found = item.get(name)
    return found.entries().items() if found is not None else ()


def _listed(item: Item, name: str) -> list[Item]:
    found = item.get(name)
    return found.items() if found is not None else []


def _variables(item: Item, name: str) -> tuple[Variable, ...]:
    return tuple(
        Variable(key, each.value if isinstance(each.value, str) else None, each.at, each.used)
        for key, each in _below(item, name)
    )


def _others(item: Item, *known: str) -> Others:
    return {name: plain(each) for name, each in item.entries().items() if name not in known}


def _port(item: Item) -> Port:
    return Port(
        _number(item, "target"),
        text(item, "published"),
        text(item, "protocol"),
        text(item, "host_ip"),
        item.at,
        text(item, "mode"),
        _others(item, "target", "published", "protocol", "host_ip", "mode"),
    )


def _mount(item: Item) -> Mount:
    return Mount(
        text(item, "type"),
        text(item, "source"),
        text(item, "target"),
        _typed(item, "read_only", bool) is True,
        item.at,
        _others(item, "type", "source", "target", "read_only"),
    )


def _grant(item: Item) -> Grant:
    return Grant(text(item, "source"), text(item, "target"), item.at, _others(item, "source", "target"))


def _dependency(name: str, item: Item) -> Dependency:
    required = _typed(item, "required", bool) is not False
    restart = _typed(item, "restart", bool) is True
    return Dependency(name, text(item, "condition"), required, restart, item.key or item.at)


def _health(item: Item | None) -> Health | None:
    if item is None:
        return None
    return Health(
        _typed(item, "disable", bool) is True,
        texts(item.get("test")),
        item.key or item.at,
        _typed(item, "interval", int),
        _typed(item, "timeout", int),
        _typed(item, "start_period", int),
        _typed(item, "start_interval", int),
        _typed(item, "retries", int),
    )


def _ulimit(name: str, item: Item) -> Ulimit:
    if isinstance(item.value, int):
        return Ulimit(name, item.value, item.value, True, item.at)
    return Ulimit(name, _number(item, "soft"), _number(item, "hard"), False, item.at)


def _words(item: Item, name: str) -> tuple[str, ...] | None:
    found = item.get(name)
    return texts(found) if found is not None and found.value is not None else None


def _host(written: str) -> tuple[str, str]:
    name, _, address = written.partition("=")
    return name, address


TEXTS = (
    "image network_mode hostname domainname container_name mac_address user working_dir restart pid ipc uts userns_mode"
    " stop_signal platform pull_policy"
).split()
LISTS = (
    "expose volumes_from tmpfs links external_links dns dns_search dns_opt group_add profiles cap_add cap_drop"
    " security_opt"
).split()
FLAGS = "init privileged read_only tty stdin_open".split()
NUMBERS = "shm_size mem_limit mem_reservation memswap_limit pids_limit".split()
FIELDS = set(Service._fields) | {"stop_grace_period"}


def service(name: str, item: Item, active: bool) -> Service:
    """One service."""
    places: dict[str, Position] = {key: each.key or each.at for key, each in item.entries().items() if not each.tag}
    found = Service(
        name,
        item.key or item.at,
        places,
        active,
        command=_words(item, "command"),
        entrypoint=_words(item, "entrypoint"),
        environment=_variables(item, "environment"),
        labels=_variables(item, "labels"),
        sysctls=_variables(item, "sysctls"),
        env_file=tuple(
            EnvFile(text(each, "path"), _typed(each, "required", bool) is not False, each.at)
            for each in _listed(item, "env_file")
        ),
        ports=tuple(map(_port, _listed(item, "ports"))),
        volumes=tuple(map(_mount, _listed(item, "volumes"))),
        devices=tuple(
            Device(text(each, "source"), text(each, "target"), text(each, "permissions"), each.at)
            for each in _listed(item, "devices")
        ),
        depends_on=tuple(_dependency(key, each) for key, each in _below(item, "depends_on")),
        healthcheck=_health(item.get("healthcheck")),
        configs=tuple(map(_grant, _listed(item, "configs"))),
        secrets=tuple(map(_grant, _listed(item, "secrets"))),
        networks=tuple(
            Attachment(key, texts(each.get("aliases")), each.key or each.at, _others(each, "aliases"))
            for key, each in _below(item, "networks")
        ),
        extra_hosts=tuple(map(_host, texts(item.get("extra_hosts")))),
        ulimits=tuple(_ulimit(key, each) for key, each in _below(item, "ulimits")),
        stop_grace_period_ns=_typed(item, "stop_grace_period", int),
        cpus=_typed(item, "cpus", float) or _number(item, "cpus"),
        others=_others(item, *FIELDS),
    )
    simple: dict[str, Any] = {key: text(item, key) for key in TEXTS}  # fields by name
    simple |= {key: texts(item.get(key)) for key in LISTS}
    simple |= {key: _typed(item, key, bool) for key in FLAGS}
    simple |= {key: _number(item, key) for key in NUMBERS}
    return found._replace(**simple)


def resource(key: str, item: Item, project: str) -> Resource:
    """A volume, network, config or secret."""
    external = _typed(item, "external", bool) is True
    content = item.get("content")
    return Resource(
        key,
        text(item, "name") or (key if external else f"{project}_{key}"),
        external,
        item.key or item.at,
        text(item, "driver"),
        {name: str(each.value) for name, each in _below(item, "driver_opts")},
        {name: str(each.value) for name, each in _below(item, "labels")},
        text(item, "file"),
        text(item, "environment"),
        str(content.value) if content is not None else None,
        _others(item, "name", "external", "driver", "driver_opts", "labels", "file", "environment", "content"),
    )
