"""Template -> `apps:` and `volumes:` of infrakit.yaml, what is minted for them, and what became of every key."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from infrakit.composed import Asked, read
from infrakit.composed.apps import converted
from infrakit.composed.doors import Door
from infrakit.composed.model import Project, Service
from infrakit.composed.names import Taken
from infrakit.composed.tree import Item
from infrakit.composed.words import DIFFERENT, REFUSED, Converted, Row, secret_in
from infrakit.emit.environment_file import double_quoted
from infrakit.errors import Position, Problem
from infrakit.resolve.names_in_files import with_values
from infrakit.templates.model import GIVEN, SECRETS, Mark, Template, TemplateDoor, pattern
from infrakit.templates.settle import FOLDER, Settled, settled

FILE = "compose.yaml"
ADDRESSES = ("url", "host")


class Added(NamedTuple):
    """`found` is None where one of the problems is an error. `minted`: secret -> what it is made of; those that the
    template itself gives a value are in `found.secrets`."""

    found: Converted | None
    minted: Mapping[str, Mark]
    problems: tuple[Problem, ...]


def added(
    template: Template,
    taken: Taken,
    now_s: int = 0,
    answers: Mapping[str, str] = {},
    given: Sequence[str] = (),
    prefix: str = "",
) -> Added:
    """`now_s`: seconds since 1970; `answers`: values of variables that the template leaves open; `given`: names of
    others, whose values are secrets that a person has; `prefix`: before the names of apps and volumes."""
    words = {f"ikg{number:04}x": Mark(GIVEN, name) for number, name in enumerate(given)}
    template = template._replace(marks={**template.marks, **words})
    answers = {**answers, **{mark.name: word for word, mark in words.items()}}
    doors: list[TemplateDoor] = []
    contents: dict[str, str] = {}

    def rewrite(tree: Item) -> Item:
        said = template.rewritten(tree)
        doors.extend(said.doors)
        contents.update(said.files)
        return said.tree

    environment = {**template.environment, **answers}
    written = "".join(f"{name}={double_quoted(value)}\n" for name, value in environment.items()).encode()
    asked = Asked(
        (FILE,),
        FOLDER,
        environment=environment,
        env_files=(),
        name=project_name(template.summary.name),
        rewrite=rewrite,
    )
    read_ = read(asked, lambda path: {FILE: template.compose, ".env": written}.get(path))
    if read_.project is None:
        return Added(None, {}, read_.problems)
    project = _without_strangers(read_.project)
    finish = _Finish(template, settled(project, contents, template.marks), tuple(doors), now_s, prefix)
    return Added(finish.whole(taken), finish.minted, read_.problems)


def project_name(template: str) -> str:
    """A template's name as one of a project."""
    return re.sub(r"[^a-z0-9]+", "-", template.lower()).strip("-") or "template"


def _without_strangers(project: Project) -> Project:
    """Networks that its own program would have made do not exist here."""
    return project._replace(services=tuple(map(_inside, project.services)), networks=())


def _inside(service: Service) -> Service:
    """Without what is said to its own program's proxy; a port that nobody named on the host is one for neighbours."""
    near = [str(port.target) for port in service.ports if not port.published]
    return service._replace(
        networks=(),
        labels=(),
        ports=tuple(port for port in service.ports if port.published),
        expose=tuple(dict.fromkeys([*service.expose, *near])),
    )


