"""backups: whether there is one, of these days, with all in it, on a disk that still has what was written."""

from collections.abc import Iterator

from infrakit.emit.timer import BACKUPS
from infrakit.host.checks.model import listed
from infrakit.stack.backup.damage import words_of
from infrakit.stack.backup.last import seconds_of
from infrakit.stack.doctor.readings import Readings
from infrakit.stack.doctor.words import Trouble, trouble

DAY_S = 86_400.0
OLD_DAYS = 2
SEE = f"sudo infrakit backup now; systemctl status {BACKUPS}.timer; journalctl -u {BACKUPS} -n 50"


def backup_old(readings: Readings) -> Iterator[Trouble]:
    """None yet, a day after the file began to ask for them; or none in which all is for two days."""
    backup, found = readings.deployment.backup, readings.backups
    if backup is None or readings.applied is None or not readings.since_s:
        return
    now = readings.facts.now_s
    age = (now - seconds_of(found.whole)) / DAY_S
    if not found.set and now - readings.since_s > DAY_S:
        yield trouble("backup-none", f"{backup.to} has no backup of this machine yet", remedy=SEE)
    elif found.whole and age > OLD_DAYS:
        what = f"the newest backup in which all is, of {found.whole}, is {int(age)} days old"
        yield trouble("backup-old", what, remedy=SEE)


def backup_partial(readings: Readings) -> Iterator[Trouble]:
    """Of those that the last run was to take."""
    found = readings.backups
    if readings.deployment.backup is not None and found.missing:
        what = f"the last backup, of {found.set}, is without {listed(found.missing)}"
        yield trouble("backup-partial", what, remedy="sudo infrakit backup now says why; sudo infrakit status")


def backup_damaged(readings: Readings) -> Iterator[Trouble]:
    """At the last look, which each run takes."""
    if readings.deployment.backup is None:
        return
    for item in readings.backups.damaged:
        yield trouble("backup-damaged", words_of(item), subject=item.file or item.set or item.what, remedy=item.remedy)


CHECKS = (backup_old, backup_partial, backup_damaged)
