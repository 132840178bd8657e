"""A ticket x the host that it is for -> the plan that takes the apps in: secrets and data are in their places before
any of them starts.
"""

from collections.abc import Sequence
from typing import NamedTuple

from infrakit.backups import BackupPart
from infrakit.emit.compose import docker_volume
from infrakit.errors import MachineUnfit
from infrakit.machine import Machine
from infrakit.model import Deployment
from infrakit.plan import Action, FileIs, Gone, Plan, Probe, RemoveTree, Step
from infrakit.plan.model import Tell
from infrakit.stack.backup.back import Chosen, fetch_step
from infrakit.stack.backup.bare import back_step
from infrakit.stack.backup.exchange import Clean, Over
from infrakit.stack.backup.repository import LONGEST_S, Repository, restic
from infrakit.stack.layout import secrets_folder
from infrakit.stack.move.away import NoVolume, RemoveSecret, RemoveVolume
from infrakit.stack.move.copy import KeepKey, KeyThere, NeedPlace, PlaceThere, TellOrigin
from infrakit.stack.move.ticket import Ticket
from infrakit.stack.move.under import ARRIVED, ARRIVING, MOVES, Arriving, has_arrived
from infrakit.stack.secrets import Given

KEY = f"{MOVES}/arriving.key"
SECRETS = f"{MOVES}/secrets-are-here"
STAGE = f"{MOVES}/brought"
MOST_BYTES = 1 << 20


def chosen(ticket: Ticket, deployment: Deployment) -> Chosen:
    """All of the copy, as one part of a set."""
    dumps = tuple(dump for dump, _ in ticket.dumps)
    part = BackupPart(ticket.services[-1], tuple(ticket.volumes), dumps, (), deployment.origin)
    called = [(docker_volume(deployment.name, name, deployment.volumes), path) for name, path in ticket.volumes.items()]
    return Chosen(part, ticket.place.snapshot, ticket.place.bytes, tuple(called), ticket.dumps, ())


def plan_take(
    ticket: Ticket,
    deployment: Deployment,
    repository: Repository,
    programs: Sequence[Step],
    key: Given,
    up: Plan,
    tree: str,
    note: Arriving,
) -> Plan:
    """`up`: what brings them up here, or installs this machine first; `tree`: the folder of its generation."""
    names = {step.name for step in programs}  # before all else: secrets are read from the copy
    steps = tuple(step for step in up.steps if step.name not in names)
    first = next((at for at, step in enumerate(steps) if step.name.startswith("service ")), len(steps))
    part, bring = chosen(ticket, deployment), BringSecrets(ticket, deployment, repository)
    data = (fetch_step(repository, ticket.number, part), back_step(deployment, ticket.number, part, tree))
    here = (TellOrigin(repository, ticket.number), NoteHere(ticket.number))
    return Plan(
        title_of(ticket),
        (
            *programs,
            Step("key", "the key of the copy", (KeyThere(KEY, key),), (KeepKey(KEY, key),)),
            Step("copy", f"the copy in {repository.to}", (PlaceThere(repository),), (NeedPlace(repository),)),
            Step(
                "begun", "no start before the data is here", (FileIs(ARRIVING, note.printed(), 0o600),), (Begin(note),)
            ),
            Step("secrets brought", f"the secrets of {ticket.name}", (SecretsHere(ticket.number),), (bring,)),
            *steps[:first],
            *(data if part.folders or part.dumps else ()),
            *steps[first:],
            Step("here", "it is written down that all is here", (IsHere(ticket.number),), here),
            over_step(),
        ),
    )


def plan_over(ticket: Ticket) -> Plan:
    """What is left where all is here, and newer than the copy."""
    return Plan(title_of(ticket), (over_step(),))


def title_of(ticket: Ticket) -> str:
    """Of either plan."""
    return f"take {ticket.name} from {ticket.sender} to {ticket.to}"


def plan_give_up(note: Arriving, up: Plan) -> Plan:
    """What came goes; where it came from it is all there. `up`: what brings up what ran before."""
    volumes = (Step(f"volume {name}", f"no {name}", (NoVolume(name),), (RemoveVolume(name),)) for name in note.volumes)
    return Plan(f"do not take {note.shown} in", (*up.steps, *volumes, over_step()))


def plan_forget(note: Arriving) -> Plan:
    """Of one that was broken off on a machine that had nothing, and has no engine and no file of ours yet."""
    over = over_step()
    return Plan(
        f"do not take {note.shown} in", (over._replace(done_when=over.done_when[1:], actions=over.actions[1:]),)
    )


