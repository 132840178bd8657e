"""A command in a running container, which sees what the container sees: nothing has to be published for it, and no
secret leaves."""

from collections.abc import Sequence

from infrakit.errors import MachineUnfit
from infrakit.machine import Machine

LONGEST_S = 60


def container_name(project: str, container: str) -> str:
    """As Compose calls the one container of a service of its file."""
    return f"{project}-{container}-1"


def inside(
    machine: Machine, name: str, words: Sequence[str], *, feed: bytes = b"", timeout_s: float = LONGEST_S
) -> str:
    """What it wrote. MachineUnfit where it failed, with its last line."""
    done = machine.run(("docker", "exec", "--interactive", name, *words), feed=feed, timeout_s=timeout_s)
    if done.code:
        said = [line.strip() for line in (done.err or done.out).splitlines() if line.strip()]
        raise MachineUnfit(
            f"{name}: {said[-1] if said else f'exit code {done.code}'}", f"see: docker logs --tail 50 {name}"
        )
    return str(done.out)
