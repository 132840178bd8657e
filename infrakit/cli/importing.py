"""infrakit import: Compose projects, as they run today, become apps of infrakit.yaml, with a row for every key.

Everything is read and judged first; then secrets are kept, then the file takes the place of the old one, by one rename.
"""

import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import click

from infrakit import resources
from infrakit.catalog import load_catalog
from infrakit.cli import import_places, import_secrets, init, source
from infrakit.cli.import_places import Place
from infrakit.cli.import_secrets import Store
from infrakit.cli.import_told import Told
from infrakit.cli.questions import QUESTIONS
from infrakit.cli.talk import result_json
from infrakit.compiler import load
from infrakit.composed import read
from infrakit.composed.addition import Section, extended, secrets_said
from infrakit.composed.apps import converted
from infrakit.composed.apps_text import app_lines, volume_lines
from infrakit.composed.fit import fitted
from infrakit.composed.names import Taken, reserved, reserved_secrets
from infrakit.composed.words import Converted
from infrakit.config.reader import MAXIMUM_BYTES
from infrakit.errors import EXIT_DIFFERENCES, EXIT_OK, ConfigurationInvalid, InfraKitError, Problem, UsageProblem
from infrakit.system.files import only_ours, plain_errors, read_input, replace_alike

HELP = (
    "Turn Compose projects into apps of infrakit.yaml, each with its .env, and say what became of every key. PATH is a "
    "folder, a Compose file, or several with : between them, which are merged. Volumes are used where they are; values "
    "that are secrets go to this host's secrets, and never into the file."
)


class Wanted(NamedTuple):
    """The call."""

    paths: tuple[str, ...]
    file: str
    env_files: tuple[str, ...]
    profiles: tuple[str, ...]
    project_name: str
    prefix: str
    within: str
    output: str | None


class Gathered(NamedTuple):
    """What all projects together come to. `names`: of projects, each with how many of its volumes are used on."""

    found: Converted
    values: dict[str, bytes]
    warnings: tuple[Problem, ...]
    names: dict[str, int]


