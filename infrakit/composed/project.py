"""Compose files by name -> Project and problems: the order of the passes, and what follows from several keys.

merged files -> names and profiles -> env_file into environment -> what a service depends on without saying so -> checks
-> Project. Each pass takes a tree in its normal form and gives another one.
"""

import posixpath
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from infrakit.composed import bind
from infrakit.composed.checks import check
from infrakit.composed.dotenv import variables
from infrakit.composed.files import Files, ReadFile, Rewrite
from infrakit.composed.interpolate import interpolated
from infrakit.composed.merge import settled
from infrakit.composed.model import Project
from infrakit.composed.paths import absolute, within
from infrakit.composed.tree import Item, Reading, TooMuch
from infrakit.errors import Position, Problem, UsageProblem

NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
USUAL = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
USUAL_OVERRIDES = (
    *("compose.override.yml", "compose.override.yaml"),
    *("docker-compose.override.yml", "docker-compose.override.yaml"),
)
"""The first of each that there is (compose-go, DefaultFileNames and DefaultOverrideFileNames)."""


class Asked(NamedTuple):
    """What is read: Compose files in order of merging, relative to `folder` (absolute), which relative paths start
    from where the first file stands in it. Without one, those that Compose would find there.

    `environment` is stronger than the `env_files`. `name`: instead of the one in the files.
    """

    files: Sequence[str] = ("compose.yaml",)
    folder: str = "/project"
    home: str = "/root"
    environment: Mapping[str, str] = {}
    env_files: Sequence[str] | None = None
    """None: `.env` beside the first file, if there is one."""
    profiles: Sequence[str] = ()
    name: str = ""
    rewrite: Rewrite | None = None
    """What takes keys of other programs out of a file, before it is looked at."""


class Found(NamedTuple):
    """`project` is None where one of the problems is an error."""

    project: Project | None
    problems: tuple[Problem, ...]


def read(asked: Asked, read_file: ReadFile) -> Found:
    """The project that these files are, and everything that is wrong with them."""
    reading = Reading()
    project = None
    try:
        project = _Read(asked, read_file, reading).project()
    except TooMuch:
        pass
    problems = tuple(sorted(reading.problems, key=lambda problem: problem.position))
    refused = any(problem.severity == "error" for problem in problems)
    return Found(None if refused else project, problems)


