"""World -> Problems: no two servers keep their database in one folder, which neither would survive."""

from infrakit.errors import Problem
from infrakit.resolve.world import Locate, World

PLACES = ("/var/lib/postgresql", "/var/lib/mysql", "/data/db")
"""Where images of PostgreSQL, MariaDB and MySQL, and MongoDB keep their files."""


def servers_apart(world: World, locate: Locate) -> list[Problem]:
    """Of volumes that apps share, and of folders of the host: other places are one app's alone."""
    found = []
    for host in world.hosts:
        taken: dict[tuple[str, str], str] = {}
        for service in host.services:
            app = next((item for item in world.config.apps if item.name == service.name), None)
            for number, mount in enumerate(app.mounts if app is not None else ()):
                if mount.read_only or not f"{mount.path}/".startswith(tuple(f"{place}/" for place in PLACES)):
                    continue
                owner = taken.setdefault(
                    ("volume" if mount.is_volume else "host", mount.host.rstrip("/")), service.name
                )
                if app is not None and owner != service.name:
                    what = f"apps.{app.name}.mounts: {owner} keeps its database in {mount.host} already"
                    hint = "keep each in a folder of its own: data; two servers in one folder destroy it"
                    place = locate((*app.path, "mounts", number))
                    found.append(Problem(place, what, "same-database", hint))
    return list(dict.fromkeys(found))
