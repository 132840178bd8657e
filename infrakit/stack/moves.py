"""What a machine holds of earlier runs -> whether the file as it is now may have it, and the steps that carry secrets
along.

Volumes belong to a project; the passwords that open them lie in the folder of the host that they were made for. A host
that got another name takes them along. What would pair an old volume with a new password is refused.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from infrakit.emit.compose import docker_volume
from infrakit.errors import InfraKitError, MachineUnfit
from infrakit.host.checks import Finding
from infrakit.machine import Machine
from infrakit.model import OF_THE_HOST, Deployment, SecretSpec
from infrakit.plan import Gone, RemoveTree, Step
from infrakit.plan.model import Tell
from infrakit.resolve.backups import holds_database
from infrakit.stack import belongings
from infrakit.stack.change import applied
from infrakit.stack.down import listed
from infrakit.stack.generation import in_force_folder
from infrakit.stack.layout import HOSTS, secrets_folder

MOST_BYTES = 1 << 16


class Seen(NamedTuple):
    """project, host: of the tree in force, "" where none is. `former`: the host whose secrets this one takes along.

    `missing`: what only we can make, and neither host has. `read`: service -> the secrets that it reads, as the tree in
    force has it; {} where nobody knows. `volumes`: those of this project, and places of somebody else's (a volume as
    Docker calls it, a folder of the host) that are not empty; `left`: containers and volumes of `project`,
    where that is another one. `carried`: names of the former host's secrets. `strangers`: containers of a project of
    this name that are not ours.
    """

    project: str = ""
    host: str = ""
    former: str = ""
    missing: tuple[SecretSpec, ...] = ()
    read: Mapping[str, frozenset[str]] = {}
    volumes: frozenset[str] = frozenset()
    left: tuple[str, ...] = ()
    carried: frozenset[str] = frozenset()
    strangers: tuple[str, ...] = ()


def in_force(machine: Machine) -> tuple[str, str]:
    """(project, host) that the tree in force was compiled for, or where none is yet, the last one that was begun with;
    "" for what cannot be told."""
    folder = in_force_folder(machine)
    head = machine.read(f"{folder}/compose.yaml", 4096) or b""
    project = re.search(rb'^name: "?([a-z0-9][a-z0-9_-]*)"?$', head, re.MULTILINE)
    host = re.fullmatch(re.escape(HOSTS) + "/([^/]+)/secrets", machine.target(f"{folder}/secrets"))
    return project[1].decode() if project else "", host[1] if host else ""


def look(machine: Machine, deployment: Deployment, hosts: Collection[str]) -> Seen:
    """Ask the machine. `hosts`: all names in the file. The engine is asked only where it matters."""
    return _seen(machine, deployment, _former(machine, deployment, hosts))


def _seen(machine: Machine, deployment: Deployment, former: str) -> Seen:
    project, host = in_force(machine)
    along = frozenset(_names(machine, former)) if former else frozenset()
    there = along.union(_names(machine, deployment.host))
    missing = tuple(spec for spec in deployment.secrets if spec.kind == "password" and spec.name not in there)
    other = project not in ("", deployment.name)
    before = applied.in_force(machine) if missing else None
    return Seen(
        project,
        host,
        former,
        missing,
        _read(before.deployment) if before else {},
        _volumes(machine, deployment.name) | _filled(machine, deployment) if missing else frozenset(),
        tuple(name for kind in ("container", "volume") for name in listed(machine, kind, project)) if other else (),
        along,
        _strangers(machine, deployment.name),
    )


def _strangers(machine: Machine, project: str) -> tuple[str, ...]:
    """None where the engine does not answer yet: Refuse asks again."""
    try:
        return tuple(machine.engine.strangers(project))
    except InfraKitError:
        return ()


def _volumes(machine: Machine, project: str) -> frozenset[str]:
    """None where the engine does not answer yet: Refuse asks again."""
    try:
        return frozenset(listed(machine, "volume", project))
    except InfraKitError:
        return frozenset()


def _filled(machine: Machine, deployment: Deployment) -> frozenset[str]:
    """Of the places that we did not make, and that readers of secrets write to: those that hold something."""
    external = {volume.external for volume in deployment.volumes}
    places = {place for _, _, place in _opens(deployment) if place.startswith("/") or place in external}
    return frozenset(place for place in places if set(machine.listing(_folder(machine, place))) - {"lost+found"})


def _folder(machine: Machine, place: str) -> str:
    """Where Docker has the volume; "" where it has not, or does not answer: Refuse asks again."""
    if place.startswith("/"):
        return place
    done = machine.run(("docker", "volume", "inspect", "--format", "{{.Mountpoint}}", place))
    return "" if done.code else done.out.strip()


def _former(machine: Machine, deployment: Deployment, hosts: Collection[str]) -> str:
    """The host that this one was called before: that of the tree in force; where none is, the only one whose secrets
    are of this project and that is in the file no more."""
    _, host = in_force(machine)
    if host or _names(machine, deployment.host):
        return "" if host == deployment.host else host
    known = {deployment.host, *hosts}
    kept = [name for name in machine.listing(HOSTS) if not name.startswith(".") and name not in known]
    of_ours = [name for name in kept if belongings.of_host(machine, name).project == deployment.name]
    return of_ours[0] if len(of_ours) == 1 else ""


def _names(machine: Machine, host: str) -> list[str]:
    """Of secrets; a file that was being written when the power went is none."""
    return [name for name in machine.listing(f"{secrets_folder(host)}/secrets") if not name.startswith(".")]


def judge(seen: Seen, deployment: Deployment, hosts: Collection[str]) -> list[Finding]:
    """Where the data that is here is not this file's, or could not be opened any more."""
    found = []
    if seen.strangers:
        names = ", ".join(seen.strangers[:5])
        what = f"another Compose project is called {deployment.name}, too: {names}"
        remedy = "give that project another name (COMPOSE_PROJECT_NAME), or the file another `name:`"
        found.append(Finding("project-taken", "error", what, remedy))
    if seen.left:
        what = (
            f"this machine runs {seen.project}, and the file calls it {deployment.name}: its {len(seen.left)} "
            f"containers and volumes would be left behind"
        )
        remedy = (
            f"`name: {seen.project}` in the file goes on with the data; to begin anew beside it: infrakit uninstall, "
            f"then install"
        )
        found.append(Finding("other-name", "error", what, remedy))
    if seen.host and seen.host != deployment.host and seen.host in hosts:
        what = f"this machine is {seen.host}: its data and secrets are here, and the file still has {seen.host}"
        remedy = f"--host {seen.host}; to make it {deployment.host} and begin anew: infrakit uninstall --purge first"
        found.append(Finding("other-host", "error", what, remedy))
    for spec, volume, instead in shut(seen, deployment):
        folder = f"{secrets_folder(deployment.host)}/secrets"
        if instead:
            what = f"{volume} was made with {', '.join(instead)}: the new secret {spec.name} would not open it"
            same, other = f"cp -p {folder}/{instead[0]} {folder}/{spec.name}", f"infrakit secrets set {spec.name}"
            remedy = f"the same again, under the new name: {same}; another one: {other}"
            found.append(Finding("secret-renamed", "error", what, remedy))
            continue
        what = f"the secret {spec.name} is gone, and {volume} was made with it: a new one would not open it"
        remedy = f"put it back: {folder}/{spec.name}; or, where the data may go: docker volume rm {volume}"
        if volume.startswith("/") or volume in {item.external for item in deployment.volumes}:
            what = f"{volume} holds data, and a new secret {spec.name} would not open what was made with another one"
            remedy = f"say the one that opens it, or any, where none is asked for: infrakit secrets set {spec.name}"
        found.append(Finding("secret-lost", "error", what, remedy))
    return found


