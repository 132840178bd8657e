"""backup: leads to a place that outlives what it is a copy of, and leaves out what there is."""

from pathlib import PurePosixPath

from infrakit.catalog.model import Catalog
from infrakit.config.model import Config
from infrakit.errors import Problem
from infrakit.resolve.updates import services_named, services_of
from infrakit.resolve.world import Locate

OURS = ("/etc/infrakit", "/var/cache/infrakit", "/var/lib/docker", "/var/lib/infrakit")
FLEETING = ("/boot", "/dev", "/proc", "/run", "/sys", "/tmp", "/var/run", "/var/tmp")
"""What a boot empties, or is no place for files."""


def backup_sound(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """Of a file that says where backups go."""
    assert config.backup is not None
    known = services_of(config, catalog) | {volume.name for volume in config.volumes}
    found = services_named(config.backup.without, ("backup", "without"), known, locate)
    path, where = config.backup.to, locate(("backup", "to"))
    folder = PurePosixPath(path)
    if ".." in folder.parts or str(folder) != path:
        what, hint = f"backup.to: {path} is written in a roundabout way", f"write {_plain(folder)}"
        return [*found, Problem(where, what, "backup-to", hint)]
    for place, what in (
        *((item, "is what backups are made of") for item in OURS),
        *((item, "keeps nothing") for item in FLEETING),
    ):
        if folder.is_relative_to(place):
            hint = "a folder on another disk, for instance /mnt/usb/backups"
            found.append(Problem(where, f"backup.to: {place} {what}", "backup-to", hint))
    for app in config.apps:
        for number, mount in enumerate(app.mounts):
            if not mount.is_volume and not mount.read_only and folder.is_relative_to(mount.host):
                what = f"backup.to: {app.name} may write there, and delete every backup: it mounts {mount.host}"
                hint = "a folder that no app mounts; or let it read only"
                other = locate(("apps", app.name, "mounts", number))
                found.append(Problem(where, what, "backup-to", hint, "error", other))
    return found


def _plain(folder: PurePosixPath) -> str:
    """Without steps that lead nowhere, or back."""
    parts: list[str] = []
    for part in folder.parts[1:]:
        if part == "..":
            del parts[-1:]
        else:
            parts.append(part)
    return f"/{'/'.join(parts)}"
