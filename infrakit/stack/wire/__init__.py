"""After the start: what a file alone cannot say to a running service, and whether every door leads where it should.
Each is asked first.

A service is done when its containers are well and it has been told: one step, since the start itself may tell it.
"""

from collections.abc import Sequence

from infrakit.model import Artifact, Deployment
from infrakit.plan import Action, Probe, Step
from infrakit.stack.wire import authentik, doors, guacamole

WIRED = {"guacamole": guacamole.wired, "authentik": authentik.wired}
"""By service, in the order in which they come: after all others, which need not wait for Authentik to read its
blueprint."""


def wired(
    deployment: Deployment, service: str, artifacts: Sequence[Artifact]
) -> tuple[tuple[Probe, ...], tuple[Action, ...]]:
    """What has to be so of a service beside its containers, and how it gets so."""
    return WIRED[service](deployment, artifacts) if service in WIRED else ((), ())


def wiring(deployment: Deployment) -> tuple[Step, ...]:
    """The doors, when all is up."""
    return doors.steps(deployment)