class _Finish:
    def __init__(
        self, template: Template, ready: Settled, doors: tuple[TemplateDoor, ...], now_s: int, prefix: str
    ) -> None:
        self.template, self.ready, self.now_s, self.prefix = template, ready, now_s, prefix
        self.mark = pattern(template.marks)
        self.apps: dict[str, str] = {}
        self.secrets: dict[Mark, str] = {}
        self.minted: dict[str, Mark] = {}
        self.given: dict[str, str] = {}
        self.rows: list[Row] = []
        self.at = Position(FILE, 1, 1)
        known = {service.name for service in ready.project.services}
        for door in doors:
            if door.service not in known:
                self.say(door.service, "door", REFUSED, "there is no such service")
            elif door.path != "/":
                self.say(
                    door.service, "door", REFUSED, f"{door.path} is a part of a site: open it at a name of its own"
                )
        self.doors = tuple(door for door in doors if door.service in known and door.path == "/")

    def say(self, service: str, key: str, outcome: str, said: str) -> None:
        self.rows.append(Row(service, key, self.at, outcome, said))

    def whole(self, taken: Taken) -> Converted:
        first: dict[str, Door] = {}
        for door in self.doors:
            if door.port:
                first.setdefault(door.service, Door(door.port, (), self.at))
        found = converted(self.ready.project, FOLDER, taken, self.prefix, known=first)
        self.apps = {service: app for app, service in found.services.items()}
        self.doors = tuple(
            door._replace(service=self.apps[door.service]) for door in self.doors if door.service in self.apps
        )
        self.given = dict(found.secrets)
        apps = {name: self.app(name, found.services[name], app) for name, app in found.apps.items()}
        volumes = self.own_volumes(apps, found.volumes)
        withheld = {
            name: tuple((key, self.replaced(name, value), meaning) for key, value, meaning in items)
            for name, items in found.withheld.items()
        }
        rows = tuple(self.row(row, apps) for row in found.rows)
        given = {name: value for name, value in self.given.items() if not self.mark.search(value)}
        return found._replace(apps=apps, volumes=volumes, secrets=given, withheld=withheld, rows=(*rows, *self.rows))

    def row(self, row: Row, apps: Mapping[str, Mapping[str, object]]) -> Row:
        """What a row says of a template: its marks by name, its secrets as they are called, and no volume is there."""
        said = self.mark.sub(lambda match: self.template.marks[match[0]].name, row.said)
        app = apps.get(self.apps.get(row.service, ""), {})
        family, _, name = row.key.partition(".")
        environment = app.get("environment")
        if family == "environment" and isinstance(environment, Mapping) and "${" in str(environment.get(name, "")):
            said = str(environment[name])
        if said.startswith("mounts: ") and said.endswith(" as before"):
            kept = name in _listed(app, "data")
            said = "data: kept in a volume of its own" if kept else f"{said.partition(',')[0]}, shared"
        return row._replace(said=said)

    def app(self, name: str, service: str, app: Mapping[str, object]) -> dict[str, object]:
        done = {key: self.replaced(name, value) for key, value in app.items() if key != "user_secrets"}
        more = [door for door in self.doors if door.service == name and door.port]
        ports = list(dict.fromkeys(door.port for door in more))
        if len(ports) > 1:
            done.pop("port", None)
            done["doors"] = {
                door.name.lower().replace("_", "-"): {"port": door.port}
                for number, door in enumerate(more)
                if door.port not in [earlier.port for earlier in more[:number]]
            }
        files = {
            path: self.replaced(name, with_values(text.replace("${", "$${"), self.in_a_file), "files")
            for path, text in self.ready.files.get(service, {}).items()
        }
        if files:
            done["files"] = files
            for path in files:
                self.say(name, f"volumes.{path}", DIFFERENT, "files: its content stands in infrakit.yaml")
        wanted = _references(done)
        if wanted:
            done["user_secrets"] = wanted
        return done

    def in_a_file(self, name: str, value: str) -> str:
        """The reference to a secret that a file of the template has as it is, "" for any other value."""
        if self.mark.search(value) or not secret_in(name, value):
            return ""
        wanted = secret = _secret_name(self.template.summary.name, name)
        number = 2
        while secret in self.minted or self.given.get(secret, value) != value:
            secret, number = f"{wanted}_{number}", number + 1
        self.given[secret] = value
        return "${secret." + secret + "}"

    def replaced(self, app: str, value: object, where: str = "") -> object:
        """A value with what its marks stand for."""
        if isinstance(value, Mapping):
            return {key: self.replaced(app, each, where or key) for key, each in value.items()}
        if isinstance(value, list):
            return [self.replaced(app, each, where) for each in value]
        if not isinstance(value, str):
            return value
        kept = re.fullmatch(r"\$\{secret\.(\w+)\}", value)
        if kept is not None and self.mark.search(self.given.get(kept[1], "")):
            value = self.given[kept[1]].replace("${", "$${")
        return self.mark.sub(lambda match: self.word(app, match[0]), value)

    def word(self, app: str, word: str) -> str:
        mark = self.template.marks[word]
        if mark.kind in SECRETS:
            return "${secret." + self.secret(app, mark) + "}"
        if mark.kind in ADDRESSES:
            return self.address(app, mark)
        return f"{mark.name}user" if mark.kind == "user" else self.time(mark)

    def secret(self, app: str, mark: Mark) -> str:
        """The name of what is minted; two that the template calls alike are two."""
        if mark not in self.secrets:
            name = _secret_name(self.prefix or self.template.summary.name, mark.name)
            self.secrets[mark] = f"{name}_{mark.kind}" if name in self.minted else name
            signs = next((one for one in self.template.marks.values() if one.name == mark.of and not one.of), None)
            self.minted[self.secrets[mark]] = mark._replace(
                of=self.secret(app, signs or Mark("password", mark.of, 40)) if mark.of else "",
                claims=self.mark.sub(lambda match: self.word(app, match[0]), mark.claims),
            )
        return self.secrets[mark]

    def time(self, mark: Mark) -> str:
        """In seconds or thousandths, of the moment that it names or of now."""
        try:
            moment = datetime.fromisoformat(mark.name.replace("Z", "+00:00")) if mark.name else None
        except ValueError:
            moment = None
        return str(int(moment.timestamp() if moment else self.now_s) * mark.length)

    def address(self, app: str, mark: Mark) -> str:
        kind = "url" if mark.kind == "url" else "hostname"
        spelled = mark.name.lower().replace("_", "-")
        owner = next((door.service for door in self.doors if door.name == mark.name), "")
        owner = owner or next((new for old, new in self.apps.items() if old.lower().replace("_", "-") == spelled), "")
        owner = owner or next((door.service for door in self.doors), "")
        if not owner:
            self.say(app, "environment", REFUSED, f"nothing says which door {mark.name} is the address of")
            return ""
        return "${" + (kind if owner == app else f"{kind}.{owner}") + "}"

    def own_volumes(
        self, apps: dict[str, dict[str, object]], volumes: Mapping[str, Mapping[str, object]]
    ) -> dict[str, dict[str, object]]:
        """Nothing is there yet: what one app keeps is its data, what several share is a volume of theirs."""
        users: dict[str, list[str]] = {}
        for name, app in apps.items():
            for mount in _listed(app, "mounts"):
                users.setdefault(mount.partition(":")[0], []).append(name)
        shared: dict[str, dict[str, object]] = {}
        for volume, said in volumes.items():
            if "nfs" in said or len(users.get(volume, ())) > 1:
                shared[volume] = dict(said) if "nfs" in said else {}
                continue
            for app in apps.values():
                mounts = _listed(app, "mounts")
                mine = [mount for mount in mounts if mount.partition(":")[0] == volume]
                for mount in mine:
                    mounts.remove(mount)
                    app["data"] = [*_listed(app, "data"), mount.split(":")[1]]
                if mine:
                    app.pop("mounts")
                    if mounts:
                        app["mounts"] = mounts
        return shared


def _listed(app: Mapping[str, object], key: str) -> list[str]:
    value = app.get(key, [])
    return [str(each) for each in value] if isinstance(value, list) else []


def _references(app: Mapping[str, object]) -> list[str]:
    tables = [table for key in ("environment", "files") if isinstance(table := app.get(key, {}), Mapping)]
    texts = [text for table in tables for text in table.values()]
    return list(dict.fromkeys(name for text in texts for name in re.findall(r"\$\{secret\.(\w+)\}", str(text))))


def _secret_name(template: str, name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", f"{template}_{name}".lower()).strip("_")[:60]
