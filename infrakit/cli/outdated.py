"""infrakit outdated: what the file's hosts run, and what is newer. Asks registries, and says which."""

from collections.abc import Mapping
from typing import Any

import click

from infrakit.catalog import load_catalog
from infrakit.catalog.outdated import Heard, facts, standing, text_of
from infrakit.catalog.versions import repository_of
from infrakit.cli import from_bundle, here, source
from infrakit.cli.catalog import AGAINST, newest_of
from infrakit.cli.talk import result, result_json, result_text, say, say_problems
from infrakit.errors import EXIT_DIFFERENCES, EXIT_FAILED, EXIT_OK, UsageProblem
from infrakit.lock import Lock, locked_name, parse
from infrakit.policy import shapes_of

VERSION = 1


@click.command(
    help="""Say which images of the file's services and apps, on every host, have something newer: a newer tag of the
same form, of their line or of a later one (major); a tag that has moved since it was locked; a version with known
holes. Exit code 6 where there is any, 1 where some registry did not say.

From a bundle, or with --offline, nobody is asked: what is said then is what the catalogue knows."""
)
@here.RUNNING
@AGAINST
@click.option("--offline", is_flag=True, help="Ask nobody.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(file: str | None, against: str | None, offline: bool, as_json: bool) -> int:
    found = _source(file)
    compiled = source.compiled(found)
    say_problems(compiled.warnings)
    images: dict[str, list[str]] = {}
    processors: dict[str, str] = {}
    for deployment in shapes_of(compiled.fleet):
        for container in (container for service in deployment.services for container in service.containers):
            name = locked_name(container.image, compiled.mirror)
            images.setdefault(name, []).append(container.name)
            processors.setdefault(name, deployment.architecture)
    lock = parse(found.lock.content, found.lock.name) if found.lock else Lock({})
    locked = {name: lock.images[name].index for name in images if name in lock.images}
    known = newest_of(against, {repository_of(name) for name in images}) if against else {}
    heard: Mapping[str, Heard] = {}
    if not (offline or against or from_bundle.beside()):
        heard = _heard({name: (processors[name], locked.get(name, "")) for name in images}, compiled.mirror)
    return _told(standing(images, load_catalog(), locked, heard, known), as_json)


def _source(file: str | None) -> source.Source:
    """Of a stick its own file, where this machine has none."""
    try:
        return here.running(file)
    except UsageProblem:
        bundle = from_bundle.glimpsed() if file is None else None
        if bundle is None:
            raise
        return bundle.file()


def _heard(wanted: Mapping[str, tuple[str, str]], mirror: str) -> dict[str, Heard]:
    from infrakit.system.registry.locked import announcement, hear

    announcement(wanted, mirror, say)
    return hear(wanted, mirror, say)


def _told(pins: Any, as_json: bool) -> int:
    old = [pin for pin in pins if pin.is_old]
    silent = [pin for pin in pins if pin.problem]
    if as_json:
        result_json({"version": VERSION, "images": [facts(pin) for pin in pins]})
    else:
        for pin in pins:
            if pin.is_old or pin.problem:
                result_text(f"{text_of(pin)}\n  run by    {', '.join(pin.containers)}")
        words = f"{len(old)} of {len(pins)} images have something newer"
        result(words + (f", and {len(silent)} could not be asked about" if silent else ""))
    return EXIT_DIFFERENCES if old else EXIT_FAILED if silent else EXIT_OK
