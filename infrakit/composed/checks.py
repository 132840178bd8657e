"""What no single key of a Compose file can tell: names that lead nowhere, keys that exclude each other, cycles.

By what Compose refuses itself; only services that are active are checked, as it does.
"""

from collections.abc import Iterable

from infrakit.composed.bind import text, texts
from infrakit.composed.tree import Item, Reading

EXCLUDING = (
    ("mem_limit", ("deploy", "resources", "limits", "memory")),
    ("mem_reservation", ("deploy", "resources", "reservations", "memory")),
    ("cpus", ("deploy", "resources", "limits", "cpus")),
    ("pids_limit", ("deploy", "resources", "limits", "pids")),
    ("scale", ("deploy", "replicas")),
)


def check(tree: Item, active: dict[str, Item], reading: Reading) -> None:
    """Says what is wrong with the `active` services of a merged tree, and with its resources."""
    for name, item in active.items():
        _Service(name, item, tree, active, reading).check()
    _check_order(active, reading)
    for kind in ("configs", "secrets"):
        found = tree.get(kind)
        for name, item in found.entries().items() if found is not None else ():
            _check_source(f"{kind}.{name}", kind, item, reading)
    for kind in ("volumes", "networks"):
        found = tree.get(kind)
        for name, item in found.entries().items() if found is not None else ():
            external = item.get("external")
            rest = [key for key in item.entries() if key not in ("name", "external")]
            if external is not None and external.value and rest:
                what = f"{kind}.{name} is external, and cannot be given {', '.join(rest)}"
                reading.refuse(item.key or item.at, what, "compose-external", "keep external and name alone")


def _check_source(path: str, kind: str, item: Item, reading: Reading) -> None:
    external = item.get("external")
    ways = ["file", "environment", *(["content"] if kind == "configs" else ["driver"])]
    found = [way for way in ways if item.get(way) is not None]
    if external is not None and external.value:
        found.append("external")
    if len(found) != 1:
        what = f"{path} has {' and '.join(found) if found else 'no content'}"
        reading.refuse(item.key or item.at, what, "compose-content", f"give it one of {', '.join(ways)}, external")


class _Service:
    def __init__(self, name: str, item: Item, tree: Item, active: dict[str, Item], reading: Reading) -> None:
        self.name = name
        self.item = item
        self.tree = tree
        self.active = active
        self.reading = reading

    def refuse(self, at: Item, key: str, what: str, code: str, hint: str) -> None:
        self.reading.refuse(at.at, f"services.{self.name}{key}: {what}", code, hint)

    def check(self) -> None:
        item = self.item
        if not text(item, "image") and item.get("build") is None and item.get("provider") is None:
            at = item.key or item.at
            what = f"services.{self.name}: neither image nor build"
            self.reading.refuse(at, what, "compose-missing", "add image: NAME to it")
        mode, networks = item.get("network_mode"), item.get("networks")
        if mode is not None and mode.value and networks is not None and networks.entries():
            hint = "keep one of the two"
            self.refuse(mode, ".network_mode", "networks stand there, too", "compose-exclusive", hint)
        self._check_resources()
        self._check_services()
        for key, path in EXCLUDING:
            one, other = item.get(key), _at(item, path)
            if one is not None and other is not None and one.value and other.value and one.value != other.value:
                what = f"{'.'.join(path)} says something else"
                self.refuse(one, f".{key}", what, "compose-exclusive", "keep one of the two")
        name, scale = item.get("container_name"), item.get("scale") or _at(item, ("deploy", "replicas"))
        if name is not None and scale is not None and isinstance(scale.value, int) and scale.value > 1:
            what = "several containers cannot have one name"
            self.refuse(name, ".container_name", what, "compose-exclusive", "delete one of the two")

    def _check_resources(self) -> None:
        item = self.item
        mounts, networks = item.get("volumes"), item.get("networks")
        for mount in mounts.items() if mounts is not None else ():
            if text(mount, "type") == "volume" and text(mount, "source"):
                self._check_declared("volumes", mount, text(mount, "source"))
        for name, each in networks.entries().items() if networks is not None else ():
            if name != "default":
                self._check_declared("networks", Item(None, each.key or each.at), name)
        for kind in ("configs", "secrets"):
            grants = item.get(kind)
            for grant in grants.items() if grants is not None else ():
                self._check_declared(kind, grant, text(grant, "source"))

    def _check_declared(self, kind: str, at: Item, name: str) -> None:
        declared = self.tree.get(kind)
        if declared is None or name not in declared.entries():
            what = f"{name} is not among the {kind} of the file"
            self.refuse(at, f".{kind}", what, "compose-reference", f"add it below {kind}: at the end of the file")

    def _check_services(self) -> None:
        item = self.item
        needed = item.get("depends_on")
        for name, each in needed.entries().items() if needed is not None else ():
            required = each.get("required")
            if required is None or required.value:
                self._check_service("depends_on", Item(None, each.key or each.at), name)
        for key in ("network_mode", "ipc", "pid"):
            found = item.get(key)
            if found is not None and str(found.value).startswith("service:"):
                self._check_service(key, found, str(found.value)[8:])
        for key in ("links", "volumes_from"):
            listed = item.get(key)
            for each in listed.items() if listed is not None else ():
                name = str(each.value)
                if not name.startswith("container:"):
                    self._check_service(key, each, name.partition(":")[0])

    def _check_service(self, key: str, at: Item, name: str) -> None:
        if name in self.active:
            return
        services = self.tree.get("services")
        asleep = services is not None and name in services.entries()
        what = f"the service {name} has a profile that is not asked for" if asleep else f"there is no service {name}"
        hint = f"ask for its profile: {', '.join(self._profiles(name))}" if asleep else "correct the name"
        self.refuse(at, f".{key}", what, "compose-reference", hint)

    def _profiles(self, name: str) -> tuple[str, ...]:
        services = self.tree.get("services")
        found = services.get(name) if services is not None else None
        return texts(found.get("profiles")) if found is not None else ()


def _at(item: Item, path: Iterable[str]) -> Item | None:
    found: Item | None = item
    for step in path:
        found = found.get(step) if found is not None else None
    return found


def _check_order(active: dict[str, Item], reading: Reading) -> None:
    """Services that wait for each other: whoever is in a circle, each circle once."""
    waits: dict[str, list[str]] = {}
    for name, item in active.items():
        needed = item.get("depends_on")
        waits[name] = [each for each in (needed.entries() if needed is not None else ()) if each in active]
    left = dict(waits)
    while True:
        free = [name for name, others in left.items() if not any(other in left for other in others)]
        if not free:
            break
        for name in free:
            del left[name]
    while left:
        chain = [next(iter(left))]
        while chain.count(chain[-1]) == 1:
            chain.append(next(other for other in left[chain[-1]] if other in left))
        circle = chain[chain.index(chain[-1]) :]
        needed = active[circle[0]].get("depends_on")
        each = needed.entries()[circle[1]] if needed is not None else active[circle[0]]
        what = f"services that wait for each other: {' -> '.join(circle)}"
        reading.refuse(each.key or each.at, what, "compose-cycle", "take one of them out of depends_on")
        for name in list(left):
            del left[name]
