"""infrakit open: break glass. A port of the loopback leads straight to a service's container, for root and for who
called sudo."""

import os
import pwd
import socket
import sys
import time

import click

from infrakit.cli import here
from infrakit.cli.carry import need_root, note, stopping
from infrakit.cli.source import compiled
from infrakit.cli.talk import result, say
from infrakit.errors import MachineUnfit
from infrakit.stack.layout import secrets_folder
from infrakit.stack.way_in import announcement, way_in
from infrakit.system.forward import Forwarder, dial
from infrakit.system.machine import Machine

LONGEST_S = 7 * 86400


@click.command(
    name="open", help="Lead a port of 127.0.0.1 straight to SERVICE, past Caddy and Authentik, until Ctrl-C."
)
@click.argument("service")
@click.option(
    "--port", type=click.IntRange(1, 65535), help="The port; the service's own where nothing is said, or a free one."
)
@click.option("--for", "seconds", type=click.IntRange(1, LONGEST_S), help="End by itself after so many seconds.")
@here.RUNNING
@click.option("--host", metavar="NAME", help="Which host of the file this machine is.")
def command(service: str, port: int | None, seconds: int | None, file: str | None, host: str | None) -> None:
    need_root()
    deployment = here.deployment_of(compiled(here.running(file)), host)
    machine = Machine()
    way = way_in(deployment, service)

    def target() -> list[tuple[str, int]]:
        return [(address, way.port) for address in machine.engine.addresses(way.container)]

    if not target():
        raise MachineUnfit(f"{way.container} does not run", f"docker start {way.container}, or infrakit up")
    dial(target()).close()
    users = _users()
    forwarder = _listening(port, way.port, users)
    until = time.monotonic() + seconds if seconds else None
    ends = f"it ends after {seconds} seconds, or with Ctrl-C" if seconds else "it ends with Ctrl-C"
    folder = f"{secrets_folder(deployment.host)}/secrets"
    for line in announcement(way, forwarder.port, [name for _, name in users], socket.gethostname(), folder, ends):
        say(line)
    note(
        machine,
        "open",
        f"{service} was opened at port {forwarder.port} of the loopback, for {' and '.join(name for _, name in users)}",
    )
    result(f"http://127.0.0.1:{forwarder.port}")
    sys.stdout.flush()
    refused: set[str] = set()

    def heard(text: str) -> None:
        if text not in refused:
            refused.add(text)
            say(text)

    with stopping(machine.stop, lambda: "closing") as asked:
        forwarder.serve(target, heard, lambda: not asked() and (until is None or time.monotonic() < until))
    note(machine, "open", f"{service} was closed again, after {forwarder.passed} connections")


def _users() -> list[tuple[int, str]]:
    """Root, and who called sudo."""
    said = os.environ.get("SUDO_UID", "")
    found = [0] + ([int(said)] if said.isdecimal() and int(said) else [])
    return [(uid, _name(uid)) for uid in found]


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _listening(asked: int | None, own: int, users: list[tuple[int, str]]) -> Forwarder:
    """At the port that was asked for, else at the service's own, else at a free one."""
    allowed = [uid for uid, _ in users]
    if asked:
        return Forwarder(asked, allowed)
    try:
        return Forwarder(own, allowed)
    except MachineUnfit:
        return Forwarder(0, allowed)
