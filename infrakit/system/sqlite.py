"""SQLite databases in a folder that a container writes to: found, copied whole, counted.

By SQLite itself, as Python has it, and not by `sqlite3` in the container, which few images have: one way for all of
them. Processes of a container lock the same file in the same kernel as ours do, so that a copy is of one instant while
they go on writing, with a write-ahead log, too (sqlite.org: backup.html, wal.html). It is opened to be read only. A
container may put a link where a database was: what was opened is looked at, before anything is read from it.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.parse import quote

from infrakit.errors import MachineUnfit, Stopped
from infrakit.system.stop import Stop

try:
    import sqlite3
except ImportError:  # a Python that somebody built without it
    raise MachineUnfit("this python3 has no sqlite3 of its own", "call the system's: sudo /usr/bin/python3") from None

MAGIC = b"SQLite format 3\0"
SMALLEST_PAGE = 512
"""Of whose multiples a database consists: of other files none is opened (sqlite.org/fileformat2.html)."""
PAGES = 4096
"""Copied between two looks at whether somebody said stop."""
BUSY_S = 60
TABLES = """SELECT name FROM sqlite_master
WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name"""


def found_in(folder: str) -> list[str]:
    """Paths below the folder."""
    every = (os.path.join(place, name) for place, _, names in os.walk(folder) for name in names)
    return sorted(os.path.relpath(path, folder) for path in every if _is_one(path))


def _is_one(path: str) -> bool:
    try:
        about = os.lstat(path)
        if not stat.S_ISREG(about.st_mode) or not about.st_size or about.st_size % SMALLEST_PAGE:
            return False
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:  # it is gone meanwhile
        return False
    try:
        return os.read(descriptor, len(MAGIC)) == MAGIC
    except OSError:
        return False
    finally:
        os.close(descriptor)


def copy(folder: str, name: str, target: str, stop: Stop) -> None:
    """As it is at one instant, with its owner and its mode. `name`: below the folder."""
    path, place = os.path.join(folder, name), os.path.join(os.path.realpath(folder), name)

    with _plain_errors(path):
        about = os.lstat(path)
        with closing(_opened(path, "mode=ro")) as source, closing(sqlite3.connect(target)) as made:
            source.execute("BEGIN")
            source.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()  # from here on it is of this instant
            if place not in _open_files():
                raise MachineUnfit(f"{path}: a link leads elsewhere", "see who put it there, and run again")
            source.backup(made, pages=PAGES, progress=lambda *_: _look(stop))
        os.chown(target, about.st_uid, about.st_gid)
        os.chmod(target, stat.S_IMODE(about.st_mode))


def _look(stop: Stop) -> None:
    if stop.asked:
        raise Stopped


def _opened(path: str, how: str) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(os.fsencode(path))}?{how}", uri=True, timeout=BUSY_S, isolation_level=None)


def _open_files() -> set[str]:
    """Those of this process, as the kernel has them."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            found.add(os.readlink(f"/proc/self/fd/{name}"))
        except OSError:  # the listing's own
            continue
    return found


def rows_of(path: str, stop: Stop) -> dict[str, int]:
    """Table -> rows, of a copy that nobody writes to. Without those that need what this SQLite has not."""
    found = {}
    with _plain_errors(path), closing(_opened(path, "mode=ro&immutable=1")) as database:
        for (name,) in database.execute(TABLES).fetchall():
            _look(stop)
            called = name.replace('"', '""')
            try:
                (found[name],) = database.execute(f'SELECT count(*) FROM "{called}"').fetchone()
            except sqlite3.OperationalError:
                continue
    return found


def damage_of(path: str) -> str:
    """What is wrong with a copy that nobody writes to, "" where nothing is."""
    try:
        with closing(_opened(path, "mode=ro&immutable=1")) as database:
            said = [line for (line,) in database.execute("PRAGMA integrity_check(1)")]
    except sqlite3.DatabaseError as error:
        # It has tables or an order of a program's own, which this SQLite cannot look at.
        return "" if str(error).startswith("no such") else str(error)
    return "" if said == ["ok"] else "; ".join(said)


@contextmanager
def _plain_errors(path: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise MachineUnfit(f"{path}: {error}", "see whether its app is well, and whether the disk is full") from None
    except OSError as error:
        raise MachineUnfit(f"{path}: {(error.strerror or str(error)).lower()}", "see: infrakit status") from None
