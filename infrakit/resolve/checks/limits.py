"""Limits of services and apps -> Problems: what Docker takes for a limit, and not for none."""

from infrakit.catalog.model import Catalog
from infrakit.config.model import Config
from infrakit.errors import Problem
from infrakit.resolve.world import Locate

LEAST_MEMORY = 6 << 20
LEAST_CPUS = 0.01
"""Docker refuses less (moby daemon/daemon_unix.go: linuxMinMemory, and "Range of CPUs is from 0.01"), and 0 is none."""


def limits_real(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """Memory and processors that the file gives are enough to be a limit."""
    found = []
    for host in config.hosts:
        if (*host.path, "memory") in config.said and host.memory_bytes < LEAST_MEMORY:
            what = f"hosts.{host.name}.memory: no machine has so little"
            hint = "write how much it has, for instance 4g, or leave the key out"
            found.append(Problem(locate((*host.path, "memory")), what, "limit-low", hint))
    for section, items in (("services", config.services), ("apps", config.apps)):
        for item in items:
            for key, wrong in (("memory", item.memory_bytes < LEAST_MEMORY), ("cpus", few_cpus(item.cpus))):
                path = (*item.path, key)
                if path in config.said and wrong:
                    what = f"{section}.{item.name}.{key}: Docker takes no less than {LEAST[key]}"
                    found.append(Problem(locate(path), what, "limit-low", "write more, or leave the key out"))
    return found


LEAST = {"memory": "6m, and 0 would be no limit", "cpus": "0.01, and 0 would be no limit"}


def few_cpus(text: str) -> bool:
    """Whether Docker would take it for no limit, or for none that it can keep."""
    return bool(text) and float(text) < LEAST_CPUS
