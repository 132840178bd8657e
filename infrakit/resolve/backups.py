"""What of a host is backed up, by which means, and who stands still meanwhile.

Everything that its containers keep in a volume, also what is added tomorrow: what is left out stands in the file. A
database is written down by its own tools, since its files are whole at no instant.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from infrakit.backups import Backup, BackupPart, Dump
from infrakit.config.backup import AppBackup, BackupConfig
from infrakit.model import (
    BACKUP_KEY,
    BACKUP_REST_PASSWORD,
    BACKUP_S3_ID,
    BACKUP_S3_KEY,
    BACKUP_SSH_KEY,
    Container,
    Mount,
    Origin,
    SecretSpec,
    SharedVolume,
    network_of,
)
from infrakit.resolve.world import HostDraft, Placed, World

KEY = BACKUP_KEY
KEY_BYTES = 16
DATABASES = {"/var/lib/postgresql": "postgresql", "/var/lib/mysql": "mariadb"}
"""Where the official images, and what is made of them, keep their files (docker-library: postgres, mariadb, mysql). Of
any other server the files are copied, while it stands still."""
ASKS = {"mariadb": {"MARIADB_ROOT_PASSWORD", "MYSQL_ROOT_PASSWORD"}}
"""Variables of which its own tools need one, as it is or with _FILE: else the files are copied, too."""
OPENED_BY = {
    "sftp://": (
        (BACKUP_SSH_KEY, "the private key (OpenSSH's, without a passphrase) that the backups' server lets in"),
    ),
    "s3:": (
        (BACKUP_S3_ID, "the access key's id, by which the backups' S3 server knows who asks"),
        (BACKUP_S3_KEY, "the secret access key of that id"),
    ),
    "rest:.*@": ((BACKUP_REST_PASSWORD, "the password of the user of the backups' server"),),
}
"""How places begin -> the secrets that open the server."""
PASS = "backups"
SHARED = "volumes/"
"""How the part of a volume begins that apps share: a service may be called like it."""


def secrets_of(world: World) -> list[SecretSpec]:
    """What the backups are shut with, and what opens the server where they go."""
    if world.config.backup is None:
        return []
    to, origin = ("backup", "to"), world.origin(world.config.backup.path, PASS)
    server = [
        SecretSpec(name, "user", 0, False, what, (), origin._replace(path=to), "", "", "restart")
        for kind, pairs in OPENED_BY.items()
        if re.match(kind, world.config.backup.to)
        for name, what in pairs
    ]
    return [*_key(origin), *server]


def _key(origin: Origin) -> list[SecretSpec]:
    what, stays = (
        "what the backups of this host are shut with: without it nobody opens them",
        "no: they are shut with it",
    )
    return [SecretSpec(KEY, "password", KEY_BYTES, False, what, (), origin, "", "words", stays)]


def backup_of(config: BackupConfig, world: World, host: HostDraft, shared: Iterable[SharedVolume]) -> Backup:
    """Of one host: a part for each service that keeps something, and for each volume that apps share."""
    ours = [volume for volume in shared if not volume.server]
    parts = [*_of_services(host), *(_of_shared(volume, host) for volume in ours)]
    kept = tuple(part for part in parts if part.name.removeprefix(SHARED) not in config.without)
    left = [*_elsewhere(host, shared), *((part.name, "left out") for part in parts if part not in kept)]
    origin = world.origin(config.path, PASS)
    place, drill = f"{config.to}/{host.name}", config.drill or _drill(kept, host)
    without = tuple(dict.fromkeys(left))
    return Backup(place, config.daily, config.keep, kept, without, origin, drill, config.host_key)


def _drill(parts: Iterable[BackupPart], host: HostDraft) -> str:
    """How often where nothing is said: never where the file says of the host that all of it does not run twice."""
    names = {part.name for part in parts}
    limits = [(service.name, item.memory_bytes) for service in host.services for item in service.containers]
    wanted = sum(limit for _, limit in limits) + sum(limit for name, limit in limits if name in names)
    return "never" if 0 < host.memory_bytes < wanted else "monthly"


def _of_services(host: HostDraft) -> Iterator[BackupPart]:
    runs_on = {placed.name for placed in host.placed if placed.blueprint.backup.live}
    said = said_of(host)
    for service in host.services:
        written = {item.name: dump for item in service.containers if (dump := _dump_of(item, said))}
        files = [
            (item, mount)
            for item in service.containers
            for mount in item.mounts
            if mount.kind == "volume" and not is_in(written.get(item.name), mount)
        ]
        volumes = tuple(dict.fromkeys(mount.source for _, mount in files))
        if volumes or written:
            online = {item.name: said[item.name].sqlite for item in service.containers if item.name in said}
            places = [place_of(path, files, name) for name, paths in online.items() for path in paths]
            sqlite = tuple(place for place in places if place is not None)
            others = [(item, mount) for item, mount in files if not online.get(item.name)]
            stops = () if service.name in runs_on else _writers(others, host)
            origin = service.origin._replace(decided_by=PASS)
            yield BackupPart(service.name, volumes, tuple(written.values()), stops, origin, sqlite)


def place_of(path: str, files: Iterable[tuple[Container, Mount]], container: str) -> tuple[str, str] | None:
    """(volume, path in it) of a path in a container; None where that is in none that is copied."""
    found = [
        mount for item, mount in files if item.name == container and f"{path}/".startswith(f"{mount.path.rstrip('/')}/")
    ]
    mount = max(found, key=lambda mount: len(mount.path), default=None)
    return None if mount is None else (mount.source, path[len(mount.path.rstrip("/")) :].strip("/"))


def said_of(host: HostDraft) -> dict[str, AppBackup]:
    """Container -> what an app says of backups of it: of a blueprint's, the main one."""
    return {main_of(placed): placed.app.backup for placed in host.placed if placed.app and placed.app.backup}


