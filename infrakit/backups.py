"""What the decided world says of backups; few files say anything of them, and the rest loads nothing of it."""

from typing import NamedTuple

from infrakit.model import Origin


class Own(NamedTuple):
    """How an app says that its data is written down. `dump`, `restore`: words of commands in its container, to standard
    output and from standard input; `holds`: paths in it whose files are in the dump; `ends`: text at the end of a whole
    one, "" where nothing is said."""

    dump: tuple[str, ...]
    restore: tuple[str, ...]
    holds: tuple[str, ...]
    ends: str = ""


class Dump(NamedTuple):
    """What the own tools of the database in `container` write down of it. kind: "postgresql", "mariadb" (and MySQL), or
    "own", which says how itself."""

    container: str
    kind: str
    own: Own | None = None


class BackupPart(NamedTuple):
    """What is backed up at one instant: `volumes`, as Docker calls them, and databases. `stops`: containers that stand
    still meanwhile, who would else write in the midst of it. `name`: of a service, or of a shared volume. `sqlite`:
    (volume, path in it) of databases, or folders with some, that SQLite itself copies while they are in use."""

    name: str
    volumes: tuple[str, ...]
    dumps: tuple[Dump, ...]
    stops: tuple[str, ...]
    origin: Origin
    sqlite: tuple[tuple[str, str], ...] = ()


class Backup(NamedTuple):
    """`to`: a folder, or where on a server, as it is written; `daily`: when, by the host's clock; `keep`: (daily,
    weekly, monthly or yearly, how many). `left`: what of the host's own data is in no backup, and who has it.
    `drill`: how often one is tried out: monthly, weekly or never. `host_key`: of an SSH server."""

    to: str
    daily: str
    keep: tuple[tuple[str, int], ...]
    parts: tuple[BackupPart, ...]
    left: tuple[tuple[str, str], ...]
    origin: Origin
    drill: str = "monthly"
    host_key: str = ""
