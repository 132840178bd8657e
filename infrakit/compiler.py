"""The pipeline: bytes of infrakit.yaml -> the decided fleet -> the files of each host.

    parse -> check_schema -> bind -> check -> resolve -> judge -> emit

Pure: it reads no file (blueprints of the user's own come through `read_blueprint`) and never sees a secret's value.
Each stage gathers all its problems, then stops; later stages trust earlier ones. The schema's come with what the checks
say about the rest of the file.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from infrakit import resources
from infrakit.catalog import Blueprint, Catalog, load_catalog
from infrakit.config import Config, Document, bind, check_schema, parse
from infrakit.config.document import Path
from infrakit.config.model import IgnoreConfig
from infrakit.errors import ConfigurationInvalid, Position, Problem
from infrakit.lock import Lock, LockFile
from infrakit.lock import parse as parse_lock
from infrakit.model import Fleet, Origin
from infrakit.policy import judge
from infrakit.resolve import checks, settle
from infrakit.resolve.fleet import assemble
from infrakit.resolve.images import unlocked
from infrakit.resolve.own import own_blueprints

ReadBlueprint = Callable[[str], bytes]


class Compiled(NamedTuple):
    """What one file means: the fleet, what is worth knowing about it, and the documents that positions refer to."""

    fleet: Fleet
    warnings: tuple[Problem, ...]
    locate: "Locator"
    mirror: str = ""
    ignored: tuple[IgnoreConfig, ...] = ()


class Locator:
    """Origins and paths -> positions. Blueprints are parsed for it only when somebody asks about them."""

    def __init__(self, document: Document, documents: dict[str, Document], lock: LockFile | None = None) -> None:
        self._document = document
        self._documents = documents
        self._lock = lock

    def __call__(self, path: Path, key: bool = False) -> Position:
        """Where `path` of the user's file stands; the nearest thing above it where it was not written."""
        return self._nearest(self._document, path, key)

    def origin(self, origin: Origin) -> Position:
        """Where the cause of a decision stands: in the user's file, or in a blueprint."""
        if origin.document == self._document.name:
            return self._nearest(self._document, origin.path, False)
        if origin.document not in self._documents:
            lock = self._lock
            source = lock.content if lock and lock.name == origin.document else resources.source(origin.document)
            self._documents[origin.document] = parse(source, origin.document)
        return self._nearest(self._documents[origin.document], origin.path, False)

    def judged(self) -> Iterator[tuple[Document, str]]:
        """The user's file and blueprints, each with the name of the schema that found it right."""
        yield self._document, "infrakit"
        for document in self._documents.values():
            if document.values is not None:
                yield document, "blueprint"

    @staticmethod
    def _nearest(document: Document, path: Path, key: bool) -> Position:
        while path:
            try:
                return document.position(path, key)
            except KeyError:
                path, key = path[:-1], False
        return Position(document.name, 1, 1)


def load(source: bytes, name: str, read_blueprint: ReadBlueprint, lock: LockFile | None = None) -> Compiled:
    """Everything up to the files. Raises ConfigurationInvalid with all problems that can be known at once."""
    document = parse(source, name)
    problems = check_schema(document, resources.schema("infrakit"))
    if problems:
        _stop(problems + _beside(document, read_blueprint))
    return decide(bind(document), document, load_catalog(), read_blueprint, lock)


def _beside(document: Document, read_blueprint: ReadBlueprint) -> list[Problem]:
    """What else is wrong in a file that its schema refuses in parts."""
    from infrakit.config.partial import beside_faults, rest_to_check

    touched = rest_to_check(document)
    if touched is not None:
        try:
            decide(bind(document), document, load_catalog(), read_blueprint)
        except ConfigurationInvalid as more:
            return beside_faults(touched, more.problems)
    return []


def decide(
    config: Config, document: Document, catalog: Catalog, read_blueprint: ReadBlueprint, lock: LockFile | None = None
) -> Compiled:
    """A checked file and the catalogue, and the lock where there is one -> the fleet."""
    blueprints, documents, problems = own_blueprints(config, document, read_blueprint)
    locate = Locator(document, documents, lock)
    problems += checks.run(config, catalog, locate, blueprints)
    if any(problem.severity == "error" for problem in problems):
        _stop(problems + _beyond(config, document, catalog, blueprints, locate, problems))
    fleet, found = _settled(config, catalog, blueprints, locate, parse_lock(lock.content, lock.name) if lock else None)
    return Compiled(fleet, tuple(_stop(problems + found)), locate, config.mirror, config.ignored)


def _settled(
    config: Config, catalog: Catalog, blueprints: Mapping[str, Blueprint], locate: Locator, lock: Lock | None = None
) -> tuple[Fleet, list[Problem]]:
    """All decisions taken, and what our promises say about them."""
    world = settle(config, catalog, blueprints, lock)
    fleet = assemble(world)
    return fleet, checks.decided(world, locate) + unlocked(world, locate.origin) + judge(fleet, locate.origin)


def _beyond(
    config: Config,
    document: Document,
    catalog: Catalog,
    blueprints: Mapping[str, Blueprint],
    locate: Locator,
    problems: list[Problem],
) -> list[Problem]:
    """What is wrong with the decisions about the services and apps that no check complains about."""
    from infrakit.config.partial import sound_part, without_lost

    reduced = sound_part(config, document, [problem for problem in problems if problem.severity == "error"])
    if reduced is None:
        return []
    kept = {app.name for app in reduced.apps}
    own = {name: item for name, item in blueprints.items() if name in kept}
    return without_lost(config, reduced, _settled(reduced, catalog, own, locate)[1])


def _stop(problems: list[Problem]) -> list[Problem]:
    """The warnings among `problems`; raises where there is an error (with the warnings, in the order of the file)."""
    if any(problem.severity == "error" for problem in problems):
        raise ConfigurationInvalid(sorted(problems, key=lambda problem: problem.position))
    return list(problems)
