"""What stands beside the services of a Compose file: volumes, networks, configs, secrets, `include`, the name."""

from infrakit.composed.service import file_path
from infrakit.composed.shapes import (
    Kind,
    Place,
    anything,
    check_names,
    fields,
    filled_pairs,
    flag,
    mapped,
    one_or_several,
    several,
    text,
    word,
)
from infrakit.composed.tree import Item


def _external(item: Item, place: Place) -> Item:
    """A truth value; in old files a map with the name."""
    return _NAMED(item, place) if isinstance(item.value, dict) else flag(item, place)


_NAMED = fields({"name": text})
_COMMON: dict[str, Kind] = {"name": text, "external": _external, "labels": filled_pairs}
_DRIVEN: dict[str, Kind] = {**_COMMON, "driver": text, "driver_opts": mapped(word)}
_SUBNET = fields({"subnet": text, "ip_range": text, "gateway": text, "aux_addresses": mapped(text)})
_FILED: dict[str, Kind] = {**_COMMON, "file": file_path, "environment": text, "template_driver": text}


def _declared(kinds: dict[str, Kind]) -> Kind:
    """A map of such objects; nothing is an object with nothing said. An old `external: {name: …}` is said anew."""
    kind = fields(kinds)

    def read(item: Item, place: Place) -> Item:
        if item.value is None:
            return item.of({})
        found = kind(item, place)
        external = found.get("external")
        if external is not None and isinstance(external.value, dict):
            return found.of({**found.entries(), **external.entries(), "external": external.of(True)})
        return found

    def all_of(item: Item, place: Place) -> Item:
        check_names(item, place)
        return mapped(read)(item, place)

    return all_of


RESOURCES: dict[str, Kind] = {
    "volumes": _declared(_DRIVEN),
    "networks": _declared(
        {
            **_DRIVEN,
            "ipam": fields({"driver": text, "config": several(_SUBNET), "options": mapped(word)}),
            "internal": flag,
            "enable_ipv4": flag,
            "enable_ipv6": flag,
            "attachable": flag,
        }
    ),
    "configs": _declared({**_FILED, "content": text}),
    "secrets": _declared({**_FILED, "driver": text, "driver_opts": mapped(word)}),
}
TOP: dict[str, Kind] = {
    "version": anything,
    "name": text,
    "services": anything,
    "include": anything,
    "models": mapped(anything),
    **RESOURCES,
}
_INCLUDED = fields(
    {"path": one_or_several(text), "project_directory": text, "env_file": one_or_several(text)}, needed=("path",)
)


def top(item: Item, place: Place) -> Item:
    """A whole file; its services and includes are read by others."""
    return fields(TOP, empty=("volumes", "networks", "configs", "secrets", "services", "models"))(item, place)


def includes(item: Item, place: Place) -> Item:
    """A list of files, each in its long form."""

    def one(item: Item, place: Place) -> Item:
        if isinstance(item.value, str):
            return item.of({"path": item.of([item])})
        return _INCLUDED(item, place)

    return several(one)(item, place)
