"""Deployment -> the section of the review about its backups: what is in them, and what is not."""

import shlex

from infrakit.backups import Backup, BackupPart, Dump
from infrakit.emit.review_parts import Cell, Row, Section, Table, Word, row
from infrakit.model import Deployment

HOW = {"postgresql": "written down by pg_dumpall", "mariadb": "written down by mariadb-dump, or mysqldump"}


def backups(deployment: Deployment, backup: Backup) -> Section:
    """Of one host, whose file says where they go."""
    every = ", ".join(f"{count} {kind}" for kind, count in backup.keep if count) or "the newest alone"
    where = row(
        backup.origin, Word(backup.to, code=True), Word(f"each day, {backup.daily}"), Word(every), Word(backup.drill)
    )
    what = ("InfraKit", "this file, its lock, blueprints, secrets, and the tree in force", "copied while they run")
    parts = [row(backup.origin, *map(Word, what)), *map(_part, backup.parts)]
    left = tuple(row(backup.origin, Word(name, amber=True), Word(why)) for name, why in backup.left)
    known = row(backup.origin, Word(backup.host_key, code=True))
    tables = [
        Table("", ("To", "When", "Kept", "Tried out"), (where,), backup.origin),
        *([Table("The server's key", ("Known by",), (known,), backup.origin)] if backup.host_key else []),
        Table("In each", ("Of", "What", "How"), tuple(parts), backup.origin),
        *([Table("In none", ("What", "Whose"), left, backup.origin)] if left else []),
    ]
    intro = "Encrypted with the secret backup_key: keep a copy of it elsewhere, for without it nobody opens them."
    return Section("Backups", intro, tuple(tables), "")


def _part(part: BackupPart) -> Row:
    copied = f"copied while {', '.join(part.stops)} is stopped" if part.stops else "copied while it runs"
    copied += ", SQLite databases by SQLite itself" if part.sqlite else ""
    volumes = [(Word(f"volume {name}"), Word(copied)) for name in part.volumes]
    what, how = zip(*map(_dump, part.dumps), *volumes)
    return Row((Cell((Word(part.name),)), Cell(tuple(what)), Cell(tuple(how))), part.origin)


def _dump(dump: Dump) -> tuple[Word, Word]:
    """Of an app's own, what is run in its container."""
    if dump.own is None:
        return Word(f"database of {dump.container}"), Word(HOW[dump.kind])
    there, back = shlex.join(dump.own.dump), shlex.join(dump.own.restore)
    what = f"{', '.join(dump.own.holds)} of {dump.container}"
    return Word(what), Word(f"in {dump.container}: {there}; and back: {back}", code=True)
