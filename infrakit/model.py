"""The decided world: what `resolve` hands to `policy` and `emit`.

Immutable, free of secret values, and complete: an emitter never decides.
Named tuples, not dataclasses: creating a frozen dataclass costs about five times as much at start-up, and a Pi pays
that on every call. Names of fields are the names of the keys of a blueprint wherever a value is passed through: a trace
depends on it.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Protocol

    from infrakit.backups import Backup
    from infrakit.channels import Channel
    from infrakit.monitoring import Monitor

BASE_CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID")
"""What images need that start as root, give their data to somebody, and become him; Docker's own default has these and
seven more (moby, oci/caps/defaults.go)."""
SECRETS_DIRECTORY = "/run/secrets"
TRUSTED = "trusted_authorities"
"""The file, where secrets are, of certificates that apps trust which sign in by themselves."""
PUBLIC_AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
"""Those that a Debian-like machine trusts; update-ca-certificates(8)."""
HOST_NAME = "host.docker.internal"
"""What a container calls the host that it runs on, where it is told so."""
SHARED = "service:"
"""How the network of another container begins in privileges, as in Compose."""
LOGS_PAIR = ("fleet_logs_certificate", "fleet_logs_key")
"""Secrets by which Dozzle and its agents know each other."""
OF_THE_HOST = ("fleet_ca", "fleet_certificate", "fleet_key", *LOGS_PAIR)
"""Secrets that are made for one name of a host: another name gets its own."""
BACKUP_KEY = "backup_key"
"""The secret that backups are shut with."""
BACKUP_SSH_KEY, BACKUP_REST_PASSWORD = "backup_ssh_key", "backup_rest_password"
BACKUP_S3_ID, BACKUP_S3_KEY = "backup_s3_id", "backup_s3_key"
OF_BACKUPS = (BACKUP_KEY, BACKUP_SSH_KEY, BACKUP_REST_PASSWORD, BACKUP_S3_ID, BACKUP_S3_KEY)
"""That, and those that open the server where they go."""
OURS = "infrakit-"
"""How names of our objects begin in services that hold an administrator's own, too."""


def network_of(privileges: "Iterable[tuple[str, object]]") -> str:
    """The container whose network one is in by its privileges, "" for its own or the host's."""
    network = str(dict(privileges).get("network", ""))
    return network.removeprefix(SHARED) if network.startswith(SHARED) else ""


def groups_named(settings: "Iterable[tuple[str, object]]") -> tuple[str, ...]:
    """Groups of the host that a container's user is in by name, by its settings; the others are numbers."""
    found = dict(settings).get("groups", ())
    return tuple(item for item in map(str, found) if not item.isdigit()) if isinstance(found, (list, tuple)) else ()


class Origin(NamedTuple):
    """Why a value is what it is: the document and path of its cause, and the pass that took the decision.

    `document` is the name of the user's file ("infrakit.yaml") or "blueprints/<name>.yaml" or a user's blueprint file;
    `path` leads to the value in it, for instance ("services", "glances", "memory").
    """

    document: str
    path: tuple[str | int, ...]
    decided_by: str


Origins = Mapping[str, Origin]
"""Field (dotted: "environment.TZ") -> Origin. Look up by the longest prefix; "" is the whole object."""


class Health(NamedTuple):
    """A health check as Compose knows it; durations in seconds. `start_interval_s`: between checks in the start period,
    0 as later."""

    test: tuple[str, ...]
    interval_s: int = 30
    timeout_s: int = 10
    retries: int = 3
    start_period_s: int = 30
    start_interval_s: int = 0


NO_CHECK = ("NONE",)
"""The test of who is asked nothing, not even what the image says (moby, container/health.go)."""


class Mount(NamedTuple):
    """A named volume, a file of the tree, or a path of the host, at `path` in the container.

    kind: "volume" (source is the volume's name, of its service alone), "shared" (source is the name of a SharedVolume),
    "file" (source is relative to the tree), "host" (source is an absolute path).
    """

    kind: str
    source: str
    path: str
    read_only: bool = False


class SharedVolume(NamedTuple):
    """A volume that infrakit.yaml names, and that apps mount: of this host, or the folder `path` of the NFS server
    `server`, or one that exists already and that Docker calls `external`; "" each where it is not that."""

    name: str
    server: str
    path: str
    external: str
    origin: Origin


SecretText = tuple[tuple[str, str], ...]
"""Pieces of a text, each followed by the secret of that name, "" for none."""
SecretEnvironment = tuple[tuple[str, SecretText], ...]
"""Variable -> its text."""


class SecretFile(NamedTuple):
    """A file with secrets in it, at `path` in one container. `name`: Compose's for it; no secret has a hyphen."""

    name: str
    path: str
    text: SecretText

    @property
    def stored(self) -> str:
        """What it is called beside the secrets, where it is put together."""
        return f".{self.name}"


