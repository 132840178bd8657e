"""Converted x infrakit.yaml's schema -> what of it can stand there; the rest becomes rows with the schema's reason.

So that no line is written that `validate` refuses for its form: a name with a dot, a label with a space, a text that
holds what no file may.
"""

from collections.abc import Mapping
from typing import Any

from infrakit.composed.apps_text import lines
from infrakit.composed.words import REFUSED, Converted, Row
from infrakit.config import check_schema, parse
from infrakit.config.document import Path
from infrakit.config.reader import MAXIMUM_BYTES
from infrakit.errors import Position

HEAD = "version: 1\ndomain: example.org\n"
MOST_ROUNDS = 8
"""Of taking away what is refused: what is left of it may be refused, too."""


def fitted(found: Converted, schema: Mapping[str, Any]) -> Converted:
    """`found` without what the schema refuses."""
    found = _sayable(_known(found, schema))
    for _ in range(MOST_ROUNDS):
        text = lines(found)
        if len(text) > MAXIMUM_BYTES // 2:
            return found  # refused as a whole, where it is added
        document = parse(f"{HEAD}{text}".encode(), "")
        problems = check_schema(document, schema)
        faults = dict.fromkeys([*document.faults, *document.misnamed])
        reasons = {problem.position: problem.what for problem in problems}
        for path in sorted(faults, key=_order, reverse=True):
            places = document.position(path), document.position(path, key=True)
            found = without(found, path, next((reasons[place] for place in places if place in reasons), ""))
        if not faults:
            break
    return found


def _known(found: Converted, schema: Mapping[str, Any]) -> Converted:
    """Without keys that there are not, which a checker may take for another one, mistyped."""
    keys = schema["properties"]
    known = keys["apps"]["additionalProperties"]["properties"]
    wrong: list[Path] = [("apps", name, key) for name, app in found.apps.items() for key in app if key not in known]
    wrong += [("volumes", name) for name in found.volumes if "volumes" not in keys]
    for path in wrong:
        found = without(found, path, "there is no key for it")
    return found


def _order(path: Path) -> list[tuple[int, str]]:
    """Of a list the last first, so that numbers stay right."""
    return [(step, "") if isinstance(step, int) else (-1, step) for step in path]


def _sayable(found: Converted) -> Converted:
    """Without texts that hold what no file may."""
    bad = [
        ("apps", name, key, *inner)
        for name, app in found.apps.items()
        for key, value in app.items()
        for inner in _unsayable(value)
    ]
    for path in sorted(bad, key=_order, reverse=True):
        found = without(found, path, "a control character stands in it")
    return found


def _unsayable(value: object) -> list[Path]:
    if isinstance(value, str):
        return [] if all(c.isprintable() or c in "\n\t" or c in "\u00a0\u3000" for c in value) else [()]
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [(step, *inner) for step, each in entries for inner in _unsayable(each)]


def without(found: Converted, path: Path, reason: str) -> Converted:
    """Without the entry at `path`, and with a row that says so."""
    if len(path) < 2 or path[0] not in ("apps", "volumes"):
        return found
    section, name, *steps = path
    entries = dict(found.apps if section == "apps" else found.volumes)
    if name not in entries:
        return found
    said = reason.partition(": ")[2] or reason or "it has no such form here"
    if section == "apps" and steps == ["image"]:
        steps, said = [], f"no app is made of it, since its image {said}"
    if steps:
        entries[str(name)] = _cut(entries[str(name)], steps)
    else:
        del entries[str(name)]
        entries = {other: _apart(entry, name) if section == "apps" else entry for other, entry in entries.items()}
    service = found.services.get(str(name), "") if section == "apps" else ""
    key = ".".join(map(str, steps or (section, name)))
    declared = found.places.get(f"{section}.{name}")
    row = Row(service, key, _place(found, service, str(steps[0]) if steps else "", declared), REFUSED, said)
    others = tuple(each for each in found.rows if (each.service, each.key) != (service, key))
    changed: dict[str, Any] = {str(section): entries}
    return found._replace(rows=(*others, row), **changed)


def _apart(app: Mapping[str, object], name: str | int) -> dict[str, object]:
    """An app without what it says of one that there is not."""
    needs = app.get("needs")
    kept = [each for each in needs if each != name] if isinstance(needs, list) else []
    changed = {key: kept if key == "needs" else value for key, value in app.items()}
    return {key: value for key, value in changed.items() if (key, value) not in (("needs", []), ("network", name))}


def _cut(value: Any, steps: list[str | int]) -> Any:
    """`value` without what the steps lead to, and without what is empty then."""
    step, rest = steps[0], steps[1:]
    inner = _cut(value[step], rest) if rest else None
    if isinstance(value, dict):
        kept = {key: each for key, each in value.items() if key != step}
        return {key: inner if key == step else each for key, each in value.items()} if inner else kept
    assert isinstance(step, int)
    return [*value[:step], *([inner] if inner else []), *value[step + 1 :]]


def _place(found: Converted, service: str, key: str, fallback: Position | None) -> Position:
    """Where the row about a key stands; else the entry itself."""
    about = [row.at for row in found.rows if row.service == service and row.key.partition(".")[0] == key]
    return about[0] if about else fallback or Position("", 1, 1)
