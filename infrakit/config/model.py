"""The user's file as typed values: what `bind` hands to `resolve`.

Total on a checked document: every default is filled in, every list is a tuple, no string is left to interpret.
`path` fields lead back to the user's file, for positions and traces.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from infrakit.model import Pass, Updates

if TYPE_CHECKING:
    from infrakit.config.backup import AppBackup, BackupConfig
    from infrakit.config.notify import ChannelConfig

Path = tuple[str | int, ...]


class TlsConfig(NamedTuple):
    """mode: acme, dns, internal, files, tunnel. What comes after `staging` is about mode dns, as `provider` is."""

    mode: str
    provider: str
    staging: bool
    path: Path
    resolvers: tuple[str, ...] = ()
    propagation_delay: str = ""
    propagation_timeout: str = ""


class UserConfig(NamedTuple):
    username: str
    title: str
    email: str
    path: Path


class GroupConfig(NamedTuple):
    """`members` are user names with their paths."""

    name: str
    members: tuple[tuple[str, Path], ...]
    path: Path


class AccessConfig(NamedTuple):
    """`users` are the declared ones; `users_declared` says that access.users stands in the file (then members must be
    in it)."""

    administrators: tuple[tuple[str, Path], ...]
    groups: tuple[GroupConfig, ...]
    users: tuple[UserConfig, ...]
    users_declared: bool
    path: Path


class ServiceConfig(NamedTuple):
    """services.<name>: what the user says about a catalogue service. None or () where nothing is said.

    `enabled` None: as the profiles say. `allow` None: the catalogue's default. memory in bytes.
    `image`, `environment`, secrets and `internet` address the main container and those of the same image, `memory` and
    `cpus` the main one alone; `options` are those that the blueprint declares.
    """

    name: str
    enabled: bool | None
    allow: tuple[tuple[str, Path], ...] | None
    public: bool
    subdomain: str
    image: str
    memory_bytes: int
    cpus: str
    environment: tuple[tuple[str, str], ...]
    not_secret: tuple[str, ...]
    secrets: tuple[str, ...]
    user_secrets: tuple[str, ...]
    internet: bool
    options: tuple[tuple[str, str], ...]
    path: Path


class OidcConfig(NamedTuple):
    """apps.<name>.oidc: the app signs in by itself. `redirects` and `logout` are paths below the app's URL, or whole
    ones."""

    redirects: tuple[str, ...]
    scopes: tuple[str, ...]
    logout: tuple[str, ...]
    email_verified: bool
    path: Path


class SamlConfig(NamedTuple):
    acs: str
    audience: str
    path: Path


class MountConfig(NamedTuple):
    """One of apps.<name>.mounts: a path of the host, or a name under volumes, at a path of the container."""

    host: str
    path: str
    read_only: bool

    @property
    def is_volume(self) -> bool:
        """Whether `host` is the name of a volume."""
        return not self.host.startswith("/")


class VolumeConfig(NamedTuple):
    """volumes.<name>. `nfs` is SERVER:/FOLDER, `external` Docker's name of one that exists; "" where not said."""

    name: str
    nfs: str
    external: str
    path: Path


class PortConfig(NamedTuple):
    """One item of apps.<name>.ports: a port of the host and one of the container, or as many as there are from the
    first to the last of a range."""

    text: str
    address: str
    published: tuple[int, int]
    inside: tuple[int, int]
    protocol: str


class SecretForm(NamedTuple):
    """One of apps.<name>.secrets where each says what it is made of: `form` as in SecretSpec; `length` is of
    characters, or of bytes. `is_said`: something is, and it is not as ever."""

    name: str
    form: str
    length: int
    is_said: bool
    path: Path


class DoorConfig(NamedTuple):
    """One door of an app; `name` is its key under doors, "" where the app's own keys say it. `path` leads to its keys.

    `address`: the machine that it leads to, "" for the app's own container. `domains` are whole host names, then
    `subdomain` is "". `scheme` and `certificate` are about the way to the app:
    certificate is "verify", "any", or names a file beside infrakit.yaml with what to trust instead. `headers` of
    answers: "" takes one away. `identity`: header of requests -> what it says of who comes. `sign_in`: portal, own or
    none.
    """

    name: str
    title: str
    address: str
    port: int
    subdomain: str
    domains: tuple[tuple[str, Path], ...]
    allow: tuple[tuple[str, Path], ...] | None
    public: bool
    scheme: str
    certificate: str
    certificate_name: str
    passes: tuple[Pass, ...]
    headers: tuple[tuple[str, str], ...]
    identity: tuple[tuple[str, str], ...]
    sign_in: str
    path: Path

    @property
    def opens_to_all(self) -> bool:
        """Nobody at all asks who comes."""
        return self.public or self.sign_in == "none"

    @property
    def is_asked(self) -> bool:
        """The portal asks who comes, or the app itself by the portal."""
        return not self.opens_to_all and self.sign_in != "own"


