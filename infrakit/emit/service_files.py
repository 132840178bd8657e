"""Deployment -> the configuration files that blueprints give for their services, as they are."""

from infrakit.emit.memo import Memo
from infrakit.model import Artifact, ConfigFile, Deployment, Origin

_files = Memo()


def emit(deployment: Deployment) -> tuple[Artifact, ...]:
    return tuple(_files.get((file,), _artifact) for service in deployment.services for file in service.files)


def trace(deployment: Deployment, path: str) -> dict[str, Origin]:
    """Line number (from 1) -> Origin: all lines of a file come from one value."""
    file = next(file for service in deployment.services for file in service.files if file.path == path)
    return {str(number): file.origin for number in range(1, len(file.content.splitlines()) + 1)}


def _artifact(file: ConfigFile) -> Artifact:
    return Artifact(file.path, file.content.encode(), file.mode)
