"""The program that makes backups: the distribution's own package."""

from infrakit.host.apt import Install, Refresh
from infrakit.model import Deployment
from infrakit.plan import Answers, Step

PACKAGE = "restic"


def restic_steps(deployment: Deployment, files: str = "") -> tuple[Step, ...]:
    """It is there, where backups are made; of whatever origin. `files`: a folder that it comes from, as host/apt.py
    has it."""
    return () if deployment.backup is None else (restic_step(files),)


def restic_step(files: str = "") -> Step:
    """It is there."""
    there, install = Answers((PACKAGE, "version"), PACKAGE), Install((PACKAGE,), files=files)
    return Step(PACKAGE, "restic, which makes the backups", (there,), (install,) if files else (Refresh(), install))
