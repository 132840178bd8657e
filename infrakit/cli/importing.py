"""infrakit import: Compose projects, as they run today, become apps of infrakit.yaml, with a row for every key.

Everything is read and judged first; then secrets are kept, then the file takes the place of the old one, by one rename.
"""

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import click

from infrakit import resources
from infrakit.catalog import load_catalog
from infrakit.cli import import_places, import_secrets
from infrakit.cli.adding import Gathered, Target, add, apps_of, taken_of, to_a_file
from infrakit.cli.import_places import Place
from infrakit.composed import read
from infrakit.composed.apps import converted
from infrakit.composed.fit import fitted
from infrakit.composed.hidden import hidden
from infrakit.composed.names import Taken, reserved_volumes
from infrakit.composed.words import Converted
from infrakit.errors import ConfigurationInvalid, Problem, UsageProblem

HELP = (
    "Turn Compose projects into apps of infrakit.yaml, each with its .env, and say what became of every key. PATH is a "
    "folder, a Compose file, or several with : between them, which are merged. Volumes are used where they are; values "
    "that are secrets go to this host's secrets, and never into the file."
)


class Wanted(NamedTuple):
    """The call."""

    paths: tuple[str, ...]
    env_files: tuple[str, ...]
    profiles: tuple[str, ...]
    project_name: str
    prefix: str
    within: str


@click.command(name="import", help=HELP)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--env-file", "env_files", multiple=True, metavar="FILE", help="Instead of .env beside the Compose file.")
@click.option("--profile", "profiles", multiple=True, metavar="NAME", help="Also services of this profile.")
@click.option("--project-name", default="", metavar="NAME", help="What Compose calls the project: its volumes' names.")
@click.option("--prefix", default="", metavar="NAME", help="Put NAME- before the names of apps and volumes.")
@click.option("--within", default="", metavar="FOLDER", help="Also read files of this folder that the project names.")
@to_a_file
def command(target: Target, **said: Any) -> int:
    wanted = Wanted(**said)
    if wanted.project_name and len(wanted.paths) > 1:
        raise UsageProblem("--project-name is the name of one project, and several are named", "import one at a time")
    return add(_gathered(wanted, target), target)


def _gathered(wanted: Wanted, target: Target) -> Gathered:
    """Every project read and converted. ConfigurationInvalid with all that is wrong with all of them."""
    # An app of the file that is called the same is a fault, and said with both places.
    taken = taken_of(target)._replace(volumes=reserved_volumes(load_catalog()))
    there = apps_of(target)
    taken = taken._replace(apps=taken.apps - there, found=there)
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
        found = converted(project, place.folder, taken, wanted.prefix, leads_to=import_places.leads_to)
        found = fitted(hidden(found), schema)
        more, said_of_secrets = import_secrets.values(found, read_file)
        problems += map(place.problem, said_of_secrets)
        values |= more
        whole = _joined(whole, _from_here(found, place))
        shared = tuple((str(said["external"]), name) for name, said in found.volumes.items() if "external" in said)
        taken = Taken(
            taken.apps | {*found.apps} | {str(said["hostname"]) for said in found.apps.values() if "hostname" in said},
            taken.volumes | {*found.volumes},
            taken.secrets | {*more},
            (*taken.shared, *shared),
            taken.found,
        )
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
