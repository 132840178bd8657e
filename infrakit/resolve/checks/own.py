"""Blueprints of the user's own x Config x Catalog -> Problems: a blueprint speaks of itself, and touches nobody else's
things.

Comfort with a place for each mistake: the rules of policy/ hold without it.
"""

from collections.abc import Iterator, Mapping

from infrakit.catalog.model import Blueprint, Catalog
from infrakit.catalog.references import is_known, references
from infrakit.config.model import AppConfig, Config, Path
from infrakit.errors import Problem
from infrakit.model import Origin
from infrakit.resolve.checks.secrets import of_apps, of_catalogue
from infrakit.resolve.world import Locate

Misfit = tuple[Path, str, str, str]
"""Path in the blueprint, what is wrong, its code, a hint."""


def own_fits(config: Config, catalog: Catalog, blueprints: Mapping[str, Blueprint], locate: Locate) -> list[Problem]:
    """All problems of all blueprints of apps."""
    found = []
    taken = {item.name for blueprint in catalog.blueprints.values() for item in blueprint.containers}
    taken |= {app.name for app in config.apps if not app.blueprint}
    secrets = {name: owner for name, (owner, _, _) in (of_apps(config) | of_catalogue(catalog)).items()}
    for app in config.apps:
        blueprint = blueprints.get(app.name)
        if blueprint is None or not app.blueprint:
            continue
        for path, what, code, hint in (
            *_names(blueprint, taken),
            *_secrets(blueprint, secrets),
            *_parts(app, blueprint, catalog),
            *_references(blueprint),
        ):
            found.append(Problem(locate.origin(Origin(blueprint.document, path, "checks")), what, code, hint))
        taken |= {item.name for item in blueprint.containers}
    return found


def _names(blueprint: Blueprint, taken: set[str]) -> Iterator[Misfit]:
    for container in blueprint.containers:
        if container.name in taken or container.name.endswith("-socket"):
            yield (
                ("containers", container.name),
                f"containers.{container.name}: the name is taken",
                "container-name",
                f"for instance {blueprint.name}-{container.name}"[:60],
            )


def _secrets(blueprint: Blueprint, owners: dict[str, str]) -> Iterator[Misfit]:
    """What it declares is nobody else's, on no host; from here on it is this app's."""
    for spec in blueprint.secrets:
        owner = owners.setdefault(spec.name, f"apps.{blueprint.name}")
        if owner != f"apps.{blueprint.name}":
            yield (
                ("secrets", spec.name),
                f"secrets.{spec.name}: it is one of {owner}",
                "secret-name",
                f"for instance {blueprint.name.replace('-', '_')}_{spec.name}"[:60],
            )


def _parts(app: AppConfig, blueprint: Blueprint, catalog: Catalog) -> Iterator[Misfit]:
    """Everything that is named exists in the same blueprint, or is for this app to name."""
    names = {item.name for item in blueprint.containers}
    declared = {spec.name for spec in blueprint.secrets}
    files = {item.name for item in blueprint.files}
    route, oidc = blueprint.route, blueprint.oidc
    if route is not None and route.container not in names:
        yield (
            ("route", "container"),
            f"route.container: there is no container {route.container} here",
            "unknown-container",
            f"one of: {', '.join(sorted(names))}",
        )
    if route is not None and route.sign_in == "application" and oidc is None and app.saml is None:
        yield (
            ("route", "sign_in"),
            "route.sign_in: an application signs in through oidc",
            "no-sign-in",
            "add oidc, or write forward_auth",
        )
    if oidc is not None and oidc.secret and oidc.secret not in declared:
        yield (
            ("oidc", "secret"),
            f"oidc.secret: there is no secret {oidc.secret} here",
            "unknown-secret",
            "declare it under secrets",
        )
    for name in blueprint.requires:
        if name not in catalog.blueprints:
            yield (
                ("requires",),
                f"requires: there is no service {name}",
                "unknown-service",
                "infrakit catalog list names them",
            )
    for item in blueprint.containers:
        base = ("containers", item.name)
        for name, _ in item.needs:
            if name not in names:
                yield (
                    (*base, "needs", name),
                    f"{item.name}: needs: there is no container {name} here",
                    "unknown-container",
                    "an app that it needs stands in infrakit.yaml",
                )
        for number, use in enumerate(item.files):
            if use.file not in files:
                yield (
                    (*base, "files", number),
                    f"{item.name}: files: there is no file {use.file} here",
                    "unknown-file",
                    "declare it under files",
                )
        for number, secret in enumerate(item.secrets):
            if secret.name not in declared:
                yield (
                    (*base, "secrets", number),
                    f"{item.name}: secrets: there is no secret {secret.name} here",
                    "unknown-secret",
                    "declare it under secrets",
                )


def _references(blueprint: Blueprint) -> Iterator[Misfit]:
    options = {option.name for option in blueprint.options}
    secrets = {spec.name for spec in blueprint.secrets}
    for path, text in _texts(blueprint):
        for name in references(text):
            family, _, rest = name.partition(".")
            if is_known(name) and (family != "option" or rest in options) and (family != "secret" or rest in secrets):
                continue
            yield (
                path,
                f"{'.'.join(map(str, path))}: there is no ${{{name}}}",
                "unknown-reference",
                "write $${ for a plain ${",
            )


def _texts(blueprint: Blueprint) -> Iterator[tuple[Path, str]]:
    """Every text of a blueprint in which references are replaced."""
    for item in blueprint.containers:
        base = ("containers", item.name)
        yield from (((*base, "environment", key), value) for key, value in item.environment)
        for field, words in (("command", item.command), ("entrypoint", item.entrypoint)):
            yield from (((*base, field, number), word) for number, word in enumerate(words or ()))
        yield from (
            ((*base, "health", "test", number), word)
            for number, word in enumerate(item.health.test if item.health else ())
        )
    yield from ((("files", item.name, "content"), item.content) for item in blueprint.files)
