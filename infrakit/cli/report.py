"""What `compile` says at its end: what changed in the words of a person, what stays, and which secrets are missing."""

import os
from collections.abc import Iterable
from typing import Any

from infrakit.cli.talk import problem_json, result, result_json, result_text, say, say_problems
from infrakit.errors import EXIT_DIFFERENCES, EXIT_OK, Problem, printable
from infrakit.model import Deployment
from infrakit.system.secrets import SecretState
from infrakit.system.tree import TreePlan

MOST_LINES = 60
MOST_HOSTS = 4


class Report:
    """Collected while the trees are written. Never holds a secret's value."""

    def __init__(self, output: str, name: str, warnings: tuple[Problem, ...]) -> None:
        self.output = output
        self.name = name
        self.warnings = warnings
        self.hosts: list[str] = []
        self.counts = {"added": 0, "changed": 0, "removed": 0}
        self.files = 0
        self.lines: list[tuple[str, str]] = []  # of which the first are said
        self.data: list[tuple[str, str]] = []  # which are said, all of them
        self.described: dict[str, tuple[Any, Any]] = {}
        self.edited: list[str] = []
        self.notes: list[str] = []
        self.left: list[str] = []
        self.minted: list[tuple[str, str]] = []
        self.secrets: list[SecretState] = []
        self.paths: list[tuple[str, str]] = []

    @property
    def changed(self) -> bool:
        """Whether anything was written."""
        return any(self.counts.values()) or bool(self.minted)

    def facts(self, host: str, lines: list[str]) -> None:
        """What is different for a person: services, doors, ports, mounts, grants."""
        self.lines += [(host, line) for line in lines]

    def written(self, deployment: Deployment, plan: TreePlan) -> None:
        """One host's tree is up to date."""
        self.hosts.append(deployment.host)
        self._count(plan)
        self.files += len(plan.artifacts)

    def departed(self, host: str, plan: TreePlan, before: Any) -> None:
        """The tree of a host that has left the file."""
        self._count(plan)
        self.data.append((host, f"- host {host}"))
        self.described[host] = before, None
        self.left.append(plan.folder)

    def left_behind(self) -> None:
        """After the change: what it did not take away."""
        for folder in self.left:
            if os.path.lexists(folder):
                self.notes.append(
                    f"{folder}: the host has left the file; what is not ours, and its secrets, stay there"
                )

    def _count(self, plan: TreePlan) -> None:
        for change in plan.changes:
            self.counts[change.kind] += 1
        self.edited += [f"{plan.folder}/{path}" for path in plan.edited]

    def missing(self) -> list[SecretState]:
        """Secrets that are not there."""
        return [state for state in self.secrets if state.state in ("missing", "not minted")]

    def summary(self) -> str:
        """One line."""
        hosts = f"{len(self.hosts)} host{'' if len(self.hosts) == 1 else 's'}, {self.files} files"
        counts = ", ".join(f"{number} {kind}" for kind, number in self.counts.items() if number)
        return f"{self.output}: {hosts}, {counts or 'nothing changed'}"

    def talk(self) -> list[str]:
        """The lines after the summary, which a run that changes nothing repeats."""
        lines = [f"{path}: edited by hand, left as it is (--force overwrites it)" for path in self.edited]
        lines += self.notes
        wanted: dict[str, list[SecretState]] = {}
        for state in self.missing():
            if state.spec.kind == "user":
                wanted.setdefault(state.name, []).append(state)
        for name, states in wanted.items():
            hosts = ", ".join(state.host for state in states[:MOST_HOSTS])
            more = f" and {len(states) - MOST_HOSTS} more" if len(states) > MOST_HOSTS else ""
            description = states[0].spec.description.rstrip(".")
            lines.append(f"missing secret for {hosts}{more}: {name}, {description} (infrakit secrets set {name})")
        return lines[:MOST_LINES]

    def finish(self, *, as_json: bool) -> None:
        """Print it all."""
        if as_json:
            result_json(self.as_json())
            return
        say_problems(self.warnings)
        several = len({*self.hosts, *(host for host, _ in (*self.lines, *self.data))}) > 1
        cut = [("", f"and {len(self.lines) - MOST_LINES} more")] if len(self.lines) > MOST_LINES else []
        for host, line in (*self.lines[:MOST_LINES], *cut, *self.data):
            result(f"{host}: {line}" if several and host else line)
        if self.minted:
            result(f"minted {len(self.minted)} secret{'' if len(self.minted) == 1 else 's'}")
        result(self.summary())
        for line in self.talk():
            say(line)

    def as_json(self) -> dict[str, Any]:
        """The same for a program."""
        return {
            "output": self.output,
            "hosts": self.hosts,
            "files": self.files,
            **self.counts,
            "changes": [{"host": host, "change": line} for host, line in (*self.lines, *self.data)],
            "edited": self.edited,
            "minted": [{"host": host, "name": name} for host, name in self.minted],
            "missing": [{"host": state.host, "name": state.name} for state in self.missing()],
            "warnings": [problem_json(item) for item in self.warnings],
        }

    def finish_check(self, plans: Iterable[tuple[Deployment, TreePlan]], *, show_diff: bool, as_json: bool) -> int:
        """Say what would change, and write nothing."""
        for deployment, plan in plans:
            self.written(deployment, plan)
            if show_diff:
                for change in plan.changes:
                    result_text(unified(f"{plan.folder}/{change.path}", change.before, change.after))
        differs = any(self.counts.values()) or bool(self.edited)
        if as_json:
            result_json(self.as_json())
        elif not show_diff:
            for host, line in self.lines:
                result(f"{host}: {line}")
            result(self.summary().replace("added", "to add").replace("changed", "to change"))
            for line in self.talk():
                say(line)
        return EXIT_DIFFERENCES if differs else EXIT_OK


def unified(path: str, before: bytes | None, after: bytes | None) -> str:
    """A unified diff. Compiled files hold no secrets, only their names."""
    import difflib

    path = printable(path).lstrip("/")
    old = (before or b"").decode("utf-8", "backslashreplace").splitlines(keepends=True)
    new = (after or b"").decode("utf-8", "backslashreplace").splitlines(keepends=True)
    lines = difflib.unified_diff(
        old, new, "/dev/null" if before is None else f"a/{path}", "/dev/null" if after is None else f"b/{path}"
    )
    return "".join(lines)
