"""drills: whether a backup was tried out, and how that ended."""

from collections.abc import Iterator

from infrakit.stack.doctor.readings import Readings
from infrakit.stack.doctor.words import NOTE, Trouble, trouble

LONG_S = 90 * 86_400.0


def backup_drill(readings: Readings) -> Iterator[Trouble]:
    """The last one failed; or there was none for long, where the file does not say that there is none."""
    backup, last = readings.deployment.backup, readings.drill
    if backup is None:
        return
    if last and last.failed:
        what = f"the backup {last.set} did not pass its drill" if last.set else "the last drill of a backup failed"
        said = "; ".join(item[:300] for item in last.failed[:3])
        yield trouble("backup-drill", what, why=f"when it was tried out on {last.at}: {said}")
        return
    since_s = last.at_s() if last else readings.backups_since_s
    if backup.drill != "never" and since_s and readings.facts.now_s - since_s > LONG_S:
        what = "no backup was tried out for 90 days"
        why = "there was no room for a drill, or its timer does not run: systemctl status infrakit-drill"
        yield trouble("backup-drill", what, severity=NOTE, why=why, remedy="sudo infrakit backup drill")


CHECKS = (backup_drill,)
