"""secrets and user_secrets of apps -> Problems: a name means one thing."""

from infrakit.catalog.model import Catalog
from infrakit.config.model import AppConfig, Config, Path
from infrakit.errors import Problem
from infrakit.resolve.apps import oidc_secret
from infrakit.resolve.world import Locate

OURS = ("dns_token", "fleet_ca", "fleet_certificate", "fleet_key", "tls_certificate", "tls_key")
"""Secrets of Caddy."""

Owner = tuple[str, str, Path | None]
"""Who has a secret, of which kind, and where the user says so: None where nobody does."""


def secrets_apart(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """No app takes the name of a service's secret; apps may share one that both mint, or both ask for."""
    owner = of_catalogue(catalog)
    found = []
    for name, app, kind, path in _said(config):
        other, other_kind, other_path = owner.setdefault(name, (f"apps.{app.name}", kind, path))
        if other == f"apps.{app.name}" or kind and kind == other_kind:
            continue
        what = f"apps.{app.name}: the secret {name} is one of {other}"
        found.append(
            Problem(
                locate(path),
                what,
                "secret-name",
                "choose another name",
                related=locate(other_path) if other_path else None,
            )
        )
    return found


def of_catalogue(catalog: Catalog) -> dict[str, Owner]:
    """Every secret of the catalogue's, wherever its services run, with its owner."""
    owner: dict[str, Owner] = dict.fromkeys(OURS, ("services.caddy", "", None))
    for service, blueprint in catalog.blueprints.items():
        names = [spec.name for spec in blueprint.secrets] + ([blueprint.oidc.secret] if blueprint.oidc else [])
        owner |= dict.fromkeys(names, (f"services.{service}", "", None))
    return owner


def of_apps(config: Config) -> dict[str, Owner]:
    """Every secret that keys of apps name, with the first that does."""
    return {name: (f"apps.{app.name}", kind, path) for name, app, kind, path in reversed(_said(config))}


def _said(config: Config) -> list[tuple[str, AppConfig, str, Path]]:
    """(name, app, kind, path) of every secret of every app; the one of an OIDC client is nobody else's."""
    found = []
    for app in config.apps:
        found += [(name, app, "minted", (*app.path, "secrets", number)) for number, name in enumerate(app.secrets)]
        found += [
            (name, app, "asked", (*app.path, "user_secrets", number)) for number, name in enumerate(app.user_secrets)
        ]
        if app.oidc is not None:
            found.append((oidc_secret(app.name), app, "", (*app.path, "oidc")))
    return found
