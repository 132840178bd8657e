"""infrakit catalog add, infrakit catalog search: templates of other catalogues, read for whoever asks.

Nothing of them is carried along: `--from` is a file, a folder or an address, the catalogue's own public one where
nothing is said.
"""

import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import click

from infrakit import resources
from infrakit.cli.adding import Gathered, Target, add, taken_of, to_a_file
from infrakit.cli.given_secret import MOST_BYTES as MOST_OF_SECRET
from infrakit.cli.given_secret import checked
from infrakit.cli.talk import result, result_json
from infrakit.composed.fit import fitted
from infrakit.composed.hidden import hidden
from infrakit.errors import ConfigurationInvalid, UsageProblem
from infrakit.policy.secrets import what_is_secret
from infrakit.system.fetch import fetch
from infrakit.system.files import read_input
from infrakit.system.minted import minted
from infrakit.system.proxies import proxies
from infrakit.templates import coolify, dokploy
from infrakit.templates.added import added
from infrakit.templates.model import GIVEN, Summary, Template, TemplateInvalid, matching

MOST_BYTES = 32 << 20
MOST_OF_ONE = 512 << 10
TIMEOUT_S = 30.0
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,100}")
ADDRESS = re.compile(r"https?://\S+")


class Source(NamedTuple):
    """A catalogue, as it is found at a place (a file, a folder, or an address)."""

    usual: str
    one: Callable[[str, str], Template]
    all: Callable[[str], Iterator[Summary]]


@click.command(
    name="add",
    short_help="Add a template of another catalogue to infrakit.yaml.",
    help="Add a template of another catalogue (coolify, dokploy) to infrakit.yaml, and say what became of every key. "
    "Its passwords are minted on this host. What is dangerous in it stands in comments.",
)
@click.argument("template", metavar="SOURCE:NAME")
@click.option("--from", "place", default="", metavar="PLACE", help="A file, a folder or an address of the catalogue.")
@click.option("--set", "answers", multiple=True, metavar="NAME=VALUE", help="A variable that the template leaves open.")
@click.option(
    "--set-file",
    "files",
    multiple=True,
    metavar="NAME=FILE",
    help="The same for a secret, which is kept on this host: from a file, or - for standard input.",
)
@click.option("--prefix", default="", metavar="NAME", help="Put NAME- before the names of apps and volumes.")
@to_a_file
def add_template(
    target: Target, template: str, place: str, answers: tuple[str, ...], files: tuple[str, ...] = (), prefix: str = ""
) -> int:
    return add_to(target, template, place, answers, files, prefix)


def add_to(
    target: Target, template: str, place: str, answers: tuple[str, ...], files: tuple[str, ...] = (), prefix: str = ""
) -> int:
    """A template by SOURCE:NAME into a file; the exit code. `files`: of secrets, as NAME=FILE."""
    kind, sign, name = template.partition(":")
    if not sign or kind not in SOURCES or not NAME.fullmatch(name):
        raise UsageProblem(f"{template} is not SOURCE:NAME", f"SOURCE is one of: {', '.join(SOURCES)}")
    source = SOURCES[kind]
    said, given = _answers(answers), _given(files)
    one, taken = source.one(place or source.usual, name), taken_of(target)
    found = added(one, taken, int(time.time()), said, sorted(given), prefix)
    if found.found is None:
        raise ConfigurationInvalid(found.problems)
    whole = fitted(hidden(found.found), resources.schema("infrakit"))
    values = {secret: value.encode() for secret, value in whole.secrets.items()}
    own = {secret: given[mark.name] for secret, mark in found.minted.items() if mark.kind == GIVEN}
    unused = sorted(set(given) - {mark.name for mark in found.minted.values() if mark.kind == GIVEN})
    if unused:
        raise UsageProblem(f"--set-file {unused[0]}: the template has no place for it", "leave it out")
    values.update(minted(found.minted, int(time.time()), own))
    return add(Gathered(whole, values, found.problems, {}), target)


