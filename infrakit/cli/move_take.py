"""The host that an app comes to: a ticket, and all of it starts here with its data."""

import json
import os

from infrakit.cli import doors, here, source
from infrakit.cli.bare import place_of
from infrakit.cli.carry import carry_out
from infrakit.cli.moving import Asked, fresh, running, upcoming
from infrakit.cli.talk import result
from infrakit.errors import EXIT_OK, MachineUnfit, UsageProblem
from infrakit.lock import LockFile
from infrakit.model import Deployment
from infrakit.plan import Plan
from infrakit.stack.backup.program import program_steps
from infrakit.stack.backup.repository import Repository
from infrakit.stack.change.applied import in_force
from infrakit.stack.change.aside import free_bytes
from infrakit.stack.change.update import none_under_way
from infrakit.stack.layout import CONFIGURATION
from infrakit.stack.move import arrive
from infrakit.stack.move.copy import need_folder
from infrakit.stack.move.ticket import MOST_BYTES, Ticket, read
from infrakit.stack.move.under import Arriving, arriving, has_arrived, of
from infrakit.stack.secrets import Given
from infrakit.system.files import only_ours, read_input
from infrakit.system.machine import Machine


def take_in(asked: Asked, path: str) -> int:
    """The exit code. Goes on with one that was broken off."""
    only_ours(path)
    ticket, key = read(read_input(path, MOST_BYTES), path)
    machine = Machine()
    applied = in_force(machine)
    host = applied.deployment.host if applied else ticket.to
    if host != ticket.to:
        raise UsageProblem(f"{path} is for {ticket.to}, and this machine is {host}", "carry it there")
    coming = arriving(machine)
    if coming and coming.number != ticket.number:
        what = f"a move of {coming.shown} to this machine was broken off, and {path} is of another one"
        raise UsageProblem(what, f"go on with that first, or give it up: infrakit move {coming.services[-1]} --back")
    if has_arrived(machine, ticket.number):
        return _over(asked, path, ticket, machine) if coming else _is_here(ticket, as_json=asked.as_json)
    if not coming:
        _need_fit(machine, ticket, bare=applied is None)
    given = tuple(ticket.secrets)
    after = upcoming(_file(ticket), host, asked, given) if applied else fresh(_file(ticket), host, asked, given)
    _need_right_file(after.deployment.name, ticket)
    if not coming:
        arrive.need_vacant(machine, after.deployment, ticket)
    repository = _repository(asked, ticket, host)
    need_folder(machine, repository.to)
    note = coming or _note(ticket, after.deployment)
    programs, opens = program_steps(repository.to), Given("move", key)
    plan = arrive.plan_take(ticket, after.deployment, repository, programs, opens, after.plan, after.tree, note)

    def after_all(taken: int) -> None:
        doors.tell(after.deployment, machine, as_json=asked.as_json, whole=applied is None, ask_names=True)
        if not asked.as_json:
            result(f"{ticket.name} is here; on {ticket.sender}: sudo infrakit move {ticket.services[-1]} --confirm")
            result("on every other host of the file: sudo infrakit up, with infrakit.yaml as it is here")

    words = (*_words(asked, path), *(() if applied else asked.packages.words()))
    yes, dry_run, as_json = asked.yes, asked.dry_run, asked.as_json
    return carry_out(plan, yes=yes, dry_run=dry_run, as_json=as_json, machine=machine, again=words, after=after_all)


def _is_here(ticket: Ticket, *, as_json: bool) -> int:
    said = f"{ticket.name} is here already; what it wrote here since is newer than the copy"
    result(json.dumps({"kind": "note", "step": "", "text": said}, sort_keys=True) if as_json else said)
    return EXIT_OK


def _over(asked: Asked, path: str, ticket: Ticket, machine: Machine) -> int:
    """The exit code: only what was fetched is left to remove."""
    yes, dry_run, as_json, words = asked.yes, asked.dry_run, asked.as_json, _words(asked, path)
    plan = arrive.plan_over(ticket)
    return carry_out(plan, yes=yes, dry_run=dry_run, as_json=as_json, machine=machine, again=words)


def _words(asked: Asked, path: str) -> tuple[str, ...]:
    """That finish it."""
    through = ("--through", place_of(asked.through)) if asked.through else ()
    accepts = (word for code in asked.accept for word in ("--accept", code))
    return ("move", "--take", os.path.abspath(path), "--yes", *through, *accepts)