class _Read:
    def __init__(self, asked: Asked, read_file: ReadFile, reading: Reading) -> None:
        self.asked = asked
        self.reading = reading
        self.files = Files(asked.folder, asked.home, read_file, reading, asked.rewrite)
        self.environment: Mapping[str, str] = {}

    def project(self) -> Project | None:
        asked, folder = self.asked, self.asked.folder
        names = asked.files or self._usual_files()
        if not names:
            hint = f"name the file, or call it one of {', '.join(USUAL[:2])}"
            self.reading.refuse(Position(folder, 1, 1), "no Compose file is in this folder", "compose-file", hint)
            return None
        paths = [absolute(path, folder, asked.home) for path in names]
        base = posixpath.dirname(paths[0])
        beginning = Position(within(paths[0], folder), 1, 1)
        given = asked.env_files is not None
        env_files = [absolute(path, folder, asked.home) for path in asked.env_files or ()]
        known = self.files.environment(
            env_files if given else [posixpath.join(base, ".env")], asked.environment, beginning, given
        )
        fallback = asked.name or known.get("COMPOSE_PROJECT_NAME") or self._written_name(paths, known, beginning)
        fallback = _usual_name(fallback) or _usual_name(posixpath.basename(base))
        self.environment = {**known, "COMPOSE_PROJECT_NAME": fallback}
        tree = self.files.merged(paths, base, self.environment, beginning)
        if tree is None:
            return None
        tree = settled(tree)
        name = self._name(tree, asked.name or known.get("COMPOSE_PROJECT_NAME", ""), fallback)
        profiles = [*asked.profiles, *filter(None, known.get("COMPOSE_PROFILES", "").split(","))]
        services = tree.get("services")
        if services is None or not services.entries():
            self.reading.refuse(beginning, "no services in it", "compose-missing", "is it a Compose file?")
            return None
        found = {key: self._settled_service(item) for key, item in services.entries().items()}
        active = {key: item for key, item in found.items() if _is_active(item, profiles)}
        check(tree, active, self.reading)
        return self._bound(name, tree, found, active)

    def _usual_files(self) -> list[str]:
        """Those that Compose takes where nobody names one: by COMPOSE_FILE, else by their names."""
        folder, found = self.asked.folder, dict(self.asked.environment)
        if "COMPOSE_FILE" not in found and self.asked.env_files is None:
            # What is wrong with it is said when the project is read.
            again = Files(folder, self.asked.home, self.files.read_file, Reading())
            found = dict(again.environment([posixpath.join(folder, ".env")], found, Position(folder, 1, 1), False))
        if found.get("COMPOSE_FILE"):
            return [name for name in found["COMPOSE_FILE"].split(found.get("COMPOSE_PATH_SEPARATOR") or ":") if name]
        listed = [next(filter(self._is_there, names), "") for names in (USUAL, USUAL_OVERRIDES)]
        return [name for name in listed if name] if listed[0] else []

    def _is_there(self, name: str) -> bool:
        try:
            return self.files.read_file(name) is not None
        except UsageProblem:
            return True  # it is refused where it is read

    def _written_name(self, paths: Sequence[str], environment: Mapping[str, str], at: Position) -> str:
        """The name in the last file that has one: variables may ask for it in all of them."""
        found = ""
        for path in paths:
            tree = self.files.tree(path, at)
            item = tree.get("name") if tree is not None else None
            if item is not None and isinstance(item.value, str):
                # What is wrong with it is said when the whole file is read.
                found = str(interpolated(item, environment, Reading()).value) or found
        return found

    def _name(self, tree: Item, wanted: str, fallback: str) -> str:
        written = tree.get("name")
        name = wanted or (_usual_name(str(written.value)) if written is not None else fallback)
        if not NAME.fullmatch(name):
            at = written.at if written is not None else tree.at
            hint = "write small letters, digits, - and _, a letter or digit first"
            self.reading.refuse(at, f"{name or 'nothing'} cannot be the name of a project", "compose-name", hint)
        return name

    def _settled_service(self, item: Item) -> Item:
        """With the variables of its files, the labels of its files, and what follows from its other keys."""
        found = dict(item.entries())
        listed = item.get("env_file")
        own = item.get("environment")
        values: dict[str, Item] = {}
        for each in listed.items() if listed is not None else ():
            required = each.get("required")
            raw = bind.text(each, "format") == "raw"
            wanted = required is None or required.value is True
            values |= self._variables(bind.text(each, "path"), each.at, values, wanted, raw)
        values |= own.entries() if own is not None else {}
        if values:
            found["environment"] = (own or _implied(item)).of(dict(values))
        files, labels = item.get("label_file"), item.get("labels")
        if files is not None:
            named: dict[str, Item] = {}
            for each in files.items():
                named |= self._variables(str(each.value), each.at, named)
            found["labels"] = (labels or _implied(item)).of(
                {**named, **(labels.entries() if labels is not None else {})}
            )
        if item.get("network_mode") is None and item.get("networks") is None and item.get("provider") is None:
            found["networks"] = _implied(item).of({"default": Item(None, item.at)})
        needed = self._needed(item)
        if needed:
            found["depends_on"] = (item.get("depends_on") or _implied(item)).of(dict(needed))
        return item.of(dict(found))

    def _variables(
        self, path: str, at: Position, before: dict[str, Item], required: bool = True, raw: bool = False
    ) -> dict[str, Item]:
        """Those of one file, in which those of the files `before` can be used."""
        source = self.files.content(path, at, required)
        if source is None:
            return {}
        found: dict[str, Item] = {}
        name = within(path, self.asked.folder)

        def outside(key: str) -> str | None:
            return str(before[key].value) if key in before else self.environment.get(key)

        for each in variables(source, name, self.reading, outside, raw):
            value = self.environment.get(each.name) if each.value is None else each.value
            if value is not None:
                found[each.name] = Item(value, each.at, each.at, "", each.used)
        return found

    def _needed(self, item: Item) -> dict[str, Item]:
        """What a service depends on, also by sharing something of another one."""
        said = item.get("depends_on")
        needed = dict(said.entries()) if said is not None else {}
        for key in ("network_mode", "ipc", "pid"):
            found = item.get(key)
            if found is not None and str(found.value).startswith("service:"):
                needed.setdefault(str(found.value)[8:], _dependency(found, restart=True))
        for key in ("links", "volumes_from"):
            listed = item.get(key)
            for each in listed.items() if listed is not None else ():
                name = str(each.value)
                if not name.startswith("container:"):
                    needed.setdefault(name.partition(":")[0], _dependency(each, restart=key == "links"))
        return needed

    def _bound(self, name: str, tree: Item, found: dict[str, Item], active: dict[str, Item]) -> Project:
        resources = {
            kind: dict(item.entries()) if (item := tree.get(kind)) is not None else {}
            for kind in ("volumes", "networks", "configs", "secrets")
        }
        resources["networks"].setdefault("default", Item({}, tree.at))
        bound = {
            kind: tuple(bind.resource(key, item, name) for key, item in items.items())
            for kind, items in resources.items()
        }
        for kind in ("configs", "secrets"):
            bound[kind] = tuple(
                each._replace(value=self.environment.get(each.variable, "")) if each.variable else each
                for each in bound[kind]
            )
        services = tuple(bind.service(key, item, key in active) for key, item in found.items())
        return Project(name, services, files=tuple(self.files.names), **bound)


def _implied(item: Item) -> Item:
    """A place for what nobody wrote."""
    return Item(None, item.at, None, "default")


def _dependency(item: Item, restart: bool) -> Item:
    said = {"condition": item.of("service_started"), "required": item.of(True), "restart": item.of(restart)}
    return Item(dict(said), item.at)


def _is_active(item: Item, profiles: Sequence[str]) -> bool:
    own = bind.texts(item.get("profiles"))
    return not own or "*" in profiles or any(profile in profiles for profile in own)


def _usual_name(folder: str) -> str:
    """As Compose makes one of a folder's name."""
    return re.sub(r"[^a-z0-9_-]", "", folder.lower()).lstrip("_-")
