"""A Route -> its site in the Caddyfile: certificates, stripped headers, sign-in."""

from infrakit.emit.caddy_text import Directive, Live, directive
from infrakit.emit.caddy_upstreams import (
    DOOR_HEADER,
    FLEET_DOMAIN,
    FROM,
    SAYS_GONE,
    dialled,
    own_name,
    proxy,
    target,
    transport_of,
)
from infrakit.model import SECRETS_DIRECTORY, Deployment, Route

PASS = "emit.caddyfile"
OUTPOST = "authentik:9000"
OUTPOST_PATH = "/outpost.goauthentik.io"
CLIENT_NAME = Live("{http.request.tls.client.san.dns_names.0}")
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
    "X-SSL-*",
    "SSL-Client*",
    "*Client-Cert*",
    "*ClientCert*",
    "X-Consumer-*",
    "X-Anonymous-Consumer",
    "X-Credential-*",
    "X-Userinfo",
    "X-Id-Token",
    "X-Proxy-User*",
    "*Shib-*",
    "OIDC-*",
    "MELLON-*",
    "OAM-*",
    "IV-*",
    "SM-User*",
    "X-SAML-*",
    "X-LDAP-*",
    "X-Keycloak-*",
    "X-Dex-*",
    "X-Ms-Token-*",
    # From where; the truth is set below.
    "X-Real-*",
    "*Client-IP",
    "*ClientIP",
    "*User-IP",
    "*Real-IP",
    "*Src-IP",
    "*Connecting-IP*",
    "*Connection-IP",
    "CF-Pseudo-*",
    "*Forwarded-For",
    "X-Azure-*",
    "X-Envoy-*",
    "X-Originating-*",
    # To which door, and by which way: behind a trusted proxy Caddy would pass the client's word on, and the outpost
    # decides by it. What is true of it Caddy says anew.
    "X-Forward*",
    "Forwarded",
    "X-Scheme",
    "X-Url-Scheme",
    "X-Proto",
    "X-Protocol",
    "X-HTTPS",
    "Front-End-Https",
    "X-Host",
    "X-Server-Name",
    "X-Script-Name",
    "Script-Name",
    "X-Ingress-Path",
    "X-Request-URI",
    "X-HTTP-Host-Override",
    "X-Original-*",
    "X-Rewrite-*",
    "X-InfraKit-*",
    "Proxy",
)
CSRF = "X-authentik-CSRF"
"""What Authentik's own pages prove a signed-in write with; without it nobody could set a password there.
Source: goauthentik/authentik, authentik/root/settings.py (CSRF_HEADER_NAME)."""
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
    steps.append(proxy(deployment, route))
    answers = (*_headers(route), directive("import", HEADERS))
    block = [*_certificate(deployment), *answers, directive("route", block=tuple(steps))]
    return directive(_names(deployment, route), block=tuple(block), origin=origins["hostname"])


def _names(deployment: Deployment, route: Route) -> "str | Live":
    """Also by the port of its address, where apps ask for it from inside: Docker publishes another there."""
    port = deployment.door.https_port
    asked = any(container.aliases for service in deployment.services for container in service.containers)
    if route.sign_in != "provider" or port in (0, 443) or not asked:
        return route.hostname
    return Live(f"{route.hostname}, {route.hostname}:{port}")


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
        block = (*without_overrides(item), proxy(deployment, route))
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
        host = next(filter(None, (own_name(route, item) for item in route.upstreams)), route.hostname)
        named = (directive("header_up", "Host", host), directive("header_up", f"-{DOOR_HEADER}"))
        proxied = target(route, (*named, *transport_of(route)))
        inside = directive("reverse_proxy", *(dialled(route, item) for item in route.upstreams), block=proxied)
        steps.append(directive("handle", name, block=(inside,), origin=route.origins[""]))
    if deployment.relays:
        from infrakit.emit.caddy_relays import agent_doors

        steps += agent_doors(deployment, core)
    steps.append(directive("handle", block=(directive("abort"),)))
    trust = directive("trust_pool", "file", f"{SECRETS_DIRECTORY}/fleet_ca")
    client = directive("client_auth", block=(directive("mode", "require_and_verify"), trust))
    tls = directive("tls", f"{SECRETS_DIRECTORY}/fleet_certificate", f"{SECRETS_DIRECTORY}/fleet_key", block=(client,))
    return directive(f"https://:{deployment.door.fleet_port}", block=(tls, *steps, SAYS_GONE))


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