class SecretMount(NamedTuple):
    """A secret seen by a container as a file: /run/secrets/<name>, or `target` where a service wants another path."""

    name: str
    target: str = ""


class Dependency(NamedTuple):
    """condition: "service_healthy", "service_started" (where there is no check) or
    "service_completed_successfully"."""

    container: str
    condition: str


class PublishedPort(NamedTuple):
    """A port of the host. `address` "" means every address."""

    address: str
    port: int
    container_port: int
    protocol: str = "tcp"


POWER_READS = "reads only"
POWER_FILES = "reads files and secrets"
POWER_CHANGES = "stops and changes"
POWER_ROOT = "root on the host"


class DockerCall(NamedTuple):
    """One allowed call of the Docker API; `path` may hold {id} (no slash) and {image} (with slashes). Other queries
    than `queries` are refused. `power`: what it amounts to. `silent`: its answer may have nothing to say for days."""

    method: str
    path: str
    queries: tuple[str, ...]
    power: str
    silent: bool

    @property
    def target(self) -> str:
        """The path and the names of the queries that may come with it, as a list spells them."""
        return f"{self.path}?{'&'.join(self.queries)}" if self.queries else self.path


class SocketProxy(NamedTuple):
    """What one consumer may ask Docker. transport: "tcp" (port 2375) or "unix" (a socket in a shared volume)."""

    consumer: str
    calls: tuple[DockerCall, ...]
    transport: str
    origin: Origin

    @property
    def powers(self) -> tuple[str, ...]:
        """What the calls amount to: root, which includes the rest; else what they can do beside reading; else that."""
        found = {call.power for call in self.calls}
        if POWER_ROOT in found:
            return (POWER_ROOT,)
        return tuple(power for power in (POWER_CHANGES, POWER_FILES) if power in found) or (POWER_READS,)


class ImagePin(NamedTuple):
    """What the lock says an image is, for the host's processor: the digests of the index that its tag led to, of its
    manifest, and of its configuration, which is the image ID in Docker's classic store; the containerd store has one of
    the other two. `name`: without a mirror.
    """

    index: str  # type: ignore[assignment]  # a tuple's own index() is nothing that we ask for
    manifest: str
    image: str
    size_bytes: int
    name: str = ""

    @property
    def ids(self) -> tuple[str, ...]:
        """What Docker may call it."""
        return (self.image, self.manifest, self.index)


class Container(NamedTuple):
    """One Compose service. `networks` are names of Network; memory in bytes. `settings`: what else Compose is told.
    `not_secret`: names of its environment
    and its commands whose values look like secrets, and are none by the user's word. `secret_environment`: variables
    with secrets in them, which are none of `environment`; `secret_files`: files with some, which are no mounts.
    `aliases`: (network, name that it bears there, too). `asked_at`: ports by which we see that it is well, beside those
    of its doors."""

    name: str
    image: str
    entrypoint: tuple[str, ...] | None
    command: tuple[str, ...] | None
    user: str
    environment: tuple[tuple[str, str], ...]
    secrets: tuple[SecretMount, ...]
    mounts: tuple[Mount, ...]
    tmpfs: tuple[str, ...]
    read_only: bool
    capabilities: tuple[str, ...]
    privileges: tuple[tuple[str, Any], ...]
    memory_bytes: int
    cpus: str
    pids: int
    shm_bytes: int
    health: Health | None
    one_shot: bool
    depends_on: tuple[Dependency, ...]
    networks: tuple[str, ...]
    ports: tuple[PublishedPort, ...]
    extra_hosts: tuple[str, ...]
    labels: tuple[tuple[str, str], ...]
    stop_grace_period_s: int
    watch: bool
    origins: Origins
    working_dir: str = ""
    settings: tuple[tuple[str, Any], ...] = ()
    pin: ImagePin | None = None
    not_secret: tuple[str, ...] = ()
    secret_environment: SecretEnvironment = ()
    aliases: tuple[tuple[str, str], ...] = ()
    secret_files: tuple[SecretFile, ...] = ()
    asked_at: tuple[int, ...] = ()


class ConfigFile(NamedTuple):
    """A file of the tree whose content a blueprint gives: `path` is relative to the tree."""

    path: str
    content: str
    mode: int
    origin: Origin


class Service(NamedTuple):
    """One blueprint as it runs on one host. kind, which says who wrote it: "catalogue" (we), "app" (keys of
    infrakit.yaml), "blueprint" (a file of the user's). `asked_by`: the app whose blueprint switched it on, "" else."""

    name: str
    title: str
    kind: str
    profiles: tuple[str, ...]
    containers: tuple[Container, ...]
    files: tuple[ConfigFile, ...]
    volumes: tuple[str, ...]
    socket_proxies: tuple[SocketProxy, ...]
    origin: Origin
    asked_by: str = ""


