"""SocketProxy -> socket-proxy/<consumer>.cfg: an HAProxy that lets one consumer make the listed Docker calls and no
other.

Denies by default. A call passes if its method is equal and its raw path, with the names of its queries, matches as a
whole; nothing is decoded or tidied first. What dockerd might read differently is refused: in a path `%`, `//`, `..`,
`;`, a backslash; in a query `;` and `#`; and a body that is a form, which dockerd reads as queries. For HAProxy 3.0 and
later (`set-timeout client`); 2.6 also leaks descriptors of streams, and drops `Upgrade` from a request with a body.
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
_QUERY = _PATH - {".", "/"}

UPGRADES = ("/attach", "/attach/ws", "/exec/{id}/start", "/session", "/grpc")
"""Calls that turn the connection into a raw stream; for a consumer without them, nothing may."""

DAYS = "7d"
"""For an answer that may have nothing to say."""

PATIENCE = "1h"
"""For an answer that takes its time: a stop waits as long as it was told to, a prune or `df` for a slow card."""

SILENT = "{ var(txn.silent) -m bool }"
"""The call is one whose answer may be silent."""

NO = "-m str -i 0 no false none"
STREAMS = {"logs": f"{{ urlp(follow) -m reg . }} !{{ urlp(follow) {NO} }}", "stats": f"!{{ urlp(stream) {NO} }}"}
"""Last step of a path -> when it is a stream, as dockerd reads its query (moby, api/server/httputils/form.go:
BoolValue). Where it is none, the client's time is as short as anybody's."""

CONNECTIONS, RESERVED = 200, 20
"""The engine may give a container no more than 1024 open files. Those that are reserved are the health check's."""

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
        if line.lstrip().startswith(("http-request allow", "http-request set-var"))
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
    silent = [call for call in proxy.calls if call.silent]
    limits = [f"maxconn {CONNECTIONS}", "nbthread 1", "hard-stop-after 3s"]
    sections = [
        _section("# Compiled by InfraKit: change infrakit.yaml or the blueprint, not this file.", []),
        _section("global", ["log stdout format raw local0 info", *limits]),
        _section("defaults", _defaults()),
        _section("frontend docker", _frontend(proxy, silent)),
        _section("frontend health", _health()),
        _section("backend dockerd", _backend(bool(silent))),
    ]
    return "\n".join(sections)


def _section(title: str, lines: list[str]) -> str:
    return "".join([f"{title}\n", *[f"    {line}\n" for line in lines]])


def _defaults() -> list[str]:
    lines = ["mode http", "log global", "option httplog", "option dontlog-normal"]
    lines += ["timeout connect 5s", "timeout http-request 10s", "timeout http-keep-alive 60s"]
    # A reader that has gone leaves no stream open at the engine; one that has only asked its last gets its answer.
    return [*lines, "timeout client 60s", "timeout client-fin 60s", f"timeout server {PATIENCE}"]


def _frontend(proxy: SocketProxy, silent: list[DockerCall]) -> list[str]:
    # HTTP/1 only: a second protocol on the same port would be a second parser to trust.
    conditions = {call: _condition(call) for call in proxy.calls}
    lines = [f"bind unix@{PROXY_SOCKET} mode 666 proto h1"] if proxy.transport == "unix" else [f"bind :{PORT} proto h1"]
    lines.append(f"maxconn {CONNECTIONS - RESERVED}")
    # Hostile spellings first; then what is listed; then nothing.
    lines.append("http-request deny deny_status 403 if { path -m sub '%' '//' '..' ';' '\\' }")
    lines.append("http-request deny deny_status 403 if { req.hdr(content-type) -m sub -i form }")
    if not any(call.path.endswith(UPGRADES) for call in proxy.calls):
        lines.append("http-request del-header Upgrade")
    lines += [f"http-request set-var(txn.silent) bool(true) if {_streams(call, conditions[call])}" for call in silent]
    if silent:
        lines.append(f"http-request set-timeout client {DAYS} if {SILENT}")
    lines += [f"http-request allow if {condition}" for condition in conditions.values()]
    return [*lines, "http-request deny deny_status 403", "default_backend dockerd"]


def _health() -> list[str]:
    """The health check of the container asks here whether the engine answers, whatever the consumer may ask."""
    lines = [
        f"bind 127.0.0.1:{HEALTH_PORT} proto h1",
        "http-request deny deny_status 403 unless { method GET } { path '/_ping' }",
    ]
    return [*lines, "default_backend dockerd"]


def _backend(silent: bool) -> list[str]:
    lines = [f"http-request set-timeout {side} {DAYS} if {SILENT}" for side in ("server", "tunnel") if silent]
    return ["option http-no-delay", *lines, f"server engine unix@{DOCKER_SOCKET}"]


def _streams(call: DockerCall, condition: str) -> str:
    return f"{condition} {STREAMS.get(call.path.rpartition('/')[2], '')}".rstrip()


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
    return f"{{ method {call.method} }} {{ pathq -m reg '^{VERSION}{pattern}{_queries(call)}$' }}"


def _queries(call: DockerCall) -> str:
    """The listed queries, with any value, in any order."""
    if not call.queries:
        return r"\??"
    if not (all(call.queries) and _QUERY.issuperset("".join(call.queries))):
        raise ValueError(f"not queries of Docker's API: {call.path}?{'&'.join(call.queries)}")
    one = f"({'|'.join(call.queries)})(=[^&;#]*)?"
    return rf"(\?({one}(&{one})*)?)?"
