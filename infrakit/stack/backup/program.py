"""The program that makes backups: the distribution's own package."""

from infrakit.host.apt import Install, Refresh
from infrakit.model import Deployment
from infrakit.plan import Answers, Step

PACKAGE = "restic"


def restic_steps(deployment: Deployment) -> tuple[Step, ...]:
    """It is there, where backups are made; of whatever origin."""
    if deployment.backup is None:
        return ()
    there = Answers((PACKAGE, "version"), PACKAGE)
    return (Step(PACKAGE, "restic, which makes the backups", (there,), (Refresh(), Install((PACKAGE,)))),)
