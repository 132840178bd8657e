"""Environment with secrets in it: a file for each container that has some, which Compose reads, and nobody else; and
files of containers with secrets in them."""

from collections.abc import Sequence
from typing import NamedTuple

from infrakit.machine import Machine
from infrakit.model import Deployment, SecretEnvironment, SecretFile
from infrakit.plan import Step
from infrakit.plan.model import Tell
from infrakit.stack.layout import secrets_folder

Texts = tuple[tuple[str, SecretEnvironment], ...]
"""(container, its environment with secrets in it)."""


class Together(NamedTuple):
    """Every file holds the secrets as they are."""

    host: str
    texts: Texts
    files: tuple[SecretFile, ...] = ()

    def holds(self, machine: Machine) -> bool:
        folder = secrets_folder(self.host)
        return all(machine.environment_is_written(folder, name, text) for name, text in self.texts) and all(
            machine.secret_file_is_written(folder, file) for file in self.files
        )

    def text(self) -> str:
        return f"with secrets in them: {_named(self.texts, self.files)}"


class PutTogether(NamedTuple):
    """Write them. MachineUnfit where a secret is missing, or cannot stand in an environment."""

    host: str
    texts: Texts
    files: tuple[SecretFile, ...] = ()

    def do(self, machine: Machine, tell: Tell) -> None:
        for name, text in self.texts:
            machine.write_environment(secrets_folder(self.host), name, text)
        for file in self.files:
            machine.write_secret_file(secrets_folder(self.host), file)

    def text(self) -> str:
        return f"put together, with secrets in them: {_named(self.texts, self.files)}"


def environment_steps(deployment: Deployment) -> Sequence[Step]:
    """Before Compose is called: it reads all files of its project, whatever it is asked for."""
    texts = tuple(
        (container.name, container.secret_environment)
        for service in deployment.services
        for container in service.containers
        if container.secret_environment
    )
    files = tuple(
        file for service in deployment.services for container in service.containers for file in container.secret_files
    )
    if not texts and not files:
        return ()
    what = (deployment.host, texts, files)
    title = "environment with secrets" if texts else "files with secrets"
    return (Step("environment", title, (Together(*what),), (PutTogether(*what),)),)


def _named(texts: Texts, files: Sequence[SecretFile]) -> str:
    return ", ".join([*(f"environment of {name}" for name, _ in texts), *(file.path for file in files)])
