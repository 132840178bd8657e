"""Secrets that get a new value -> who can, the plan: role, file, readers; and the note by which a later run goes on
with it, or takes it back.

Both values lie beside the secret until all who read it are well with one of them.
"""

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple

from infrakit.errors import InfraKitError, MachineUnfit
from infrakit.machine import Machine
from infrakit.model import SECRETS_DIRECTORY, Artifact, Container, Deployment, SecretSpec, network_of
from infrakit.plan import Interrupted, Plan, Probe, Step
from infrakit.plan.model import Tell
from infrakit.stack import layout
from infrakit.stack.change.update import BACK, FORWARD, Digest, TakenBack
from infrakit.stack.change.way_back import take_back
from infrakit.stack.down import WaitUntilWell
from infrakit.stack.generation import folder_of, generation_id
from infrakit.stack.inside import container_name
from infrakit.stack.readers import StartReaders, readers_step, reading
from infrakit.stack.roles import MOST_BYTES, Role, RoleTakes, SetRole, role_of, value_of
from infrakit.stack.secrets import Given
from infrakit.stack.services import Runs, Start
from infrakit.stack.up import plan_up, wanted_of

DONE = "done"
"""The way that is left when all is well: nothing but to forget the values."""
NO = "no: "


class Rotated(NamedTuple):
    """A secret that gets a new value, and whose password it is."""

    name: str
    role: Role | None


class Under(NamedTuple):
    """A rotation that is under way."""

    secrets: tuple[Rotated, ...]
    way: str = FORWARD

    def text(self) -> str:
        return ", ".join(item.name for item in self.secrets)


def read(machine: Machine) -> Under | None:
    """The one under way."""
    content = machine.read(layout.ROTATING)
    if content is None:
        return None
    try:
        found = json.loads(content)
        secrets = tuple(Rotated(str(name), Role(*role) if role else None) for name, role in found["secrets"])
        return Under(**{**found, "secrets": secrets})
    except (ValueError, KeyError, TypeError):
        what = f"{layout.ROTATING} was written by another InfraKit, or damaged"
        raise InfraKitError(what, "use the InfraKit that wrote it") from None


def why_not(
    spec: SecretSpec, host: Deployment, sharers: Collection[str] = (), *, is_read_anew: bool = False
) -> tuple[str, str]:
    """Why it cannot get a new value, and what to do; ("", "") where it can. `sharers`: other hosts that have it;
    `is_read_anew`: so says who asks, where the file and the catalogue say nothing."""
    if spec.kind == "user":
        return "only you have it", f"sudo infrakit secrets set {spec.name}"
    if spec.kind != "password":
        return "it is a certificate, or the key of one, and others hold to it", ""
    if spec.rotate.startswith(NO):
        return spec.rotate.removeprefix(NO), ""
    if sharers:
        return f"{', '.join(sharers)} would still have the old one: a rotation reaches this machine alone", ""
    if role_of(host, spec.name):
        return "", ""
    told = any(_is_told(item, spec.name) for service in host.services for item in service.containers)
    if spec.rotate == "client" and not told:
        return f"somebody typed it into {spec.owner}: no restart changes it there", ""
    if spec.rotate in ("restart", "client") or is_read_anew:
        return "", ""
    why = f"nobody has said what a new value means to {spec.owner}, which may have made data with it"
    return why, f"where it only reads it when it starts: sudo infrakit secrets rotate --restart {spec.name}"


def _is_told(container: Container, name: str) -> bool:
    """Whether it hears from us where the secret is, or what."""
    texts = [text for _, text in container.secret_environment] + [item.text for item in container.secret_files]
    words = [value for _, value in container.environment] + [*(container.command or ()), *(container.entrypoint or ())]
    paths = [item.target or f"{SECRETS_DIRECTORY}/{name}" for item in container.secrets if item.name == name]
    return any(path in word for path in paths for word in words) or any(
        secret == name for text in texts for _, secret in text
    )


def rotated(host: Deployment, specs: Iterable[SecretSpec]) -> tuple[Rotated, ...]:
    """Those that can be."""
    return tuple(Rotated(spec.name, role_of(host, spec.name)) for spec in specs)


def fresh_path(host: str, name: str) -> str:
    """Where the new value is. No secret is called so: their names have no dot."""
    return f"{layout.secrets_folder(host)}/secrets/.{name}.new"


def former_path(host: str, name: str) -> str:
    """Where the old one is."""
    return f"{layout.secrets_folder(host)}/secrets/.{name}.old"


def services_of(host: Deployment, names: Collection[str]) -> list[str]:
    """Who reads one of these secrets, or is in the network of who does."""
    readers = {reader for spec in host.secrets if spec.name in names for reader in spec.required_by}
    return [
        service.name
        for service in host.services
        if any(item.name in readers or network_of(item.privileges) in readers for item in service.containers)
    ]


def plan_readers(host: Deployment, artifacts: Sequence[Artifact], digest: Digest, under: Under) -> Plan:
    """Each service of those that read them, one after the other, well with what the files say; servers of roles
    first."""
    folder, wanted = folder_of(generation_id(artifacts, digest)), wanted_of(host, artifacts)
    services = {service.name: service for service in host.services}
    meant = services_of(host, [item.name for item in under.secrets])
    steps: list[Step] = []
    for step in plan_up(host, artifacts, digest, again=True).steps:
        name = step.name.removeprefix("service ")
        if step.name == "environment":
            steps.append(step)
        elif step.name != name and name in meant:
            alone = host._replace(services=(services[name],))
            servers = {item.role.container for item in under.secrets if item.role}
            for server in (item for item in wanted[name] if item.name in servers):
                probe = reading(alone, wanted)
                probe = probe._replace(readers=tuple(item for item in probe.readers if item.wanted == server))
                wait = WaitUntilWell(host.name, (container_name(host.name, server.name),))
                probes: tuple[Probe, ...] = (probe, Runs(host.name, (server,)))
                steps.append(Step(f"server {server.name}", server.name, probes, (StartReaders(probe, folder), wait)))
            steps += [item._replace(name=f"readers {name}") for item in readers_step(alone, wanted, folder)]
            steps.append(step)
    return Plan(f"rotate {under.text()} on {host.host}", tuple(steps))


