"""Deployment -> caddy/Caddyfile: one site per door, sign-in before proxying, everything else refused.

Decides nothing: host names, who may pass and where a door leads are settled in the Deployment.
Every route loses the identity headers of the client, in every spelling, before anything looks at the request.
"""

from infrakit.emit.caddy_doors import PASS, door_site, fleet_site, snippets
from infrakit.emit.caddy_text import Directive, Live, directive, lines
from infrakit.emit.caddy_upstreams import authority_file, hop_ports, hops
from infrakit.model import Artifact, Deployment, Origin, Route

PATH = "caddy/Caddyfile"
HEADING = "# Compiled by InfraKit: change infrakit.yaml, not this file."
ADMIN = "unix//run/caddy/admin.sock|0600"
STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"
EDGE_TUNNEL = "portainer"
AUTHORITY = "own_authority"
AUTHORITY_FILE = "/data/caddy/pki/authorities/local/root.crt"
"""In Caddy's container: the certificate of the authority that `local_certs` signs by; its key lies beside it.
Source: caddyserver.com/docs/automatic-https#local-https, and XDG_DATA_HOME of the image."""
AUTHORITY_PATH = "/infrakit-ca.crt"


def emit(deployment: Deployment) -> tuple[Artifact, ...]:
    """The Caddyfile, where the host runs Caddy, and what it trusts at backends instead of public authorities."""
    if not runs_caddy(deployment):
        return ()
    text = "\n".join(line for line, _ in _lines(deployment))
    trusted = {path: route.authority for path, route in _authorities(deployment).items()}
    return (
        Artifact(PATH, f"{HEADING}\n{text}\n".encode()),
        *(Artifact(path, content.encode()) for path, content in trusted.items()),
    )


def trace(deployment: Deployment, path: str) -> dict[str, Origin]:
    """Line number -> Origin; line 1 is the heading."""
    if path != PATH:
        route = _authorities(deployment)[path]
        cause = route.origins["certificate"]._replace(decided_by=PASS)
        return {str(number): cause for number, _ in enumerate(route.authority.splitlines(), 1)}
    found = {"1": deployment.origin._replace(decided_by=PASS)}
    for number, (_, origin) in enumerate(_lines(deployment), 2):
        found[str(number)] = origin._replace(decided_by=PASS)
    return found


def _authorities(deployment: Deployment) -> dict[str, Route]:
    """Path in the tree -> a door whose backend is held to the certificates there, by this host's Caddy."""
    here = [route for route in deployment.routes if any(not upstream.remote for upstream in route.upstreams)]
    return {f"caddy/{authority_file(route)}": route for route in here if route.certificate == "file"}


def runs_caddy(deployment: Deployment) -> bool:
    """Whether the host has a door at all."""
    return any(service.name == "caddy" for service in deployment.services)


def offers_authority(deployment: Deployment) -> bool:
    """Whether its Caddy signs by itself, and hands the certificate of its authority out over plain HTTP."""
    return deployment.tls.mode == "internal" and deployment.door.http_port != 0 and runs_caddy(deployment)


def _lines(deployment: Deployment) -> list[tuple[str, Origin]]:
    found: list[tuple[str, Origin]] = []
    for item in _sites(deployment):
        if found:
            found.append(("", item.origin or deployment.origin))
        found += lines((item,), deployment.origin)
    return found


def _sites(deployment: Deployment) -> list[Directive]:
    doors = [route for route in deployment.routes if route.sign_in != "fleet"]
    fleet = [route for route in deployment.routes if route.sign_in == "fleet"]
    sites = [_global(deployment)]
    if doors:
        sites += snippets(deployment)
    if doors and offers_authority(deployment):
        sites.append(_authority(deployment))
    sites.append(_health())
    if doors and deployment.tls.mode != "tunnel":
        sites.append(_redirects(deployment, [route.hostname for route in doors]))
    sites += [door_site(deployment, route) for route in doors]
    sites += hops(deployment)
    if deployment.door.tunnel_port:
        sites.append(_edge_tunnel(deployment))
    if any(relay.port for relay in deployment.relays):
        from infrakit.emit.caddy_relays import relay_sites

        sites += relay_sites(deployment)
    if fleet or any(not relay.port for relay in deployment.relays):
        sites.append(fleet_site(deployment, fleet))
    if doors:
        sites += _refusals(deployment)
    return sites