def _need_fit(machine: Machine, ticket: Ticket, *, bare: bool) -> None:
    """Before one begins. `bare`: nothing is in force."""
    if bare and machine.exists(CONFIGURATION):
        what = f"nothing is in force here, and there is a {CONFIGURATION} that was never brought up"
        raise UsageProblem(what, f"sudo mv {CONFIGURATION} {CONFIGURATION}.old; then again")
    none_under_way(machine)
    _need_not_sent(machine, ticket)
    if not bare:
        _need_room(machine, ticket)


def _file(ticket: Ticket) -> source.Source:
    """As it came along: what is in force on the host that they left."""
    lock = LockFile("infrakit.lock of the ticket", ticket.lock.encode()) if ticket.lock is not None else None
    blueprints: list[str] = []

    def read_blueprint(name: str) -> bytes:
        if name not in ticket.blueprints:
            raise UsageProblem(f"the ticket has no {name}", "write it anew: infrakit move, on the host that they left")
        blueprints.append(name)
        return ticket.blueprints[name].encode()

    name = "infrakit.yaml of the ticket"
    return source.Source("", name, ticket.file.encode(), read_blueprint, blueprints, lock)


def _note(ticket: Ticket, deployment: Deployment) -> Arriving:
    external = {volume.external for volume in deployment.volumes}
    volumes = tuple(name for name in arrive.volumes_of(deployment, ticket) if name not in external)
    before = here.find(CONFIGURATION).content.decode() if os.path.exists(CONFIGURATION) else ""
    return Arriving(ticket.number, ticket.services, volumes, before)


def give_up(asked: Asked, coming: Arriving) -> int:
    """The exit code: what was begun here is taken back."""
    machine = Machine()
    if has_arrived(machine, coming.number):
        what = f"{coming.shown} is here, whole, and may have written since"
        raise UsageProblem(what, "sudo infrakit move --take TICKET ends it; a move of its own takes it back")
    if not coming.before and machine.exists(CONFIGURATION):
        what = f"this machine had nothing before {coming.shown} came, and is half installed"
        remedy = "sudo infrakit uninstall --purge takes all of it away; sudo infrakit move --take TICKET goes on"
        raise UsageProblem(what, remedy)
    plan = arrive.plan_give_up(coming, _before(asked, coming, machine)) if coming.before else arrive.plan_forget(coming)
    words = ("move", coming.services[-1], "--back", "--yes")
    yes, dry_run, as_json = asked.yes, asked.dry_run, asked.as_json
    return carry_out(plan, yes=yes, dry_run=dry_run, as_json=as_json, machine=machine, again=words)


def _before(asked: Asked, coming: Arriving, machine: Machine) -> Plan:
    """What brings up what ran before."""
    file = here.find(CONFIGURATION)._replace(content=coming.before.encode())
    return upcoming(file, running(machine).deployment.host, asked).plan


def _need_right_file(fleet: str, ticket: Ticket) -> None:
    if fleet != ticket.fleet:
        raise UsageProblem(f"the ticket is of {ticket.fleet}, and its file of {fleet}", "carry it here again")


def _need_not_sent(machine: Machine, ticket: Ticket) -> None:
    """One that went from here and comes back as a move of the other host is over here first."""
    under = of(machine, ticket.services)
    if under is not None:
        what = f"what {under.shown} left here when it went to {under.to} is kept still"
        raise UsageProblem(what, f"sudo infrakit move {under.name} --confirm removes it, and its data here; then again")


def _need_room(machine: Machine, ticket: Ticket) -> None:
    free = free_bytes(machine)
    if ticket.place.bytes > free:
        what = f"{ticket.name} has {ticket.place.bytes / 1e6:.0f} MB, and there is room for {free / 1e6:.0f}"
        raise MachineUnfit(what, f"make room in {machine.engine.folder()}; nothing was changed")


def _repository(asked: Asked, ticket: Ticket, host: str) -> Repository:
    """Of the copy, as this host opens it."""
    place = ticket.place.to
    if asked.through:
        place = f"{place_of(asked.through)}/{place.rpartition('/')[2]}"
    return Repository(place, host, arrive.KEY, ticket.place.host_key)
