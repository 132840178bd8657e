"""Texts of the user's own blueprints -> Problems: what `${...}` refers to is there, and for who reads it."""

from collections.abc import Iterator, Mapping, Set

from infrakit.catalog.model import Blueprint, Catalog
from infrakit.catalog.references import is_known, references
from infrakit.config.model import Path
from infrakit.resolve.containers import readers

Misfit = tuple[Path, str, str, str]
"""Path in the blueprint, what is wrong, its code, a hint."""


def referred(blueprint: Blueprint, services: Set[str]) -> Iterator[Misfit]:
    """`services`: whose addresses can be referred to, since they have a page."""
    objects = {
        "option": {option.name for option in blueprint.options},
        "secret": {spec.name for spec in blueprint.secrets},
        **dict.fromkeys(("url", "hostname", "inside"), services),
    }
    for path, text in _texts(blueprint):
        for name in references(text):
            family, dot, rest = name.partition(".")
            if not is_known(name) or dot and rest not in objects.get(family, {rest}):
                what = f"{'.'.join(map(str, path))}: there is no ${{{name}}}"
                yield path, what, "unknown-reference", "write $${ for a plain ${"


def unread(blueprint: Blueprint) -> Iterator[Misfit]:
    """What a text leads to is there for who reads it: the file of a secret, at one path, the socket proxy, or a service
    that it reaches."""
    for file in blueprint.files:
        if not readers(blueprint, file.name):
            what = f"files.{file.name}: no container reads it"
            yield ("files", file.name), what, "unknown-file", "list it under files of one"
    for path, text in _texts(blueprint):
        own = path[0] == "containers"
        who = (
            [item for item in blueprint.containers if item.name == path[1]] if own else readers(blueprint, str(path[1]))
        )
        for name in references(text):
            kind, _, rest = name.partition(".")
            seen = {next((use for use in item.secrets if use.name == rest), None) for item in who}
            hint = f"list {rest} under secrets of {' and '.join(item.name for item in who)}, with one target"
            if name == "docker_host" and any(item.docker is None or item.docker.transport != "tcp" for item in who):
                seen, hint = {None}, "add docker, with transport tcp"
            elif kind == "inside" and not _reaches(blueprint, rest.partition(".")[0]):
                seen, hint = {None}, f"add reaches: [{rest.partition('.')[0]}]"
            elif kind != "secret":
                continue
            if seen and (None in seen or len(seen) > 1):
                what = f"{'.'.join(map(str, path))}: ${{{name}}} leads to nothing there"
                yield path, what, "unknown-reference", hint


def _reaches(blueprint: Blueprint, service: str) -> bool:
    """Whether one of its containers is in a network with the service: who reads the address may hand it on."""
    return service == blueprint.name or any(service in item.reaches for item in blueprint.containers)


def with_pages(catalog: Catalog, blueprints: Mapping[str, Blueprint]) -> set[str]:
    known = {**catalog.blueprints, **blueprints}
    names = {name for name, blueprint in known.items() if blueprint.route is not None}
    return names | {f"{name}.{route.door}" for name in names for route in known[name].routes if route.door}


def unknown_references(catalog: Catalog) -> list[str]:
    """What the catalogue's own blueprints refer to and nobody has, for a test: on some host it would be found late."""
    services = with_pages(catalog, {})
    return [
        f"{blueprint.document}: {what}"
        for blueprint in catalog.blueprints.values()
        for _, what, _, _ in (*referred(blueprint, services), *unread(blueprint))
    ]


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