def over_step() -> Step:
    """The note last: until then nobody else changes the stack."""
    paths = (SECRETS, KEY, ARRIVING)
    probes: tuple[Probe, ...] = (Over(), *(Gone(path) for path in (STAGE, *paths)))
    actions: tuple[Action, ...] = (Clean(), RemoveTree(STAGE), *(RemoveSecret(path) for path in paths))
    return Step("over", "what was fetched goes", probes, actions)


class Begin(NamedTuple):
    """Write down that it has begun."""

    note: Arriving

    def do(self, machine: Machine, tell: Tell) -> None:
        machine.write(ARRIVING, self.note.printed(), 0o600)

    def text(self) -> str:
        return "write down that it has begun"


class BringSecrets(NamedTuple):
    """Out of the copy into their places. One that is another one here, and that others here read, is not replaced."""

    ticket: Ticket
    deployment: Deployment
    repository: Repository

    def do(self, machine: Machine, tell: Tell) -> None:
        machine.remove_tree(STAGE)
        machine.make_folder(STAGE, 0o700)
        wanted = {spec.name: spec for spec in self.deployment.secrets}
        paths = {name: path for name, path in self.ticket.secrets.items() if name in wanted}
        words = [word for path in paths.values() for word in ("--include", path)]
        if words:
            place = self.ticket.place.snapshot
            restic(machine, self.repository, "restore", place, "--target", STAGE, *words, timeout_s=LONGEST_S)
        folder = secrets_folder(self.deployment.host)
        values = {name: machine.read(STAGE + path, MOST_BYTES) or b"" for name, path in paths.items()}
        for name, value in values.items():
            there = machine.read(f"{folder}/secrets/{name}", MOST_BYTES)
            others = set(wanted[name].required_by).difference(self.ticket.containers)
            if there not in (None, value) and others:
                what = f"the secret {name} is another one here, and {', '.join(sorted(others))} reads it"
                raise MachineUnfit(what, f"give the one of {self.ticket.name} another name in infrakit.yaml")
        machine.make_folder(folder)
        for name, value in values.items():
            machine.keep_secret(folder, name, value)
        machine.remove_tree(STAGE)
        machine.write(SECRETS, self.ticket.number.encode(), 0o600)

    def text(self) -> str:
        return f"put {', '.join(sorted(self.ticket.secrets)) or 'none'} into their places"


class SecretsHere(NamedTuple):
    """They were brought."""

    number: str

    def holds(self, machine: Machine) -> bool:
        return bool(machine.read(SECRETS) == self.number.encode())

    def text(self) -> str:
        return "they are in their places"


class IsHere(NamedTuple):
    """It is written down."""

    number: str

    def holds(self, machine: Machine) -> bool:
        return has_arrived(machine, self.number)

    def text(self) -> str:
        return f"the move of {self.number} is here"


class NoteHere(NamedTuple):
    """From now on what is here is newer than the copy."""

    number: str

    def do(self, machine: Machine, tell: Tell) -> None:
        before = machine.read(ARRIVED, MOST_BYTES) or b""
        machine.write(ARRIVED, before + f"{self.number}\n".encode(), 0o600)

    def text(self) -> str:
        return "write it down"


def need_vacant(machine: Machine, deployment: Deployment, ticket: Ticket) -> None:
    """MachineUnfit where there is data of theirs already: nobody knows what it is worth."""
    found = machine.run(("docker", "volume", "ls", "--format", "{{.Name}}")).out.split()
    for name in volumes_of(deployment, ticket):
        if name in found and machine.listing(f"{machine.engine.folder()}/volumes/{name}/_data"):
            what = f"{name} is on this machine already, with data"
            remedy = f"look at it; where it may go: docker volume rm {name} (its containers first), then again"
            raise MachineUnfit(what, remedy)


def volumes_of(deployment: Deployment, ticket: Ticket) -> tuple[str, ...]:
    """All that they have, as Docker calls them, but for what is a server's."""
    far = {volume.name for volume in deployment.volumes if volume.server}
    mounts = (
        mount
        for service in deployment.services
        if service.name in ticket.services
        for item in service.containers
        for mount in item.mounts
    )
    sources = dict.fromkeys(mount.source for mount in mounts if mount.kind in ("volume", "shared"))
    return tuple(docker_volume(deployment.name, name, deployment.volumes) for name in sources if name not in far)
