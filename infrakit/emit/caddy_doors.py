"""A Route -> its site in the Caddyfile: certificates, stripped headers, sign-in, and where it leads."""

from infrakit.emit.caddy_text import Directive, Live, directive
from infrakit.model import SECRETS_DIRECTORY, Deployment, Route, Upstream

PASS = "emit.caddyfile"
OUTPOST = "authentik:9000"
OUTPOST_PATH = "/outpost.goauthentik.io"
DOOR_HEADER = "X-InfraKit-Door"
FLEET_DOMAIN = "fleet.infrakit.internal"
CLIENT_NAME = Live("{http.request.tls.client.san.dns_names.0}")
FIRST_HOP = 8101
STRIP = "no_forged_identity"
HEADERS = "browser_headers"

TOKEN_NAMED = {"civo": "api_token", "desec": "token", "godaddy": "api_token"}
"""Providers that take their token by its name alone (UnmarshalCaddyfile of caddy-dns/civo, desec, godaddy v1.1.1)."""

# What Authentik's outpost says about who comes; spelled as upstream documents it.
IDENTITY = tuple(
    f"X-Authentik-{name}"
    for name in (
        "Username",
        "Groups",
        "Entitlements",
        "Email",
        "Name",
        "Uid",
        "Jwt",
        "Meta-Jwks",
        "Meta-Outpost",
        "Meta-Provider",
        "Meta-App",
        "Meta-Version",
    )
)

# Names under which backends believe a proxy: who comes, from where, to which door. "*x*" is any header that holds x.
# Caddy takes other spellings (_ for -) for the same. What a client proves itself with stays (X-Auth-Token), as do words
# that mean nothing here.
# Source: GHSA-7r4p-vjf4-gxv4 and GHSA-f59h-q822-g45g, and the tables of tests/runtime, tried with Caddy 2.11.7.
FORGEABLE = (
    # Who comes.
    "*authentik*",
    "Remote-*",
    "X-Remote-*",
    "X-Auth-Request-*",
    "X-Auth-User*",
    "X-Auth-Email*",
    "X-Auth-Group*",
    "X-Auth-Name*",
    "X-Auth-Role*",
    "X-Authenticated-*",
    "X-WebAuth-*",
    "X-Pomerium-*",
    "X-Vouch-*",
    "X-Goog-Authenticated-*",
    "X-Amzn-Oidc-*",
    "X-Ms-Client-Principal*",
    "Cf-Access-Authenticated-*",
    "Tailscale-*",
    "X-SSL-Client*",
    "SSL-Client*",
    "X-Client-Cert*",
    # From where; the truth is set below.
    "X-Real-*",
    "X-Client-IP",
    "X-Cluster-Client-IP",
    "True-Client-IP",
    "CF-Connecting-*",
    "Fastly-Client-IP",
    # To which door, and by which way: behind a trusted proxy Caddy would pass the client's word on, and the outpost
    # decides by it. What is true of it Caddy says anew.
    "X-Forwarded-*",
    "Forwarded",
    "X-Original-*",
    "X-Rewrite-*",
    "X-InfraKit-*",
    "Proxy",
)
CSRF = "X-authentik-CSRF"
"""What Authentik's own pages prove a signed-in write with; without it nobody could set a password there.
Source: goauthentik/authentik, authentik/root/settings.py (CSRF_HEADER_NAME)."""
CLIENT = Live("{client_ip}")
FROM = (Directive(("header_up", "X-Forwarded-For", CLIENT), None), Directive(("header_up", "X-Real-IP", CLIENT), None))
"""The client's address, and no hop before or after it: who takes the last one that he does not trust, as Authentik
does, would take a tunnel for everybody."""
# A header that the client's `Connection` names ends at the proxy: so would what the outpost says about who comes.
HOP_BY_HOP = "(?i)x-[^,]*"
UPGRADE = Live("{header.Upgrade}")
"""After a switch of protocols Caddy only copies bytes. In a WebSocket there are no requests; in HTTP/2 (h2c) there
would be any, with any identity, and nobody would be asked.
Source: RFC 7540, section 3.2 (the switch to h2c); tried with Caddy 2.11.7."""


def door_site(deployment: Deployment, route: Route) -> Directive:
    """One door of this host."""
    origins = route.origins
    steps = [directive("import", STRIP), *_own_names_stripped(route)]
    if route.sign_in == "provider":
        steps.insert(0, directive("vars", "csrf", Live(f"{{header.{CSRF}}}")))
        steps.append(directive("@csrf", "vars_regexp", "csrf", "."))
        steps.append(directive("request_header", "@csrf", CSRF, Live("{vars.csrf}")))
    if route.sign_in == "forward_auth":
        allowed = origins["allow"]
        asked = (directive("uri", f"{OUTPOST_PATH}/auth/caddy"), directive("copy_headers", *IDENTITY), *FROM)
        steps += [
            directive("reverse_proxy", f"{OUTPOST_PATH}/*", OUTPOST, block=FROM, origin=allowed),
            *_let_in(deployment, route),
            directive("forward_auth", OUTPOST, block=asked, origin=allowed),
        ]
        steps += _identity(route)
        if not route.identity_headers:
            steps.append(directive("request_header", "-*authentik*"))
    steps.append(_proxy(deployment, route))
    answers = (*_headers(route), directive("import", HEADERS))
    block = [*_certificate(deployment), *answers, directive("route", block=tuple(steps))]
    return directive(route.hostname, block=tuple(block), origin=origins["hostname"])


