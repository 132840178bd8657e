"""backup: of infrakit.yaml, and of apps, typed: loaded where the file has it."""

from typing import Any, NamedTuple

from infrakit.backups import Own
from infrakit.config.document import Path

KEPT = {"daily": 7, "weekly": 4, "monthly": 6}


class BackupConfig(NamedTuple):
    """`without`: apps, services and shared volumes whose data is left out. `drill`: "" where nothing is said."""

    to: str
    daily: str
    keep: tuple[tuple[str, int], ...]
    without: tuple[str, ...]
    path: Path
    drill: str = ""
    host_key: str = ""


def backup_of(values: dict[str, Any]) -> BackupConfig:
    """What it says, and what it leaves out."""
    keep = tuple({**KEPT, **values.get("keep", {})}.items())
    without = tuple(values.get("without", ()))
    daily, drill, host_key = values.get("daily", "02:00"), values.get("drill", ""), values.get("host_key", "")
    return BackupConfig(values["to"].rstrip("/"), daily, keep, without, ("backup",), drill, host_key)


class AppBackup(NamedTuple):
    """apps.<name>.backup: `own` None where the app says no dump of its own. `sqlite`: paths in its container."""

    own: Own | None
    path: Path
    sqlite: tuple[str, ...] = ()


def app_backup_of(values: dict[str, Any], path: Path) -> AppBackup:
    """Where a key of the four is missing that go together, a check says so: here it is ()."""
    dump, restore = tuple(values.get("dump", ())), tuple(values.get("restore", ()))
    holds = tuple(item.rstrip("/") for item in values.get("holds", ()))
    ends = values.get("ends", "")
    own = Own(dump, restore, holds, ends) if dump or restore or holds or ends else None
    return AppBackup(own, path, tuple(item.rstrip("/") for item in values.get("sqlite", ())))
