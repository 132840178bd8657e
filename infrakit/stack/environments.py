"""Environment with secrets in it: a file for each container that has some, which Compose reads, and nobody else."""

from collections.abc import Sequence
from typing import NamedTuple

from infrakit.machine import Machine
from infrakit.model import Deployment, SecretEnvironment
from infrakit.plan import Action, Step
from infrakit.plan.model import Tell
from infrakit.stack.layout import secrets_folder

Texts = tuple[tuple[str, SecretEnvironment], ...]
"""(container, its environment with secrets in it)."""


class Together(NamedTuple):
    """Every file holds the secrets as they are."""

    host: str
    texts: Texts

    def holds(self, machine: Machine) -> bool:
        folder = secrets_folder(self.host)
        return all(machine.environment_is_written(folder, name, text) for name, text in self.texts)

    def text(self) -> str:
        return f"environment with secrets: {', '.join(name for name, _ in self.texts)}"


class PutTogether(NamedTuple):
    """Write them. MachineUnfit where a secret is missing, or cannot stand in an environment."""

    host: str
    texts: Texts

    def do(self, machine: Machine, tell: Tell) -> None:
        for name, text in self.texts:
            machine.write_environment(secrets_folder(self.host), name, text)

    def inverse(self, machine: Machine) -> tuple[Action, ...]:
        return ()

    def text(self) -> str:
        return f"put the environment of {', '.join(name for name, _ in self.texts)} together"


def environment_steps(deployment: Deployment) -> Sequence[Step]:
    """Before Compose is called: it reads all files of its project, whatever it is asked for."""
    texts = tuple(
        (container.name, container.secret_environment)
        for service in deployment.services
        for container in service.containers
        if container.secret_environment
    )
    if not texts:
        return ()
    what = (deployment.host, texts)
    return (Step("environment", "environment with secrets", (Together(*what),), (PutTogether(*what),)),)
