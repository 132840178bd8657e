"""Deployment -> all files of a host's tree but secrets and manifest; and for each value in them, why it is what it is.

One module per output, each an Emitter. Decides nothing, reads nothing, and never sees the user's file: the same
Deployment gives the same bytes.
"""

from typing import NamedTuple, Protocol

from infrakit.emit import (
    authentik,
    caddyfile,
    cloudflared,
    compose,
    environment_file,
    haproxy,
    review,
    secret_environment,
    service_files,
    timer,
)
from infrakit.model import Artifact, Deployment, Origin


class Emitter(Protocol):
    """What a module gives: its files of the tree, and for each leaf of one of them where its value comes from."""

    def emit(self, deployment: Deployment) -> tuple[Artifact, ...]: ...

    def trace(self, deployment: Deployment, path: str) -> dict[str, Origin]: ...


CONFIGURATIONS: tuple[Emitter, ...] = (caddyfile, authentik, haproxy, cloudflared, service_files)
"""What containers read: made first, since Compose's labels carry a hash of it."""

EMITTERS: tuple[Emitter, ...] = (*CONFIGURATIONS, compose, environment_file, secret_environment, review, timer)


def emit(deployment: Deployment) -> tuple[Artifact, ...]:
    """All artifacts, by path; two of one path are a fault of what let them in (checks/apps.py FOLDERS)."""
    read = tuple(artifact for emitter in CONFIGURATIONS for artifact in emitter.emit(deployment))
    rest = tuple(artifact for emitter in EMITTERS[-4:] for artifact in emitter.emit(deployment))
    made = tuple(sorted(read + compose.emit(deployment, read) + rest))
    assert len({artifact.path for artifact in made}) == len(made), "two artifacts of one path"
    return made


def trace(deployment: Deployment, path: str) -> dict[str, Origin]:
    """Leaf -> Origin for the artifact at `path`: dotted paths in YAML and JSON, line numbers elsewhere.

    Raises KeyError where the host has no such artifact.
    """
    for emitter in EMITTERS:
        if any(artifact.path == path for artifact in emitter.emit(deployment)):
            return emitter.trace(deployment, path)
    raise KeyError(path)


class Stencil(NamedTuple):
    """The artifacts of a host whose name is a placeholder: printed once, then filled in for each host of a range."""

    parts: tuple[tuple[str, int, list[bytes], Artifact], ...]

    def named(self, name: str) -> tuple[Artifact, ...]:
        """The artifacts of the host called `name`."""
        value = name.encode()
        return tuple(
            [
                artifact if len(parts) == 1 else Artifact(path, value.join(parts), mode)
                for path, mode, parts, artifact in self.parts
            ]
        )


def stencil(deployment: Deployment, placeholder: str) -> Stencil:
    """`deployment` printed once for all hosts that differ from it by name only.

    Exact for names that start with a letter, hold a digit, and otherwise letters, digits and "-" like the placeholder:
    every printer then treats both alike.
    """
    token = placeholder.encode()
    return Stencil(
        tuple((artifact.path, artifact.mode, artifact.content.split(token), artifact) for artifact in emit(deployment))
    )
