"""Groups and users: whoever is named exists."""

from infrakit.catalog.model import Catalog
from infrakit.config.check import dotted
from infrakit.config.model import Config, DoorConfig, ServiceConfig
from infrakit.config.nearest import nearest
from infrakit.errors import Position, Problem
from infrakit.resolve.routes import ADMINISTRATORS
from infrakit.resolve.world import Locate


def known_people(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """Members, and whoever may open something, are groups or users of the file."""
    access = config.access
    declared = {user.username for user in access.users}
    memberships = [("access.administrators", access.administrators)]
    memberships += [(f"access.groups.{group.name}", group.members) for group in access.groups]
    users = set(declared)
    found = []
    for where, members in memberships:
        for name, path in members:
            if access.users_declared and name not in declared:
                found.append(
                    _unknown(f"{where}: there is no user {name}", name, declared, locate(path), "unknown-user")
                )
            users.add(name)
    groups = {group.name for group in access.groups} | {ADMINISTRATORS}
    for group in access.groups:
        if group.name in users:
            what = f"access.groups.{group.name}: a user has the same name"
            related = next((path for _, members in memberships for name, path in members if name == group.name), None)
            related = related or ("access", "users", group.name)
            found.append(
                Problem(
                    locate(group.path, key=True),
                    what,
                    "name-clash",
                    "rename one of the two",
                    related=locate(related, key=True),
                )
            )
        if group.name == ADMINISTRATORS:
            what = "access.groups.administrators: this group has a key of its own"
            found.append(Problem(locate(group.path, key=True), what, "name-clash", "write access.administrators"))
    by_themselves = {
        name for name, item in catalog.blueprints.items() if item.route is None or item.route.sign_in != "forward_auth"
    }
    doors: list[ServiceConfig | DoorConfig] = [*config.services, *(door for app in config.apps for door in app.doors)]
    for door in doors:
        where, by_itself = dotted(door.path), isinstance(door, ServiceConfig) and door.name in by_themselves
        for name, path in door.allow or ():
            if name not in groups and name not in users:
                what = f"{where}.allow: there is no group or user {name}"
                found.append(_unknown(what, name, groups | users, locate(path), "unknown-group"))
        public = locate((*door.path, "public"), key=True)
        if door.public and door.allow is not None:
            what = f"{where}.public: everybody, and yet only some may come in"
            related = locate((*door.path, "allow"), key=True)
            found.append(Problem(public, what, "public-and-allow", "remove one of the two", related=related))
        elif isinstance(door, DoorConfig) and door.sign_in == "none" and not door.public:
            what = f"{where}.sign_in: anybody who reaches this address may open it"
            place = locate((*door.path, "sign_in"), key=True)
            found.append(Problem(place, what, "public", "remove it unless you mean it", "warning"))
        elif door.public and not by_itself:
            what = f"{where}.public: anybody who reaches this address may open it"
            found.append(Problem(public, what, "public", "remove it unless you mean it", "warning"))
    return found


def _unknown(what: str, name: str, known: set[str], position: Position, code: str) -> Problem:
    close = nearest(name, sorted(known))
    more = "; others are written under access.groups" if code == "unknown-group" else ""
    hint = f"did you mean {close}?" if close else f"known: {', '.join(sorted(known)) or 'nobody yet'}{more}"
    return Problem(position, what, code, hint)