def _headers(route: Route) -> tuple[Directive, ...]:
    """What the file says about headers of answers: before ours, and so the last to be put into effect."""
    if not route.headers:
        return ()
    lines = [directive(name, value) if value else directive(f"-{name}") for name, value in route.headers]
    return (directive("header", block=(directive("defer"), *lines), origin=route.origins["headers"]),)


def _own_names_stripped(route: Route) -> list[Directive]:
    """Of what the app believes about who comes, nothing is the client's: not the header, and not that it ends here.

    Of `Connection`, a whole word with the name in it goes: what is left of one could be the name again."""
    found = []
    for name, _ in route.identity:
        found.append(directive("request_header", f"-{name}", origin=route.origins["identity"]))
        ends = directive("request_header", "Connection", f"(?i)[^,]*{name}[^,]*", "", origin=route.origins["identity"])
        found += [] if name.lower().startswith("x-") else [ends]
    return found


def _identity(route: Route) -> list[Directive]:
    """Who comes, under the names that the app wants; groups with commas, where Authentik writes |."""
    found = []
    for name, what in route.identity:
        value = Live(f"{{header.X-Authentik-{what.title()}}}")
        found.append(directive("request_header", name, value, origin=route.origins["identity"]))
        if what == "groups":
            found.append(directive("request_header", name, "[|]", ",", origin=route.origins["identity"]))
    return found


def _let_in(deployment: Deployment, route: Route) -> list[Directive]:
    """What goes past the portal's page. Nobody says who comes there: the client's words are gone already."""
    if not route.passes:
        return []
    from infrakit.emit.caddy_pass import matcher, without_overrides

    found = []
    for number, item in enumerate(route.passes):
        name = f"@pass{number}"
        block = (*without_overrides(item), _proxy(deployment, route))
        found += [matcher(name, item), directive("handle", name, block=block, origin=item.origin)]
    return found


def fleet_site(deployment: Deployment, routes: list[Route]) -> Directive:
    """What only the core's Caddy may open, with its client certificate; it says by a header which door it means."""
    core = directive("vars", CLIENT_NAME, f"{deployment.core}.{FLEET_DOMAIN}")
    steps = []
    for number, route in enumerate(routes):
        name = f"@door{number}"
        said = directive("header", DOOR_HEADER, route.hostname, origin=route.origins["hostname"])
        steps.append(directive(name, block=(said, core), origin=route.origins["hostname"]))
        host = next(filter(None, (_own_name(route, item) for item in route.upstreams)), route.hostname)
        named = (directive("header_up", "Host", host), directive("header_up", f"-{DOOR_HEADER}"))
        proxied = _target(route, (*named, *_transport(route)))
        inside = directive("reverse_proxy", *(_dialled(route, item) for item in route.upstreams), block=proxied)
        steps.append(directive("handle", name, block=(inside,), origin=route.origins[""]))
    steps.append(directive("handle", block=(directive("abort"),)))
    trust = directive("trust_pool", "file", f"{SECRETS_DIRECTORY}/fleet_ca")
    client = directive("client_auth", block=(directive("mode", "require_and_verify"), trust))
    tls = directive("tls", f"{SECRETS_DIRECTORY}/fleet_certificate", f"{SECRETS_DIRECTORY}/fleet_key", block=(client,))
    return directive(f"https://:{deployment.door.fleet_port}", block=(tls, *steps))


