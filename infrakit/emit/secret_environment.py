"""Deployment -> services/<container>.env: what containers get as environment with secrets in it, by name.

Their values are put in at the edge (system/environments.py), into a file that Compose reads and that stands in no tree.
"""

from collections.abc import Iterator, Sequence

from infrakit.errors import printable
from infrakit.model import Artifact, Container, Deployment, Origin, SecretText


def emit(deployment: Deployment) -> tuple[Artifact, ...]:
    return tuple(
        Artifact(_path(container), "".join(f"{line}\n" for line, _ in _lines(container)).encode())
        for container in _containers(deployment)
    )


def trace(deployment: Deployment, path: str) -> dict[str, Origin]:
    """Line number (from 1) -> Origin."""
    container = next(item for item in _containers(deployment) if _path(item) == path)
    return {str(number): origin for number, (_, origin) in enumerate(_lines(container), 1)}


def shown(text: SecretText) -> str:
    """As infrakit.yaml says it, with all but secrets replaced."""
    return "".join(before.replace("${", "$${") + (f"${{secret.{secret}}}" if secret else "") for before, secret in text)


def _containers(deployment: Deployment) -> Iterator[Container]:
    return (item for service in deployment.services for item in service.containers if item.secret_environment)


def _path(container: Container) -> str:
    return f"services/{container.name}.env"


def _lines(container: Container) -> Sequence[tuple[str, Origin]]:
    head = f"# Compiled by InfraKit: the values are put into secrets/.{container.name}.env on the host."
    lines = [(head, container.origins[""])]
    for name, text in container.secret_environment:
        value = printable(shown(text).replace("\\", "\\\\"))
        lines.append((f"{name}={value}", container.origins.get(f"environment.{name}", container.origins[""])))
    return lines
