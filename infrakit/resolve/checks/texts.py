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
from infrakit.resolve.texts import NAMES, names_in, secrets_in
from infrakit.resolve.world import Locate

_VARIABLE = r"(?<!\$)\$\{([A-Za-z_][A-Za-z0-9_.]*)(?::?[-+?][^{}]*)?\}|^\$([A-Za-z_][A-Za-z0-9_]*)$"
"""Of Compose (docs.docker.com/reference/compose-file/interpolation). Where no braces end it, it is the whole value: a
word with a dollar in it is none."""
_ESCAPED = rf"\$\$\{{({'|'.join(NAMES)})\}}"


def texts_known(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """References of apps lead somewhere; those of services and blueprints to secrets would lead nowhere."""
    pages = {name for name, blueprint in catalog.blueprints.items() if blueprint.route is not None}
    pages |= {app.name for app in config.apps if has_page(app)}
    at_the_host = {app.name for app in config.apps if app.network == "host"}
    apps = {app.name: app for app in config.apps}
    minted = set(of_apps(config)) - {oidc_secret(app.name) for app in config.apps}
    found = []
    for app in config.apps:
        own = minted | ({oidc_secret(app.name)} if app.oidc is not None else set())
        for path, text in texts_of(app) if not app.blueprint else ():
            for name in names_in(text):
                hint = _unknown(name, app, pages, own, at_the_host)
                what, code = f"${{{name}}} leads to nothing there", "unknown-reference"
                if not hint and name.startswith("inside.") and _apart(app, apps.get(name.split(".")[1])):
                    what, code = f"${{{name}}}: it does not reach {name.split('.')[1]}", "unmet-need"
                    hint = f"add needs: [{name.split('.')[1]}]"
                if hint:
                    what = f"apps.{app.name}.{'.'.join(map(str, path))}: {what}"
                    found.append(Problem(locate((*app.path, *path)), what, code, hint))
        found += _variables(app, locate)
        found += _files_of_secrets(app, own, locate)
        for path, text in _as_they_are(app) if not app.blueprint else ():
            for name in (name for name in names_in(text) if "." in name):
                what = f"apps.{app.name}.{'.'.join(map(str, path))}: nothing is replaced here: ${{{name}}}"
                hint = "say it in the environment, and let a script (sh -c) read that variable"
                found.append(Problem(locate((*app.path, *path)), what, "unknown-reference", hint))
        found += _doubled(app, locate)
    verbatim: list[AppConfig | ServiceConfig] = [*config.services, *(app for app in config.apps if app.blueprint)]
    for entry in verbatim:
        for key, value in entry.environment:
            if names_in(value) if entry.path[0] == "apps" else secrets_in(value):
                what = f"{entry.path[0]}.{entry.name}.environment.{key}: nothing is replaced here"
                from infrakit.policy.secrets import a_file

                known = catalog.blueprints.get(entry.name)
                containers = known.containers if known is not None else ()
                written = a_file(key, [value for item in containers for _, value in item.environment])
                hint = f"list it under secrets, or user_secrets where only you have it, and write {written}"
                hint = f"say it in {entry.blueprint}" if isinstance(entry, AppConfig) else hint
                place = locate((*entry.path, "environment", key))
                found.append(Problem(place, what, "unknown-reference", hint))
    return found


def _variables(app: AppConfig, locate: Locate) -> list[Problem]:
    """What Compose would have put in from .env, and nobody does here. Of a secret it is an error: the letters of the
    variable would be a password that everybody knows."""
    from infrakit.policy.secrets import what_is_secret

    found = []
    for key, value in app.environment:
        match = re.search(_VARIABLE, value) if "$" in value and key not in app.not_secret else None
        if not match or match[0] in (f"${{{name}}}" for name in names_in(value)):
            continue
        is_secret = match[0] == value and bool(what_is_secret(key, "a-word"))
        name = _as_secret(match[1] or match[2])
        hint = f"list it under secrets, and write ${{secret.{name}}}" if is_secret else "write what it stands for"
        hint += "; it is well so only where the app replaces it by itself"
        hint += f": then apps.{app.name}.not_secret: [{key}]" if is_secret else ""
        what = f"apps.{app.name}.environment.{key}: no .env is read here, and the app gets {match[0]} as it stands"
        place = locate((*app.path, "environment", key))
        found.append(Problem(place, what, "variable", hint, "error" if is_secret else "warning"))
    return found


def _files_of_secrets(app: AppConfig, minted: set[str], locate: Locate) -> list[Problem]:
    """A path below /run/secrets is that of a secret which the app lists."""
    listed = {*app.secrets, *app.user_secrets, *({oidc_secret(app.name)} if app.oidc is not None else ())}
    found = []
    for key, value in app.environment if not app.blueprint else ():
        name = value.removeprefix("file://").removeprefix("/run/secrets/")
        if not value.endswith(f"/run/secrets/{name}") or not name or name in listed:
            continue
        word = name if name in minted else nearest(name, sorted(listed)) or _as_secret(name)
        hint = f"write /run/secrets/{word}" if word in listed else f"add secrets: [{word}], or user_secrets where only"
        hint += "" if word in listed else " you have it"
        hint += f", and write /run/secrets/{word}" if word not in listed and word != name else ""
        what = f"apps.{app.name}.environment.{key}: the app lists no secret {name}, and there is no such file"
        found.append(Problem(locate((*app.path, "environment", key)), what, "unknown-secret", hint))
    return found


def _doubled(app: AppConfig, locate: Locate) -> list[Problem]:
    """Compose's way of writing one dollar is none here: a shell would read its own number."""
    texts = [(("environment", key), value) for key, value in app.environment]
    return [
        Problem(
            locate((*app.path, *path)),
            f"apps.{app.name}.{'.'.join(map(str, path))}: {match[0]} stays as it is here, with two dollars",
            "two-dollars",
            f"write {match[0][1:]}: only Compose doubles them",
            "warning",
        )
        for path, text in (*texts, *_as_they_are(app))
        for match in [re.search(r"\$\$(?:[A-Za-z_][A-Za-z0-9_]*|\{[A-Za-z_][A-Za-z0-9_]*\}|\()", text)]
        if match and not re.match(_ESCAPED, text[match.start() :])
    ]


def _apart(app: AppConfig, other: AppConfig | None) -> bool:
    """Whether the two are on the same hosts, and in no network together."""
    if other is None or other is app or {name for name, _ in app.hosts} != {name for name, _ in other.hosts}:
        return False
    networks = {(one.name if one.network in ("", "host") else one.network) for one in (app, other)}
    return other.name not in {name for name, _ in app.needs} and len(networks) > 1


def _as_secret(text: str) -> str:
    """What a secret of that name may be called."""
    return re.sub("[^a-z0-9]+", "_", text.lower()).strip("_").lstrip("0123456789_") or "secret"


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
    if app.backup is not None and app.backup.own is not None:
        for key, said in (("dump", app.backup.own.dump), ("restore", app.backup.own.restore)):
            yield from ((("backup", key, number), word) for number, word in enumerate(said))


def no_secret_in_files(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """A file of the tree is no place for a secret, as an environment is none."""
    return [
        Problem(locate((*app.path, "files", path)), f"apps.{app.name}.files.{path}: {what}", "secret-in-file", hint)
        for app in config.apps
        for path, content in app.files
        for what, hint in secrets_held(app, content)
    ]


def secrets_held(app: AppConfig, content: str) -> Iterator[tuple[str, str]]:
    """(what, hint) for each secret in a file of an app's, or of its blueprint."""
    from infrakit.policy.secrets import A_SECRET, IN_ADDRESS, what_is_secret

    text = re.sub(r"\$\{secret\.[^{}\s]*\}", "${secret}", content)
    hint = "list it under secrets or user_secrets, and write ${secret.NAME} in its place"
    named = [(name, kind) for name, value in assigned(text) for kind in [what_is_secret(name, value)] if kind]
    for name, kind in named:
        if name not in app.not_secret:
            yield f"{name} holds {kind}", f"{hint}; or, where it is none, apps.{app.name}.not_secret: [{name}]"
    kind = what_is_secret("", text)
    if not named and kind in (A_SECRET, IN_ADDRESS):
        yield f"it holds {kind}", hint


def _unknown(name: str, app: AppConfig, pages: set[str], secrets: set[str], at_the_host: set[str]) -> str:
    """What to do about a reference that leads nowhere; "" for one that does not."""
    family, dot, rest = name.partition(".")
    known = secrets if family == "secret" else pages - at_the_host if family == "inside" else pages
    if not dot:
        return "add port: its door gives it an address" if name in ("url", "hostname") and not has_page(app) else ""
    if rest in known:
        return ""
    close = nearest(rest, sorted(known))
    if close:
        return f"did you mean ${{{family}.{close}}}?"
    if family == "secret":
        word = _as_secret(rest)
        also = f", write ${{secret.{word}}}" if word != rest else ""
        return f"add secrets: [{word}], or user_secrets where only you have it{also}; write $${{ for a plain ${{"
    return "write $${ for a plain ${"
