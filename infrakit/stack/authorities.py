"""Whom apps trust that sign in by themselves: whoever this machine trusts, and Caddy's own authority, which there is
from its first start on."""

from typing import NamedTuple

from infrakit.emit.caddyfile import AUTHORITY_FILE
from infrakit.errors import MachineUnfit
from infrakit.machine import Machine
from infrakit.model import PUBLIC_AUTHORITIES, TRUSTED, Deployment
from infrakit.plan import Step
from infrakit.plan.model import Tell
from infrakit.resolve.world import DOOR
from infrakit.stack.inside import container_name, inside
from infrakit.stack.layout import secrets_folder
from infrakit.stack.readers import ReadAsTheyAre, StartReaders

MOST_BYTES = 4 << 20


class Trusted(NamedTuple):
    """The file that these apps trust holds both. `own`: whether Caddy signs by itself."""

    project: str
    host: str
    own: bool

    def holds(self, machine: Machine) -> bool:
        try:
            return machine.read(self.path, MOST_BYTES) == self.wanted(machine)
        except MachineUnfit:
            return False

    def wanted(self, machine: Machine) -> bytes:
        """MachineUnfit where Caddy does not run."""
        own = inside(machine, container_name(self.project, DOOR), ("cat", AUTHORITY_FILE)) if self.own else ""
        return (machine.read(PUBLIC_AUTHORITIES, MOST_BYTES) or b"") + own.encode()

    @property
    def path(self) -> str:
        return f"{secrets_folder(self.host)}/secrets/{TRUSTED}"

    def text(self) -> str:
        return "apps that sign in by themselves trust who signs for these doors"


class Trust(NamedTuple):
    """Write it."""

    trusted: Trusted

    def do(self, machine: Machine, tell: Tell) -> None:
        machine.keep_secret(secrets_folder(self.trusted.host), TRUSTED, self.trusted.wanted(machine))

    def text(self) -> str:
        return f"write {self.trusted.path}"


def authorities_step(deployment: Deployment, readers: ReadAsTheyAre, folder: str) -> tuple[Step, ...]:
    """Before those apps start; those that run already with an older file start anew. `readers`: all of the host's;
    `folder`: of the generation."""
    reading = tuple(reader for reader in readers.readers if TRUSTED in dict(reader.secrets))
    if not reading:
        return ()
    trusted = Trusted(deployment.name, deployment.host, deployment.tls.mode == "internal")
    anew = StartReaders(readers._replace(readers=reading), folder)
    return (Step("authorities", "whom apps trust", (trusted, anew.wanted), (Trust(trusted), anew)),)
