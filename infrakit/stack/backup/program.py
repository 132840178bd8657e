"""The program that makes backups: the distribution's own package."""

from infrakit.host.apt import Install, Refresh
from infrakit.model import Deployment
from infrakit.plan import Answers, Step

PACKAGE = "restic"


def restic_steps(deployment: Deployment) -> tuple[Step, ...]:
    """It is there, where backups are made; of whatever origin."""
    return () if deployment.backup is None else (restic_step(),)


def restic_step() -> Step:
    """It is there."""
    there = Answers((PACKAGE, "version"), PACKAGE)
    return Step(PACKAGE, "restic, which makes the backups", (there,), (Refresh(), Install((PACKAGE,))))
