"""What becomes of a project while it is said in the words of apps: lines, secrets, and a row for everything."""

from collections.abc import Mapping

from infrakit.composed.doors import Door
from infrakit.composed.model import Project
from infrakit.composed.words import DIFFERENT, TAKEN, WITHHELD, Row
from infrakit.errors import Position


class Work:
    """What is said so far, and of which service."""

    def __init__(self, project: Project, names: dict[str, str], folder: str, known: Mapping[str, Door]) -> None:
        self.project = project
        self.known = known
        self.names = names
        self.folder = folder.rstrip("/") + "/"
        self.apps: dict[str, dict[str, object]] = {}
        self.volumes: dict[str, dict[str, object]] = {}
        self.secrets: dict[str, str] = {}
        self.secret_files: dict[str, str] = {}
        self.withheld: dict[str, list[tuple[str, object, str]]] = {}
        self.rows: list[Row] = []
        self.service = project.services[0]
        self.app: dict[str, object] = {}

    def table(self) -> tuple[Row, ...]:
        """Rows in the order of services, then of the file."""
        return tuple(sorted(self.rows, key=lambda row: (row.service, row.at, row.key)))

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
