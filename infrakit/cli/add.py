"""infrakit add: a new app from an image, with what the image says of itself and what a person answers.

Also a template of another catalogue, by SOURCE:NAME (cli/templates.py).
"""

import re
import sys
from typing import NamedTuple

import click

from infrakit.cli import templates
from infrakit.cli.adding import Gathered, Target, add, mirror_of, taken_of, to_a_file
from infrakit.cli.talk import say
from infrakit.composed.doors import served_by
from infrakit.composed.image import ImageFacts, facts_of
from infrakit.composed.names import LONGEST_APP, Names
from infrakit.composed.words import Converted, image_name
from infrakit.errors import InfraKitError, Position, UsageProblem
from infrakit.lock import full_name, mirrored_name
from infrakit.system.registry.client import Client
from infrakit.system.registry.names import parse_reference

FOLDER = re.compile(r"/[^\s:,]+")
SAID = {
    "port": "the door: the port that it answers browsers on",
    "serves": "for apps that need it; it has no door",
    "allow": "who may open it",
    "data": "what it keeps, in volumes of its own",
    "internet": "it may go out",
}
"""Key -> the comment beside it."""


class Said(NamedTuple):
    """What the call says; None, "" and () are asked for on a terminal."""

    name: str
    port: int | None
    allow: tuple[str, ...]
    data: tuple[str, ...]
    internet: bool


@click.command(
    help="Add an app to infrakit.yaml: an image, or a template of another catalogue (coolify:NAME, dokploy:NAME)."
)
@click.argument("image", metavar="IMAGE|SOURCE:NAME")
@click.option("--name", default="", metavar="NAME", help="What it is called; by its image where nothing is said.")
@click.option("--port", type=click.IntRange(0, 65535), help="The port that its door leads to; 0 for no door.")
@click.option("--allow", multiple=True, metavar="WHO", help="A group or user who may open it; several times for more.")
@click.option("--data", multiple=True, metavar="PATH", help="A folder in it that is kept; several times for more.")
@click.option("--internet", is_flag=True, help="It may reach the internet.")
@click.option("--from", "place", default="", metavar="PLACE", help="Of a template: where its catalogue is.")
@to_a_file
def command(
    target: Target,
    image: str,
    name: str,
    port: int | None,
    allow: tuple[str, ...],
    data: tuple[str, ...],
    internet: bool,
    place: str,
) -> int:
    if image.partition(":")[0] in templates.SOURCES and "/" not in image:
        return templates.add_to(target, image, place, ())
    if place:
        raise UsageProblem("--from: it says where the catalogue of a template is", "for instance coolify:wikijs")
    parse_reference(image)
    wrong = [path for path in data if not FOLDER.fullmatch(path)]
    if wrong:
        raise UsageProblem(f"--data {wrong[0]}: not a path in the container", "for instance --data /data")
    facts = ImageFacts() if target.offline else _facts(image, mirror_of(target))
    said = Said(name or _name(image, target), port, allow, data, internet)
    said = _asked(said, facts) if sys.stdin.isatty() and not target.as_json else _usual(said, facts)
    if said.allow and not said.port:
        raise UsageProblem("--allow: it has no door that somebody could open", "say its port: --port 8080")
    app: dict[str, object] = {"image": image}
    if said.port:
        app["port"] = said.port
        app.update({"allow": list(said.allow)} if said.allow else {})
    elif served_by(image):
        app["serves"] = served_by(image)
    app.update({"data": list(said.data)} if said.data else {})
    app.update({"internet": True} if said.internet else {})
    app.update({"health": "image"} if facts.checks else {})
    found = Converted({said.name: app}, {}, {}, {}, {}, (), {}, {f"apps.{said.name}": Position(image, 1, 1)})
    return add(Gathered(found, {}, (), {}, SAID), target, whole=True)


def _name(image: str, target: Target) -> str:
    return Names("my", taken_of(target).apps, LONGEST_APP).of(image_name(image))


def _facts(image: str, mirror: str) -> ImageFacts:
    """What the image says of itself; nothing, and a word about it, where nobody can be asked."""
    reference = mirrored_name(full_name(image), mirror)
    try:
        with Client(tell=say, attempts=2) as client:
            for architecture in ("amd64", "arm64", "armhf"):
                try:
                    found = client.image(reference, [architecture])
                except InfraKitError:
                    if architecture == "armhf":
                        raise
                    continue
                return facts_of(client.small(reference, found.images[architecture].config))
    except InfraKitError as error:
        say(f"its registry does not say what {image} has: {error.message}")
    return ImageFacts()


def _usual(said: Said, facts: ImageFacts) -> Said:
    """Without a person: what the image says, where the call says nothing."""
    port = said.port if said.port is not None else next(iter(facts.ports), 0)
    return said._replace(port=port, data=said.data or facts.folders)


def _asked(said: Said, facts: ImageFacts) -> Said:
    usual = _usual(said, facts)
    if said.port is None:
        say("the port that it answers browsers on, inside its container; 0 where it has no pages")
        usual = usual._replace(port=click.prompt("port", default=usual.port, type=click.IntRange(0, 65535), err=True))
    if usual.port and not said.allow:
        say("groups or users who may open it, with commas between them; Enter takes administrators alone")
        usual = usual._replace(allow=_words(click.prompt("who may open it", default="", show_default=False, err=True)))
    if not said.data:
        say("folders in its container that are kept when it is made anew, with commas between them; - for none")
        answer = click.prompt("what it keeps", default=", ".join(usual.data) or "-", err=True)
        folders = () if answer.strip() == "-" else _words(answer)
        wrong = [path for path in folders if not FOLDER.fullmatch(path)]
        if wrong:
            raise UsageProblem(f"{wrong[0]} is not a path in the container", "for instance /data")
        usual = usual._replace(data=folders)
    return usual


def _words(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, re.split(r"[\s,]+", text.strip()))))
