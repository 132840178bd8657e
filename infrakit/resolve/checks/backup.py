"""backup: leads to a place that outlives what it is a copy of, and leaves out what there is."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from infrakit.catalog.model import Catalog
from infrakit.config.backup import BackupConfig
from infrakit.config.model import Config, Path
from infrakit.errors import Problem
from infrakit.resolve.addresses import is_host
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
    if not path.startswith("/"):
        return found + [Problem(locate(place), what, "backup-to", hint) for place, what, hint in _server(config.backup)]
    if config.backup.host_key:
        what, hint = "backup.host_key: backups go to a folder, and ask no server", "remove it"
        found.append(Problem(locate(("backup", "host_key")), what, "backup-to", hint))
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


def _server(backup: BackupConfig) -> Iterator[tuple[Path, str, str]]:
    """(where, what is wrong, what to do) of one that is asked."""
    kind, _, rest = backup.to.partition(":")
    host, _, path = rest.rpartition("//")[2].partition("/")
    user, at, host = host.rpartition("@")
    name, colon, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
    name = (name if colon else host).strip("[]")
    to, example = ("backup", "to"), "for instance sftp://backup@nas.example.org/srv/backups"
    if not is_host(name) or colon and not 1 <= int(port) <= 65535:
        yield to, f"backup.to: {host} is the address of no server", example
    if {".", ".."} & set(path.split("/")):
        yield to, f"backup.to: {backup.to} is written in a roundabout way", "write the path as it is on the server"
    if kind == "s3" and not path:
        yield to, "backup.to: no bucket is named", "for instance s3:https://s3.example.org/bucket"
    if kind == "s3" and at:
        yield to, f"backup.to: {user} is said to nobody", "remove it: infrakit secrets set backup_s3_id"
    if kind == "rest" and at and not rest.startswith("https:"):
        what = "backup.to: the password of the user would go over the network for everybody to read"
        yield to, what, "write https, or no user where the server asks for none"
    if (kind == "sftp") != bool(backup.host_key):
        what, hint = "backup.host_key: only an SFTP server has one", "remove it"
        if kind == "sftp":
            what, hint = "backup.to: whose key the server has is not said", f"ssh-keyscan -t ed25519 {name}: host_key"
        yield ("backup", "host_key" if backup.host_key else "to"), what, hint


def _plain(folder: PurePosixPath) -> str:
    """Without steps that lead nowhere, or back."""
    parts: list[str] = []
    for part in folder.parts[1:]:
        if part == "..":
            del parts[-1:]
        else:
            parts.append(part)
    return f"/{'/'.join(parts)}"
