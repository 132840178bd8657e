"""Compose's words and values in those of infrakit.yaml, and the words for what became of them."""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from infrakit.composed.model import Mount, Port, Resource
from infrakit.errors import Position

TAKEN, DIFFERENT, DROPPED, WITHHELD, REFUSED = "taken", "differently", "dropped", "withheld", "refused"
BASE = {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID", "KILL", "NET_BIND_SERVICE"}
DATA_FOLDERS = ("/srv/", "/mnt/", "/media/", "/data/", "/home/", "/opt/", "/export/", "/volume1/")
CLOCK = ("/etc/localtime", "/etc/timezone")
DOES_ITSELF = {
    "restart": "every app is restarted, unless it was stopped",
    "container_name": "containers have their app's name",
    "logging": "logs are kept and turned over",
    "networks": "each app has its own; `needs` joins two",
    "cap_drop": "all are dropped",
    "pull_policy": "images are pulled by what the lock says",
    "profiles": "an app that stands in the file runs",
    "attach": "no output is attached",
    "tty": "logs need no terminal",
    "stdin_open": "nobody types into it",
    "read_only": "every app is, unless it says writable",
    "env_file": "its values stand in environment",
    "label_file": "its values stand in labels",
    "develop": "a host is no place to develop",
    "build": "the image is run as it is published",
    "platform": "the image is pulled for the host's own processor",
}
WAYS = {
    "build": "publish its image, and name that",
    "volumes_from": "name the same volumes in both",
    "tmpfs": "only /tmp has a key; the rest is written into the container",
    "security_opt": "confinement is not loosened",
    "user": "write its number and its group's: 1000:1000",
    "deploy": "of it only limits of memory, processors and processes have a key",
}


class Row(NamedTuple):
    """What became of one thing: `outcome` is one of the five words, `said` the new words or the reason."""

    service: str
    key: str
    at: Position
    outcome: str
    said: str


class Converted(NamedTuple):
    """`withheld`: app -> (key, value, what it means), to be written as comments. `secret_files`: secret -> the file
    that holds it."""

    apps: Mapping[str, Mapping[str, object]]
    volumes: Mapping[str, Mapping[str, object]]
    secrets: Mapping[str, str]
    secret_files: Mapping[str, str]
    withheld: Mapping[str, tuple[tuple[str, object, str], ...]]
    rows: tuple[Row, ...]


def app_names(services: Iterable[str]) -> dict[str, str]:
    """Each service's name as an app's: small letters, digits and -, at most 31 of them, no two the same."""
    found: dict[str, str] = {}
    for service in services:
        name = re.sub(r"[^a-z0-9]+", "-", service.lower()).strip("-")[:28].strip("-") or "app"
        name = name if name[0].isalpha() else f"app-{name}"
        number, free = 2, name
        while free in found.values():
            number, free = number + 1, f"{name}-{number}"
        found[service] = free
    return found


def size(count: int) -> str:
    """Bytes in the largest unit that divides them."""
    for unit, name in ((1 << 30, "g"), (1 << 20, "m"), (1 << 10, "k")):
        if count % unit == 0:
            return f"{count // unit}{name}"
    return f"{-(-count // 1024)}k"


def written_port(port: Port) -> str:
    """As `ports` has it: address:published:container/protocol."""
    address = f"[{port.address}]:" if ":" in port.address else f"{port.address}:" if port.address else ""
    end = "" if port.protocol == "tcp" else f"/{port.protocol}"
    same = port.published == str(port.target) and not address
    return f"{port.target}{end}" if same else f"{address}{port.published}:{port.target}{end}"


def volume(found: Resource) -> dict[str, object] | None:
    """As `volumes` has it; None for a driver that there is no key for."""
    kind, options = found.driver_opts.get("type", ""), found.driver_opts.get("o", "")
    address = re.search(r"(?:^|,)addr=([^,]+)", options)
    if kind.startswith("nfs") and address is not None:
        return {"nfs": f"{address[1]}:{found.driver_opts.get('device', '').removeprefix(':')}"}
    if found.driver not in ("", "local") or found.driver_opts:
        return None
    return {"external": found.name}


def secret_name(wanted: str) -> str:
    """`wanted` as the name of a secret."""
    name = re.sub(r"[^a-z0-9]+", "_", wanted.lower()).strip("_")[:60]
    return name if name[:1].isalpha() else f"s_{name}"


def inner(mount: Mount, key: str) -> int:
    """A number among what only mounts of this kind have."""
    found = nested(mount.others, mount.kind).get(key, 0)
    return found if isinstance(found, int) else 0


def nested(tree: Mapping[str, object], *path: str) -> Mapping[str, object]:
    """The map that these steps lead to, an empty one where they lead nowhere."""
    for step in path:
        found = tree.get(step)
        tree = found if isinstance(found, dict) else {}
    return tree