def main_of(placed: Placed) -> str:
    """The container that an app's own keys are about."""
    return placed.blueprint.main.name


def _dump_of(container: Container, said: Mapping[str, AppBackup]) -> Dump | None:
    """What its app says comes first."""
    own = said[container.name].own if container.name in said else None
    if own is not None:
        return Dump(container.name, "own", own)
    kind = database_of(container)
    return Dump(container.name, kind) if kind else None


def is_in(dump: Dump | None, mount: Mount) -> bool:
    """Whether what is in a mount is in a dump of its container, so that its files are not copied."""
    if dump is None:
        return False
    return mount.path.rstrip("/") in dump.own.holds if dump.own is not None else bool(holds_database(mount))


def _of_shared(volume: SharedVolume, host: HostDraft) -> BackupPart:
    files = [
        (item, mount)
        for service in host.services
        for item in service.containers
        for mount in item.mounts
        if mount.kind == "shared" and mount.source == volume.name
    ]
    return BackupPart(f"{SHARED}{volume.name}", (volume.name,), (), _writers(files, host), volume.origin)


def _writers(files: Iterable[tuple[Container, Mount]], host: HostDraft) -> tuple[str, ...]:
    """And who is in the network of one, which is another when he starts again: after him."""
    found = [item.name for item, mount in files if not mount.read_only and not item.one_shot]
    every = [item for service in host.services for item in service.containers]
    for name in found:
        found += [item.name for item in every if network_of(item.privileges) == name and item.name not in found]
    return tuple(dict.fromkeys(found))


def database_of(container: Container) -> str:
    """Of which kind its server is that can be asked for what it has, "" where it is none."""
    kind = next((kind for mount in container.mounts if not mount.read_only and (kind := holds_database(mount))), "")
    said = {name.removesuffix("_FILE") for name, _ in (*container.environment, *container.secret_environment)}
    return kind if kind and (kind not in ASKS or ASKS[kind] & said) else ""


def holds_database(mount: Mount) -> str:
    """Of which kind the database is whose files are there, "" where there is none."""
    return next((kind for path, kind in DATABASES.items() if f"{mount.path}/".startswith(f"{path}/")), "")


def _elsewhere(host: HostDraft, shared: Iterable[SharedVolume]) -> Iterator[tuple[str, str]]:
    """(folder, who writes to it) where nothing of ours is: they may be anything, and of any size."""
    servers = {volume.name: f"{volume.server}:{volume.path}" for volume in shared if volume.server}
    said = said_of(host)
    for service in host.services:
        for item in service.containers:
            for mount in item.mounts:
                place = mount.source if mount.kind == "host" else servers.get(mount.source, "")
                if place and not mount.read_only and not is_in(_dump_of(item, said), mount):
                    yield place, item.name
