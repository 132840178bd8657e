"""What `import` says: the table, lines that are only printed, and what is left to do. Never a secret's value."""

import shlex
from collections.abc import Mapping
from typing import Any, NamedTuple

from infrakit.cli.import_secrets import Store
from infrakit.cli.talk import problem_json, result, result_text, say, say_problems
from infrakit.composed.apps_text import lines, table
from infrakit.composed.words import OUTCOMES, Converted
from infrakit.errors import Problem

VERSION = 1


class Told(NamedTuple):
    """`warnings` are about the projects, `left` about the file as it is then. `projects`: each with how many of its
    volumes are used on. `secrets` are names."""

    file: str
    found: Converted
    warnings: tuple[Problem, ...]
    left: tuple[Problem, ...]
    projects: Mapping[str, int]
    secrets: tuple[str, ...]
    store: Store | None

    def tell(self, *, dry_run: bool) -> None:
        """For a person."""
        say_problems(self.warnings)
        if dry_run:
            for line in table(self.found).splitlines():
                say(line)
            say(self._counted())
            result_text(lines(self.found))
            return
        if self.found.rows:
            result_text(table(self.found))
            result(self._counted())
        if not self.found.apps:
            result(f"{self.file} stays as it is: there is no app to add")
            return
        volumes = _number(len(self.found.volumes), "volume")
        result(f"{self.file}: {_number(len(self.found.apps), 'app')}, {volumes} added")
        if self.store is not None:
            result(f"kept for {self.store.host} in {self.store.folder}: {', '.join(self.secrets)}")
        for name, used in self.projects.items():
            if used:
                words = shlex.join(["docker", "compose", "-p", name, "down"])
                say(f"before infrakit up: {words}, without -v; its volumes are used on")
        if self.left:
            say(f"infrakit validate will say of {self.file}:")
            say_problems(self.left)

    def _counted(self) -> str:
        return ", ".join(f"{number} {outcome}" for outcome, number in self.counts().items())

    def counts(self) -> dict[str, int]:
        """How many things became what."""
        return {outcome: sum(row.outcome == outcome for row in self.found.rows) for outcome in OUTCOMES}

    def as_json(self, *, written: bool) -> dict[str, Any]:
        """The same for a program."""
        return {
            "version": VERSION,
            "file": self.file,
            "written": written,
            "apps": sorted(self.found.apps),
            "volumes": sorted(self.found.volumes),
            "secrets": list(self.secrets),
            "host": self.store.host if self.store else "",
            "counts": self.counts(),
            "rows": [
                {
                    "file": row.at.document,
                    "line": row.at.line,
                    "column": row.at.column,
                    "service": row.service,
                    "key": row.key,
                    "outcome": row.outcome,
                    "said": row.said,
                }
                for row in self.found.rows
            ],
            "warnings": [problem_json(problem) for problem in self.warnings],
            "left": [problem_json(problem) for problem in self.left],
        }


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