@click.command(help="Templates of another catalogue that all words are in.")
@click.argument("words", nargs=-1, required=True, metavar="WORD...")
@click.option("--source", type=click.Choice(["coolify", "dokploy"]), default="coolify", show_default=True)
@click.option("--from", "place", default="", metavar="PLACE", help="A file, a folder or an address of the catalogue.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def search(words: tuple[str, ...], source: str, place: str, as_json: bool) -> None:
    found = matching(SOURCES[source].all(place or SOURCES[source].usual), words)
    if as_json:
        result_json([item._asdict() for item in found])
        return
    for item in found:
        result(f"{source}:{item.name:30}  {item.about}".rstrip())
    if not found:
        result(f"nothing in {source} has {' and '.join(words)} in it")


def _answers(said: tuple[str, ...]) -> Mapping[str, str]:
    wrong = [item for item in said if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*=.*", item, re.DOTALL)]
    if wrong:
        raise UsageProblem(
            f"--set {wrong[0].partition('=')[0]}: not NAME=VALUE", "for instance --set DOMAIN=example.org"
        )
    found = dict(item.split("=", 1) for item in said)
    for name, value in found.items():
        if what_is_secret(name, value):
            what = f"--set {name}: a secret in a command line is seen by whoever lists processes, and kept by the shell"
            raise UsageProblem(what, f"--set-file {name}=FILE, or {name}=- for standard input")
    return found


def _given(said: tuple[str, ...]) -> Mapping[str, bytes]:
    """Secrets by name of their variables, from files."""
    found: dict[str, bytes] = {}
    for item in said:
        name, sign, path = item.partition("=")
        if not (re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) and path):
            raise UsageProblem(f"--set-file {name}: not NAME=FILE", "for instance --set-file SMTP_PASSWORD=smtp.txt")
        content = sys.stdin.buffer.read(MOST_OF_SECRET + 1) if path == "-" else read_input(path, MOST_OF_SECRET)
        found[name] = checked(name, content)
    if sum(item.endswith("=-") for item in said) > 1:
        raise UsageProblem("--set-file: standard input is for one secret", "put the others into files")
    return found


def _content(place: str, most: int = MOST_BYTES) -> bytes:
    return fetch(place, most, TIMEOUT_S, proxies()) if ADDRESS.fullmatch(place) else read_input(place, most)


def _coolify(place: str, name: str) -> Template:
    if os.path.isdir(place):
        path = next(
            (path for end in ("yaml", "yml") if os.path.isfile(path := os.path.join(place, f"{name}.{end}"))), ""
        )
        if not path:
            raise TemplateInvalid(f"there is no {name}.yaml in {place}", "name the folder templates/compose")
        return coolify.from_file(read_input(path, MOST_OF_ONE), name)
    return coolify.from_catalogue(_content(place), name)


def _all_of_coolify(place: str) -> Iterator[Summary]:
    if not os.path.isdir(place):
        yield from coolify.summaries(_content(place)).values()
        return
    for path in sorted(os.listdir(place)):
        name, _, end = path.rpartition(".")
        if end in ("yaml", "yml"):
            yield coolify.from_file(read_input(os.path.join(place, path), MOST_OF_ONE), name).summary


def _dokploy(place: str, name: str) -> Template:
    def read(file: str) -> bytes | None:
        if ADDRESS.fullmatch(place):
            if file == "meta.json":
                return None
            return fetch(f"{place.rstrip('/')}/{name}/{file}", MOST_OF_ONE, TIMEOUT_S, proxies())
        path = os.path.join(place, name, file)
        return read_input(path, MOST_OF_ONE) if os.path.isfile(path) else None

    return dokploy.from_folder(name, read)


def _all_of_dokploy(place: str) -> Iterator[Summary]:
    if not os.path.isdir(place):
        raise UsageProblem("Dokploy's catalogue has no list at an address", "fetch it, and name its folder blueprints")
    for name in sorted(os.listdir(place)):
        path = os.path.join(place, name, "meta.json")
        if os.path.isfile(path):
            yield dokploy.summary(name, read_input(path, MOST_OF_ONE))


SOURCES = {
    "coolify": Source("https://cdn.coollabs.io/coolify/service-templates-latest.json", _coolify, _all_of_coolify),
    "dokploy": Source("https://raw.githubusercontent.com/Dokploy/templates/main/blueprints", _dokploy, _all_of_dokploy),
}
"""Addresses from coollabsio/coolify, config/constants.php (services.official), and Dokploy/templates, blueprints/."""

COMMANDS = {"add": add_template, "search": search}
