"""What a drill brings here: snapshots, the tree of its project, and what is put into its volumes."""

from typing import NamedTuple

from infrakit.emit.groups import FILE, content
from infrakit.errors import MachineUnfit
from infrakit.machine import Machine
from infrakit.model import Artifact, Deployment
from infrakit.plan.model import Tell
from infrakit.stack.backup.repository import LONGEST_S, Repository, restic
from infrakit.stack.change.aside import work
from infrakit.stack.groups import names_of
from infrakit.stack.services import compose
from infrakit.stack.watch import LONGEST_START_S


class FetchInto(NamedTuple):
    """Bring a snapshot into a folder, and read it once more. `snapshot` "": there was nothing to copy."""

    repository: Repository
    snapshot: str
    folder: str
    what: str

    def do(self, machine: Machine, tell: Tell) -> None:
        machine.make_folder(self.folder, 0o700)
        if self.snapshot:
            words = ("restore", self.snapshot, "--target", self.folder, "--verify")
            restic(machine, self.repository, *words, timeout_s=LONGEST_S, tell=tell)

    def text(self) -> str:
        return f"bring {self.what} here, and read it once more"


class PutSecrets(NamedTuple):
    """Secrets as containers read them. MachineUnfit where the set lacks one. `folder`: that holds `secrets/`."""

    folder: str
    deployment: Deployment

    def do(self, machine: Machine, tell: Tell) -> None:
        containers = [item for service in self.deployment.services for item in service.containers]
        used = {use.name for item in containers for use in item.secrets}
        lacking = sorted(name for name in used if not machine.exists(f"{self.folder}/secrets/{name}"))
        if lacking:
            raise MachineUnfit(
                f"the set lacks the secret {', '.join(lacking)}", "take another: sudo infrakit backup now"
            )
        for item in containers:
            if item.secret_environment:
                machine.write_environment(self.folder, item.name, item.secret_environment)
            for file in item.secret_files:
                machine.write_secret_file(self.folder, file)
        names = names_of(self.deployment)
        if names:
            machine.write(f"{self.folder}/{FILE}", content([(name, machine.group_number(name)) for name in names]))

    def text(self) -> str:
        return "put copies of its secrets together"


class Create(NamedTuple):
    """Write the tree, and have Compose make all that it names; nothing is started."""

    folder: str
    secrets: str
    files: tuple[Artifact, ...]

    def do(self, machine: Machine, tell: Tell) -> None:
        contents = [(item.path, item.content, item.mode) for item in self.files]
        machine.make_tree(self.folder, contents, [("secrets", self.secrets)])
        work(machine, (*compose(self.folder), "up", "--no-start", "--pull", "never"), LONGEST_START_S)

    def text(self) -> str:
        return "make its containers, volumes and networks"


class Fill(NamedTuple):
    """What was fetched, in the place of what Docker put into a volume. `source`: a folder on the same disk."""

    source: str
    volume: str

    def do(self, machine: Machine, tell: Tell) -> None:
        place = _place(machine, self.volume)
        machine.remove_tree(place)
        work(machine, ("mv", "-T", self.source, place), LONGEST_START_S)

    def text(self) -> str:
        return f"fill {self.volume}"


class GiveToUser(NamedTuple):
    """A volume that nothing is fetched for."""

    volume: str
    user: str

    def do(self, machine: Machine, tell: Tell) -> None:
        work(machine, ("chown", "-h", "-R", self.user, "--", _place(machine, self.volume)), LONGEST_START_S)

    def text(self) -> str:
        return f"give {self.volume} to its user"


def _place(machine: Machine, volume: str) -> str:
    return f"{machine.engine.folder()}/volumes/{volume}/_data"
