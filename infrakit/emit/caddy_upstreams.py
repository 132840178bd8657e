"""Where a door leads: to a backend of this host, of another machine, or to another host's Caddy, and how these are
spoken to."""

from infrakit.emit.caddy_text import Directive, Live, directive
from infrakit.model import SECRETS_DIRECTORY, Deployment, Route, Upstream

DOOR_HEADER = "X-InfraKit-Door"
FLEET_DOMAIN = "fleet.infrakit.internal"
FIRST_HOP = 8101
CLIENT = Live("{client_ip}")
STARTS_ANEW_S = 15
"""How long a request may wait for somebody to take it. Caddy reading another file would lose requests by itself (seen
with 2.11.7), so this is no matter of updates alone."""
FROM = (Directive(("header_up", "X-Forwarded-For", CLIENT), None), Directive(("header_up", "X-Real-IP", CLIENT), None))
"""The client's address, and no hop before or after it: who takes the last one that he does not trust, as Authentik
does, would take a tunnel for everybody."""


GONE = "599"
"""What our Caddies say to each other of an app that is not there. It is no status of an app's: one that answers 502 at
a page of its own is well, and its other pages are wanted."""
SAYS_GONE = directive("handle_errors", "502", block=(directive("respond", GONE),))
HEARS_GONE = (
    directive("@gone", "status", GONE),
    directive("handle_response", "@gone", block=(directive("respond", "502"),)),
)


def hops(deployment: Deployment) -> list[Directive]:
    """Loopback sites that speak to other hosts, and to backends over TLS, for a door with several upstreams: Caddy
    mixes no plain and secure ones."""
    return [
        directive(
            f"http://:{port}",
            block=(directive("bind", "127.0.0.1"), _one(route, upstream), SAYS_GONE),
            origin=route.origins[""],
        )
        for port, route, upstream in _hop_list(deployment)
    ]


def hop_ports(deployment: Deployment) -> list[int]:
    """Where the loopback sites listen."""
    return [port for port, _, _ in _hop_list(deployment)]


def _hop_list(deployment: Deployment) -> list[tuple[int, Route, Upstream]]:
    remote = [
        (route, upstream)
        for route in deployment.routes
        if len(route.upstreams) > 1
        for upstream in route.upstreams
        if upstream.remote or route.scheme == "https"
    ]
    return [(FIRST_HOP + number, route, upstream) for number, (route, upstream) in enumerate(remote)]


def proxy(deployment: Deployment, route: Route) -> Directive:
    """To all that a door leads to."""
    if len(route.upstreams) == 1:
        return _one(route, route.upstreams[0])
    hop_ports = {upstream: port for port, owner, upstream in _hop_list(deployment) if owner is route}
    addresses = [f"127.0.0.1:{hop_ports[item]}" if item in hop_ports else item.address for item in route.upstreams]
    balance: tuple[Directive, ...] = (
        directive("lb_policy", "cookie", "infrakit_upstream")
        if route.stream
        else directive("lb_policy", "round_robin"),
        directive("lb_try_duration", "5s"),
        directive("fail_duration", "30s"),
        directive("unhealthy_status", GONE),
        *HEARS_GONE,
    )
    if route.health_path:
        # Where the file names no page, none is asked for: what leads elsewhere at / would be taken for broken.
        balance += (
            directive("health_uri", route.health_path),
            directive("health_interval", "15s"),
            directive("health_timeout", "5s"),
            directive("health_headers", block=(directive("Host", route.hostname),)),
        )
    return directive("reverse_proxy", *addresses, block=balance + target(route), origin=route.origins[""])


def _one(route: Route, upstream: Upstream) -> Directive:
    """To one place: on this host, or by the Caddy of another."""
    if upstream.remote:
        return _remote(route, upstream)
    block = target(route, (*_called(route, upstream), *transport_of(route)))
    return directive("reverse_proxy", dialled(route, upstream), block=block, origin=route.origins[""])


def _called(route: Route, upstream: Upstream) -> tuple[Directive, ...]:
    """The name that the backend is asked by, where Caddy by itself would say another than that."""
    name = own_name(route, upstream)
    if name:
        return (directive("header_up", "Host", name),)
    return (directive("header_up", "Host", Live("{hostport}")),) if route.scheme == "https" else ()


def own_name(route: Route, upstream: Upstream) -> str:
    """What a machine elsewhere is called by the user, who may mean one of several pages there; "" for a number, and for
    our own, which know the door's name."""
    host, _, port = upstream.address.rpartition(":")
    if not upstream.elsewhere or host.replace(".", "").isdigit():
        return ""
    return host if port == ("443" if route.scheme == "https" else "80") else upstream.address


def dialled(route: Route, upstream: Upstream) -> str:
    """The address as Caddy is told it."""
    return f"https://{upstream.address}" if route.scheme == "https" else upstream.address


def transport_of(route: Route) -> tuple[Directive, ...]:
    """How the certificate of a backend is checked; nothing where it speaks plain HTTP, or by public authorities."""
    found = {
        "any": (directive("tls_insecure_skip_verify"),),
        "file": (directive("tls_trust_pool", "file", f"/etc/caddy/{authority_file(route)}"),),
    }.get(route.certificate, ())
    if route.certificate_name:
        found = (directive("tls_server_name", route.certificate_name), *found)
    if not found:
        return ()
    return (directive("transport", "http", block=found, origin=route.origins["certificate"]),)


def authority_file(route: Route) -> str:
    """Where the certificates lie that the backend of a door is held to, beside the Caddyfile."""
    return f"authorities/{'.'.join(part for part in (route.service, route.door) if part)}.pem"


def target(route: Route, more: tuple[Directive, ...] = ()) -> tuple[Directive, ...]:
    """What holds for every backend of a door. Where there is one alone, who comes while it starts anew waits for it;
    else another one answers."""
    if len(route.upstreams) == 1:
        more = (*more, directive("lb_try_duration", f"{STARTS_ANEW_S}s"))
    if not route.stream:
        return (*FROM, *more)
    return (*FROM, *more, directive("flush_interval", "-1"), directive("stream_close_delay", "5m"))


def _remote(route: Route, upstream: Upstream) -> Directive:
    """To another host's Caddy: both show a certificate of the fleet; the name that is checked is the host's."""
    block = to_host(upstream.remote, route.hostname)
    if len(route.upstreams) == 1:
        block += HEARS_GONE
    return directive(
        "reverse_proxy", f"https://{upstream.address}", block=target(route, block), origin=route.origins[""]
    )


def to_host(host: str, door: str, *more: Directive) -> tuple[Directive, ...]:
    """What makes another host's Caddy lead to one of its doors. `more`: of the transport."""
    name = f"{host}.{FLEET_DOMAIN}"
    pair = (f"{SECRETS_DIRECTORY}/fleet_certificate", f"{SECRETS_DIRECTORY}/fleet_key")
    transport = (
        directive("tls_server_name", name),
        directive("tls_client_auth", *pair),
        directive("tls_trust_pool", "file", f"{SECRETS_DIRECTORY}/fleet_ca"),
        *more,
    )
    return (
        directive("header_up", "Host", name),
        directive("header_up", DOOR_HEADER, door),
        directive("transport", "http", block=transport),
    )