def shut(seen: Seen, deployment: Deployment) -> list[tuple[SecretSpec, str, list[str]]]:
    """(secret that is missing, volume of a container that reads it, what its service read instead until now), without
    those that a service has only now begun to read."""
    missing, now = {spec.name: spec for spec in seen.missing}, _read(deployment)
    found: dict[str, tuple[SecretSpec, str, list[str]]] = {}
    for service, secret, volume in _opens(deployment):
        if secret not in missing or volume not in seen.volumes:
            continue
        before = seen.read.get(service, frozenset({secret}))
        instead = [] if secret in before else sorted(before - now[service])
        if secret in before or instead:
            found.setdefault(secret, (missing[secret], volume, instead))
    return list(found.values())


def _opens(deployment: Deployment) -> Iterator[tuple[str, str, str]]:
    """(service, secret, volume as Docker calls it) of each container that has both. Of folders of the host, and volumes
    of somebody else's, those alone that a database keeps its files in: the rest may be photographs."""
    external = {item.name for item in deployment.volumes if item.external}
    for service in deployment.services:
        for container in service.containers:
            secrets = [spec.name for spec in deployment.secrets if container.name in spec.required_by]
            for mount in container.mounts:
                is_ours = mount.kind == "volume" or mount.kind == "shared" and mount.source not in external
                if mount.kind == "file" or not is_ours and (mount.read_only or not holds_database(mount)):
                    continue
                volume = mount.source
                if mount.kind != "host":
                    volume = docker_volume(deployment.name, volume, deployment.volumes)
                yield from ((service.name, secret, volume) for secret in secrets)


