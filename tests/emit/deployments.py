"""Hand-made Deployments for the tests of the emitters: small, but with every kind of value."""

from infrakit.catalog.docker_api import docker_call
from infrakit.model import (
    Access,
    ConfigFile,
    Container,
    Dependency,
    Deployment,
    Door,
    Health,
    Mount,
    Network,
    Origin,
    PublishedPort,
    Route,
    SecretMount,
    SecretSpec,
    Service,
    SocketProxy,
    Tls,
    Upstream,
)

DOCUMENT = "infrakit.yaml"
READER_CALLS = (
    "GET /_ping",
    "GET /version",
    "GET /events",
    "GET /containers/json",
    "GET /containers/{id}/json",
    "GET /containers/{id}/logs",
    "GET /images/{image}/json",
)


def origin(*path, decided_by="containers", document=DOCUMENT) -> Origin:
    return Origin(document, path, decided_by)


def container(name: str, **changes) -> Container:
    """A plain container, made different by `changes`."""
    plain = Container(
        name=name,
        image=f"docker.io/example/{name}:1.2.3",
        entrypoint=None,
        command=None,
        user="1000:1000",
        environment=(),
        secrets=(),
        mounts=(),
        tmpfs=(),
        read_only=True,
        capabilities=(),
        privileges=(),
        memory_bytes=256 << 20,
        cpus="0.5",
        pids=100,
        shm_bytes=0,
        health=Health(("CMD", "/check")),
        one_shot=False,
        depends_on=(),
        networks=(),
        ports=(),
        extra_hosts=(),
        labels=(),
        stop_grace_period_s=10,
        watch=False,
        origins={"": Origin(f"blueprints/{name}.yaml", ("containers", name), "containers")},
    )
    return plain._replace(**changes)


def service(name: str, *containers: Container, **changes) -> Service:
    plain = Service(
        name=name,
        title=name.title(),
        kind="catalogue",
        profiles=("observability",),
        containers=containers,
        files=(),
        volumes=(),
        socket_proxies=(),
        origin=origin("services", name, decided_by="selection"),
    )
    return plain._replace(**changes)


def network(name: str, third: int, *, internal: bool = True, isolated: bool = False) -> Network:
    return Network(name, f"172.30.{third}.0/28", internal, isolated, "test", origin("network", decided_by="networks"))


def proxy(consumer: str = "reader", calls: tuple[str, ...] = READER_CALLS, transport: str = "tcp") -> SocketProxy:
    found = tuple(sorted(docker_call(call) for call in calls))
    return SocketProxy(
        consumer, found, transport, Origin(f"blueprints/{consumer}.yaml", ("containers", consumer, "docker"), "sockets")
    )


def route(hostname: str, **changes) -> Route:
    plain = Route(
        service=hostname.split(".")[0],
        title="Title",
        hostname=hostname,
        upstreams=(Upstream("reader:8080"),),
        sign_in="forward_auth",
        allow=("administrators",),
        health_path="/",
        identity_headers=True,
        stream=False,
        origins={"": origin("services", hostname.split(".")[0])},
    )
    return plain._replace(**changes)


def deployment(*services: Service, **changes) -> Deployment:
    plain = Deployment(
        host="core",
        name="infrakit",
        domain="home.example.org",
        timezone="Europe/Berlin",
        architecture="amd64",
        address="",
        core="core",
        patterns=("full",),
        profiles=("observability", "security"),
        memory_bytes=0,
        tls=Tls("internal", "", "", origin("tls")),
        door=Door(80, 443, (), 0, 0),
        services=services,
        networks=(
            network("infrakit_default", 0, internal=False, isolated=True),
            network("door_reader", 1),
            network("socket_reader", 2),
        ),
        routes=(),
        access=Access((), (), ()),
        secrets=(),
        grants=(),
        shape=0,
        origin=origin("pattern", decided_by="hosts"),
    )
    return plain._replace(**changes)


def everything(text: str = "plain") -> Deployment:
    """A host with each kind of mount, dependency, privilege and port; `text` stands in every free string."""
    reader = container(
        "reader",
        entrypoint=("/reader", text),
        command=("--say", text),
        environment=(("A.B", text), ("EMPTY", "")),
        secrets=(SecretMount("reader_password"), SecretMount("reader_users", "/data/users.yml")),
        mounts=(
            Mount("volume", "reader-data", "/data"),
            Mount("file", "reader/reader.conf", "/etc/reader.conf", True),
            Mount("host", "/", "/rootfs", True),
        ),
        tmpfs=("/tmp:mode=1777,size=64m",),
        capabilities=("NET_BIND_SERVICE",),
        shm_bytes=512 << 20,
        privileges=(
            ("devices", ["/dev/null:/dev/null"]),
            ("pid", "host"),
            ("security_opt", ["apparmor=unconfined"]),
            ("sysctls", {"net.core.somaxconn": "1024"}),
        ),
        health=Health(("CMD", "/check", text), 15, 5, 4, 60),
        depends_on=(
            Dependency("reader-schema", "service_completed_successfully"),
            Dependency("reader-socket", "service_healthy"),
        ),
        networks=("door_reader", "infrakit_default", "socket_reader"),
        extra_hosts=("other:10.0.0.1",),
        labels=(("org.example.text", text),),
        ports=(
            PublishedPort("", 8443, 443),
            PublishedPort("192.168.1.10", 80, 80),
            PublishedPort("fd00::1", 443, 443, "udp"),
        ),
        stop_grace_period_s=30,
        watch=True,
    )
    reader = reader._replace(
        origins={
            **reader.origins,
            "memory": origin("services", "reader", "memory"),
            "environment.A.B": origin("services", "reader", "environment", "A.B"),
        }
    )
    schema = container("reader-schema", one_shot=True, health=None, read_only=False)
    socket = container(
        "reader-socket",
        networks=("socket_reader",),
        mounts=(
            Mount("file", "socket-proxy/reader.cfg", "/usr/local/etc/haproxy/haproxy.cfg", True),
            Mount("host", "/var/run/docker.sock", "/var/run/docker.sock", True),
        ),
    )
    main = service(
        "reader",
        reader,
        schema,
        socket,
        volumes=("reader-data",),
        socket_proxies=(proxy(),),
        files=(
            ConfigFile(
                "reader/reader.conf",
                f"say={text}\n",
                0o644,
                Origin("blueprints/reader.yaml", ("files", "reader.conf", "content"), "containers"),
            ),
        ),
    )
    tunnel = service(
        "cloudflared",
        container("cloudflared", mounts=(Mount("file", "cloudflared", "/etc/cloudflared", True),)),
        profiles=("remote_access",),
    )
    secrets = tuple(
        SecretSpec(name, "password", 40, False, "", ("reader",), origin("secrets", name))
        for name in ("reader_password", "reader_users", "tls_key")
    )
    return deployment(
        main,
        tunnel,
        secrets=secrets,
        routes=(route("reader.home.example.org"),),
        profiles=("observability", "remote_access"),
    )