def hops(deployment: Deployment) -> list[Directive]:
    """Loopback sites that speak to other hosts, and to backends over TLS, for a door with several upstreams: Caddy
    mixes no plain and secure ones."""
    return [
        directive(
            f"http://:{port}", block=(directive("bind", "127.0.0.1"), _one(route, upstream)), origin=route.origins[""]
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


def _certificate(deployment: Deployment) -> tuple[Directive, ...]:
    tls = deployment.tls
    if tls.mode == "files":
        names = (f"{SECRETS_DIRECTORY}/tls_certificate", f"{SECRETS_DIRECTORY}/tls_key")
        return (directive("tls", *names, origin=tls.origin),)
    if tls.mode == "dns":
        token = Live(f"{{file.{SECRETS_DIRECTORY}/dns_token}}")
        name = TOKEN_NAMED.get(tls.provider)
        named = directive("dns", tls.provider, block=(directive(name, token),)) if name else None
        provider = named or directive("dns", tls.provider, token)
        proof = [directive("resolvers", *tls.resolvers)] if tls.resolvers else []
        for name in ("propagation_delay", "propagation_timeout"):
            if getattr(tls, name):
                proof.append(directive(name, getattr(tls, name)))
        return (directive("tls", block=(provider, *proof), origin=tls.origin),)
    return ()


def snippets(deployment: Deployment) -> list[Directive]:
    """What every door has in common: no identity from the client, and headers for the browser."""
    strip = tuple(directive("request_header", f"-{name}") for name in FORGEABLE)
    strip += (directive("request_header", "Connection", HOP_BY_HOP, ""),)
    strip += (
        directive("@not_websocket", "not", "vars_regexp", UPGRADE, "(?i)^websocket$"),
        directive("request_header", "@not_websocket", "-Upgrade"),
    )
    headers = [
        directive("-Server"),
        directive("X-Content-Type-Options", "nosniff"),
        directive("?Referrer-Policy", "strict-origin-when-cross-origin"),
        directive("?X-Frame-Options", "SAMEORIGIN"),
    ]
    if deployment.tls.mode != "internal":
        headers.append(directive("Strict-Transport-Security", "max-age=31536000"))
    if deployment.door.https_port != 443:
        headers.append(_other_ways(deployment.door.https_port))
    browser = directive("header", block=tuple(headers))
    return [directive(f"({STRIP})", block=strip), directive(f"({HEADERS})", block=(browser,))]


def _other_ways(port: int) -> Directive:
    """Caddy announces HTTP/3 at the port where it listens itself; a browser reaches it at this one (0: at none)."""
    return directive("Alt-Svc", f'h3=":{port}"; ma=2592000') if port else directive("-Alt-Svc")


def _proxy(deployment: Deployment, route: Route) -> Directive:
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
        # The other host's Caddy, or our hop to it, says so of an app that is not there.
        directive("unhealthy_status", "502"),
    )
    if route.health_path:
        # Where the file names no page, none is asked for: what leads elsewhere at / would be taken for broken.
        balance += (
            directive("health_uri", route.health_path),
            directive("health_interval", "15s"),
            directive("health_timeout", "5s"),
            directive("health_headers", block=(directive("Host", route.hostname),)),
        )
    return directive("reverse_proxy", *addresses, block=balance + _target(route), origin=route.origins[""])


def _one(route: Route, upstream: Upstream) -> Directive:
    """To one place: on this host, or by the Caddy of another."""
    if upstream.remote:
        return _remote(route, upstream)
    block = _target(route, (*_called(route, upstream), *_transport(route)))
    return directive("reverse_proxy", _dialled(route, upstream), block=block, origin=route.origins[""])


def _called(route: Route, upstream: Upstream) -> tuple[Directive, ...]:
    """The name that the backend is asked by, where Caddy by itself would say another than that."""
    name = _own_name(route, upstream)
    if name:
        return (directive("header_up", "Host", name),)
    return (directive("header_up", "Host", Live("{hostport}")),) if route.scheme == "https" else ()


def _own_name(route: Route, upstream: Upstream) -> str:
    """What a machine elsewhere is called by the user, who may mean one of several pages there; "" for a number, and for
    our own, which know the door's name."""
    host, _, port = upstream.address.rpartition(":")
    if not upstream.elsewhere or host.replace(".", "").isdigit():
        return ""
    return host if port == ("443" if route.scheme == "https" else "80") else upstream.address


def _dialled(route: Route, upstream: Upstream) -> str:
    return f"https://{upstream.address}" if route.scheme == "https" else upstream.address


def _transport(route: Route) -> tuple[Directive, ...]:
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


def _target(route: Route, more: tuple[Directive, ...] = ()) -> tuple[Directive, ...]:
    if not route.stream:
        return (*FROM, *more)
    return (*FROM, *more, directive("flush_interval", "-1"), directive("stream_close_delay", "5m"))


def _remote(route: Route, upstream: Upstream) -> Directive:
    """To another host's Caddy: both show a certificate of the fleet; the name that is checked is the host's."""
    name = f"{upstream.remote}.{FLEET_DOMAIN}"
    pair = (f"{SECRETS_DIRECTORY}/fleet_certificate", f"{SECRETS_DIRECTORY}/fleet_key")
    transport = (
        directive("tls_server_name", name),
        directive("tls_client_auth", *pair),
        directive("tls_trust_pool", "file", f"{SECRETS_DIRECTORY}/fleet_ca"),
    )
    block = (
        directive("header_up", "Host", name),
        directive("header_up", DOOR_HEADER, route.hostname),
        directive("transport", "http", block=transport),
    )
    return directive(
        "reverse_proxy", f"https://{upstream.address}", block=_target(route, block), origin=route.origins[""]
    )
