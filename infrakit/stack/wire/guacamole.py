"""Guacamole's public default login guacadmin/guacadmin is gone; else the container that replaces it runs once more.

Its database is asked, not its page: that bans an address after five failures (auth-ban.md of the manual, on in the
image since 1.6.0). Source: apache/guacamole-client 1.6.0, schema/002-create-admin-user.sql: SHA-256 of the password and
the hexadecimal of its salt.
"""

from collections.abc import Sequence
from typing import NamedTuple

from infrakit.machine import Machine
from infrakit.model import Artifact, Deployment
from infrakit.plan import Action, Probe, Run, Unless
from infrakit.stack.inside import container_name, inside

DATABASE, PREPARE = "guacamole-database", "guacamole-prepare"
LONGEST_S = 120
QUERY = b"""
SELECT count(*) FROM guacamole_user JOIN guacamole_entity USING (entity_id)
WHERE type = 'USER' AND name = 'guacadmin' AND NOT disabled
AND password_hash = sha256(convert_to('guacadmin' || coalesce(upper(encode(password_salt, 'hex')), ''), 'UTF8'));
"""
# A signal that ends our waiting is not passed on, as `docker start --attach` would: what it has begun it ends.
AGAIN = 'docker start "$1" >/dev/null && exit "$(docker wait "$1")"'


class NoDefaultLogin(NamedTuple):
    """Nobody comes in by the password that everybody knows."""

    project: str

    def holds(self, machine: Machine) -> bool:
        words = ("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-U", "guacamole", "-d", "guacamole")
        return inside(machine, container_name(self.project, DATABASE), words, feed=QUERY).strip() == "0"

    def text(self) -> str:
        return "guacadmin cannot sign in to Guacamole by its public password"


def wired(deployment: Deployment, artifacts: Sequence[Artifact]) -> tuple[tuple[Probe, ...], tuple[Action, ...]]:
    """What has to be so of Guacamole beside its containers, and how it gets so."""
    gone = NoDefaultLogin(deployment.name)
    again = ("sh", "-c", AGAIN, "again", container_name(deployment.name, PREPARE))
    return (gone,), (
        Unless(gone, Run(again, LONGEST_S, f"see: infrakit logs {PREPARE}", title=f"run {PREPARE} again")),
    )
