"""apps.*.backup -> Problems: a dump is read back, holds what the app keeps, and has no secret in its words."""

from collections.abc import Iterator

from infrakit.catalog.model import Catalog
from infrakit.config.backup import AppBackup
from infrakit.config.model import AppConfig, Config, Path
from infrakit.errors import Problem
from infrakit.model import Container, Mount
from infrakit.resolve.backups import main_of
from infrakit.resolve.world import Locate, World

CODE = "app-backup"
TOGETHER = {
    "dump": "the words that write it to standard output",
    "restore": "the words that read it back on standard input",
    "holds": "the paths of data whose files are in it",
}
"""Keys that go together, and what each says."""
OUR_KERNEL = ("", "runc", "crun", "nvidia")
"""Runtimes whose containers have the host's kernel, and none of their own."""


def backups_of_apps(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """What can be seen in the words alone."""
    found = []
    for app in config.apps:
        if app.backup is None:
            continue
        for path, what, hint in (*_not_together(app, app.backup), *_idle(config, app, app.backup)):
            where, severity = ".".join(map(str, path)), "warning" if path == app.backup.path else "error"
            key = len(path) < 5
            found.append(Problem(locate(path, key=key), f"{where}: {what}", CODE, hint, severity))
        found += _secrets(app, app.backup, locate)
    return found


def _not_together(app: AppConfig, said: AppBackup) -> Iterator[tuple[Path, str, str]]:
    own = said.own
    if own is None:
        return
    there = {"dump": own.dump, "restore": own.restore, "holds": own.holds}
    first = next((key for key in (*TOGETHER, "ends") if key == "ends" or there[key]), "ends")
    lacking = [key for key in TOGETHER if not there[key]]
    if lacking:
        what = f"there is no {lacking[0]} beside it"
        yield (*said.path, first), what, f"add {lacking[0]}: {TOGETHER[lacking[0]]}; or remove {first}"
    elif app.once:
        what = f"{app.name} does its work and ends: nothing runs in it when a backup is made"
        yield (*said.path, "dump"), what, "say it of the app that keeps the data; or remove once"


def _idle(config: Config, app: AppConfig, said: AppBackup) -> Iterator[tuple[Path, str, str]]:
    if config.backup is None and ("backup",) not in config.said:
        yield said.path, "nothing is backed up", "add backup: {to: /mnt/usb/backups} at the top, or remove it"
    elif config.backup is not None and app.name in config.backup.without:
        yield said.path, f"backup.without leaves {app.name} out", "remove one of the two"


def named_in_backup(said: AppBackup) -> Iterator[tuple[Path, str, str]]:
    """Of each word of its commands that has a name, where it stands, that name, and its value (policy/secrets.py)."""
    from infrakit.policy.secrets import named_in

    for key, words in (("dump", said.own.dump), ("restore", said.own.restore)) if said.own is not None else ():
        yield from (((*said.path, key, number), name, value) for number, name, value in named_in("backup", words))


def _secrets(app: AppConfig, said: AppBackup, locate: Locate) -> Iterator[Problem]:
    """All who may look at processes read the words of a command."""
    from infrakit.policy.secrets import what_is_secret

    for path, name, value in named_in_backup(said):
        kind = what_is_secret(name, value) if name not in app.not_secret else ""
        if kind:
            what = f"apps.{app.name}.backup.{path[3]}: {name} holds {kind}"
            hint = "let a shell read its file: [sh, -c, 'PASSWORD=$(cat /run/secrets/NAME) TOOL'], or the tool"
            hint += f"; or, where it is none, apps.{app.name}.not_secret: [{name}]"
            yield Problem(locate(path), what, "secret-in-environment", hint)


def paths_kept(world: World, locate: Locate) -> list[Problem]:
    """What a dump holds is what its container keeps, and nobody else."""
    found = {}
    for host in world.hosts:
        for placed, service in zip(host.placed, host.services):
            said = placed.app.backup if placed.app is not None else None
            if said is None:
                continue
            container = next(item for item in service.containers if item.name == main_of(placed))
            for number, path in enumerate(said.sqlite):
                wrong = _unseen(container, said, path)
                if wrong is not None:
                    place = (*said.path, "sqlite", number)
                    found[place] = _problem(place, f"{path} {wrong[0]}", wrong[1], locate)
            if said.own is None:
                continue
            mounts = {mount.path.rstrip("/"): mount for mount in container.mounts}
            for number, path in enumerate(said.own.holds):
                wrong = _unheld(container, mounts.get(path))
                if wrong is not None:
                    place = (*said.path, "holds", number)
                    found[place] = _problem(place, f"{path} {wrong[0]}", wrong[1], locate)
    return list(found.values())


def _problem(place: Path, what: str, hint: str, locate: Locate) -> Problem:
    return Problem(locate(place), f"{'.'.join(map(str, place[:-1]))}: {what}", CODE, hint)


def _unseen(container: Container, said: AppBackup, path: str) -> tuple[str, str] | None:
    """(what, hint) of a database that cannot be copied while it is in use: only in a volume of its own nobody else
    changes it, and only in our kernel a lock is one for both."""
    runtime = str(dict(container.privileges).get("runtime", ""))
    if runtime not in OUR_KERNEL:
        return f"is in use in another kernel: runtime: {runtime}", "remove it: the app stands still while it is copied"
    held = said.own.holds if said.own is not None else ()
    within = [mount for mount in container.mounts if f"{path}/".startswith(f"{mount.path.rstrip('/')}/")]
    mount = max(within, key=lambda mount: len(mount.path), default=None)
    if mount is not None and mount.kind == "volume" and mount.path.rstrip("/") in held:
        return "is in the dump already", "keep one of sqlite and holds"
    if mount is None or mount.kind != "volume":
        kept = [item.path for item in container.mounts if item.kind == "volume"]
        return "is in no volume of its own", f"write a path below {' or '.join(kept) or 'one of data'}"
    return None


def _unheld(container: Container, mount: Mount | None) -> tuple[str, str] | None:
    """(what, hint)."""
    kept = [item.path for item in container.mounts if item.kind in ("volume", "host") and not item.read_only]
    write = f"write {' or '.join(kept)}" if kept else "list it under data"
    if mount is None:
        return "is nothing that it keeps", write
    if mount.kind == "shared":
        return "is a volume that other apps may use, and would be emptied under them", f"keep it under data; or {write}"
    if mount.kind not in ("volume", "host") or mount.read_only:
        return "is only read, and could not come back", write
    return None