def _read(deployment: Deployment) -> dict[str, frozenset[str]]:
    """Service -> the secrets that its containers read, in whichever way."""
    return {
        service.name: frozenset(
            spec.name
            for spec in deployment.secrets
            if not {item.name for item in service.containers}.isdisjoint(spec.required_by)
        )
        for service in deployment.services
    }


class Refuse(NamedTuple):
    """Go no further where a new secret would meet an old volume: by now the engine runs, and can say what it has."""

    deployment: Deployment
    former: str

    def do(self, machine: Machine, tell: Tell) -> None:
        seen = _seen(machine, self.deployment, self.former)
        for finding in judge(seen, self.deployment, ()):
            raise MachineUnfit(finding.what, finding.remedy)

    def text(self) -> str:
        return "look whether old data waits for them"


def carried(deployment: Deployment, former: str) -> tuple[Step, ...]:
    """Before anything is minted: the secrets of the former host."""
    if not former:
        return ()
    user = tuple(spec.name for spec in deployment.secrets if spec.kind == "user")
    probe, action = CarriedAlong(former, deployment.host, user), CarryAlong(former, deployment.host, user)
    why = f"{former} is called {deployment.host} now"
    return (Step("former secrets", f"the secrets of {former} go along", (probe,), (action,), why=why),)


def forgotten(former: str) -> tuple[Step, ...]:
    """After the new tree is in force: nothing reads the former host's folder any more."""
    if not former:
        return ()
    folder = secrets_folder(former)
    return (Step("former host", f"no {folder}", (Gone(folder),), (RemoveTree(folder),)),)


class CarriedAlong(NamedTuple):
    """Every secret that was made for the former host is the present one's."""

    former: str
    host: str
    user: tuple[str, ...]

    def holds(self, machine: Machine) -> bool:
        return not _differing(machine, self)

    def text(self) -> str:
        return f"{self.host} has the secrets of {self.former}"


class CarryAlong(NamedTuple):
    """Copy them; of those that only the user has, the one that was set last counts."""

    former: str
    host: str
    user: tuple[str, ...]

    def do(self, machine: Machine, tell: Tell) -> None:
        machine.make_folder(secrets_folder(self.host))
        for name in _differing(machine, self):
            path = f"{secrets_folder(self.former)}/secrets/{name}"
            content = machine.read(path, MOST_BYTES)
            if content is not None:
                machine.keep_secret(secrets_folder(self.host), name, content, machine.changed_s(path))
        belongings.write(machine, self.host, *belongings.of_host(machine, self.former))

    def text(self) -> str:
        return f"copy the secrets of {self.former} to {self.host}"


def _differing(machine: Machine, move: CarriedAlong | CarryAlong) -> list[str]:
    """Names of those that still have to be carried."""
    found = []
    for name in _names(machine, move.former):
        old, new = (f"{secrets_folder(host)}/secrets/{name}" for host in (move.former, move.host))
        set_since = name in move.user and machine.changed_s(new) >= machine.changed_s(old)
        if name not in OF_THE_HOST and not set_since and machine.read(old, MOST_BYTES) != machine.read(new, MOST_BYTES):
            found.append(name)
    return found
