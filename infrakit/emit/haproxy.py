"""SocketProxy -> socket-proxy/<consumer>.cfg: an HAProxy that lets one consumer make the listed Docker calls and no
other.

Denies by default. A call passes if its method is equal and its raw path matches as a whole; nothing is decoded or
tidied first, and a path that dockerd might read differently (`%`, `//`, `..`, `;`, a backslash) is refused. For HAProxy
2.6 to 3.2. An allowed `exec/{id}/start` takes input from HAProxy 3.0 on; 2.6 drops `Upgrade` from a request with a body
(both tried).
"""

from infrakit.emit.memo import Memo
from infrakit.model import Artifact, Deployment, DockerCall, Origin, SocketProxy

PORT = 2375
HEALTH_PORT = 2376
DOCKER_SOCKET = "/var/run/docker.sock"
PROXY_SOCKET = "/run/proxy/docker.sock"
PASS = "emit.haproxy"

VERSION = r"(/v1\.[0-9][0-9]?)?"
PLACEHOLDERS = {"{id}": "[A-Za-z0-9][A-Za-z0-9_.-]*", "{image}": "[A-Za-z0-9][A-Za-z0-9_./:@-]*"}
_PATH = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-")

STREAMS = frozenset("events logs stats attach ws wait start create push build load get export archive prune".split())
"""Last words of paths whose answers may be silent, or take, for long."""

UPGRADES = ("/attach", "/attach/ws", "/exec/{id}/start", "/session", "/grpc")
"""Calls that turn the connection into a raw stream; for a consumer without them, nothing may."""

LONG = "7d"
SHORT = "60s"

_configurations = Memo()


def emit(deployment: Deployment) -> tuple[Artifact, ...]:
    return tuple(
        _configurations.get((proxy,), _artifact) for service in deployment.services for proxy in service.socket_proxies
    )


def trace(deployment: Deployment, path: str) -> dict[str, Origin]:
    """Line number (from 1) -> Origin: a line that allows a call comes from `docker.allow`, the rest from `docker`."""
    proxies = [proxy for service in deployment.services for proxy in service.socket_proxies]
    proxy = next(proxy for proxy in proxies if proxy_path(proxy) == path)
    allowed = proxy.origin._replace(path=(*proxy.origin.path, "allow"))
    lines = configuration(proxy).splitlines()
    return {
        str(number): allowed
        if line.lstrip().startswith(("http-request allow", "use_backend"))
        else proxy.origin._replace(decided_by=PASS)
        for number, line in enumerate(lines, 1)
        if line.strip()
    }


def proxy_path(proxy: SocketProxy) -> str:
    """Where the configuration stands in the tree."""
    return f"socket-proxy/{proxy.consumer}.cfg"


def _artifact(proxy: SocketProxy) -> Artifact:
    return Artifact(proxy_path(proxy), configuration(proxy).encode())


def configuration(proxy: SocketProxy) -> str:
    """The whole file."""
    streams = [call for call in proxy.calls if call.path.rpartition("/")[2] in STREAMS]
    sections = [
        _section("# Compiled by InfraKit: change infrakit.yaml or the blueprint, not this file.", []),
        # One thread and few connections: the engine may give a container no more than 1024 open files.
        _section("global", ["log stdout format raw local0 info", "maxconn 200", "nbthread 1", "hard-stop-after 3s"]),
        _section("defaults", _defaults()),
        _section("frontend docker", _frontend(proxy, streams)),
        _section("frontend health", _health()),
        _backend("dockerd", SHORT, []),
    ]
    if streams:
        # A reader that has gone must not leave its stream open at the engine.
        sections.append(
            _backend("dockerd_streams", LONG, ["option abortonclose", "option http-no-delay", f"timeout tunnel {LONG}"])
        )
    return "\n".join(sections)


def _section(title: str, lines: list[str]) -> str:
    return "".join([f"{title}\n", *[f"    {line}\n" for line in lines]])


def _defaults() -> list[str]:
    lines = ["mode http", "log global", "option httplog", "option dontlog-normal"]
    lines += ["timeout connect 5s", "timeout http-request 10s", "timeout http-keep-alive 60s"]
    return [*lines, f"timeout client {SHORT}", f"timeout server {SHORT}"]


def _frontend(proxy: SocketProxy, streams: list[DockerCall]) -> list[str]:
    # HTTP/1 only: a second protocol on the same port would be a second parser to trust.
    lines = [f"bind unix@{PROXY_SOCKET} mode 666 proto h1"] if proxy.transport == "unix" else [f"bind :{PORT} proto h1"]
    if streams:
        lines.append(f"timeout client {LONG}")
    # Hostile spellings first; then what is listed; then nothing.
    lines.append("http-request deny deny_status 403 if { path -m sub '%' '//' '..' ';' '\\' }")
    if not any(call.path.endswith(UPGRADES) for call in proxy.calls):
        lines.append("http-request del-header Upgrade")
    lines += [f"http-request allow if {_condition(call)}" for call in proxy.calls]
    lines.append("http-request deny deny_status 403")
    lines += [f"use_backend dockerd_streams if {_condition(call)}" for call in streams]
    lines.append("default_backend dockerd")
    return lines


def _health() -> list[str]:
    """The health check of the container asks here whether the engine answers, whatever the consumer may ask."""
    lines = [
        f"bind 127.0.0.1:{HEALTH_PORT} proto h1",
        "http-request deny deny_status 403 unless { method GET } { path '/_ping' }",
    ]
    return [*lines, "default_backend dockerd"]


def _condition(call: DockerCall) -> str:
    """An HAProxy condition for exactly this call. Single quotes: HAProxy reads nothing inside them."""
    bare = call.path.replace("{id}", "").replace("{image}", "")
    if not (
        call.method.isascii()
        and call.method.isalpha()
        and call.method.isupper()
        and bare[:1] == "/"
        and _PATH.issuperset(bare)
    ):
        raise ValueError(f"not a call of Docker's API: {call.method} {call.path}")
    pattern = call.path.replace(".", r"\.")
    for placeholder, expression in PLACEHOLDERS.items():
        pattern = pattern.replace(placeholder, expression)
    return f"{{ method {call.method} }} {{ path -m reg '^{VERSION}{pattern}$' }}"


def _backend(name: str, timeout: str, more: list[str]) -> str:
    return _section(f"backend {name}", [*more, f"timeout server {timeout}", f"server engine unix@{DOCKER_SOCKET}"])