class Network(NamedTuple):
    """A bridge. `internal`: no way out. `isolated`: its members cannot reach each other (inter-container communication
    is off). `masquerade` false: what goes out keeps an address that no answer finds back to; only what comes in is
    answered. `direct`: its members may reach each other around sign-in; `asked_by`: the container that asked for that.

    `subnet_origin` is where the user named the pool that the subnet is from, None where nobody did.
    """

    name: str
    subnet: str
    internal: bool
    isolated: bool
    purpose: str
    origin: Origin
    subnet_origin: Origin | None = None
    masquerade: bool = True
    direct: bool = False
    asked_by: str = ""


class Upstream(NamedTuple):
    """Where a door leads: host:port as Caddy dials it; `remote` is the fleet host that answers through its own Caddy;
    `elsewhere`: a machine that is none of ours."""

    address: str
    remote: str = ""
    elsewhere: bool = False


class Pass(NamedTuple):
    """Requests that a door lets in without asking: to one of `paths`, which may end in /* for all below and have * for
    one step, from one of `sources`, by one of `methods`; () is any. `why` is the user's reason."""

    paths: tuple[str, ...]
    sources: tuple[str, ...]
    methods: tuple[str, ...]
    why: str
    origin: Origin

    @property
    def text(self) -> str:
        """Which requests, in few words."""
        words = [" or ".join(self.methods), " or ".join(self.paths)]
        words += [f"from {' or '.join(self.sources)}"] if self.sources else []
        return " ".join(word for word in words if word)

    @property
    def is_everywhere(self) -> bool:
        """Whether it lets everybody reach every page, by some methods or by all."""
        return not self.sources and (not self.paths or any("*" in path and not path.strip("*/") for path in self.paths))


