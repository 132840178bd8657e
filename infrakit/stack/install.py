"""A fresh machine -> the plan that ends with a running stack: the engine, our own files, then the stack as `up` brings it."""

from typing import Any, Iterable, Sequence

from infrakit.host.docker import docker_steps, row_for, running_steps
from infrakit.model import Artifact, Deployment
from infrakit.plan import FileIs, Plan, Step, Write
from infrakit.stack.layout import CONFIGURATION, PROGRAM
from infrakit.stack.up import plan_up

OLDEST_ENGINE = (25, 0)
OLDEST_COMPOSE = (2, 20)
COMPLETION = "/usr/share/bash-completion/completions/infrakit"


def plan_install(
    deployment: Deployment, artifacts: Sequence[Artifact], digest: Any, engine: tuple[Step, ...], ours: Iterable[tuple[str, bytes, int]],
) -> Plan:
    """`engine`: of `engine_steps`. `ours`: files to put in place, (path, content, mode)."""
    files = tuple(
        Step(f"file {path}", path, (FileIs(path, content, mode),), (Write(path, content, mode),)) for path, content, mode in ours
    )
    return Plan(f"install {deployment.name} on {deployment.host}", (*engine, *files, *plan_up(deployment, artifacts, digest).steps))


def engine_steps(facts: Any, *, repository: str, key: str) -> tuple[Step, ...]:
    """An engine that is new enough is used, never replaced; else Docker's own packages. MachineUnfit where there are none."""
    if facts.docker_version and _at_least(facts.docker_version, OLDEST_ENGINE) and _at_least(facts.compose_version, OLDEST_COMPOSE):
        return running_steps()
    row = row_for(facts.distribution, facts.codename, facts.architecture)
    return docker_steps(row, facts.architecture, apparmor=facts.apparmor, repository=repository, key=key)


def own_files(configuration: bytes, others: Iterable[tuple[str, bytes]], program: bytes, completion: bytes) -> list[tuple[str, bytes, int]]:
    """The user's file and what stands beside it, the program, and its completion for bash."""
    folder = CONFIGURATION.rpartition("/")[0]
    found = [(CONFIGURATION, configuration, 0o600), *((f"{folder}/{name}", content, 0o600) for name, content in others)]
    if program:
        found.append((PROGRAM, program, 0o755))
    return [*found, (COMPLETION, completion, 0o644)]


def _at_least(version: str, oldest: tuple[int, int]) -> bool:
    parts = version.lstrip("v").split(".")[:2]
    return len(parts) == 2 and all(part.isdigit() for part in parts) and (int(parts[0]), int(parts[1])) >= oldest