def plan_rotation(
    host: Deployment, artifacts: Sequence[Artifact], digest: Digest, under: Under, given: Sequence[Given] = ()
) -> Plan:
    """All of it, in the way that it goes. `given`: new values, where it begins."""
    keep = KeepBoth(host.host, tuple(given), under)
    steps = [Step("values", "new values, beside the old", (), (keep,))] if given else []
    for item in under.secrets:
        paths = fresh_path(host.host, item.name), former_path(host.host, item.name)
        value, other = paths if under.way == FORWARD else paths[::-1]
        steps += _role_steps(host, artifacts, digest, item.role, value, other)
        is_it, put = IsValue(host.host, item.name, value), PutValue(host.host, item.name, value)
        steps.append(Step(f"secret {item.name}", f"the secret {item.name}", (is_it,), (put,)))
    plan = plan_readers(host, artifacts, digest, under)
    title = plan.title if under.way == FORWARD else f"take the rotation of {under.text()} back"
    return Plan(title, (*steps, *plan.steps))


def _role_steps(
    host: Deployment, artifacts: Sequence[Artifact], digest: Digest, role: Role | None, value: str, other: str
) -> list[Step]:
    """Its server runs, and it has the value of a file, not that of the other."""
    if role is None:
        return []
    servers = [item for items in wanted_of(host, artifacts).values() for item in items if item.name == role.container]
    start = Start(host.name, tuple(servers), folder_of(generation_id(artifacts, digest)))
    takes, give = RoleTakes(host.name, role, value, other), SetRole(host.name, role, value)
    return [
        Step(f"before {role.container}", f"{role.container} runs", (Runs(host.name, start.wanted),), (start,)),
        Step(f"role {role.user} of {role.container}", role.text(), (takes,), (give,)),
    ]


def carry(under: Under, host: str, plan: Callable[[Under], Plan], machine: Machine, run: Callable[[Plan], int]) -> None:
    """Rotate, or go on with that; where it does not go well, take it back, which TakenBack says. `plan`: of
    plan_rotation; `run`: carries one out. A signal leaves it for a later run."""
    if under.way == FORWARD:
        try:
            run(plan(under))
        except Interrupted:
            raise
        except InfraKitError as error:
            if read(machine) is None:
                raise
            _take_back(under, host, plan, machine, run)
            what = f"{under.text()}: it did not go well, and is as it was before: {error.message}"
            raise TakenBack(what, error.hint) from None
    elif under.way == BACK:
        _take_back(under, host, plan, machine, run)
        return
    _forget(under, host, machine)


def _take_back(
    under: Under, host: str, plan: Callable[[Under], Plan], machine: Machine, run: Callable[[Plan], int]
) -> None:
    under = under._replace(way=BACK)
    take_back(
        f"{under.text()}: it did not go well",
        "secrets rotate",
        machine,
        lambda: _note(machine, under),
        lambda: plan(under),
        run,
    )
    _forget(under, host, machine)


def _forget(under: Under, host: str, machine: Machine) -> None:
    with suppress(MachineUnfit):  # on a full disk: it says so to a run after a cut in what follows
        _note(machine, under._replace(way=DONE))
    for item in under.secrets:
        machine.remove(fresh_path(host, item.name))
        machine.remove(former_path(host, item.name))
    machine.remove(layout.ROTATING)


def _note(machine: Machine, under: Under) -> None:
    machine.write(layout.ROTATING, json.dumps(under._asdict(), sort_keys=True).encode(), 0o600)


class KeepBoth(NamedTuple):
    """Put new values beside the old, and both aside; then the note that it has begun."""

    host: str
    given: tuple[Given, ...]
    under: Under

    def do(self, machine: Machine, tell: Tell) -> None:
        for item in self.given:
            old = machine.read(f"{layout.secrets_folder(self.host)}/secrets/{item.name}", MOST_BYTES)
            if old is None:
                raise MachineUnfit(f"the secret {item.name} is gone", "sudo infrakit up")
            machine.write(former_path(self.host, item.name), old, 0o600)
            machine.write(fresh_path(self.host, item.name), item.value, 0o600)
        _note(machine, self.under)

    def text(self) -> str:
        return "keep them there until all is well"


class IsValue(NamedTuple):
    """The secret is what a file says."""

    host: str
    name: str
    path: str

    def holds(self, machine: Machine) -> bool:
        found = machine.read(f"{layout.secrets_folder(self.host)}/secrets/{self.name}", MOST_BYTES)
        return found is not None and found == machine.read(self.path, MOST_BYTES)

    def text(self) -> str:
        return f"{self.name} is the {self.path.rpartition('.')[2]} one"


class PutValue(NamedTuple):
    """Put it there."""

    host: str
    name: str
    path: str

    def do(self, machine: Machine, tell: Tell) -> None:
        machine.keep_secret(layout.secrets_folder(self.host), self.name, value_of(machine, self.path))

    def text(self) -> str:
        return f"put {self.name} in place"