class AppConfig(NamedTuple):
    """apps.<name>: an app of the user's own. `blueprint` names a file beside infrakit.yaml, then the rest may be empty.

    `address` is a web page that is no container's, and then there is no image.
    `doors`: one for each port that people reach through Caddy; with a blueprint, one that says who may pass.

    `data` are paths in the container, each kept in a named volume. `secrets` are names, minted once and seen as files;
    `forms` is () where they are a list of names.
    `grants` are dangerous capabilities that the operator allows (policy/grants.py lists them).
    `hosts` are fleet hosts ((): the core, or the only host).
    `health` is a path asked over HTTP, "image", "none", the words of a command, or "" for a TCP probe.
    `network`: "host", another app's name, or "".
    `settings` and `privileges` are those of a container of a blueprint; sizes in bytes, 0 where nothing is said.
    """

    name: str
    title: str
    image: str
    address: str
    doors: tuple[DoorConfig, ...]
    data: tuple[str, ...]
    mounts: tuple[MountConfig, ...]
    files: tuple[tuple[str, str], ...]
    environment: tuple[tuple[str, str], ...]
    not_secret: tuple[str, ...]
    secrets: tuple[str, ...]
    forms: tuple[SecretForm, ...]
    user_secrets: tuple[str, ...]
    command: tuple[str, ...] | None
    entrypoint: tuple[str, ...] | None
    working_dir: str
    user: str
    capabilities: tuple[str, ...]
    privileges: tuple[tuple[str, Any], ...]
    settings: tuple[tuple[str, Any], ...]
    writable: bool
    tmp_bytes: int
    internet: bool
    network: str
    ports: tuple[PortConfig, ...]
    serves: tuple[int, ...]
    health: str | tuple[str, ...]
    memory_bytes: int
    shm_bytes: int
    cpus: str
    pids: int
    once: bool
    stop_grace_s: int
    labels: tuple[tuple[str, str], ...]
    update: str
    architectures: tuple[str, ...]
    needs: tuple[tuple[str, Path], ...]
    oidc: OidcConfig | None
    saml: SamlConfig | None
    hosts: tuple[tuple[str, Path], ...]
    blueprint: str
    grants: tuple[tuple[str, Path], ...]
    backup: "AppBackup | None"
    path: Path

    @property
    def port(self) -> int:
        """That of its first door, 0 where it has none."""
        return self.doors[0].port if self.doors else 0


class HostConfig(NamedTuple):
    """hosts.<name>. A name may hold one range, edge-[001:250], which stands for that many hosts of the same kind.

    `first`/`last`/`width` describe the range; `width` 0 means that there is none. `prefix`/`suffix` surround it.
    memory in bytes (0: not said).
    """

    name: str
    prefix: str
    suffix: str
    first: int
    last: int
    width: int
    patterns: tuple[str, ...]
    profiles: tuple[str, ...]
    architecture: str
    address: str
    memory_bytes: int
    path: Path


class NetworkConfig(NamedTuple):
    """`pool` is the address range that networks are cut from; `bind` are LAN addresses that Caddy listens on (():
    all)."""

    pool: str
    bind: tuple[str, ...]
    http_port: int
    https_port: int
    tunnel_port: int
    fleet_port: int
    trusted_proxies: tuple[str, ...]
    path: Path


class IgnoreConfig(NamedTuple):
    """One of doctor.ignore: findings of this code are known until the end of a day, YYYY-MM-DD."""

    code: str
    until: str
    why: str
    path: Path


class Said(dict[Path, bool]):
    """Paths of all values that the user wrote. What is asked of each of many apps costs no walk over all of them."""

    __slots__ = ("_below",)

    def __init__(self, paths: Iterable[Path]) -> None:
        super().__init__(dict.fromkeys(paths, True))
        self._below: dict[Path, dict[str | int, bool]] = {}

    def below(self, path: Path) -> tuple[str | int, ...]:
        """The keys, or the places of a list, that are written at `path`; () for a value, and where nothing is."""
        if not self._below:
            for found in self:
                for length in range(len(found)):
                    self._below.setdefault(found[:length], {})[found[length]] = True
        return tuple(self._below.get(path, ()))

    def has(self, path: Path) -> bool:
        """Whether a value is written at `path`, or below it."""
        return path in self or bool(self.below(path))


class Config(NamedTuple):
    """The whole file. `patterns`/`profiles` are those of the top level; `hosts` is () for one unnamed host."""

    document: str
    name: str
    domain: str
    timezone: str
    contact: str
    patterns: tuple[str, ...]
    profiles: tuple[str, ...]
    tls: TlsConfig
    access: AccessConfig
    services: tuple[ServiceConfig, ...]
    apps: tuple[AppConfig, ...]
    volumes: tuple[VolumeConfig, ...]
    hosts: tuple[HostConfig, ...]
    network: NetworkConfig
    mirror: str
    ignored: tuple[IgnoreConfig, ...]
    updates: Updates | None
    backup: "BackupConfig | None"
    monitor_s: int
    """From one look of the monitor to the next; 0 where there is none."""
    notify: "tuple[ChannelConfig, ...]"
    said: Said
