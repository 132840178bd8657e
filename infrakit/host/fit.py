"""A decided host x what its kernel can do -> the host as it can run there. The tree that `compile` writes stays as it
is."""

from infrakit.machine import Machine
from infrakit.model import Deployment

UNIFIED = "/sys/fs/cgroup/cgroup.controllers"
QUOTAS = ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us")


def limits_processors(machine: Machine) -> bool:
    """Whether the kernel can limit processor time. Where it cannot, the engine refuses a container that asks for it."""
    unified = machine.read(UNIFIED)
    return b"cpu" in unified.split() if unified is not None else any(machine.exists(path) for path in QUOTAS)


def fitted(deployment: Deployment, machine: Machine) -> tuple[Deployment, list[str]]:
    """(the host without what the machine cannot do, what was left out in words)."""
    if limits_processors(machine):
        return deployment, []
    services = tuple(
        service._replace(containers=tuple(container._replace(cpus="") for container in service.containers))
        for service in deployment.services
    )
    return deployment._replace(services=services), ["this kernel cannot limit processor time: the limits are left out"]