class Route(NamedTuple):
    """One door: a host name, who may pass, and where it leads.

    sign_in: "forward_auth" (Caddy asks Authentik), "application" (the service signs in by itself, through OIDC or
    SAML), "own" (it has a login of its own, by the user's word),
             "provider" (Authentik's own pages), "public" (nobody is asked), "fleet" (only the core's Caddy, by client
             certificate).
    `allow` names groups and users, empty where nobody needs to be asked. `door`: its name among several of a service.
    `scheme`: what the backend speaks. `certificate`, where that is https: "verify", "any", or "file", and then it is
    held to `authority`, certificates as text; `certificate_name`: whose it must be, "" for the name that is dialled.
    `passes`: what is let in without asking, though the rest is asked. `headers` of answers, where "" takes one away;
    `identity`: header of requests -> what it says of who comes (username, email, groups, name or uid).
    """

    service: str
    title: str
    hostname: str
    upstreams: tuple[Upstream, ...]
    sign_in: str
    allow: tuple[str, ...]
    health_path: str
    identity_headers: bool
    stream: bool
    origins: Origins
    door: str = ""
    scheme: str = "http"
    certificate: str = "verify"
    certificate_name: str = ""
    authority: str = ""
    passes: tuple[Pass, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    identity: tuple[tuple[str, str], ...] = ()


class OidcClient(NamedTuple):
    """An application that signs in by itself. `secret` is the name of a SecretSpec, "" for a public client.
    `logout_uris`: where it may send the browser after signing out. `email_verified`: whether every user's address is
    said to be verified."""

    client_id: str
    secret: str
    grant_types: tuple[str, ...]
    redirect_uris: tuple[str, ...]
    scopes: tuple[str, ...]
    origin: Origin
    logout_uris: tuple[str, ...] = ()
    email_verified: bool = False


class SamlClient(NamedTuple):
    acs_url: str
    audience: str
    origin: Origin


class Application(NamedTuple):
    """An entry of the portal. Exactly one of: proxy (forward_auth), oidc, saml. `slug` begins with OURS. `hostnames`:
    the names of its door that it asks at, all where it signs in by itself."""

    slug: str
    title: str
    section: str
    url: str
    hostnames: tuple[str, ...]
    allow: tuple[str, ...]
    oidc: OidcClient | None
    saml: SamlClient | None
    origin: Origin


class Group(NamedTuple):
    name: str
    superuser: bool
    origin: Origin


class User(NamedTuple):
    username: str
    title: str
    email: str
    groups: tuple[str, ...]
    origin: Origin


class Access(NamedTuple):
    """Who there is, and what they may open."""

    groups: tuple[Group, ...]
    users: tuple[User, ...]
    applications: tuple[Application, ...]


class Tls(NamedTuple):
    """mode: acme, dns, internal, files or tunnel. `provider`: the DNS provider as Caddy calls it (dns). What follows
    `staging` is for its proof: durations as Caddy reads them, "" where it decides."""

    mode: str
    provider: str
    contact: str
    origin: Origin
    staging: bool = False
    resolvers: tuple[str, ...] = ()
    propagation_delay: str = ""
    propagation_timeout: str = ""


class SecretSpec(NamedTuple):
    """A secret by name. The value is minted, or given by the user, at the edge; it never enters the compiler.

    kind: "password" (minted), "user" (only the user has it), "fleet_ca", "fleet_certificate" (a pair made by openssl),
    "fleet_logs" (a pair that is its own authority), "authorities" (certificates to trust, which are no secret, and
    differ from host to host). form: of a password "" (`length` letters and digits), "hex" or "base64" (of `length`
    bytes), "uuid" or "words".
    `shared` values are the same on every host of the fleet. `required_by` names containers. `owner`: the service that
    declares it, "" where the compiler itself does. rotate: what a new value means: "restart" (who reads it reads it at
    his start), "client" (that, where a container is told where it is; else a person typed it in), "role" (a database
    takes it), "no: " and why, or "" where nobody has said.
    """

    name: str
    kind: str
    length: int
    shared: bool
    description: str
    required_by: tuple[str, ...]
    origin: Origin
    owner: str = ""
    form: str = ""
    rotate: str = ""


class Grant(NamedTuple):
    """A dangerous capability that the operator allowed, for the review. `capability` as in policy/grants.py. `red`:
    root on the host, or a way around sign-in. `written`: by the keys of an app, not by `grants`."""

    service: str
    container: str
    capability: str
    detail: str
    origin: Origin
    red: bool = True
    written: bool = False


class Door(NamedTuple):
    """The ports that Caddy publishes, and the addresses it binds ("" is every address). `trusted_proxies`: addresses
    and ranges of proxies before it, whose word about the client's address counts."""

    http_port: int
    https_port: int
    addresses: tuple[str, ...]
    tunnel_port: int
    fleet_port: int
    trusted_proxies: tuple[str, ...] = ()


class Relay(NamedTuple):
    """How the core's Dozzle asks the agent of the host `host`: by the Caddy of both, held to the fleet's certificates.

    At the core `port` is where Caddy listens for Dozzle, and `address` where the other Caddy is dialled; at that host
    `port` is 0, and `address` the agent's.
    """

    host: str
    port: int
    address: str
    origin: Origin


class Updates(NamedTuple):
    """What moves by itself: `automatic` is stateless or all; `window` as emit/window.py reads it; `excepted`: services
    that do not."""

    automatic: str
    window: str
    minimum_age_s: int
    origin: Origin
    excepted: tuple[str, ...] = ()


class Deployment(NamedTuple):
    """Everything that one host runs. Hosts of the same shape share the parts that are equal, as the same objects.

    `core` is the host that runs Authentik and Caddy for the fleet ("" where there is none). `shape` is equal for hosts
    that differ by name only. `idle_updater`: what asks for Watchtower, where nothing that it could update moves.
    """

    host: str
    name: str
    domain: str
    timezone: str
    architecture: str
    address: str
    core: str
    patterns: tuple[str, ...]
    profiles: tuple[str, ...]
    memory_bytes: int
    tls: Tls
    door: Door
    services: tuple[Service, ...]
    networks: tuple[Network, ...]
    routes: tuple[Route, ...]
    access: Access
    secrets: tuple[SecretSpec, ...]
    grants: tuple[Grant, ...]
    shape: int
    origin: Origin
    idle_updater: Origin | None = None
    volumes: tuple[SharedVolume, ...] = ()
    relays: tuple[Relay, ...] = ()
    updates: Updates | None = None
    backup: "Backup | None" = None
    monitor: "Monitor | None" = None
    notify: "tuple[Channel, ...]" = ()


if TYPE_CHECKING:

    class Hosts(Protocol):
        """What resolve/fleet.py makes."""

        def __len__(self) -> int: ...

        def __getitem__(self, index: int) -> Deployment: ...

        def __iter__(self) -> Iterator[Deployment]: ...

        def groups(self) -> Iterator[tuple[Deployment, Iterator[str] | None]]:
            """(deployment, None) for a host; (deployment with a placeholder, the names) for a range of hosts."""

        def names(self) -> frozenset[str]:
            """What the hosts are called."""

        def shapes(self) -> tuple[Deployment, ...]:
            """One deployment for each distinct shape."""


class Fleet(NamedTuple):
    """All hosts. `deployments` may be a lazy sequence: iterate, do not copy."""

    name: str
    domain: str
    deployments: "Hosts"


class Artifact(NamedTuple):
    """One file of a host's tree: relative path with '/', content, permission bits."""

    path: str
    content: bytes
    mode: int = 0o644
