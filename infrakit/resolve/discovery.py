"""An app that signs in by itself finds the sign-in pages at their public address from inside, and trusts who signed
their certificate.

Libraries of OpenID Connect ask the issuer's own address for everything, and believe no other: Caddy bears that name on
the network that it shares with such an app. Without a core, or away from it, the app asks as a browser would.
"""

from collections.abc import Iterator

from infrakit.errors import Position, Problem
from infrakit.model import SECRETS_DIRECTORY, TRUSTED, Container, Dependency, Origin, SecretMount, SecretSpec
from infrakit.resolve.world import DOOR, HostDraft, Locate, Placed, World

TRUST = ("CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
"""Variables that name a file of certificates to trust: of curl, Node.js, Python's requests, and OpenSSL and Go
(curl(1), nodejs.org/api/cli.html, requests.readthedocs.io, SSL_CTX_set_default_verify_paths(3),
pkg.go.dev/crypto/x509)."""
OWN_MODES = ("internal", "files")
"""Modes whose certificates are signed by whom no image trusts, or maybe so."""


def clients(host: HostDraft) -> Iterator[Placed]:
    """Apps of a host that ask Authentik themselves."""
    return (placed for placed in host.placed if placed.app is not None and placed.blueprint.oidc is not None)


def let_clients_in(world: World) -> World:
    """Let apps that sign in by themselves find the sign-in pages from inside, and trust their certificate."""
    core = world.core_host()
    if core is None or world.config.tls.mode == "tunnel":
        return world
    found = {placed.blueprint.main.name: placed for placed in clients(core)}
    name = next((route.hostname for route in core.routes if route.sign_in == "provider"), "")
    shared = tuple((f"door_{placed.name}", name) for placed in found.values())
    shared = tuple(pair for pair in shared if pair[0] in core.membership.get(DOOR, ()))

    def widened(container: Container) -> Container:
        if container.name == DOOR:
            return container._replace(aliases=tuple(sorted(shared)))
        return _trusting(world, found[container.name], container) if container.name in found else container

    services = tuple(service._replace(containers=tuple(map(widened, service.containers))) for service in core.services)
    host = core._replace(services=services)
    return world._replace(hosts=tuple(host if item is core else item for item in world.hosts))


def _trusting(world: World, placed: Placed, container: Container) -> Container:
    """It starts after who answers it; what it says itself of whom it trusts stays."""
    if world.config.tls.mode not in OWN_MODES:
        return container
    cause = _cause(world, placed)
    said = {name for name, _ in (*container.environment, *container.secret_environment)}
    told = {name: f"{SECRETS_DIRECTORY}/{TRUSTED}" for name in TRUST if name not in said}
    origins = {f"environment.{name}": cause for name in told} | {f"needs.{DOOR}": cause}
    return container._replace(
        environment=tuple(sorted({**dict(container.environment), **told}.items())),
        secrets=tuple(sorted({*container.secrets, SecretMount(TRUSTED, "")})),
        depends_on=tuple(sorted({*container.depends_on, Dependency(DOOR, "service_healthy")})),
        origins={**container.origins, **origins},
    )


def authorities(world: World, host: HostDraft) -> list[SecretSpec]:
    """The file that they trust, where there are any. No secret: it lies where what is made on the host lies."""
    first = next(clients(host), None) if host.name == world.core and world.config.tls.mode in OWN_MODES else None
    if first is None:
        return []
    what = "whom apps trust that sign in by themselves: public authorities, and Caddy's own"
    return [SecretSpec(TRUSTED, "authorities", 0, False, what, (), _cause(world, first))]


def _cause(world: World, placed: Placed) -> Origin:
    path = placed.app.path if placed.app is not None else ()
    return world.origin((*path, "oidc"), "discovery") if placed.kind == "app" else placed.cause


def clients_reach(world: World, locate: Locate) -> list[Problem]:
    """Who is not beside the core's Caddy needs a way to its address, and a certificate that others trust, too."""
    found = []
    mode = world.config.tls.mode
    for host in world.hosts if world.core else ():
        beside = host.name == world.core and mode != "tunnel"
        for placed in () if beside else clients(host):
            assert placed.app is not None
            what = f"apps.{placed.name}.oidc: on {host.shown} it would ask for the sign-in pages"
            if host.name == world.core:
                what = f"apps.{placed.name}.oidc: with a tunnel it asks for the sign-in pages at Cloudflare"
            elif mode == "internal":
                why = "whose certificate only the core's own authority signs"
                hint = "run it on the core, or choose another tls.mode"
                found.append(Problem(_place(placed, locate), f"{what}, {why}", "sign-in-apart", hint))
                continue
            if not placed.blueprint.main.internet:
                hint = "add internet: true" + ("" if host.name == world.core else ", or run it on the core")
                found.append(Problem(_place(placed, locate), f"{what}, and nothing leads there", "sign-in-apart", hint))
    return found


def _place(placed: Placed, locate: Locate) -> Position:
    path = placed.app.path if placed.app is not None else ()
    return locate((*path, "oidc" if placed.kind == "app" else "blueprint"), key=True)
