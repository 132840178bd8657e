"""Compose's words and values in those of infrakit.yaml, and the words for what became of them."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from infrakit.composed.model import Mount, Port
from infrakit.errors import Position
from infrakit.policy.secrets import what_is_secret

TAKEN, DIFFERENT, DROPPED, WITHHELD, REFUSED = "taken", "differently", "dropped", "withheld", "refused"
HASHED = re.compile(r"[$](?:2[abxy]?|argon2\w*|[156y]|scrypt|pbkdf2[\w-]*)[$]|[{]S?SHA")
REFERENCE = re.compile(r"[$][{](?=(?:url|hostname|domain|timezone|name|contact|host|inside|secret)[.}])")
OUTCOMES = (TAKEN, DIFFERENT, DROPPED, WITHHELD, REFUSED)
BASE = {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID", "KILL", "NET_BIND_SERVICE"}
DATA_FOLDERS = ("/srv/", "/mnt/", "/media/", "/data/", "/home/", "/opt/", "/export/", "/volume1/")
PRIVATE = (".ssh", ".gnupg", ".aws", ".kube", ".docker", ".config/gcloud", ".password-store", "..")
"""Folders of a home that are nobody else's."""
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
INSTEAD = {
    **dict.fromkeys(
        ("traefik", "nginx-proxy", "acme-companion", "nginx-proxy-manager", "caddy-docker-proxy", "swag"),
        "InfraKit's Caddy serves the apps, with certificates",
    ),
    "watchtower": "images are kept up to date by what the lock says",
    "autoheal": "what is not well is started anew",
}
"""Last words of names of images -> why no app is made of them."""
WAYS = {
    "runtime": "gpus: all is what the runtime nvidia is for",
    "build": "publish its image, and name that",
    "volumes_from": "name the same volumes in both",
    "tmpfs": "only /tmp has a key; the rest is written into the container",
    "security_opt": "confinement is not loosened",
    "user": "write its number and its group's: 1000:1000",
    "deploy": "of it only limits of memory, processors and processes have a key",
}
SOCKET = "whoever has Docker's socket is root on the host; a blueprint may get some of its calls"
"""Why it is withheld, and no grant gives it."""


class Row(NamedTuple):
    """What became of one thing: `outcome` is one of the five words, `said` the new words or the reason."""

    service: str
    key: str
    at: Position
    outcome: str
    said: str


class Converted(NamedTuple):
    """`withheld`: app -> (key, value, what it means), to be written as comments. `secret_files`: secret -> the file
    that holds it, and where it was said. `services`: app -> the service it was.
    `places`: "apps.NAME" and "volumes.NAME" -> where that was declared."""

    apps: Mapping[str, Mapping[str, object]]
    volumes: Mapping[str, Mapping[str, object]]
    secrets: Mapping[str, str]
    secret_files: Mapping[str, tuple[str, Position]]
    withheld: Mapping[str, tuple[tuple[str, object, str], ...]]
    rows: tuple[Row, ...]
    services: Mapping[str, str] = {}
    places: Mapping[str, Position] = {}


def secret_in(name: str, value: str) -> str:
    """What is secret in a value, in words; "" where nothing is. A password's hash is one, too: others guess by it."""
    return what_is_secret(name, value) or ("the hash of a password" if HASHED.search(value) else "")


def literal(value: str) -> str:
    """A value as it is where infrakit.yaml's own references are replaced: $${url} is a plain ${url}."""
    return REFERENCE.sub("$${", value)


def image_name(image: str) -> str:
    """The last word of an image's name: ghcr.io/immich-app/postgres:14 -> postgres."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0]


def size(count: int) -> str:
    """Bytes in the largest unit that divides them."""
    for unit, name in ((1 << 30, "g"), (1 << 20, "m"), (1 << 10, "k")):
        if count % unit == 0:
            return f"{count // unit}{name}"
    return f"{-(-count // 1024)}k"


def written_ports(ports: Sequence[Port]) -> list[str]:
    """As `ports` has them, address:published:container/protocol; what follows each other as one range."""
    runs: list[list[Port]] = []
    for port in ports:
        if runs and _follows(runs[-1][-1], port):
            runs[-1].append(port)
        else:
            runs.append([port])
    return [_written_range(run) for run in runs]


def _follows(before: Port, port: Port) -> bool:
    step = (port.target - before.target, int(port.published) - int(before.published))
    return step == (1, 1) and (before.address, before.protocol) == (port.address, port.protocol)


def _written_range(run: Sequence[Port]) -> str:
    first, last = run[0], run[-1]
    address = f"[{first.address}]:" if ":" in first.address else f"{first.address}:" if first.address else ""
    end = "" if first.protocol == "tcp" else f"/{first.protocol}"
    inside = str(first.target) if len(run) == 1 else f"{first.target}-{last.target}"
    outside = first.published if len(run) == 1 else f"{first.published}-{last.published}"
    return f"{inside}{end}" if inside == outside and not address else f"{address}{outside}:{inside}{end}"


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
