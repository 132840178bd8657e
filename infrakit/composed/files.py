"""Compose files, and those that they include and extend -> one tree in its normal form.

For each file in order: YAML, variables, normal form, includes, extensions; then it is merged upon those before it.
Files are named by absolute paths inside, and as a person in the project's folder writes them where they are asked for.
"""

import posixpath
from collections.abc import Callable, Sequence
from typing import NamedTuple

from infrakit.composed.dotenv import variables
from infrakit.composed.interpolate import interpolated
from infrakit.composed.merge import merged
from infrakit.composed.paths import REMOTE, absolute, within
from infrakit.composed.service import service
from infrakit.composed.shapes import Place, check_names
from infrakit.composed.toplevel import RESOURCES, includes, top
from infrakit.composed.tree import MAXIMUM_DEPTH, Environment, Item, Reading, plain, size
from infrakit.composed.yaml_text import parsed
from infrakit.errors import Position, UsageProblem

COST_OF_A_FILE = 50
"""In values: a file that others include again and again is read each time."""
ReadFile = Callable[[str], "bytes | None"]
"""None: there is no such file. UsageProblem: it may not, or cannot, be read."""
Rewrite = Callable[[Item], Item]


class Fragment(NamedTuple):
    """One file: its services as it says them, those with what they extend, and where it stands."""

    path: str
    tree: Item
    services: dict[str, Item]
    place: Place
    extended: dict[str, Item]


