"""Two normal forms of the same thing -> one, by the merge rules of the Compose specification; `!reset` and `!override`.

Maps are merged key by key, lists joined (what means the same thing once, the later one), everything else replaced.
"""

from collections.abc import Callable

from infrakit.composed.tree import Item

Path = tuple[str, ...]
"""From the service or the resource on; "*" in RULES stands for a name of the user's."""


def _field(*names: str) -> Callable[[Item], object]:
    def identity(item: Item) -> object:
        return tuple(str(each.value) if (each := item.get(name)) is not None else "" for name in names)

    return identity


def _granted(item: Item) -> object:
    found = item.get("target") or item.get("source")
    return str(found.value).rpartition("/")[2] if found is not None else ""


IDENTITIES: dict[Path, Callable[[Item], object]] = {
    ("ports",): _field("host_ip", "target", "published", "protocol"),
    ("volumes",): _field("target"),
    ("devices",): _field("target"),
    ("env_file",): _field("path"),
    ("configs",): _granted,
    ("secrets",): _granted,
    ("build", "secrets"): _granted,
    ("ipam", "config"): _field("subnet"),
}
"""What makes two of a list the same."""
REPLACED: set[Path] = {("command",), ("entrypoint",), ("healthcheck", "test")}
WITH_NOTHING: set[Path] = {("environment",), ("build", "args")}
"""Maps in which a key without a value says something."""


def merged(base: Item, over: Item, path: Path = ()) -> Item:
    """`over` upon `base`."""
    if over.tag == "override" or path in REPLACED:
        return over
    if over.tag == "default":
        return base
    if over.value is None:
        return over if path[:-1] in WITH_NOTHING else base
    if isinstance(base.value, dict) and isinstance(over.value, dict):
        if path == ("logging",) and not _same_driver(base, over):
            return over
        found = dict(base.value)
        for name, item in over.value.items():
            if item.tag == "reset":
                found.pop(name, None)
            else:
                found[name] = merged(found[name], item, (*path, name)) if name in found else item
        return Item(found, over.at, over.key, base.tag)
    if isinstance(base.value, list) and isinstance(over.value, list):
        return Item(_joined(base.value, over.value, path), over.at, over.key, base.tag)
    return over


def _same_driver(base: Item, over: Item) -> bool:
    one, other = base.get("driver"), over.get("driver")
    return one is None or other is None or one.value == other.value


def _joined(base: list[Item], over: list[Item], path: Path) -> list[Item]:
    identity = IDENTITIES.get(path)
    found: dict[object, Item] = {}
    # Subnets that are the same are merged; of everything else the later one stands.
    merging = path == ("ipam", "config")
    for item in (*base, *over):
        if identity is not None:
            key = identity(item)
        else:
            key = item.value if isinstance(item.value, (str, int, float)) else id(item)
        found[key] = merged(found[key], item, (*path, "*")) if merging and key in found else item
    return list(found.values())


def settled(item: Item) -> Item:
    """Without what is reset, in a file that nothing stands below."""
    if isinstance(item.value, dict):
        kept = {name: settled(each) for name, each in item.value.items() if each.tag != "reset"}
        return Item(kept, item.at, item.key, "", item.used)
    if isinstance(item.value, list):
        kept_items = [settled(each) for each in item.value if each.tag != "reset"]
        return Item(kept_items, item.at, item.key, "", item.used)
    return Item(item.value, item.at, item.key, "", item.used)
