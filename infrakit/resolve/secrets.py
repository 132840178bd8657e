"""Which secrets there are, who reads them, and which of them Caddy needs for its certificates."""

from collections.abc import Iterable, Iterator

from infrakit.config.model import ServiceConfig
from infrakit.model import LOGS_PAIR, Container, Origin, SecretMount, SecretSpec
from infrakit.resolve.discovery import authorities
from infrakit.resolve.world import DOOR, LOG_AGENT, LOGS, HostDraft, World

WORKER = "authentik-worker"
CADDY_SECRETS = {
    "files": {"tls_certificate": "the certificate chain (PEM)", "tls_key": "the private key of the certificate (PEM)"},
    "dns": {"dns_token": "the API token of the DNS provider"},
}
PAIR_PATHS = ("/dozzle_cert.pem", "/dozzle_key.pem")
"""Where Dozzle and its agent look for a pair by themselves; without one they have the pair that every Dozzle has.
Source: amir20/dozzle v10.7.3, internal/support/cli/args.go and certs.go."""


def gather_secrets(world: World) -> World:
    """Name every secret of every host."""
    return world._replace(hosts=tuple(_gathered(world, host) for host in world.hosts))


def _gathered(world: World, host: HostDraft) -> HostDraft:
    found = {spec.name: spec for spec in _declared(world, host)}
    forms = {form.name: form for app in world.config.apps for form in app.forms if form.is_said}
    found.update(
        (name, found[name]._replace(length=form.length, form=form.form, origin=world.origin(form.path, "secrets")))
        for name, form in forms.items()
        if name in found
    )
    clients = _client_secrets(world)
    for spec in clients:
        if host.name == world.core or spec.name in found:
            found[spec.name] = spec
    extra = _caddy_secrets(world, host)
    found.update({spec.name: spec for spec in extra})
    found.update({spec.name: spec for spec in authorities(world, host)})
    found.update({spec.name: spec for spec in _of_backups(world)})
    found.update({spec.name: spec for spec in _of_channels(world)})
    host = _mounted(host, DOOR, _by_name(extra))
    if host.relays or host.has(LOG_AGENT):
        pair = _pair_of_logs(host)
        found.update({spec.name: spec for spec in pair})
        for name in (LOGS, LOG_AGENT):
            host = _mounted(host, name, map(SecretMount, LOGS_PAIR, PAIR_PATHS))
        host = _mounted(host, DOOR, _by_name(pair) if host.relays else ())
    if host.name == world.core:
        host = _mounted(host, WORKER, _by_name(clients))
    readers = _readers(host)
    secrets = tuple(found[name]._replace(required_by=readers.get(name, ())) for name in sorted(found))
    return host._replace(secrets=secrets)


def _declared(world: World, host: HostDraft) -> Iterator[SecretSpec]:
    """What the blueprints of a host declare. The catalogue comes last: of two that declare one name it is the owner."""
    for placed in sorted(host.placed, key=lambda item: item.app is None):
        for secret in placed.blueprint.secrets:
            origin = Origin(placed.blueprint.document, ("secrets", secret.name), "secrets")
            if placed.kind == "app":
                assert placed.app is not None
                origin = world.origin(placed.app.path, "secrets")
            elif placed.settings is not None:
                origin = _said(world, placed.settings, secret.name) or origin
            yield SecretSpec(*secret[:5], (), origin, placed.name, *secret[5:])


def _said(world: World, service: ServiceConfig, name: str) -> Origin | None:
    """Where the user gives a secret to a service of the catalogue's; None where the blueprint declares it."""
    for key, names in (("secrets", service.secrets), ("user_secrets", service.user_secrets)):
        if name in names:
            return world.origin((*service.path, key, names.index(name)), "secrets")
    return None


def _by_name(specs: list[SecretSpec]) -> Iterator[SecretMount]:
    return (SecretMount(spec.name) for spec in specs)


def _mounted(host: HostDraft, name: str, mounts: Iterable[SecretMount]) -> HostDraft:
    """`host` with these secrets in the container called `name`."""
    mounts = set(mounts)

    def widened(container: Container) -> Container:
        if container.name != name or not mounts:
            return container
        return container._replace(secrets=tuple(sorted({*container.secrets, *mounts})))

    services = tuple(
        service._replace(containers=tuple(widened(container) for container in service.containers))
        for service in host.services
    )
    return host._replace(services=services)


def _client_secrets(world: World) -> list[SecretSpec]:
    """Client secrets of OIDC: read by the service, wherever it runs, and by the worker that applies our blueprint."""
    owners = {
        placed.blueprint.oidc.secret: placed
        for host in world.hosts
        for placed in sorted(host.placed, key=lambda item: item.app is None)
        if placed.blueprint.oidc is not None
    }
    return [
        SecretSpec(
            item.oidc.secret,
            "password",
            60,
            True,
            f"OIDC client secret of {item.title}",
            (),
            item.oidc.origin,
            owners[item.oidc.secret].name,
            "",
            "client" if owners[item.oidc.secret].app else "restart",
        )
        for item in world.access.applications
        if item.oidc is not None and item.oidc.secret
    ]


def _caddy_secrets(world: World, host: HostDraft) -> list[SecretSpec]:
    if not host.has(DOOR):
        return []
    origin = world.origin(world.config.tls.path, "secrets")
    wanted = [
        SecretSpec(name, "user", 0, False, description, (), origin)
        for name, description in CADDY_SECRETS.get(world.config.tls.mode, {}).items()
        if host.name == world.core or not world.core
    ]
    leads_away = bool(host.relays) or any(upstream.remote for route in host.routes for upstream in route.upstreams)
    if leads_away or host.door.fleet_port:
        origin = host.origin._replace(decided_by="secrets")
        wanted += [
            SecretSpec(
                "fleet_ca", "fleet_ca", 0, True, "the certificate that all hosts of the fleet trust", (), origin
            ),
            SecretSpec("fleet_certificate", "fleet_certificate", 0, False, "this host's certificate", (), origin),
            SecretSpec("fleet_key", "fleet_certificate", 0, False, "the key of this host's certificate", (), origin),
        ]
    return wanted


def _of_backups(world: World) -> list[SecretSpec]:
    if world.config.backup is None:
        return []
    from infrakit.resolve.backups import secrets_of

    return secrets_of(world)


def _of_channels(world: World) -> list[SecretSpec]:
    if not world.config.notify:
        return []
    from infrakit.resolve.channels import secrets_of

    return secrets_of(world)


def _pair_of_logs(host: HostDraft) -> list[SecretSpec]:
    """What the agent of a host knows its callers by, and what the core's Caddy knows Dozzle by: each host's own."""
    origin = host.origin._replace(decided_by="secrets")
    what = ("the certificate that opens Dozzle's agents on this host", "the key of that certificate")
    return [SecretSpec(name, "fleet_logs", 0, False, text, (), origin) for name, text in zip(LOGS_PAIR, what)]


def _readers(host: HostDraft) -> dict[str, tuple[str, ...]]:
    readers: dict[str, list[str]] = {}
    for service in host.services:
        for container in service.containers:
            texts = [text for _, text in container.secret_environment] + [item.text for item in container.secret_files]
            used = {secret for text in texts for _, secret in text if secret}
            for name in used.union(mount.name for mount in container.secrets):
                readers.setdefault(name, []).append(container.name)
    return {name: tuple(sorted(found)) for name, found in readers.items()}
