"""`${...}` in texts of apps -> Problems: what is referred to is there, and only where it is replaced."""

import re
from collections.abc import Iterator

from infrakit.catalog.model import Catalog
from infrakit.config.model import AppConfig, Config, Path, ServiceConfig
from infrakit.config.nearest import nearest
from infrakit.errors import Problem
from infrakit.resolve.apps import oidc_secret
from infrakit.resolve.checks.secrets import of_apps
from infrakit.resolve.names_in_files import assigned
from infrakit.resolve.texts import names_in, secrets_in
from infrakit.resolve.world import Locate


def texts_known(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """References of apps lead somewhere; those of services and blueprints to secrets would lead nowhere."""
    pages = {name for name, blueprint in catalog.blueprints.items() if blueprint.route is not None}
    pages |= {app.name for app in config.apps if has_page(app)}
    at_the_host = {app.name for app in config.apps if app.network == "host"}
    minted = set(of_apps(config)) - {oidc_secret(app.name) for app in config.apps}
    found = []
    for app in config.apps:
        own = minted | ({oidc_secret(app.name)} if app.oidc is not None else set())
        for path, text in texts_of(app) if not app.blueprint else ():
            for name in names_in(text):
                hint = _unknown(name, app, pages, own, at_the_host)
                if hint:
                    what = f"apps.{app.name}.{'.'.join(map(str, path))}: ${{{name}}} leads to nothing there"
                    found.append(Problem(locate((*app.path, *path)), what, "unknown-reference", hint))
        for path, text in _as_they_are(app) if not app.blueprint else ():
            for name in (name for name in names_in(text) if "." in name):
                what = f"apps.{app.name}.{'.'.join(map(str, path))}: nothing is replaced here: ${{{name}}}"
                hint = "say it in the environment, and let a script (sh -c) read that variable"
                found.append(Problem(locate((*app.path, *path)), what, "unknown-reference", hint))
    verbatim: list[AppConfig | ServiceConfig] = [*config.services, *(app for app in config.apps if app.blueprint)]
    for entry in verbatim:
        for key, value in entry.environment:
            if names_in(value) if entry.path[0] == "apps" else secrets_in(value):
                what = f"{entry.path[0]}.{entry.name}.environment.{key}: nothing is replaced here"
                hint = f"write secrets, and {key}_FILE: /run/secrets/NAME"
                hint = f"say it in {entry.blueprint}" if isinstance(entry, AppConfig) else hint
                place = locate((*entry.path, "environment", key))
                found.append(Problem(place, what, "unknown-reference", hint))
    return found


def has_page(app: AppConfig) -> bool:
    """Whether the app may have an address: of a blueprint nobody knows here."""
    return bool(app.port or app.blueprint)


def texts_of(app: AppConfig) -> Iterator[tuple[Path, str]]:
    """Every text in which references are replaced, with its path below the app."""
    yield from ((("environment", key), value) for key, value in app.environment)
    yield from ((("files", path), content) for path, content in app.files)


def _as_they_are(app: AppConfig) -> Iterator[tuple[Path, str]]:
    """Texts that come to the container as they are: a name of ours would be what it reads. ${url} may be a script's own
    variable; one with a dot is none."""
    for key, words in (("command", app.command), ("entrypoint", app.entrypoint), ("health", app.health)):
        if words and not isinstance(words, str):
            yield from (((key, number), word) for number, word in enumerate(words))
    yield from ((("labels", key), value) for key, value in app.labels)


def no_secret_in_files(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """A file of the tree is no place for a secret, as an environment is none."""
    from infrakit.policy.secrets import what_is_secret

    found = []
    for app in config.apps:
        for path, content in app.files:
            for name, value in assigned(re.sub(r"\$\{secret\.[^{}\s]*\}", "${secret}", content)):
                kind = what_is_secret(name, value)
                if kind and name not in app.not_secret:
                    what = f"apps.{app.name}.files.{path}: {name} holds {kind}"
                    hint = "list it under secrets or user_secrets, and write ${secret.NAME} in its place"
                    hint += f"; or, where it is none, apps.{app.name}.not_secret: [{name}]"
                    found.append(Problem(locate((*app.path, "files", path)), what, "secret-in-file", hint))
    return found


def _unknown(name: str, app: AppConfig, pages: set[str], secrets: set[str], at_the_host: set[str]) -> str:
    """What to do about a reference that leads nowhere; "" for one that does not."""
    family, dot, rest = name.partition(".")
    known = secrets if family == "secret" else pages
    if not dot:
        return "add port: its door gives it an address" if name in ("url", "hostname") and not has_page(app) else ""
    if rest in known and not (family == "inside" and rest in at_the_host):
        return ""
    close = nearest(rest, sorted(known))
    if close:
        return f"did you mean ${{{family}.{close}}}?"
    if family == "secret":
        return f"add secrets: [{rest}], or user_secrets where only you have it; write $${{ for a plain ${{"
    return "write $${ for a plain ${"
