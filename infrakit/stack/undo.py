"""The record of what was changed on a machine, a line of JSON each, from which uninstall takes it back.

A file of ours that we write again, such as the program with each upgrade, is one short line more: not what was there
before, which was ours.
"""

import json
from typing import Any

from infrakit.plan import Action
from infrakit.plan.actions import PutBack, record_of, state_of

MOST_BYTES = 1 << 30
REWRITTEN = "rewritten"
"""Kind of a line: this is how we left the file, too."""


class Record:
    """What is written down. A line that a power cut tore is of a change that was not begun."""

    def __init__(self, content: bytes) -> None:
        self._lines = set(content.splitlines())
        self._ours: dict[str, set[str]] = {}
        self._records: list[dict[str, Any]] = []
        for line in content.splitlines():
            try:
                found = json.loads(line)
            except ValueError:
                continue
            if isinstance(found, dict):
                self._records.append(found)
                if found.get("wrote"):
                    self._ours.setdefault(str(found.get("path")), set()).update(found["wrote"])

    def line(self, step: str, action: Action) -> bytes:
        """What to add before this is done, b"" where it is there."""
        found = {"step": step, **record_of(action)}
        if isinstance(action, PutBack) and action.wrote:
            ours = self._ours.setdefault(action.path, set())
            if ours and (action.before is None or state_of(action.before) in ours):
                found = {"step": step, "kind": REWRITTEN, "path": action.path, "wrote": list(action.wrote)}
            ours.update(action.wrote)
        line = json.dumps(found, sort_keys=True).encode()
        if line in self._lines:
            return b""
        self._lines.add(line)
        return line

    def whole(self) -> list[dict[str, Any]]:
        """One dictionary for each change, in their order: a file that we wrote several times is one, with every state
        that we left it in, and what somebody had made of it before we wrote last."""
        kept: dict[str, dict[str, Any]] = {}
        found = []
        for record in self._records:
            kind, path = record.get("kind"), str(record.get("path"))
            if kind == REWRITTEN and path in kept:
                continue
            if kind == "put_back" and path in kept:
                kept[path].update(before=record["before"], mode=record["mode"])
                continue
            if kind == "put_back":
                record = kept[path] = {**record, "wrote": sorted(self._ours.get(path, ()))}
            if kind != REWRITTEN:
                found.append(record)
        return found
