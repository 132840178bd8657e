"""The words of a blueprint: what `load` hands to `resolve`.

Fields are named as the keys of the file, so that (document, path) of a value is a path in that file; every default is
filled in here. Mappings of the file become tuples of pairs, sorted by key; containers (in the file's order), secrets,
options and files keep their key as `name`. Strings may still hold references (`${url.authentik}`): see references.py.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from infrakit.model import Health

Pairs = tuple[tuple[str, str], ...]

UNITS = {"b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


def size_bytes(text: str) -> int:
    """Bytes of a size, "256m" or a plain number; 0 for "". Units are powers of 1024, as Docker reads them."""
    if not text or text.isdigit():
        return int(text or 0)
    return int(text[:-1]) * UNITS[text[-1].lower()]


class BackupDatabase(NamedTuple):
    """A PostgreSQL database to dump: in which container, under which name."""

    container: str
    name: str


class Backup(NamedTuple):
    """What must be saved to get the service back. `volumes` are named as in `volumes:` of the containers. `live`: their
    files are whole at any instant."""

    volumes: tuple[str, ...] = ()
    databases: tuple[BackupDatabase, ...] = ()
    note: str = ""
    live: bool = False


class OptionBlueprint(NamedTuple):
    """services.<service>.options.<name>. type: string, integer, boolean or list; a value is used as text (a list joined
    by commas)."""

    name: str
    type: str
    default: Any
    enum: tuple[str, ...]
    description: str
    example: Any


class SecretBlueprint(NamedTuple):
    """kind: "password" (minted once) or "user" (only the user has it). `shared`: the same value on every host of the
    fleet. `form`: what is minted, `rotate`: what a new value means, as in SecretSpec."""

    name: str
    kind: str
    length: int
    shared: bool
    description: str
    form: str = ""
    rotate: str = ""


class SecretUse(NamedTuple):
    name: str
    target: str = ""


class VolumeUse(NamedTuple):
    volume: str
    path: str
    read_only: bool = False


class FileUse(NamedTuple):
    file: str
    path: str


class HostPath(NamedTuple):
    host: str
    path: str
    read_only: bool = False


class PortBlueprint(NamedTuple):
    port: int
    published: int
    protocol: str = "tcp"
    address: str = ""


class DockerBlueprint(NamedTuple):
    """What a container may ask Docker, by exact method and path. transport: tcp or unix (a socket in a shared volume at
    `socket_volume_path`)."""

    transport: str
    socket_volume_path: str
    allow: tuple[str, ...]


class Lines(NamedTuple):
    """Versions of an image whose data has one form: those that begin with the same `numbers` numbers. `through`: data
    of an older line gets to a newer one through each between them, here with its last patch; () where no newer line
    opens it by itself, and `how` says what does."""

    numbers: int
    through: tuple[str, ...]
    how: str


class ContainerBlueprint(NamedTuple):
    """`entrypoint` and `command` are None where the image's own is kept; `needs` pairs a container with healthy or
    completed. `minimum_version`: the floor of each line of the image; `lines`: None where any version opens the data of
    any before it. `shared`: volumes of infrakit.yaml, which
    only its own apps mount."""

    name: str
    image: str
    architectures: tuple[str, ...]
    minimum_version: tuple[str, ...]
    advisory: str
    seen: str
    lines: Lines | None
    update: str
    entrypoint: tuple[str, ...] | None
    command: tuple[str, ...] | None
    user: str
    working_dir: str
    environment: Pairs
    secrets: tuple[SecretUse, ...]
    volumes: tuple[VolumeUse, ...]
    files: tuple[FileUse, ...]
    host_paths: tuple[HostPath, ...]
    shared: tuple[VolumeUse, ...]
    tmpfs: tuple[str, ...]
    writable_root: bool
    capabilities: tuple[str, ...]
    privileges: tuple[tuple[str, Any], ...]
    settings: tuple[tuple[str, Any], ...]
    ports: tuple[PortBlueprint, ...]
    memory: str
    cpus: str
    pids: int
    shm_size: str
    health: Health | None
    one_shot: bool
    needs: Pairs
    internet: bool
    reaches: tuple[str, ...]
    docker: DockerBlueprint | None
    stop_grace_period_s: int
    labels: Pairs

    @property
    def memory_bytes(self) -> int:
        return size_bytes(self.memory)

    @property
    def shm_bytes(self) -> int:
        return size_bytes(self.shm_size)


class FileBlueprint(NamedTuple):
    """A file of the tree at <service>/<name>. `mode` is text in octal, as in the file."""

    name: str
    content: str
    mode: str

    @property
    def mode_bits(self) -> int:
        return int(self.mode, 8)


class RouteBlueprint(NamedTuple):
    """`door`: its name among several, "" where there is one. `authority`: certificates to trust at the backend, as
    text. `elsewhere`: `container` is the address of a machine, and no container."""

    container: str
    port: int
    subdomain: str
    sign_in: str
    health_path: str
    identity_headers: bool
    stream: bool
    allow: tuple[str, ...]
    door: str = ""
    authority: str = ""
    elsewhere: bool = False


class OidcBlueprint(NamedTuple):
    """`secret` is "" for a public client; `redirects` and `logout` are paths below the service's URL, or whole ones."""

    secret: str
    grant_types: tuple[str, ...]
    redirects: tuple[str, ...]
    scopes: tuple[str, ...]
    logout: tuple[str, ...] = ()
    email_verified: bool = False


class Blueprint(NamedTuple):
    """One file. `document` is its name: "blueprints/<name>.yaml", or the user's own. Apps alone have several
    `routes`."""

    document: str
    name: str
    title: str
    summary: str
    section: str
    profiles: tuple[str, ...]
    requires: tuple[str, ...]
    source: str
    backup: Backup
    options: tuple[OptionBlueprint, ...]
    secrets: tuple[SecretBlueprint, ...]
    containers: tuple[ContainerBlueprint, ...]
    files: tuple[FileBlueprint, ...]
    routes: tuple[RouteBlueprint, ...]
    oidc: OidcBlueprint | None
    placement: str

    @property
    def route(self) -> RouteBlueprint | None:
        """The first of its doors, which its addresses mean; None where it has none."""
        return self.routes[0] if self.routes else None

    def container(self, name: str) -> ContainerBlueprint | None:
        """The container called `name`, if there is one."""
        return next((container for container in self.containers if container.name == name), None)

    @property
    def main(self) -> ContainerBlueprint:
        """The container that carries the service's name, else the routed one, else the first."""
        routed = self.container(self.route.container) if self.route is not None else None
        return self.container(self.name) or routed or self.containers[0]


class Catalog(NamedTuple):
    """`blueprints` by name, in the order of the names."""

    blueprints: Mapping[str, Blueprint]
