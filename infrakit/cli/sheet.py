"""infrakit backup sheet: the recovery sheet, shown or written to be printed; and who is asked whether he has it."""

import os
import sys

import click

from infrakit.cli.carry import need_root
from infrakit.cli.talk import result, say, write
from infrakit.cli.terminal import answer, has_terminal
from infrakit.errors import UsageProblem, printable
from infrakit.model import OF_BACKUPS, Deployment
from infrakit.stack.backup.confirmed import confirm, is_confirmed, key_of
from infrakit.stack.backup.page import Sheet, as_html, as_text
from infrakit.stack.backup.repository import repository_of
from infrakit.stack.backup.sheet import groups_of
from infrakit.system.files import plain_errors, replace
from infrakit.system.machine import Machine

REMINDER = "nobody said that he has the recovery sheet, without which no backup opens: sudo infrakit backup sheet"
TRIES = 3


@click.command(
    name="sheet",
    help="""Show the recovery sheet: the key as groups to type and as a QR code, and the line that brings everything
back on a fresh machine. Then ask for one of the groups, so that `infrakit doctor` knows that somebody has it.""",
)
@click.option("--out", metavar="FILE", help="Write a page of HTML to print, which only you can read.")
def command(out: str | None) -> None:
    from infrakit.cli.backup import meant

    need_root()
    machine = Machine()
    deployment, _ = meant(machine)
    sheet = sheet_of(deployment, machine)
    if out:
        _write(out, as_html(sheet))
        result(f"wrote {out}: print it, then remove it")
    elif sys.stdout.isatty():
        _show(sheet)
    else:
        what = "the recovery sheet is secret, and standard output is no terminal"
        raise UsageProblem(what, "infrakit backup sheet --out FILE writes a page to print")
    if has_terminal():
        _ask(sheet, machine)


def sheet_of(deployment: Deployment, machine: Machine) -> Sheet:
    """Of a host that has backups. UsageProblem where its key is not there."""
    assert deployment.backup is not None, "the file says where backups are"
    key = key_of(machine, deployment.host)
    if not key:
        raise UsageProblem("there is no key of the backups yet", "sudo infrakit up makes it")
    folder, known = repository_of(deployment.backup, deployment.host).folder, {spec.name for spec in deployment.secrets}
    opened_by = tuple(name for name in OF_BACKUPS[1:] if name in known)
    return Sheet(deployment.name, deployment.host, folder, groups_of(key), deployment.backup.host_key, opened_by)


def offer(deployment: Deployment, machine: Machine, *, asks: bool) -> None:
    """Where nobody has it yet: show it and ask, or say how to get it. `asks`: somebody is there, who did not want all
    questions answered by yes."""
    if deployment.backup is None or not key_of(machine, deployment.host) or is_confirmed(machine, deployment.host):
        return
    if not asks or not sys.stdout.isatty() or not has_terminal():
        say(f"note: {REMINDER}")
        return
    sheet = sheet_of(deployment, machine)
    result("")
    _show(sheet)
    _ask(sheet, machine)


def _show(sheet: Sheet) -> None:
    """Names come from the user's own file, which a terminal would obey as little as anything else."""
    named = sheet._replace(project=printable(sheet.project), host=printable(sheet.host), folder=printable(sheet.folder))
    write(as_text(named, drawn="utf" in (sys.stdout.encoding or "").lower()))
    sys.stdout.flush()


def _ask(sheet: Sheet, machine: Machine) -> None:
    """For one group, by chance; who is not ready says nothing."""
    number = os.urandom(1)[0] % len(sheet.groups)
    for _ in range(TRIES):
        said = answer(f"when it is printed or written down, type its group {number + 1}; Enter alone: later")
        if not said:
            break
        if "".join(filter(str.isalnum, said)).lower() == sheet.groups[number]:
            confirm(machine, sheet.host)
            say("confirmed; keep it away from this machine, and from the disk of the backups")
            return
        say("that is another one; look at the sheet again")
    say(f"note: {REMINDER}")


def _write(path: str, content: bytes) -> None:
    """For the eyes of who called sudo, who is to print it, and nobody else's."""
    place = os.path.abspath(path)
    with plain_errors("write"):
        replace(place, content, 0o600, flushed=True)
        os.chown(place, int(os.environ.get("SUDO_UID") or -1), int(os.environ.get("SUDO_GID") or -1))
