"""World -> Problems: what is reached by a name has it alone, after hosts and prefixes are added.

Names of containers, volumes and secrets are apart by the rules of policy/, and by checks/own.py with a place.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from infrakit.config.model import HostConfig, Path
from infrakit.errors import Problem
from infrakit.resolve.routes import Opening, openings, url_of
from infrakit.resolve.world import HOST_TOKEN, HostDraft, Locate, Placed, World

LONGEST_LABEL, LONGEST_NAME = 63, 253


class Doorway(NamedTuple):
    """A host name, whose it is, and where the user wrote it (not `said`: nowhere, `path` is that of the host).

    `scope`: the host whose Caddy has it, "" for the core's. `host`: of a range, whose name stands in `hostname` as
    HOST_TOKEN, else None.
    """

    hostname: str
    owner: str
    path: Path
    said: bool
    scope: str
    host: HostConfig | None

    @property
    def shown(self) -> str:
        """The host name as the user would write it, with the range itself in it."""
        return self.hostname if self.host is None else self.hostname.replace(HOST_TOKEN, self.host.name)

    @property
    def longest(self) -> str:
        """The host name of a range's last host: all of them are of one length."""
        if self.host is None:
            return self.hostname
        last = f"{self.host.prefix}{self.host.last:0{self.host.width}d}{self.host.suffix}"
        return self.hostname.replace(HOST_TOKEN, last)


def hostnames(world: World, locate: Locate) -> list[Problem]:
    """No two doors have the same host name. Asked of a world in which it is chosen what runs where, and no more."""
    doors = sorted(_doors(world), key=lambda door: door.owner.startswith("apps."))
    ranges = [door for door in doors if door.host is not None]
    found = [problem for door in doors for problem in _too_long(door, locate)]
    taken: dict[tuple[str, str], Doorway] = {}
    for door in doors:
        other = taken.setdefault((door.scope, door.shown), door)
        if other is door and door.host is None:
            other = next((item for item in ranges if _is_one_of(door.hostname, item)), door)
        if other.owner != door.owner:
            what = f"{door.owner}: {door.shown} is the address of {other.owner}"
            hint = "give one of them another subdomain, or domain"
            found.append(_clash(what, "same-hostname", hint, door, other, locate))
    return found + _led_back(world, {door.shown: door.owner for door in doors}, locate)


def _led_back(world: World, owners: Mapping[str, str], locate: Locate) -> list[Problem]:
    """An address that is the name of another door: Caddy would ask itself, and the sign-in the sign-in. Its own name
    is told already (checks/address.py)."""
    return [
        Problem(
            locate((*app.path, "address")), f"apps.{app.name}.address: {what}", "address", "name the machine itself"
        )
        for app in world.config.apps
        for address in [app.doors[0].address if app.doors else ""]
        if address in owners and owners[address] != f"apps.{app.name}"
        for what in [f"{address} is the address of {owners[address]}: Caddy would lead to itself"]
    ]


def _too_long(door: Doorway, locate: Locate) -> list[Problem]:
    """A host name that the DNS cannot hold, after the host and the domain are added (RFC 1035, 2.3.4)."""
    name = door.longest
    label = name.partition(".")[0]
    if len(label) <= LONGEST_LABEL and len(name) <= LONGEST_NAME:
        return []
    few = len(label) > LONGEST_LABEL
    what = f"the first label of {name} has {len(label)}" if few else f"{name} has {len(name)}"
    most = LONGEST_LABEL if few else LONGEST_NAME
    what = f"{door.owner}: {what} characters, and a host name at most {most}"
    return [Problem(locate(door.path), what, "hostname-long", "choose a shorter subdomain, host or domain")]


def slugs(world: World, locate: Locate) -> list[Problem]:
    """No two applications have the same entry in Authentik."""
    doors: dict[str, set[Doorway]] = {}
    for door in _doors(world):
        doors.setdefault(url_of(world, door.hostname), set()).add(door)
    found = []
    taken: dict[str, Doorway] = {}
    for application in world.access.applications:
        door, *others = doors[application.url]
        if any(item.owner != door.owner for item in others):
            continue  # Two doors with one host name: that is told already.
        other = taken.setdefault(application.slug, door)
        if other is not door:
            first, second = sorted((door, other), key=lambda item: item.said)
            what = f"{second.owner}: in Authentik it would be {application.slug}, which is {first.owner}"
            found.append(_clash(what, "same-slug", "rename the app", second, first, locate))
    return found


def _doors(world: World) -> Iterator[Doorway]:
    for host in world.hosts:
        for placed in host.placed:
            for opening in openings(world, host, placed):
                yield _door(world, host, placed, opening)


def _door(world: World, host: HostDraft, placed: Placed, opening: Opening) -> Doorway:
    said = opening.said if opening.said is not None else placed.app
    elsewhere = bool(world.core) and host.name != world.core
    path: Path = host.config.path if host.config is not None else ("pattern",)
    if opening.said_at is not None:
        path = opening.said_at
    elif said is not None and placed.app is not None:
        path = said.path
    owner = ".".join(map(str, said.path)) if said is not None and placed.app is not None else f"services.{placed.name}"
    return Doorway(
        hostname=opening.hostname,
        owner=f"{owner} on {host.shown}" if elsewhere and placed.app is None else owner,
        path=path,
        said=opening.said_at is not None or placed.app is not None,
        scope="" if world.core else host.shown,
        host=host.config if host.name == HOST_TOKEN else None,
    )


def _is_one_of(hostname: str, door: Doorway) -> bool:
    """Whether a host name is that of one host of a range."""
    before, _, after = door.hostname.partition(HOST_TOKEN)
    name = hostname[len(before) : len(hostname) - len(after)]
    return hostname == f"{before}{name}{after}" and door.host is not None and is_host(name, door.host)


def is_host(name: str, host: HostConfig) -> bool:
    """Whether `name` is that of a host, or of one of a range, digit by digit."""
    if not host.width:
        return name == host.name
    number = name[len(host.prefix) : len(name) - len(host.suffix)]
    if name != f"{host.prefix}{number}{host.suffix}" or not (number.isascii() and number.isdigit()):
        return False
    return host.first <= int(number) <= host.last and number == f"{int(number):0{host.width}d}"


def _clash(what: str, code: str, hint: str, door: Doorway, other: Doorway, locate: Locate) -> Problem:
    place, second = (door, other) if door.said else (other, door)
    return Problem(locate(place.path), what, code, hint, related=locate(second.path) if second.said else None)
