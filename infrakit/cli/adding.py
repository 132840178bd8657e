"""New apps and volumes -> infrakit.yaml, and the values of their secrets -> this host's own.

Everything is judged first; then secrets are kept, then the file takes the place of the old one, by one rename.
"""

import functools
import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import click

from infrakit.catalog import load_catalog
from infrakit.cli import import_secrets, init, source
from infrakit.cli.import_secrets import Store
from infrakit.cli.import_told import Told
from infrakit.cli.questions import QUESTIONS
from infrakit.cli.talk import result_json, say
from infrakit.compiler import Compiled, load
from infrakit.composed.addition import Section, extended, hostnames_said, names_in, secrets_said, text_at
from infrakit.composed.apps_text import app_lines, volume_lines
from infrakit.composed.names import Taken, reserved, reserved_secrets, reserved_volumes
from infrakit.composed.words import Converted
from infrakit.config.reader import MAXIMUM_BYTES
from infrakit.errors import EXIT_DIFFERENCES, EXIT_OK, ConfigurationInvalid, InfraKitError, Problem, UsageProblem
from infrakit.policy.containers import is_pinned
from infrakit.system.files import only_ours, plain_errors, read_input, replace_alike, replace_as_read

ANSWERS = ("domain", "pattern", "tls", "admin")


class Gathered(NamedTuple):
    """What all projects together come to. `names`: of projects, each with how many of its volumes are used on.
    `comments`: what stands beside a key."""

    found: Converted
    values: dict[str, bytes]
    warnings: tuple[Problem, ...]
    names: dict[str, int]
    comments: Mapping[str, str] = {}


class Target(NamedTuple):
    """Where they go. `answers`: to the questions of init, for a file that is not there yet."""

    file: str
    output: str | None
    answers: dict[str, str | None]
    dry_run: bool
    as_json: bool
    offline: bool

    def current(self) -> bytes | None:
        """The file as it is; None where there is none."""
        return _current(self.file) if os.path.lexists(self.file) else None


OPTIONS = (
    click.option("-f", "--file", metavar="FILE", default=source.FILE, show_default=True, help="The file to add to."),
    click.option("-o", "--output", metavar="FOLDER", help="Keep secrets there, not where this host has its own."),
    click.option("--offline", is_flag=True, help="Do not ask registries what an image without a version is today."),
    click.option("--domain", metavar="DOMAIN", help="Of a file that is not there yet, as in init."),
    click.option("--pattern", type=click.Choice(["full", "edge", "monitoring"]), help="The same."),
    click.option("--tls", type=click.Choice(["acme", "internal", "files", "tunnel"]), help="The same."),
    click.option("--admin", metavar="USER", help="The same."),
    click.option("--dry-run", is_flag=True, help="Write nothing; print the lines. Exit code 6 where there are any."),
    click.option("--json", "as_json", is_flag=True, help="Print the result as JSON."),
)


def to_a_file(command: Callable[..., int]) -> Callable[..., int]:
    """The options of every verb that adds apps to a file; the command gets them as a Target."""

    @functools.wraps(command)
    def asked(**said: Any) -> int:
        answers = {key: said.pop(key) for key in ANSWERS}
        keys = ("file", "output", "dry_run", "as_json", "offline")
        given = {key: said.pop(key) for key in keys}
        return command(target=Target(answers=answers, **given), **said)

    for option in reversed(OPTIONS):
        asked = option(asked)
    return asked