@click.command(name="import", help=HELP)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("-f", "--file", metavar="FILE", default=source.FILE, show_default=True, help="The file to add to.")
@click.option("--env-file", "env_files", multiple=True, metavar="FILE", help="Instead of .env beside the Compose file.")
@click.option("--profile", "profiles", multiple=True, metavar="NAME", help="Also services of this profile.")
@click.option("--project-name", default="", metavar="NAME", help="What Compose calls the project: its volumes' names.")
@click.option("--prefix", default="", metavar="NAME", help="Put NAME- before the names of apps and volumes.")
@click.option("--within", default="", metavar="FOLDER", help="Also read files of this folder that the project names.")
@click.option("-o", "--output", metavar="FOLDER", help="Keep secrets there, instead of where this host has its own.")
@click.option("--domain", metavar="DOMAIN", help="Of a file that is not there yet, as in init.")
@click.option("--pattern", type=click.Choice(["full", "edge", "monitoring"]), help="The same.")
@click.option("--tls", type=click.Choice(["acme", "internal", "files", "tunnel"]), help="The same.")
@click.option("--admin", metavar="USER", help="The same.")
@click.option("--dry-run", is_flag=True, help="Write nothing; print the lines. Exit code 6 where there are any.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(dry_run: bool, as_json: bool, **said: Any) -> int:
    answers = {key: said.pop(key) for key in ("domain", "pattern", "tls", "admin")}
    wanted = Wanted(**said)
    file = wanted.file
    if wanted.project_name and len(wanted.paths) > 1:
        raise UsageProblem("--project-name is the name of one project, and several are named", "import one at a time")
    before = _current(file) if os.path.lexists(file) else None
    gathered = _gathered(wanted, before or b"")
    if dry_run:
        answers = {key: said or QUESTIONS[key][1] for key, said in answers.items()}
    base = init.first(answers, file) if before is None else before
    after = extended(base, file, _sections(gathered.found))
    store = _secrets(gathered, base, wanted, dry_run=dry_run)
    left = _left(after, file)
    adds = bool(gathered.found.apps)
    if adds and not dry_run:
        _write(file, before, after, store, gathered.values)
    told = Told(file, gathered.found, gathered.warnings, left, gathered.names, tuple(sorted(gathered.values)), store)
    if as_json:
        result_json(told.as_json(written=adds and not dry_run))
    else:
        told.tell(dry_run=dry_run)
    return EXIT_DIFFERENCES if dry_run and adds else EXIT_OK


def _current(file: str) -> bytes:
    only_ours(file)
    return read_input(file, MAXIMUM_BYTES)


def _gathered(wanted: Wanted, before: bytes) -> Gathered:
    """Every project read and converted. ConfigurationInvalid with all that is wrong with all of them."""
    catalog = load_catalog()
    taken = Taken(reserved(catalog), secrets=reserved_secrets(catalog) | secrets_said(before, wanted.file))
    schema = resources.schema("infrakit")
    whole = Converted({}, {}, {}, {}, {}, ())
    values: dict[str, bytes] = {}
    names: dict[str, int] = {}
    problems: list[Problem] = []
    for place in _places(wanted.paths):
        read_file = import_places.reader(place, wanted.within, wanted.env_files)
        asked = import_places.asked(place, wanted.env_files, wanted.profiles, wanted.project_name, os.environ)
        project, said = read(asked, read_file)
        problems += map(place.problem, said)
        if project is None:
            continue
        found = fitted(converted(project, place.folder, taken, wanted.prefix), schema)
        more, said_of_secrets = import_secrets.values(found, read_file)
        problems += map(place.problem, said_of_secrets)
        values |= more
        whole = _joined(whole, _from_here(found, place))
        taken = Taken(taken.apps | {*found.apps}, taken.volumes | {*found.volumes}, taken.secrets | {*more})
        names[project.name] = sum("external" in each for each in found.volumes.values())
    if any(problem.severity == "error" for problem in problems):
        raise ConfigurationInvalid(problems)
    return Gathered(whole, values, tuple(problems), names)


def _from_here(found: Converted, place: Place) -> Converted:
    """With places as the person would name them."""
    rows = tuple(row._replace(at=place.named(row.at)) for row in found.rows)
    return found._replace(rows=rows, places={name: place.named(at) for name, at in found.places.items()})


def _places(paths: Sequence[str]) -> list[Place]:
    found = [import_places.place(path) for path in paths]
    return list(dict.fromkeys(found))


def _joined(one: Converted, other: Converted) -> Converted:
    """Both; no name is in both."""
    return Converted(
        {**one.apps, **other.apps},
        {**one.volumes, **other.volumes},
        {**one.secrets, **other.secrets},
        {**one.secret_files, **other.secret_files},
        {**one.withheld, **other.withheld},
        (*one.rows, *other.rows),
        {**one.services, **other.services},
        {**one.places, **other.places},
    )


def _sections(found: Converted) -> list[Section]:
    apps = {name: found.places[f"apps.{name}"] for name in found.apps}
    volumes = {name: found.places[f"volumes.{name}"] for name in found.volumes}
    return [Section("apps", app_lines(found), apps), Section("volumes", volume_lines(found), volumes)]


def _secrets(gathered: Gathered, before: bytes, wanted: Wanted, *, dry_run: bool) -> Store | None:
    """Where the secrets go, once it is known that they can; None where there are none."""
    if not gathered.values:
        return None
    store = import_secrets.store(before, wanted.file, _blueprints(wanted.file), wanted.output)
    if not dry_run:
        import_secrets.need_access(store, gathered.values, wanted.output)
    others = [name for name, value in sorted(gathered.values.items()) if store.has_other(name, value)]
    if others:
        what = f"{store.host} has other secrets of these names already: {', '.join(others)}"
        raise UsageProblem(what, "import with --prefix NAME, or remove those that nobody needs")
    return store


def _blueprints(file: str) -> Callable[[str], bytes]:
    return lambda name: read_input(os.path.join(os.path.dirname(file), name), MAXIMUM_BYTES)


def _left(after: bytes, file: str) -> tuple[Problem, ...]:
    """What `validate` will say about the file."""
    try:
        return load(after, file, _blueprints(file)).warnings
    except ConfigurationInvalid as error:
        return error.problems


def _write(file: str, before: bytes | None, after: bytes, store: Store | None, values: dict[str, bytes]) -> None:
    made = import_secrets.keep(store, values) if store is not None else []
    try:
        if before is not None and _current(file) != before:
            raise InfraKitError(f"{file} was changed in the meantime", "run it again")
        with plain_errors("write"):
            if before is None:
                init.put_schema(file)
            replace_alike(file, after)
    except InfraKitError:
        if store is not None:
            import_secrets.take_back(store, made)
        raise
