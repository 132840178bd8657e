"""A fresh machine -> the plan that ends with a running stack: the engine, our own files, then the stack as `up` brings
it."""

from collections.abc import Iterable, Sequence
from typing import Any

from infrakit.model import Artifact, Deployment
from infrakit.plan import FileIs, Gone, Plan, Remove, Step, Write
from infrakit.stack.bundle import Source
from infrakit.stack.layout import CONFIGURATION, LOCKED, PROGRAM
from infrakit.stack.secrets import Given
from infrakit.stack.up import plan_up

COMPLETION = "/usr/share/bash-completion/completions/infrakit"


def plan_install(
    deployment: Deployment,
    artifacts: Sequence[Artifact],
    digest: Any,
    engine: tuple[Step, ...],
    ours: Iterable[tuple[str, bytes, int]],
    stale: Iterable[str] = (),
    bundle: Source | None = None,
    former: str = "",
    given: Sequence[Given] = (),
) -> Plan:
    """`engine`: of host.docker.engine_steps. `ours`: files to put in place, (path, content, mode). `stale`: files to
    take away."""
    files = tuple(
        Step(f"file {path}", path, (FileIs(path, content, mode),), (Write(path, content, mode),))
        for path, content, mode in ours
    )
    gone = tuple(
        Step(f"no {path}", f"no {path}: it is another file's", (Gone(path),), (Remove(path),)) for path in stale
    )
    return Plan(
        f"install {deployment.name} on {deployment.host}",
        (*engine, *files, *gone, *plan_up(deployment, artifacts, digest, bundle, former, given).steps),
    )


def own_files(
    configuration: bytes,
    others: Iterable[tuple[str, bytes]],
    program: bytes,
    completion: bytes,
    lock: bytes | None = None,
) -> list[tuple[str, bytes, int]]:
    """The user's file, its lock where it has one, what else stands beside it, the program, and its completion for
    bash."""
    folder = CONFIGURATION.rpartition("/")[0]
    found = [(CONFIGURATION, configuration, 0o600), *((f"{folder}/{name}", content, 0o600) for name, content in others)]
    if lock is not None:
        found.append((LOCKED, lock, 0o600))
    if program:
        found.append((PROGRAM, program, 0o755))
    return [*found, (COMPLETION, completion, 0o644)]
