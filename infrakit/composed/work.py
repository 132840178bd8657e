"""What becomes of a project while it is said in the words of apps: lines, secrets, and a row for everything."""

from collections.abc import Callable, Iterable, Mapping

from infrakit.composed.doors import Door
from infrakit.composed.model import Project, Service
from infrakit.composed.names import LONGEST_APP, LONGEST_SECRET, Names, Taken, mentioned, pointed, reached
from infrakit.composed.words import DIFFERENT, TAKEN, WITHHELD, Row
from infrakit.errors import Position

SECRETS = "/run/secrets/"


class Work:
    """What is said so far, and of which service. `names`: of the services that become apps.
    `leads_to`: a path of the host, links followed."""

    def __init__(
        self,
        project: Project,
        services: tuple[Service, ...],
        folder: str,
        taken: Taken,
        prefix: str,
        known: Mapping[str, Door],
        leads_to: Callable[[str], str],
    ) -> None:
        self.project = project
        self.known = known
        self.leads_to = leads_to
        self.folder = folder.rstrip("/") + "/"
        apps = Names(project.name, taken.apps, LONGEST_APP)
        # Who has a name that an app can have keeps it: values speak of it.
        for each in sorted(services, key=lambda one: apps.usual(one.name) != one.name):
            apps.of(each.name, f"{prefix}-{each.name}" if prefix else "")
        self.names = {each.name: apps.of(each.name) for each in services}
        self.known_names = taken.apps | taken.found | {*self.names.values()}
        self.reached = reached(services, self.names)
        self.moved = {name: app for name, app in self.reached.items() if name != app}
        self.waits = {
            self.names[each.name]: {self.names[one.service] for one in each.depends_on if one.service in self.names}
            for each in services
        }
        self.volume_names = Names(project.name, taken.volumes, LONGEST_APP)
        self.volume_names.found.update(taken.shared)
        self.secret_names = Names(project.name, taken.secrets, LONGEST_SECRET, "_")
        self.prefix = prefix
        self.apps: dict[str, dict[str, object]] = {}
        self.volumes: dict[str, dict[str, object]] = {}
        self.secrets: dict[str, str] = {}
        self.secret_files: dict[str, tuple[str, Position]] = {}
        self.withheld: dict[str, list[tuple[str, object, str]]] = {}
        self.rows: list[Row] = []
        self.places: dict[str, Position] = {}
        self.service = project.services[0]
        self.app: dict[str, object] = {}
        self.paths: dict[str, str] = {}
        self.files: dict[str, str] = {}

    def table(self) -> tuple[Row, ...]:
        """Rows in the order of services, then of the file."""
        return tuple(sorted(self.rows, key=lambda row: (row.service, row.at, row.key)))

    def begin(self, service: Service) -> None:
        """From now on it is about `service`."""
        self.service, self.app = service, {}
        self.paths, self.files = {}, {}
        for grant in service.secrets:
            name = self.granted(grant.source)
            for path in {grant.target or SECRETS + grant.source, SECRETS + grant.source}:
                if path != SECRETS + name:
                    self.paths[path if path.startswith("/") else SECRETS + path] = SECRETS + name

    def is_another(self, hostname: str) -> bool:
        """Whether Docker's DNS would find somebody else by it, too."""
        return hostname.lower() in self.known_names - {self.names[self.service.name]}

    def granted(self, source: str) -> str:
        """The name of a secret of the project's."""
        return self.secret_names.of(source, f"{self.prefix}_{source}" if self.prefix else "")

    def meant(self, key: str, value: str) -> str:
        """A value with the names that machines and files of secrets have here."""
        for path, name in self.paths.items():
            value = value.replace(path, name) if value.endswith(path) or f"{path} " in value else value
        return pointed(key, value, self.moved)

    def meets(self, texts: Iterable[tuple[str, str]]) -> list[str]:
        """Apps that its values lead to, and that do not wait for it: it finds whom it needs, and no other."""
        own = self.names[self.service.name]
        found = {app for key, value in texts for app in mentioned(key, value, self.reached)} - {own} - self.waits[own]
        met = sorted(app for app in found if not self._waits(app, own))
        self.waits[own] |= set(met)
        return met

    def _waits(self, app: str, other: str) -> bool:
        """Whether `app` waits for `other`, if by way of more."""
        waiting, seen = [app], set[str]()
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                waiting += self.waits.get(name, ())
        return other in seen

    def say(self, key: str, outcome: str, said: str = "", at: Position | None = None) -> None:
        """One row, at `at` or where the key stands."""
        place = at or self.service.places.get(key.partition(".")[0]) or self.service.at
        self.rows.append(Row(self.service.name, key, place, outcome, said))

    def set(self, key: str, value: object, source: str, at: Position | None = None) -> None:
        """`source` is Compose's key: what has the same name and value there is taken as it is."""
        self.app[key] = value
        self.say(source, *((TAKEN, "") if key == source else (DIFFERENT, key)), at=at)

    def withhold(self, source: str, key: str, value: object, meaning: str, at: Position | None = None) -> None:
        """What is not taken before a person says so."""
        self.withheld.setdefault(self.names[self.service.name], []).append((key, value, meaning))
        self.say(source, WITHHELD, f"{key}: {meaning}", at)
