"""Secrets are files."""

import re

from infrakit.model import Deployment
from infrakit.policy.broken import Broken, containers, origin_of

_SECRET = re.compile(
    r"(PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|(^|_)PASS|(SECRET|API|PRIVATE|ACCESS|JWT|SIGNING|ENCRYPTION|MASTER)_?KEY)$",
    re.IGNORECASE,
)


def secrets_as_files(deployment: Deployment) -> list[Broken]:
    """No environment value holds a secret: it names a file."""
    found = []
    for _, container in containers(deployment):
        for key, value in container.environment:
            if _SECRET.search(key) and value and not value.startswith(("/run/secrets/", "file:///run/secrets/")):
                found.append(
                    Broken(
                        origin_of(container, f"environment.{key}"),
                        f"{container.name}: {key} holds a secret in the environment",
                        "secret-in-environment",
                        f"list it under secrets, and give {key}_FILE its path: /run/secrets/NAME",
                    )
                )
    return found
