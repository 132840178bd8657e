"""What is ours on a machine beside the containers, which bear a label.

A file beside the secrets of each host says which project's volumes they open, and what that project ever had of volumes
and networks. Labels would not do: Compose makes a volume that got another label anew, without what was in it.
"""

from collections.abc import Iterable
from typing import NamedTuple

from infrakit.emit.compose import docker_volume, network_tree
from infrakit.machine import Machine
from infrakit.model import Deployment
from infrakit.stack.layout import HOSTS, secrets_folder

FILE = "project"
MOST_BYTES = 1 << 20


class Belongings(NamedTuple):
    """A project, and its volumes and networks as Docker calls them: of now, and of all earlier files. "" where nothing
    is kept, no names where an older InfraKit kept none. `others`: volumes that the file of now says are somebody
    else's."""

    project: str = ""
    names: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()


def of_host(machine: Machine, host: str) -> Belongings:
    """What was written down for a host."""
    lines = (machine.read(f"{secrets_folder(host)}/{FILE}", MOST_BYTES) or b"").decode("utf-8", "replace").splitlines()
    return Belongings(lines[0], frozenset(lines[1:])) if lines else Belongings()


def all_here(machine: Machine) -> dict[str, Belongings]:
    """Project -> what is ours of it, of every host that this machine ever was."""
    ours: dict[str, Belongings] = {}
    for found in (of_host(machine, host) for host in machine.listing(HOSTS)):
        if found.project:
            known = ours.get(found.project, found)
            ours[found.project] = Belongings(found.project, known.names | found.names)
    return ours


def of_deployment(deployment: Deployment) -> Belongings:
    """What a host has by its file."""
    project = deployment.name
    volumes = {f"{project}_{volume}" for service in deployment.services for volume in service.volumes}
    shared = deployment.volumes
    volumes |= {docker_volume(project, item.name, shared) for item in shared if not item.external}
    networks = {network_tree(project, item).get("name", f"{project}_{item.name}") for item in deployment.networks}
    others = frozenset(item.external for item in shared if item.external)
    return Belongings(project, frozenset(volumes | networks), others)


def write(
    machine: Machine, host: str, project: str, names: Iterable[str], others: frozenset[str] = frozenset()
) -> None:
    """Keep those that were there, too: an app that left the file leaves its volume. One that became somebody else's is
    ours no more."""
    before = of_host(machine, host)
    known = (before.names.union(names) if before.project == project else frozenset(names)) - others
    machine.write(f"{secrets_folder(host)}/{FILE}", "\n".join([project, *sorted(known), ""]).encode())
