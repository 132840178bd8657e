"""secrets and user_secrets of apps and services -> Problems: a name means one thing."""

from infrakit.catalog.model import Catalog
from infrakit.config.check import dotted
from infrakit.config.model import AppConfig, Config, Path, SecretForm, ServiceConfig
from infrakit.config.nearest import nearest
from infrakit.errors import Problem
from infrakit.model import OF_BACKUPS, OF_THE_HOST, TRUSTED
from infrakit.resolve.apps import oidc_secret
from infrakit.resolve.containers import names_of
from infrakit.resolve.world import Locate, World

OF_CADDY = ("dns_token", "tls_certificate", "tls_key", TRUSTED, *OF_THE_HOST)
"""Secrets of Caddy, and of those that it leads to."""

SHORTEST = 16
"""Letters and digits of a secret, as of one of a blueprint."""

Owner = tuple[str, str, Path | None]
"""Who has a secret, of which kind, and where the user says so: None where nobody does."""


def secrets_apart(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """Nobody takes the name of a secret of the catalogue's; a secret that the user names may be shared by all who mint
    it, or by all who ask for it."""
    owner = of_catalogue(catalog)
    if config.notify:
        from infrakit.resolve.channels import secrets_named, sound

        named = [(name, channel.path) for channel in sound(config.notify) for _, name in secrets_named(channel)]
        owner |= {name: ("notify", "", path) for name, path in named}
    found = []
    for name, said, kind, path in _said(config):
        other, other_kind, other_path = owner.setdefault(name, (said, kind, path))
        if kind == other_kind and (kind or said == other):
            continue
        what = f"{said}: the secret {name} is one of {other}"
        found.append(
            Problem(
                locate(path),
                what,
                "secret-name",
                "choose another name",
                related=locate(other_path) if other_path else None,
            )
        )
    return found + _forms(config, locate)


def _forms(config: Config, locate: Locate) -> list[Problem]:
    """What a secret is made of is said once, and all of it counts."""
    found = []
    known: dict[str, SecretForm] = {}
    for form in (form for app in config.apps for form in app.forms if form.is_said):
        where = dotted(form.path)
        other = known.setdefault(form.name, form)
        if form[:3] != other[:3]:
            what, hint = (
                f"{where}: another app says another length or format",
                "say it in one of the two; the other takes the same secret",
            )
            places = locate(form.path), locate(other.path)
            found.append(Problem(places[0], what, "secret-form", hint, related=places[1]))
        elif form.form == "uuid" and (*form.path, "length") in config.said:
            hint = "remove length, or format"
            place = locate((*form.path, "length"))
            found.append(Problem(place, f"{where}.length: a uuid has its own", "secret-form", hint))
        elif not form.form and form.length < SHORTEST:
            what = f"{where}.length: {form.length} letters and digits can be guessed"
            place = locate((*form.path, "length"))
            found.append(Problem(place, what, "secret-form", f"write {SHORTEST} or more"))
    return found


def called_plain(world: World, locate: Locate) -> list[Problem]:
    """What the user calls no secret stands in an environment of that service or app."""
    found = {}
    for host in world.hosts:
        for placed, service in zip(host.placed, host.services):
            said = placed.settings or placed.app
            if said is None or not said.not_secret:
                continue
            names = {name for container in service.containers for name in names_of(container)}
            files = placed.app.files if placed.app is not None else ()
            if placed.app is not None and placed.app.backup is not None:
                from infrakit.resolve.checks.app_backup import named_in_backup

                names.update(name for _, name, _ in named_in_backup(placed.app.backup))
            if files:
                from infrakit.resolve.names_in_files import assigned

                names.update(name for _, content in files for name, _ in assigned(content))
            for number, name in enumerate(said.not_secret):
                if name not in names:
                    close = {known.lower(): known for known in names}.get(nearest(name, map(str.lower, names)), "")
                    where = f"{said.path[0]}.{said.name}"
                    what = f"{where}.not_secret: there is no {name} in its environment, command or files"
                    hint = f"did you mean {close}?" if close else f"remove it, or add it to {where}.environment"
                    place = locate((*said.path, "not_secret", number))
                    found[place] = Problem(place, what, "unknown-name", hint)
    return list(found.values())


def of_catalogue(catalog: Catalog) -> dict[str, Owner]:
    """Every secret of the catalogue's, wherever its services run, with its owner."""
    owner: dict[str, Owner] = dict.fromkeys(OF_CADDY, ("services.caddy", "", None))
    owner |= dict.fromkeys(OF_BACKUPS, ("the backups", "", None))
    for service, blueprint in catalog.blueprints.items():
        names = [spec.name for spec in blueprint.secrets] + ([blueprint.oidc.secret] if blueprint.oidc else [])
        owner |= dict.fromkeys(names, (f"services.{service}", "", None))
    return owner


def of_apps(config: Config) -> dict[str, Owner]:
    """Every secret that keys of apps name, with the first that does."""
    return {name: (said, kind, path) for name, said, kind, path in reversed(_said(config))}


def _said(config: Config) -> list[tuple[str, str, str, Path]]:
    """(name, whose, kind, path) of every secret of the file; the one of an OIDC client is nobody else's."""
    found: list[tuple[str, str, str, Path]] = []
    entries: tuple[AppConfig | ServiceConfig, ...] = (*config.apps, *config.services)
    for entry in entries:
        said = f"{entry.path[0]}.{entry.name}"
        for kind, key, names in (("minted", "secrets", entry.secrets), ("asked", "user_secrets", entry.user_secrets)):
            by_name = key == "secrets" and isinstance(entry, AppConfig) and entry.forms
            found += [
                (name, said, kind, (*entry.path, key, name if by_name else number)) for number, name in enumerate(names)
            ]
    for app in config.apps:
        if app.oidc is not None:
            found.append((oidc_secret(app.name), f"apps.{app.name}", "", (*app.path, "oidc")))
    return found
