"""Dokploy's catalogue (a folder of docker-compose.yml, template.toml and meta.json for each) -> Templates.

Its helpers, in values of template.toml: ${domain}, ${password:n}, ${base64:n}, ${hash:n}, ${uuid},
${jwt:secret:claims}, ${randomPort}, ${email}, ${username}, ${timestamp}; any other name is one of its variables.
Source: Dokploy/templates, README.md, and Dokploy/dokploy, packages/server/src/templates.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from infrakit.templates.model import Mark, Marks, Rewritten, Summary, Template, TemplateDoor, TemplateInvalid

HELPER = re.compile(r"\$\{([^}]*)\}")
LENGTHS = {"password": 16, "base64": 32, "hash": 8, "jwt": 32}
LONGEST = 1024
PLAIN = {"username": "admin", "email": "admin@example.org"}
FOLDER = "../files/"
"""Where its Compose files find what template.toml gives the content of."""
DEEPEST = 20

ReadTemplate = Callable[[str], "bytes | None"]
"""Name of one of its files -> content, None where there is none."""


def summary(name: str, meta: bytes | None) -> Summary:
    """What meta.json says."""
    said = _json(meta)
    tags = said.get("tags")
    listed = tuple(str(tag) for tag in tags) if isinstance(tags, list) else ()
    return Summary(name, str(said.get("name") or name), str(said.get("description") or ""), listed)


def from_folder(name: str, read: ReadTemplate) -> Template:
    """One folder of it."""
    compose = read("docker-compose.yml")
    if compose is None:
        raise TemplateInvalid(f"there is no docker-compose.yml in {name}", "name a folder of Dokploy's templates")
    said = _toml(name, read("template.toml") or b"")
    values = _Values(said.get("variables"))
    config = _table(said.get("config"))
    pairs = dict(_pairs(config.get("env", said.get("env"))))
    # Compose reads them from a file, in which later ones may use those before.
    values.variables = {**pairs, **values.variables}
    environment = {
        key: values.filled(values.variables[key] if text == "${" + key + "}" else text, key)
        for key, text in pairs.items()
    }
    doors = tuple(_doors(name, config.get("domains"), values))
    files = {}
    for mount in _tables(config.get("mounts")):
        path = str(mount.get("filePath", "")).lstrip("/").removeprefix("files/").removeprefix("./")
        files[FOLDER + path] = values.filled(str(mount.get("content", "")), f"file_{path}")
    source = f"Dokploy's template {name}"
    about = summary(name, read("meta.json"))
    return Template(
        about, source, compose, environment, values.marks.table(), lambda tree: Rewritten(tree, doors, files)
    )


class _Values:
    """Texts of template.toml with their helpers and variables filled in."""

    def __init__(self, variables: object) -> None:
        self.variables = {key: _text(value) for key, value in _table(variables).items()}
        self.marks = Marks()

    def filled(self, text: str, owner: str, depth: int = 0) -> str:
        """`owner`: what a secret is called that is minted in this text."""
        if depth > DEEPEST:
            raise TemplateInvalid(f"the variables of template.toml lead to each other ({owner})", "mend the template")
        return HELPER.sub(lambda match: self._one(match, owner, depth), text)

    def _one(self, match: "re.Match[str]", owner: str, depth: int) -> str:
        name, *words = match[1].split(":")
        own = self.variables.get(name)
        # A variable may be called like a helper, and mean that by its own name.
        if own is not None and not words and name != owner:
            return self.filled(own, name, depth + 1)
        if own is not None and name not in HELPERS:
            return ""  # itself: what a form would ask for
        return self._helped(name, words, owner, depth) if name in HELPERS else match[0]

    def _helped(self, name: str, words: list[str], owner: str, depth: int) -> str:
        if name in PLAIN:
            return PLAIN[name]
        if name.startswith("timestamp"):
            return self.marks.word(Mark("time", words[0] if words else "", 1 if name == "timestamps" else 1000))
        if name == "domain":
            return self.marks.word(Mark("host", owner))
        if name == "randomPort":
            raise TemplateInvalid("it wants a port that nobody has chosen (${randomPort})", "write the app by hand")
        length = int(words[0]) if words and words[0].isdigit() and len(words[0]) < 5 else LENGTHS.get(name, 0)
        called = re.sub(r"[^a-z0-9]+", "_", owner.lower()).strip("_") or name
        if name == "jwt" and words and not words[0].isdigit():
            claims = self.filled(self.variables.get(words[1], ""), words[1], depth + 1) if len(words) > 1 else ""
            secret = re.sub(r"[^a-z0-9]+", "_", words[0].lower()).strip("_")
            return self.marks.word(Mark("jwt", called, of=secret, claims=claims))
        kind = {"base64": "encoded", "hash": "hex", "jwt": "hex"}.get(name, name)
        return self.marks.word(Mark(kind, called, min(length, LONGEST)))


HELPERS = {*PLAIN, *LENGTHS, *("domain", "randomPort", "timestamp", "timestamps", "timestampms", "uuid")}


def _doors(name: str, domains: object, values: _Values) -> list[TemplateDoor]:
    found = []
    for item in _tables(domains):
        host = values.filled(str(item.get("host", "")), "domain")
        mark = values.marks.table().get(host)
        service, port = str(item.get("serviceName", name)), str(item.get("port", ""))
        if port.isdigit():
            found.append(TemplateDoor(service, mark.name if mark else service, int(port), str(item.get("path") or "/")))
    return found


def _toml(name: str, source: bytes) -> Mapping[str, Any]:
    import tomli

    try:
        found: Mapping[str, Any] = tomli.loads(source.decode())
    except (ValueError, RecursionError) as error:
        raise TemplateInvalid(f"template.toml of {name} is no TOML: {error}", "mend it, or choose another") from None
    return found


def _json(source: bytes | None) -> Mapping[str, Any]:
    try:
        found = json.loads(source or b"{}")
    except (ValueError, RecursionError):
        found = {}
    return _table(found)


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _tables(value: object) -> list[Mapping[str, Any]]:
    return [_table(item) for item in value] if isinstance(value, list) else []


def _pairs(value: object) -> list[tuple[str, str]]:
    """An environment: a table, a list of NAME=value, or a list of tables."""
    if isinstance(value, dict):
        return [(key, _text(item)) for key, item in value.items()]
    found: list[tuple[str, str]] = []
    for item in value if isinstance(value, list) else ():
        if isinstance(item, dict):
            found += [(key, _text(each)) for key, each in item.items()]
        else:
            key, _, text = str(item).partition("=")
            found.append((key.strip(), text))
    return found


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
