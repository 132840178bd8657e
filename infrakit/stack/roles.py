"""A role of PostgreSQL, and which password it takes: found by trying, and set over the server's own socket.

A value comes by standard input, into a file of the container's /tmp that is gone at once; what is set is what the
server would keep (RFC 5803), which opens nothing. The image trusts its own socket and 127.0.0.1 (docker-library/
postgres docker-entrypoint.sh, pg_setup_hba_conf), so that it is tried at the container's other address.
"""

import hashlib
import hmac
from base64 import b64encode
from typing import NamedTuple

from infrakit.errors import MachineUnfit
from infrakit.machine import Machine
from infrakit.model import SECRETS_DIRECTORY, Container, Deployment
from infrakit.plan.model import Tell
from infrakit.stack.inside import container_name, inside

MOST_BYTES = 1 << 16
PASSWORD, PASSWORD_FILE = "POSTGRES_PASSWORD", "POSTGRES_PASSWORD_FILE"
ROUNDS = 4096
TRY = """
umask 077
file="/tmp/.infrakit.$$"
trap 'rm -f "$file"' EXIT
while IFS= read -r line; do
    printf '*:*:*:*:%s\\n' "$line" >"$file"
    if PGPASSFILE="$file" PGCONNECT_TIMEOUT=10 psql -Xqw -h "$(hostname)" -U "$0" -d "$1" -c '' </dev/null >&2; then
        echo yes
    else
        echo no
    fi
done
"""
QUIET = "SET log_statement = 'none'; SET log_min_duration_statement = -1; SET log_min_error_statement = 'panic';\n"


class Role(NamedTuple):
    """`container` of the compiled file: its server. The user that its image makes, who is its superuser."""

    container: str
    user: str
    database: str

    def text(self) -> str:
        return f"the role {self.user} of {self.container}"


def role_of(deployment: Deployment, secret: str) -> Role | None:
    """Whose password a secret is; None where no PostgreSQL takes it."""
    for service in deployment.services:
        for container in service.containers:
            if _takes(container, secret):
                said = dict(container.environment)
                user = said.get("POSTGRES_USER", "postgres")
                return Role(container.name, user, said.get("POSTGRES_DB", user))
    return None


def _takes(container: Container, secret: str) -> bool:
    mount = next((item for item in container.secrets if item.name == secret), None)
    path = mount and (mount.target or f"{SECRETS_DIRECTORY}/{secret}")
    alone = dict(container.secret_environment).get(PASSWORD)
    return path is not None and dict(container.environment).get(PASSWORD_FILE) == path or alone == (("", secret),)


class RoleTakes(NamedTuple):
    """It takes the password of one file, and not that of another. Whoever takes both asks nobody."""

    project: str
    role: Role
    wanted: str
    other: str

    def holds(self, machine: Machine) -> bool:
        values = [machine.read(path, MOST_BYTES) for path in (self.wanted, self.other)]
        feed = b"".join((value or b"").replace(b"\\", rb"\\").replace(b":", rb"\:") + b"\n" for value in values)
        words = ("sh", "-c", TRY, self.role.user, self.role.database)
        name = container_name(self.project, self.role.container)
        return inside(machine, name, words, feed=feed).split() == ["yes", "no"]

    def text(self) -> str:
        return f"{self.role.text()} takes this password alone"


class SetRole(NamedTuple):
    """Have it take the password of a file."""

    project: str
    role: Role
    wanted: str

    def do(self, machine: Machine, tell: Tell) -> None:
        user = self.role.user.replace('"', '""')
        statement = f"""ALTER ROLE "{user}" PASSWORD '{verifier(value_of(machine, self.wanted))}';\n"""
        words = ("psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-U", self.role.user, "-d", self.role.database)
        name = container_name(self.project, self.role.container)
        inside(machine, name, words, feed=f"{QUIET}{statement}".encode())

    def text(self) -> str:
        return f"give {self.role.text()} the password"


def value_of(machine: Machine, path: str) -> bytes:
    """What a file says. MachineUnfit where it is gone: nobody gets an empty password instead."""
    value = machine.read(path, MOST_BYTES)
    if value is None:
        raise MachineUnfit(f"{path} is gone", "it is as it is: infrakit status")
    return value


def verifier(password: bytes) -> str:
    """What PostgreSQL keeps of a password (RFC 5803; its scram-common.c). The salt comes of the password, which is
    random itself."""
    salt = hashlib.sha256(b"salt of " + password).digest()[:16]
    salted = hashlib.pbkdf2_hmac("sha256", password, salt, ROUNDS)
    client, server = (hmac.digest(salted, word, "sha256") for word in (b"Client Key", b"Server Key"))
    parts = (salt, hashlib.sha256(client).digest(), server)
    first, stored, last = (b64encode(part).decode() for part in parts)
    return f"SCRAM-SHA-256${ROUNDS}:{first}${stored}:{last}"
