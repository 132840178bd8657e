"""What an engine that does not run has, from its folder: containers with their labels, and volumes.

Source: moby, daemon/container.go (config.v2.json) and volume/local/local.go (a folder for each volume), 20.10 to 28.
Networks are in a database of its own.
"""

import json
from typing import Any

from infrakit.host.docker import DAEMON
from infrakit.machine import Machine

ROOT = "/var/lib/docker"
PROJECT = "com.docker.compose.project"
MOST_BYTES = 1 << 22


def names(machine: Machine, kind: str, project: str = "", label: str = "") -> list[str]:
    """Of its containers (kind "container") or volumes ("volume"), of all or of a Compose project; `label`: only of
    containers that have it."""
    root = _root(machine)
    if kind == "volume":
        found = [name for name in machine.listing(f"{root}/volumes") if machine.exists(f"{root}/volumes/{name}/_data")]
        return [name for name in found if name.startswith(f"{project}_" if project else "")]
    trees = [
        _tree(machine, f"{root}/containers/{item}/config.v2.json") for item in machine.listing(f"{root}/containers")
    ]
    labelled = [
        (str(tree.get("Name", "")).lstrip("/"), (tree.get("Config") or {}).get("Labels") or {}) for tree in trees
    ]
    return [
        name
        for name, labels in labelled
        if name and project in ("", labels.get(PROJECT)) and (not label or label in labels)
    ]


def _root(machine: Machine) -> str:
    return str(_tree(machine, DAEMON).get("data-root") or ROOT)


def _tree(machine: Machine, path: str) -> dict[str, Any]:
    """A JSON object of the engine's; empty where it cannot be read."""
    try:
        found = json.loads(machine.read(path, MOST_BYTES) or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
