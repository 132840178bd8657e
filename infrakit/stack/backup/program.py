"""The program that makes backups: the distribution's own package."""

from infrakit.host.apt import Install, Refresh
from infrakit.model import Deployment
from infrakit.plan import Answers, Step

PACKAGE, SSH = "restic", "openssh-client"


def packages_of(to: str) -> tuple[str, ...]:
    """That backups to a place need."""
    return (PACKAGE, SSH) if to.startswith("sftp:") else (PACKAGE,)


def restic_steps(deployment: Deployment, files: str = "") -> tuple[Step, ...]:
    """It is there, where backups are made; of whatever origin. `files`: a folder that it comes from, as host/apt.py
    has it."""
    return () if deployment.backup is None else program_steps(deployment.backup.to, files)


def program_steps(to: str, files: str = "") -> tuple[Step, ...]:
    """It is there, and who leads it to the server."""
    first = () if files else (Refresh(),)
    calls = {
        PACKAGE: (Answers((PACKAGE, "version"), PACKAGE), "which makes the backups"),
        SSH: (Answers(("ssh", "-V")), "which leads to them"),
    }
    return tuple(
        Step(name, f"{name}, {what}", (there,), (*first, Install((name,), files=files)))
        for name in packages_of(to)
        for there, what in [calls[name]]
    )