class Files:
    """Reads files for one call of read()."""

    def __init__(
        self, folder: str, home: str, read_file: ReadFile, reading: Reading, rewrite: Rewrite | None = None
    ) -> None:
        self.folder = folder
        self.home = home
        self.read_file = read_file
        self.reading = reading
        self.rewrite = rewrite
        self.names: dict[str, None] = {}
        self._trees: dict[str, Item | None] = {}
        self._fragments: dict[tuple[str, str, int], Fragment | None] = {}
        self._environments: list[Environment] = []

    def content(self, path: str, asked_at: Position, required: bool = True) -> bytes | None:
        """The bytes of a file; None, and a problem where it is required, if there is none."""
        self.reading.count_file(asked_at)
        name = within(path, self.folder)
        if REMOTE.match(path):
            hint = "fetch it, put it beside the file, and name that"
            self.reading.refuse(asked_at, f"{path} is not on this machine", "compose-file", hint)
            return None
        try:
            found = self.read_file(name)
        except UsageProblem as error:
            self.reading.refuse(asked_at, error.message, "compose-file", error.hint)
            return None
        if found is None:
            if required:
                hint = "import the folder that holds it too, or correct its path"
                self.reading.refuse(asked_at, f"there is no file {name}", "compose-file", hint)
            return None
        self.names[name] = None
        return found

    def environment(self, paths: Sequence[str], outer: Environment, at: Position, required: bool) -> Environment:
        """The variables of these files below those of `outer`."""
        found: dict[str, str] = {}
        for path in paths:
            source = self.content(path, at, required)
            if source is None:
                continue
            name = within(path, self.folder)
            for each in variables(source, name, self.reading, lambda key: outer.get(key, found.get(key))):
                value = outer.get(each.name) if each.value is None else each.value
                if value is not None:
                    found[each.name] = value
        return {**found, **outer}

    def merged(
        self, paths: Sequence[str], base: str, environment: Environment, at: Position, within_: tuple[str, ...] = ()
    ) -> Item | None:
        """The files at `paths` as one tree."""
        whole: Item | None = None
        for path in paths:
            if path in within_ or len(within_) >= MAXIMUM_DEPTH:
                self._refuse_cycle(path in within_, at, f"{within(path, self.folder)} is included")
                continue
            fragment = self._fragment(path, base, environment, at)
            if fragment is None:
                continue
            tree = self._whole(fragment, (*within_, path))
            whole = tree if whole is None else self._upon(whole, tree)
        return whole

    def _refuse_cycle(self, cycle: bool, at: Position, what: str) -> None:
        if cycle:
            self.reading.refuse(at, f"{what} by itself", "compose-cycle", "take one of the two out")
        else:
            self.reading.refuse(at, f"{what} more than {MAXIMUM_DEPTH} deep", "compose-too-much", "import it in parts")

    def _upon(self, base: Item, over: Item) -> Item:
        found: dict[str, Item] = {}
        for kind in ("services", *RESOURCES):
            one, other = base.get(kind), over.get(kind)
            entries = dict(one.entries()) if one is not None else {}
            for name, item in other.entries().items() if other is not None else ():
                if item.tag == "reset":
                    entries.pop(name, None)
                else:
                    entries[name] = merged(entries[name], item) if name in entries else item
            found[kind] = (other or one or over).of(dict(entries))
        for name in ("name", "models"):
            value = over.get(name) or base.get(name)
            if value is not None:
                found[name] = value
        return over.of(dict(found))

    def tree(self, path: str, at: Position) -> Item | None:
        """What a file says, before anything is made of it."""
        if path not in self._trees:
            source = self.content(path, at)
            tree = None if source is None else parsed(source, within(path, self.folder), self.reading)
            self._trees[path] = self.rewrite(tree) if tree is not None and self.rewrite is not None else tree
        return self._trees[path]

    def _fragment(self, path: str, base: str, environment: Environment, at: Position) -> Fragment | None:
        key = (path, base, id(environment))
        if key not in self._fragments:
            self._environments.append(environment)  # as long as it is there, no other one has its id
            self._fragments[key] = self._read(path, base, environment, at)
        return self._fragments[key]

    def _read(self, path: str, base: str, environment: Environment, at: Position) -> Fragment | None:
        tree = self.tree(path, at)
        if tree is None:
            return None
        self.reading.count(COST_OF_A_FILE + size(tree), at)
        place = Place("", base, environment, self.reading, self.home)
        whole = top(interpolated(tree, environment, self.reading), place)
        found: dict[str, Item] = {}
        services = whole.get("services")
        if services is not None:
            below = place.under("services")
            if not isinstance(services.value, dict):
                below.refuse(services, "no map of services", "write NAME: below it, and its keys below that")
            check_names(services, below)
            for name, item in services.entries().items():
                found[name] = item.of(None) if item.tag == "reset" else service(item, below.under(name))
        return Fragment(path, whole, found, place, {})

    def _whole(self, fragment: Fragment, chain: tuple[str, ...]) -> Item:
        """The fragment with what it includes, and its services with what they extend."""
        entries = dict(fragment.tree.entries())
        listed = entries.pop("include", None)
        around = self._included(listed, fragment, chain) if listed is not None else None
        if around is not None:
            services = around.get("services")
            for name, item in services.entries().items() if services is not None else ():
                self._refuse_conflict(fragment.services.get(name), item, f"services.{name}")
                fragment.services.setdefault(name, item)
        found = {name: self._extended(name, fragment, ()) for name in fragment.services}
        entries["services"] = fragment.tree.of(dict(found))
        for kind in RESOURCES if around is not None else ():
            assert around is not None
            theirs = around.get(kind)
            ours = entries.get(kind)
            both = dict(ours.entries()) if ours is not None else {}
            for name, item in theirs.entries().items() if theirs is not None else ():
                self._refuse_conflict(both.get(name), item, f"{kind}.{name}")
                both.setdefault(name, item)
            entries[kind] = (ours or fragment.tree).of(dict(both))
        return fragment.tree.of(dict(entries))

    def _refuse_conflict(self, ours: Item | None, theirs: Item, what: str) -> None:
        if ours is None or ours.tag or plain(ours) == plain(theirs):
            return
        hint = "give one of the two another name, or change it in a file that is merged upon this one"
        what = f"{what} is in an included file, too, and says something else there"
        self.reading.refuse(ours.key or ours.at, what, "compose-conflict", hint, related=theirs.key or theirs.at)

    def _included(self, listed: Item, fragment: Fragment, chain: tuple[str, ...]) -> Item | None:
        place = fragment.place
        whole: Item | None = None
        for each in includes(listed, place.under("include")).items():
            paths = [absolute(path, place.base, self.home) for path in _texts(each.get("path"))]
            if not paths:
                continue
            folder = each.get("project_directory")
            base = posixpath.dirname(paths[0])
            if folder is not None:
                base = absolute(str(folder.value), place.base, self.home)
            given = each.get("env_file")
            env_files = [absolute(path, place.base, self.home) for path in _texts(given)]
            inner = self.environment(
                env_files or [posixpath.join(base, ".env")], place.environment, each.at, given is not None
            )
            tree = self.merged(paths, base, inner, each.at, chain)
            if tree is None:
                continue
            self.reading.count(size(tree), each.at)
            if whole is not None:
                self._refuse_conflicts(whole, tree)
            whole = tree if whole is None else self._upon(whole, tree)
        return whole

    def _refuse_conflicts(self, one: Item, other: Item) -> None:
        for kind in ("services", *RESOURCES):
            first, second = one.get(kind), other.get(kind)
            if first is not None and second is not None:
                for name, item in second.entries().items():
                    self._refuse_conflict(first.get(name), item, f"{kind}.{name}")

    def _extended(self, name: str, fragment: Fragment, chain: tuple[tuple[str, str], ...]) -> Item:
        """The service upon what it extends."""
        if name in fragment.extended:
            return fragment.extended[name]
        own = fragment.services[name]
        extends = own.get("extends")
        if extends is None or own.tag == "reset":
            return own
        entries = {key: item for key, item in own.entries().items() if key != "extends"}
        result = own.of(dict(entries))
        base = self._base(extends, name, fragment, chain) if extends.tag != "reset" else None
        if base is not None:
            result = merged(base, result)
            result.tag, result.key, result.at = own.tag, own.key, own.at
            self.reading.count(size(result), own.at)
        fragment.extended[name] = result
        return result

    def _base(self, extends: Item, name: str, fragment: Fragment, chain: tuple[tuple[str, str], ...]) -> Item | None:
        wanted, file = extends.get("service"), extends.get("file")
        if wanted is None:
            return None
        other: Fragment | None = fragment
        if file is not None:
            path = absolute(str(file.value), fragment.place.base, self.home)
            if path != fragment.path:
                other = self._fragment(path, posixpath.dirname(path), fragment.place.environment, file.at)
        if other is None:
            return None
        target = str(wanted.value)
        here = (fragment.path, name)
        cycle = (other.path, target) in (*chain, here)
        if cycle or len(chain) >= MAXIMUM_DEPTH:
            self._refuse_cycle(cycle, wanted.at, f"services.{name} is extended")
            return None
        if target not in other.services:
            where = within(other.path, self.folder)
            what = f"services.{name}.extends: there is no service {target} in {where}"
            self.reading.refuse(wanted.at, what, "compose-reference", f"its services are {', '.join(other.services)}")
            return None
        return self._extended(target, other, (*chain, here))


def _texts(item: Item | None) -> list[str]:
    return [str(each.value) for each in item.items()] if item is not None else []
