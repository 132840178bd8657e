"""The owner of a fresh volume is the user of its app: what Docker makes is root's, or whoever's the image says.

Docker fills a new volume from the image when the container is made, with the owner that things have there; so it is
given away after that, and before the first start. A note of what is new stays until that is done.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from infrakit.emit.compose import docker_volume
from infrakit.errors import MachineUnfit
from infrakit.machine import Machine
from infrakit.model import Deployment, Service
from infrakit.plan import Action
from infrakit.plan.model import Tell
from infrakit.stack.layout import secrets_folder
from infrakit.stack.services import compose
from infrakit.stack.watch import LONGEST_START_S

FRESH = "fresh-volumes"
"""Beside the secrets of a host: volumes that were not there before."""
MOST_BYTES = 1 << 20


class GiveToUsers(NamedTuple):
    """Make the containers of a service whose volumes are new, and give these to their users. `owners`: container ->
    (volume as Docker calls it, user) of each."""

    host: str
    folder: str
    owners: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]

    def do(self, machine: Machine, tell: Tell) -> None:
        noted = f"{secrets_folder(self.host)}/{FRESH}"
        fresh = set((machine.read(noted, MOST_BYTES) or b"").decode("utf-8", "replace").split())
        places = {volume: _place(machine, volume) for _, volumes in self.owners for volume, _ in volumes}
        new = {volume for volume, place in places.items() if not place or not machine.listing(place)}
        if not new | fresh & set(places):
            return
        _note(machine, noted, fresh | new)
        for name, volumes in self.owners:
            mine = [(volume, user) for volume, user in volumes if volume in new | fresh]
            if mine:
                self._give(machine, name, mine)
                fresh -= {volume for volume, _ in mine}
                new -= {volume for volume, _ in mine}
                _note(machine, noted, fresh | new)

    def _give(self, machine: Machine, name: str, volumes: Sequence[tuple[str, str]]) -> None:
        how = ("up", "--no-start", "--no-deps", "--pull", "never", name)
        _run(machine, *compose(self.folder), *how)
        for volume, user in volumes:
            place = _place(machine, volume)
            if place:
                # Links in it are given away themselves, not what they lead to.
                _run(machine, "chown", "-h", "-R", user, "--", place)

    def text(self) -> str:
        return f"give new volumes of {', '.join(name for name, _ in self.owners)} to the user"


def owner_actions(deployment: Deployment, service: Service, folder: str) -> tuple[Action, ...]:
    """For what keys of apps say of a user who is not root. `folder`: of the generation."""
    shared: Mapping[str, bool] = {item.name: not (item.server or item.external) for item in deployment.volumes}
    owners = []
    for container in service.containers if service.kind == "app" else ():
        volumes = tuple(
            (docker_volume(deployment.name, mount.source, deployment.volumes), container.user)
            for mount in container.mounts
            if not mount.read_only and (mount.kind == "volume" or mount.kind == "shared" and shared[mount.source])
        )
        if volumes and container.user.partition(":")[0].strip("0"):
            owners.append((container.name, volumes))
    return (GiveToUsers(deployment.host, folder, tuple(owners)),) if owners else ()


def _place(machine: Machine, volume: str) -> str:
    """Where Docker keeps it, "" where it is not there yet."""
    done = machine.run(("docker", "volume", "inspect", "--format", "{{.Mountpoint}}", volume))
    return done.out.strip() if not done.code else ""


def _note(machine: Machine, path: str, names: set[str]) -> None:
    if names:
        machine.write(path, "".join(f"{name}\n" for name in sorted(names)).encode())
    else:
        machine.remove(path)


def _run(machine: Machine, *words: str) -> None:
    done = machine.run(words, timeout_s=LONGEST_START_S)
    if done.code:
        said = done.err.strip().splitlines()
        raise MachineUnfit(said[-1].strip() if said else f"exit code {done.code}", "run again")
