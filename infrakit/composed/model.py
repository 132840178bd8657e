"""A Compose project as it is meant: named tuples, every value in its one form, with the place it was written at.

Durations in nanoseconds, sizes in bytes, -1 for "no limit" as Compose writes it; 0, "" and () where nothing was said,
None where nothing differs from empty. Secrets that were written into the files are in it: it is never logged.
"""

from collections.abc import Mapping
from typing import NamedTuple

from infrakit.errors import Position

Others = Mapping[str, object]
"""Keys that have no field of their own, in Compose's words: numbers, texts, lists and maps."""


class Variable(NamedTuple):
    """One of an environment or of labels. `value` None: whoever starts the container would have to have it.

    `at` is in the Compose file or in the file of an `env_file`; `used` are the variables that its text was made of.
    """

    name: str
    value: str | None
    at: Position
    used: tuple[str, ...] = ()


class Port(NamedTuple):
    """One port of the container; `published` is a port of the host, a range to choose from, or "" for any."""

    target: int
    published: str
    protocol: str
    address: str
    at: Position
    mode: str = "ingress"
    others: Others = {}


class Mount(NamedTuple):
    """kind: bind, volume, tmpfs, image, npipe, cluster. `source` "": a volume without a name."""

    kind: str
    source: str
    target: str
    read_only: bool
    at: Position
    others: Others = {}


class Device(NamedTuple):
    """A device of the host in the container."""

    source: str
    target: str
    permissions: str
    at: Position


class Dependency(NamedTuple):
    """A service that is started before; `restart`: this one again whenever that one is."""

    service: str
    condition: str
    required: bool
    restart: bool
    at: Position


class Health(NamedTuple):
    """A health check; `test` empty: the image's own."""

    disabled: bool
    test: tuple[str, ...]
    at: Position
    interval_ns: int | None = None
    timeout_ns: int | None = None
    start_period_ns: int | None = None
    start_interval_ns: int | None = None
    retries: int | None = None


class Grant(NamedTuple):
    """A config or secret that a service reads. `target` "": as the specification places it."""

    source: str
    target: str
    at: Position
    others: Others = {}


class Attachment(NamedTuple):
    """A network that a service is in."""

    network: str
    aliases: tuple[str, ...]
    at: Position
    others: Others = {}


class Ulimit(NamedTuple):
    """A limit of processes; `single`: written as one number."""

    name: str
    soft: int
    hard: int
    single: bool
    at: Position


class EnvFile(NamedTuple):
    """A file that variables of the environment come from; they are in `Service.environment` already."""

    path: str
    required: bool
    at: Position


class Service(NamedTuple):
    """`places`: where each of its keys stands, those in `others` too; not what follows from others, such as the usual
    network."""

    name: str
    at: Position
    places: Mapping[str, Position]
    active: bool
    """Whether its profiles are asked for, or it has none."""
    image: str = ""
    command: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    environment: tuple[Variable, ...] = ()
    env_file: tuple[EnvFile, ...] = ()
    labels: tuple[Variable, ...] = ()
    ports: tuple[Port, ...] = ()
    expose: tuple[str, ...] = ()
    volumes: tuple[Mount, ...] = ()
    volumes_from: tuple[str, ...] = ()
    tmpfs: tuple[str, ...] = ()
    devices: tuple[Device, ...] = ()
    depends_on: tuple[Dependency, ...] = ()
    healthcheck: Health | None = None
    configs: tuple[Grant, ...] = ()
    secrets: tuple[Grant, ...] = ()
    networks: tuple[Attachment, ...] = ()
    network_mode: str = ""
    links: tuple[str, ...] = ()
    external_links: tuple[str, ...] = ()
    extra_hosts: tuple[tuple[str, str], ...] = ()
    dns: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    dns_opt: tuple[str, ...] = ()
    hostname: str = ""
    domainname: str = ""
    container_name: str = ""
    mac_address: str = ""
    user: str = ""
    group_add: tuple[str, ...] = ()
    working_dir: str = ""
    profiles: tuple[str, ...] = ()
    restart: str = ""
    init: bool | None = None
    privileged: bool | None = None
    read_only: bool | None = None
    tty: bool | None = None
    stdin_open: bool | None = None
    pid: str = ""
    ipc: str = ""
    uts: str = ""
    userns_mode: str = ""
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    security_opt: tuple[str, ...] = ()
    sysctls: tuple[Variable, ...] = ()
    ulimits: tuple[Ulimit, ...] = ()
    shm_size: int = 0
    mem_limit: int = 0
    mem_reservation: int = 0
    memswap_limit: int = 0
    cpus: float = 0
    pids_limit: int = 0
    stop_grace_period_ns: int | None = None
    stop_signal: str = ""
    platform: str = ""
    pull_policy: str = ""
    others: Others = {}


class Resource(NamedTuple):
    """A volume, network, config or secret: `key` in the file, `name` in Docker."""

    key: str
    name: str
    external: bool
    at: Position
    driver: str = ""
    driver_opts: Mapping[str, str] = {}
    labels: Mapping[str, str] = {}
    file: str = ""
    variable: str = ""
    """Of the environment, which holds the content."""
    content: str | None = None
    others: Others = {}
    value: str = ""
    """Of that variable, where it is known."""


class Project(NamedTuple):
    """All of it. Services without those whose profiles nobody asked for are `services` that are `active`."""

    name: str
    services: tuple[Service, ...]
    volumes: tuple[Resource, ...]
    networks: tuple[Resource, ...]
    configs: tuple[Resource, ...]
    secrets: tuple[Resource, ...]
    files: tuple[str, ...]
    """What was read, in order."""
