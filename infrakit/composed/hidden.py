"""Converted -> the same without values that are known to be secrets, wherever they were said once more.

What is told by its name in one place (REDIS_PASSWORD) stands without one in another (`redis-cli -a $REDIS_PASSWORD`).
In an environment and in a file the secret's name takes its place; elsewhere the key is refused.
"""

import re
from collections.abc import Iterator, Mapping

from infrakit.composed.app_inside import HIDDEN
from infrakit.composed.fit import without
from infrakit.composed.words import Converted
from infrakit.config.document import Path

SHORTEST = 6
NAMES = re.compile(r"[a-z]+|[0-9]{1,7}")
"""What is a password for some, and a user, a database or a number for others."""
REFERENCE = re.compile(r"([$][{]secret[.]\w+[}])")
WHOLE = ("command", "entrypoint", "health")
"""Keys of which no part is of use alone."""
NO_TEXT = ("image", "needs", "network", "user_secrets")


def hidden(found: Converted) -> Converted:
    """`found` with each known secret in the host's store alone."""
    names = {*found.services, *found.services.values()}
    known = {
        value: name
        for name, value in sorted(found.secrets.items(), reverse=True)
        if len(value) >= SHORTEST and value not in names and not NAMES.fullmatch(value)
    }
    if not known:
        return found
    either = "|".join(map(re.escape, sorted(known, key=len, reverse=True)))
    pattern = re.compile(rf"(?<!\w)(?:{either})(?!\w)")
    found = found._replace(apps={name: _named(app, pattern, known) for name, app in found.apps.items()})
    wrong = dict.fromkeys(
        ("apps", name, key, *(() if key in WHOLE else inner))
        for name, app in found.apps.items()
        for key, value in app.items()
        if key not in NO_TEXT
        for inner in _places(value, pattern)
    )
    for path in reversed(list(wrong)):
        found = without(found, path, HIDDEN)
    rows = tuple(row._replace(key=pattern.sub("***", row.key), said=pattern.sub("***", row.said)) for row in found.rows)
    withheld = {
        name: tuple(item for item in items if not pattern.search(str(item[1])))
        for name, items in found.withheld.items()
    }
    return found._replace(rows=rows, withheld=withheld)


def _named(app: Mapping[str, object], pattern: "re.Pattern[str]", known: Mapping[str, str]) -> dict[str, object]:
    """An app whose environment and files have names of secrets instead of their values, and who may read them."""
    asked = app.get("user_secrets")
    secrets = list(asked) if isinstance(asked, list) else []
    said: dict[str, object] = {}
    for key in ("environment", "files"):
        table = app.get(key)
        if isinstance(table, dict):
            said[key] = values = {}
            for name, value in table.items():
                pieces = REFERENCE.split(str(value))
                for number in range(0, len(pieces), 2):
                    secrets += [known[text] for text in pattern.findall(pieces[number])]
                    pieces[number] = pattern.sub(lambda match: "${secret." + known[match[0]] + "}", pieces[number])
                values[name] = "".join(pieces)
    more = {"user_secrets": list(dict.fromkeys(secrets))} if secrets and said else {}
    return {**app, **said, **more}


def _places(value: object, pattern: "re.Pattern[str]") -> Iterator[Path]:
    """Where below a key a secret stands, the key of an entry included."""
    if isinstance(value, str):
        if pattern.search(value):
            yield ()
        return
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, each in entries:
        if isinstance(step, str) and pattern.search(step):
            yield (step,)
        else:
            yield from ((step, *inner) for inner in _places(each, pattern))
