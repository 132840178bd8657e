"""A file that its schema refuses in parts -> the rest of it, still worth checking: one run should name all that it can.

Where a mistake could make other entries look wrong (who there is, which hosts and patterns), nothing more is said yet.
"""

from collections.abc import Iterable
from typing import Any

from infrakit.config.document import Document, Node, Path
from infrakit.config.model import Config
from infrakit.errors import Position, Problem

# Section -> the depth from which on a mistake stays within its own entry; what is not named here is one by itself.
CONTAINED = {"services": 2, "apps": 3, "access": 4, "network": 2, "volumes": 3}
EVERYWHERE = ("version", "pattern", "profiles", "tls", "hosts")
BY_ITSELF: tuple[Path, ...] = (
    ("timezone",),
    ("contact",),
    ("updates",),
    ("backup",),
    ("notify",),
    ("doctor",),
    ("network", "trusted_proxies"),
)
"""What may be wrong in its meaning and still no service or app looks wrong because of it."""
WITHOUT = {"port": "no-port"}
"""Key -> what is said elsewhere in its entry where it is missing; where it is refused, it only looks so."""
AWAITED = "one-shot-alone"
"""What is said of an app that no other waits for: one whose needs nobody knows may be it."""
OWNED = "unknown-secret"
"""The same of who reads a secret that nobody has."""
STAND_IN = "example.org"
"""A domain to judge the rest by where the file's own is missing or none."""


Touched = set[Position | str | tuple[str, Position]]
"""Places that may be wrong because of a fault, or where one problem, by its code, may be; and codes of problems that
may, wherever they are."""


def rest_to_check(document: Document) -> Touched | None:
    """Take the refused values out of the document: the places that may be wrong because of them, or None where what is
    left cannot be judged by itself."""
    if any(not path or path[0] in EVERYWHERE or len(path) < CONTAINED.get(str(path[0]), 1) for path in document.faults):
        return None
    if any(path[0] == "hosts" and "[" in str(path[1]) for path in document.misnamed):
        return None  # a range of what nobody knows
    touched: Touched = set()
    for path in document.misnamed:
        # A blueprint has another name, of course.
        touched.update([*list(_places(document, path))[:2], *_places(document, (*path, "blueprint"))])
    for path in document.faults:
        entry, fault = (list(_places(document, path[:depth])) for depth in (2, 3))
        touched.update(entry[:2] + fault)
        if path[-1] in WITHOUT:
            touched.update((WITHOUT[path[-1]], place) for place in entry)
        if path[0] == "apps":
            touched.add(AWAITED)
    document.values = {"domain": STAND_IN, **_without_refused(document.values, document.root)}
    return touched


def beside_faults(touched: Touched, problems: Iterable[Problem]) -> list[Problem]:
    """Those that may not be a consequence of a fault: at other keys than it, and not at its entry as a whole."""
    return [
        problem
        for problem in problems
        if not touched & {problem.position, problem.related, problem.code, (problem.code, problem.position)}
    ]


def sound_part(config: Config, document: Document, problems: Iterable[Problem]) -> Config | None:
    """`config` without the services and apps that `problems` are about; None where one of them is about anything
    else that could make them look wrong."""
    left = {problem.position for problem in problems}
    left -= {place for path in BY_ITSELF for place in _places(document, path)}
    bad: dict[str, set[str]] = {"apps": set(), "services": set()}
    for section, entries in (("apps", config.apps), ("services", config.services)):
        for entry in entries:
            places = set(_places(document, entry.path))
            own = getattr(entry, "blueprint", "")
            here = {position for position in left if position in places or own and position.document == own}
            if here:
                bad[section].add(entry.name)
                left -= here
    if left:
        return None
    apps = tuple(
        app._replace(needs=tuple(need for need in app.needs if need[0] not in bad["apps"]))
        for app in config.apps
        if app.name not in bad["apps"]
    )
    return config._replace(
        apps=apps, services=tuple(item for item in config.services if item.name not in bad["services"])
    )


def without_lost(config: Config, reduced: Config, problems: Iterable[Problem]) -> list[Problem]:
    """Problems of a reduced config but for what it looks like only because apps have left it: those that need others,
    and those whose secrets others read."""
    kept = {app.name for app in reduced.apps}
    lost = [app for app in config.apps if app.name not in kept]
    codes = {AWAITED} if any(app.needs for app in lost) else set()
    codes |= {OWNED} if any(app.secrets or app.user_secrets for app in lost) else set()
    return [problem for problem in problems if problem.code not in codes]


def _without_refused(value: Any, node: Node) -> Any:
    """`value` without what is None in it; of lists `node`, too, so that an index leads to the same item in both."""
    if isinstance(value, dict):
        nodes = {key.value: child for key, child in node.value}
        return {key: _without_refused(item, nodes[key]) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        kept = [(item, child) for item, child in zip(value, node.value) if item is not None]
        node.value = [child for _, child in kept]
        return [_without_refused(item, child) for item, child in kept]
    return value


def _places(document: Document, path: Path) -> Iterable[Position]:
    """Where the key at `path` stands, its value, and all in it; nothing where it is missing."""
    key = node = document.root
    for step in path:
        pairs = node.value if node.kind == "map" else zip(node.value, node.value) if node.kind == "list" else ()
        found = next((pair for place, pair in enumerate(pairs) if step in (place, pair[0].value)), None)
        if found is None:
            return
        key, node = found
    yield document.at(key)
    waiting: list[Node] = [node]
    while waiting:
        node = waiting.pop()
        yield document.at(node)
        if node.kind == "map":
            waiting += [part for pair in node.value for part in pair]
        elif node.kind == "list":
            waiting += node.value