def add(gathered: Gathered, target: Target, *, whole: bool = False) -> int:
    """All of it, or nothing; the exit code. `whole`: what is added is right as it is, or refused."""
    file, before = target.file, target.current()
    answers = target.answers
    if target.dry_run:
        answers = {key: said or QUESTIONS[key][1] for key, said in answers.items()}
    base = init.first(answers, file) if before is None else before
    if not target.offline and any(not is_pinned(str(app.get("image"))) for app in gathered.found.apps.values()):
        gathered = _pinned(gathered, mirror_of(target))
    after = extended(base, file, _sections(gathered))
    store = _secrets(gathered, base, target)
    left = _left(after, file)
    if whole and any(problem.severity == "error" for problem in left) and not _has_errors(base, file):
        raise ConfigurationInvalid(left)
    adds = bool(gathered.found.apps)
    if adds and not target.dry_run:
        _write(file, before, after, store, gathered.values)
    told = Told(file, gathered.found, gathered.warnings, left, gathered.names, tuple(sorted(gathered.values)), store)
    if target.as_json:
        result_json(told.as_json(written=adds and not target.dry_run))
    else:
        told.tell(dry_run=target.dry_run)
    return EXIT_DIFFERENCES if target.dry_run and adds else EXIT_OK


def mirror_of(target: Target) -> str:
    """images.mirror of the file, "" where nothing is said."""
    current = target.current()
    return text_at(current, target.file, ("images", "mirror")) if current is not None else ""


def apps_of(target: Target) -> frozenset[str]:
    """What apps of the file are called."""
    current = target.current()
    return names_in(current, target.file)[0] if current is not None else frozenset()


def taken_of(target: Target) -> Taken:
    """Names that are not free: what the catalogue has, and what stands in the file."""
    current, catalog = target.current() or b"", load_catalog()
    apps, volumes = names_in(current, target.file)
    secrets = reserved_secrets(catalog) | secrets_said(current, target.file)
    apps |= hostnames_said(current, target.file)
    return Taken(reserved(catalog) | apps, reserved_volumes(catalog) | volumes, secrets)


def _pinned(gathered: Gathered, mirror: str) -> Gathered:
    from infrakit.cli.import_pins import pinned

    found, warnings = pinned(gathered.found, mirror, say)
    return gathered._replace(found=found, warnings=(*gathered.warnings, *warnings))


def _current(file: str) -> bytes:
    only_ours(file)
    return read_input(file, MAXIMUM_BYTES)


def _sections(gathered: Gathered) -> list[Section]:
    found = gathered.found
    apps = {name: found.places[f"apps.{name}"] for name in found.apps}
    volumes = {name: found.places[f"volumes.{name}"] for name in found.volumes}
    return [
        Section("apps", app_lines(found, gathered.comments), apps),
        Section("volumes", volume_lines(found), volumes),
    ]


def _secrets(gathered: Gathered, before: bytes, target: Target) -> Store | None:
    """Where the secrets go, once it is known that they can; None where there are none."""
    if not gathered.values:
        return None
    store = import_secrets.store(before, target.file, blueprints(target.file), target.output)
    if not target.dry_run:
        import_secrets.need_access(store, gathered.values, target.output)
    others = [name for name, value in sorted(gathered.values.items()) if store.has_other(name, value)]
    if others:
        what = f"{store.host} has other secrets of these names already: {', '.join(others)}"
        raise UsageProblem(what, "add it with --prefix NAME, or remove those that nobody needs")
    return store


def blueprints(file: str) -> Callable[[str], bytes]:
    """Reads what the file names, beside it."""
    return lambda name: read_input(os.path.join(os.path.dirname(file), name), MAXIMUM_BYTES)


def loaded(content: bytes, file: str) -> Compiled:
    """What `file` comes to with this content, blueprints and lock beside it."""
    return load(content, file, blueprints(file), source.lock_of(file))


def _left(after: bytes, file: str) -> tuple[Problem, ...]:
    """What `validate` will say about the file."""
    try:
        return loaded(after, file).warnings
    except ConfigurationInvalid as error:
        return error.problems


def _has_errors(content: bytes, file: str) -> bool:
    return any(problem.severity == "error" for problem in _left(content, file))


def _write(file: str, before: bytes | None, after: bytes, store: Store | None, values: dict[str, bytes]) -> None:
    made = import_secrets.keep(store, values) if store is not None else []
    try:
        if before is not None:
            replace_as_read(file, before, after)
        else:
            with plain_errors("write"):
                init.put_schema(file)
                replace_alike(file, after)
    except InfraKitError:
        if store is not None:
            import_secrets.take_back(store, made)
        raise
