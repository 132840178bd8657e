"""A fresh machine -> the plan that ends with a running stack: the engine, our own files, then the stack as `up` brings
it."""

from collections.abc import Callable, Sequence

from infrakit.model import Artifact, Deployment
from infrakit.plan import Plan, Step, file_step
from infrakit.stack.bundle import Source
from infrakit.stack.layout import PROGRAM
from infrakit.stack.secrets import Given
from infrakit.stack.up import plan_up

COMPLETION = "/usr/share/bash-completion/completions/infrakit"


def plan_install(
    deployment: Deployment,
    artifacts: Sequence[Artifact],
    digest: Callable[[bytes], str],
    engine: tuple[Step, ...],
    ours: tuple[Step, ...],
    bundle: Source | None = None,
    former: str = "",
    given: Sequence[Given] = (),
) -> Plan:
    """`engine`: of host.docker.engine_steps. `ours`: the files, as program_steps and installed.file_steps have them."""
    return Plan(
        f"install {deployment.name} on {deployment.host}",
        (*engine, *ours, *plan_up(deployment, artifacts, digest, bundle, former, given).steps),
    )


def program_steps(program: bytes, completion: bytes) -> tuple[Step, ...]:
    """The program, where it is a zipapp, and its completion for bash."""
    ours = [(PROGRAM, program, 0o755)] if program else []
    return tuple(
        file_step(f"file {path}", path, path, content, mode)
        for path, content, mode in (*ours, (COMPLETION, completion, 0o644))
    )