def _global(deployment: Deployment) -> Directive:
    tls = deployment.tls
    block = [
        directive("admin", ADMIN),
        directive("persist_config", "off"),
        directive("skip_install_trust"),
        directive("auto_https", "disable_redirects"),
        directive("grace_period", "10s"),
    ]
    if tls.mode in ("internal", "tunnel"):
        block.append(directive("local_certs", origin=tls.origin))
    if tls.mode in ("acme", "dns"):
        if tls.contact:
            block.append(directive("email", tls.contact, origin=tls.origin._replace(path=("contact",))))
        if tls.staging:
            block.append(directive("acme_ca", STAGING, origin=tls.origin))
    block.append(directive("log", block=(directive("output", "stdout"), directive("format", "json"))))
    block += _servers(deployment)
    return directive(block=tuple(block), origin=deployment.origin)


def _servers(deployment: Deployment) -> list[Directive]:
    """Whose word about the client's address counts: the tunnel's or that of a proxy which the user names, the core's
    behind its client certificate, our own."""
    servers = []
    tunnel = next((network for network in deployment.networks if network.name == "door_cloudflared"), None)
    if tunnel is not None:
        trusted = (
            directive("trusted_proxies", "static", tunnel.subnet),
            directive("client_ip_headers", "CF-Connecting-IP", "X-Forwarded-For"),
            directive("trusted_proxies_strict"),
        )
        servers.append(directive("servers", block=trusted, origin=tunnel.origin))
    if deployment.door.trusted_proxies:
        named = (
            directive("trusted_proxies", "static", *deployment.door.trusted_proxies),
            directive("trusted_proxies_strict"),
        )
        origin = deployment.origin._replace(path=("network", "trusted_proxies"))
        servers.append(directive("servers", block=named, origin=origin))
    if deployment.door.fleet_port:
        anyone = (directive("trusted_proxies", "static", "0.0.0.0/0", "::/0"),)
        servers.append(directive("servers", f":{deployment.door.fleet_port}", block=anyone))
    for port in hop_ports(deployment):
        ourselves = (directive("trusted_proxies", "static", "127.0.0.1/32"),)
        servers.append(directive("servers", f"127.0.0.1:{port}", block=ourselves))
    return servers


def _health() -> Directive:
    answer = directive("respond", "/healthz", "200")
    return directive("http://:8085", block=(directive("bind", "127.0.0.1"), answer))


def _redirects(deployment: Deployment, hostnames: list[str]) -> Directive:
    """Plain HTTP leads to HTTPS for the names that exist; the certificate authority's challenge is answered before."""
    port = deployment.door.https_port
    target = "https://{host}{uri}" if port in (443, 0) else f"https://{{host}}:{port}{{uri}}"
    sites = ", ".join(f"http://{hostname}" for hostname in sorted(hostnames))
    return directive(Live(sites), block=_plain(deployment, directive("redir", Live(target), "308")))


def _authority(deployment: Deployment) -> Directive:
    """The certificate that browsers have to trust, by one exact path: the client's words choose no file, since the
    authority's key lies beside it."""
    block = (
        directive("header", AUTHORITY_PATH, "Content-Type", "application/x-x509-ca-cert"),
        directive("respond", AUTHORITY_PATH, Live(f"{{file.{AUTHORITY_FILE}}}"), "200"),
    )
    return directive(f"({AUTHORITY})", block=block, origin=deployment.tls.origin)


def _plain(deployment: Deployment, then: Directive) -> tuple[Directive, ...]:
    """What plain HTTP answers: the authority's certificate where there is one, else `then`."""
    if not offers_authority(deployment):
        return (then,)
    offered = directive("import", AUTHORITY, origin=deployment.tls.origin)
    return (directive("route", block=(offered, then)),)


def _edge_tunnel(deployment: Deployment) -> Directive:
    """Portainer's edge agents dial a WebSocket; nothing else passes."""
    wanted = (
        directive("header", "Connection", "*Upgrade*"),
        directive("header", "Upgrade", "websocket"),
        directive("header", "Sec-WebSocket-Protocol", "chisel-*"),
    )
    block = (
        directive("@agent", block=wanted),
        directive("reverse_proxy", "@agent", f"{EDGE_TUNNEL}:{deployment.door.tunnel_port}"),
        directive("abort"),
    )
    return directive(f"http://:{deployment.door.tunnel_port}", block=(directive("route", block=block),))


def _refusals(deployment: Deployment) -> list[Directive]:
    """Any other host name, an address, or none: no answer at all, but the certificate of the authority."""
    sites = [directive("https://", block=(directive("abort"),))]
    if deployment.tls.mode != "tunnel":
        sites.insert(0, directive("http://", block=_plain(deployment, directive("abort"))))
    return sites
