"""Names of services, volumes and secrets -> those they have here, each once; and values that speak of them.

A value that leads to a service by a name it had there (its own, its container's, an alias) leads to its app here.
"""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from infrakit.catalog import Catalog
from infrakit.composed.model import Service
from infrakit.resolve.checks.apps import FOLDERS, HOST_NETWORK, OWN_NAMES, RESERVED
from infrakit.resolve.checks.secrets import of_catalogue
from infrakit.resolve.containers import final_volume
from infrakit.resolve.networks import SUFFIX

LONGEST_APP = 31
LONGEST_SECRET = 63
HOSTED = re.compile(r"HOST|SERVER|ADDR|URL|URI|ENDPOINT|BROKER|UPSTREAM|BACKEND|DSN|NODE")
"""In the name of a variable whose whole value is the name of a machine."""


class Taken(NamedTuple):
    """Names that are not free: of apps (and of whatever an app cannot be called), of volumes, of secrets. `shared`:
    Docker's name of a volume that exists, and what it is called here. `found`: names by which Docker
    finds somebody else."""

    apps: frozenset[str] = frozenset()
    volumes: frozenset[str] = frozenset()
    secrets: frozenset[str] = frozenset()
    shared: tuple[tuple[str, str], ...] = ()
    found: frozenset[str] = frozenset()


def reserved(catalog: Catalog) -> frozenset[str]:
    """What no app can be called: the catalogue has it, or who else speaks of apps by name."""
    containers = {item.name for blueprint in catalog.blueprints.values() for item in blueprint.containers}
    return frozenset({*catalog.blueprints, *containers, *RESERVED, *FOLDERS, *OWN_NAMES, HOST_NETWORK, SUFFIX})


def reserved_volumes(catalog: Catalog) -> frozenset[str]:
    """Names of volumes that InfraKit's own services keep data and sockets in."""
    each = [(owner.name, item) for owner in catalog.blueprints.values() for item in owner.containers]
    kept = {final_volume(owner, use.volume) for owner, item in each for use in item.volumes}
    return frozenset({*kept, *(f"{item.name}-socket" for _, item in each if item.docker)})


def reserved_secrets(catalog: Catalog) -> frozenset[str]:
    """Names of secrets that InfraKit's own services read, and it itself."""
    return frozenset(of_catalogue(catalog))


class Names:
    """Wanted -> free, by the project's name where somebody else has it, then by a number. The same thing keeps its
    name."""

    def __init__(self, project: str, taken: Iterable[str], longest: int, sign: str = "-") -> None:
        self.project = project
        self.longest = longest
        self.sign = sign
        self.found: dict[str, str] = {}
        self._others = frozenset(taken)
        self._taken = set(taken)

    def of(self, thing: str, wanted: str = "") -> str:
        """The name of `thing`, as much like `wanted` as can be."""
        if thing not in self.found:
            name = self.usual(wanted or thing)
            if name in self._others:
                name = self.usual(f"{self.project}{self.sign}{name}")
            number, free = 2, name
            while free in self._taken:
                end = f"{self.sign}{number}"
                number, free = number + 1, name[: self.longest - len(end)].rstrip(self.sign) + end
            self._taken.add(free)
            self.found[thing] = free
        return self.found[thing]

    def usual(self, wanted: str) -> str:
        """Small letters and digits, a letter first."""
        name = re.sub(r"[^a-z0-9]+", self.sign, wanted.lower()).strip(self.sign)
        name = name if name[:1].isalpha() else f"app{self.sign}{name}".rstrip(self.sign)
        return name[: self.longest].rstrip(self.sign)


def reached(services: Iterable[Service], apps: Mapping[str, str]) -> dict[str, str]:
    """What a service could be reached by -> its app's name."""
    own: dict[str, str] = {}
    others: dict[str, str] = {}
    for service in services:
        if service.name in apps:
            own[service.name] = apps[service.name]
            aliases = [alias for network in service.networks for alias in network.aliases]
            for name in filter(None, (service.container_name, *aliases)):
                others.setdefault(name, apps[service.name])
        for link in service.links:
            name, _, alias = link.partition(":")
            if alias and name in apps:
                others.setdefault(alias, apps[name])
    return {**others, **own}


def pointed(key: str, value: str, moved: Mapping[str, str]) -> str:
    """`value` of a variable, or a word of a command (`key` ""), with the names that machines have here."""
    if not moved or not value:
        return value
    if value in moved and HOSTED.search(key.upper()):
        return moved[value]
    return re.sub(_behind(moved), lambda found: moved[found[0]], value)


def mentioned(key: str, value: str, known: Mapping[str, str]) -> set[str]:
    """The apps to which a value leads, by any of the names that they can be reached by."""
    if value in known and HOSTED.search(key.upper()):
        return {known[value]}
    return {known[found[0]] for found in re.finditer(_behind(known), value)} if known else set()


def _behind(names: Iterable[str]) -> str:
    """Where a name of a machine stands in a value: in an address, or before a port."""
    any_of = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    return (
        rf"(?<=//)({any_of})(?=[:/?#,]|$)|(?<=@)({any_of})(?=[:/?#,]|$)"
        rf"|(?<![\w.@/-])({any_of})(?=:[0-9]{{1,5}}(?![\w.]))"
    )
