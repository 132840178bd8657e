"""The host that an app leaves: it goes, is confirmed on the other one, or comes back."""

import os
import secrets as entropy
import shutil
from collections.abc import Iterable

from infrakit.cli import here, source
from infrakit.cli.bare import place_of
from infrakit.cli.carry import carry_out
from infrakit.cli.moving import Asked, need_place_for, running, upcoming
from infrakit.cli.talk import result, say
from infrakit.errors import MachineUnfit, UsageProblem
from infrakit.model import Deployment
from infrakit.plan import Plan, Step
from infrakit.stack.backup.last import now as number_of_now
from infrakit.stack.backup.places import is_folder
from infrakit.stack.backup.program import program_steps
from infrakit.stack.change.update import none_under_way
from infrakit.stack.layout import CONFIGURATION
from infrakit.stack.move.away import plan_away, plan_back, plan_confirm, ticket_step
from infrakit.stack.move.copy import arrived, need_folder, repository_of
from infrakit.stack.move.file import backed_up, brought_back, sent, sent_still
from infrakit.stack.move.group import group_of
from infrakit.stack.move.ticket import Place, Ticket
from infrakit.stack.move.under import (
    BACK,
    CONFIRM,
    GONE,
    OUT,
    Group,
    Noted,
    NoteIt,
    Under,
    all_here,
    copy_name,
    how_on,
    of,
)
from infrakit.stack.secrets import Given
from infrakit.system.machine import Machine

KEY_BYTES = 32


def send(asked: Asked) -> int:
    """The exit code. Goes on with one that was broken off."""
    machine = Machine()
    under = of(machine, asked.apps)
    if under is None:
        none_under_way(machine)
        under = _new(asked, machine)
    elif asked.host not in (None, under.to) or under.way not in (OUT, GONE):
        raise UsageProblem(f"a move of {under.shown} to {under.to} is under way", how_on(under))
    else:
        under = under._replace(ticket=os.path.abspath(asked.ticket) if asked.ticket else under.ticket)
    return _sent(asked, under, machine)


def _new(asked: Asked, machine: Machine) -> Under:
    """Nothing is changed yet."""
    if not asked.host:
        raise UsageProblem("where they go is not said", "infrakit move APP --to HOST")
    found = _installed()
    compiled = source.compiled(found)
    deployment = here.deployment_of(compiled, None)
    applied = running(machine)
    if asked.host == deployment.host:
        raise UsageProblem(f"this machine is {deployment.host}", "--to names another host of the file")
    here.named(compiled, asked.host)
    base, host_key = _base(asked, deployment)
    whole = source.compiled(found._replace(content=backed_up(found.content, found.name, base)))
    group = group_of(here.named(whole, deployment.host), asked.apps)
    there = {item.service for item in machine.engine.containers(applied.deployment.name)}
    missing = [name for name in group.containers if name not in there]
    if missing:
        raise UsageProblem(f"{', '.join(missing)} is in the file, and not on this machine", "sudo infrakit up")
    if group.folders and not asked.without_folders:
        what = f"{', '.join(group.folders)} stays here: a folder of this machine, which they write to"
        raise UsageProblem(what, "copy it to the other host yourself, then: --without-folders")
    number = number_of_now()
    name = copy_name(group.services[-1], number)
    ticket = os.path.abspath(asked.ticket or f"{group.services[-1]}.move")
    need_place_for(ticket)
    after, _ = sent(found.content, found.name, group.services, deployment.host, asked.host)
    before, later = found.content.decode(), after.decode()
    place = f"{base}/{name}"
    _need_room(machine, group, place)
    return Under(number, deployment.host, asked.host, group, place, host_key, ticket, before, later)


def _installed() -> source.Source:
    """The file that is in force here, which all other hosts have, too."""
    found = here.find(None)
    if not here.is_installed(found):
        if not os.path.exists(CONFIGURATION):
            raise UsageProblem("nothing is in force on this machine", "sudo infrakit install")
        what = f"{found.name} in this folder is newer than {CONFIGURATION}"
        raise UsageProblem(what, "sudo infrakit up puts it in force; then again")
    return found


def _base(asked: Asked, deployment: Deployment) -> tuple[str, str]:
    """Where copies go, and the key of an SSH server there."""
    if asked.through:
        return place_of(asked.through), deployment.backup.host_key if deployment.backup else ""
    if deployment.backup is None:
        what = f"{CONFIGURATION} does not say where backups go, where both hosts could reach the copy"
        raise UsageProblem(what, "--through FOLDER names a folder: of a stick, or of a server that both have")
    return deployment.backup.to.rpartition("/")[0], deployment.backup.host_key


def _need_room(machine: Machine, group: Group, place: str) -> None:
    """MachineUnfit where a copy has no room."""
    need_folder(machine, place)
    if not is_folder(place):
        return
    wanted, free = size_of(machine, group), shutil.disk_usage(place.rpartition("/")[0]).free
    if wanted > free:
        what = f"{', '.join(group.services)} has {wanted / 1e6:.0f} MB, and there is room for {free / 1e6:.0f}"
        raise MachineUnfit(what, f"make room in {place.rpartition('/')[0]}, or name another place: --through PLACE")


def size_of(machine: Machine, group: Group) -> int:
    """Bytes of all its volumes."""
    places = [f"{machine.engine.folder()}/volumes/{name}/_data" for name in group.volumes]
    there = [path for path in places if machine.exists(path)]
    said = machine.run(("du", "-scB1", *there), timeout_s=600).out.split() if there else []
    return int(said[-2]) if len(said) > 1 else 0


def _sent(asked: Asked, under: Under, machine: Machine) -> int:
    apps, now = under.group.services, _installed()
    found = now._replace(content=sent_still(now.content, CONFIGURATION, apps, under.host, under.to))
    after = upcoming(found, under.host, asked)
    _need_is_there(after.compiled.fleet.deployments, under)
    draft = _draft(under, after.deployment.name, found)
    if under.way == GONE:
        kept = Step("gone", "it is written down", (Noted(under),), (NoteIt(under),))
        plan = Plan(f"{under.shown} went to {under.to}", (ticket_step(under, draft), kept))
    else:
        there = machine.read(under.key) if under.number in {item.number for item in all_here(machine)} else None
        key = Given(f"move-{under.name}", there or entropy.token_hex(KEY_BYTES).encode())
        plan = plan_away(under, after.deployment.name, program_steps(under.place), key, after.plan, draft)
        if not asked.as_json:
            size = size_of(machine, under.group)
            say(f"{under.shown}: {size / 1e6:.1f} MB in {', '.join(under.group.volumes) or 'no volume'}")

    def after_all(taken: int) -> None:
        if not asked.as_json:
            _say_next(under)

    words = ("move", under.name, "--ticket", under.ticket, "--yes", *_accepts(asked))
    yes, dry_run, as_json = asked.yes, asked.dry_run, asked.as_json
    return carry_out(plan, yes=yes, dry_run=dry_run, as_json=as_json, machine=machine, again=words, after=after_all)


def _accepts(asked: Asked) -> tuple[str, ...]:
    return tuple(word for code in asked.accept for word in ("--accept", code))


def _need_is_there(deployments: Iterable[Deployment], under: Under) -> None:
    """The edit did what was meant."""
    places = {
        name: [item.host for item in deployments if name in {service.name for service in item.services}]
        for name in under.group.services
    }
    for name, hosts in places.items():
        if under.host in hosts or under.to not in hosts:
            what = f"the file would have {name} on {', '.join(hosts) or 'no host'}, and not on {under.to} alone"
            raise UsageProblem(what, f"see: infrakit explain apps.{name}.hosts")


def _draft(under: Under, fleet: str, found: source.Source) -> Ticket:
    blueprints = {name: found.read_blueprint(name).decode() for name in dict.fromkeys(found.blueprints)}
    lock = found.lock.content.decode() if found.lock else None
    place = Place(under.place, under.host_key)
    names = (under.group.services, under.group.containers)
    text = found.content.decode()
    return Ticket(under.number, fleet, under.host, under.to, *names, place, {}, (), {}, text, lock, blueprints)


def _say_next(under: Under) -> None:
    name = os.path.basename(under.ticket)
    result(f"{under.ticket} opens the copy of {under.shown} and its secrets: carry it to {under.to}, and there,")
    result("before any `infrakit up` with the file as it is now:")
    result(f"  sudo infrakit move --take {name} && shred -u {name}")
    if under.group.volumes:
        result(f"kept here until you say so: {', '.join(under.group.volumes)}")
    result(f"when all is well there: sudo infrakit move {under.name} --confirm; to take it back: --back")


def confirm(asked: Asked) -> int:
    """The exit code."""
    machine = Machine()
    under = _need(asked, machine, (GONE, CONFIRM))
    deployment = running(machine).deployment
    back = {service.name for service in deployment.services}.intersection(under.group.services)
    if back:
        raise UsageProblem(f"{', '.join(sorted(back))} runs here", f"sudo infrakit move {under.name} --back")
    since = arrived(machine, repository_of(under), under.number) if under.way == GONE else ""
    if under.way == GONE:
        say(
            f"{under.to} said at {since}Z that all of it is there, and well"
            if since
            else f"note: {under.to} has not said that it has it, or the copy cannot be reached: look there first"
        )
    for name in under.group.theirs:
        say(f"note: {name} was not made by InfraKit, and stays")
    words = ("move", under.name, "--confirm", "--yes")
    yes, dry_run, as_json = asked.yes, asked.dry_run, asked.as_json
    plan = plan_confirm(under, deployment)
    return carry_out(plan, yes=yes, dry_run=dry_run, as_json=as_json, machine=machine, again=words, recorded=False)


def take_back(asked: Asked) -> int:
    """The exit code."""
    machine = Machine()
    under = _need(asked, machine, (OUT, GONE, BACK))
    now, before = _installed(), under.before.encode()
    _, was = sent(before, CONFIGURATION, under.group.services, under.host, under.to)
    content = before if now.content == under.after.encode() else brought_back(now.content, CONFIGURATION, was)
    back = upcoming(now._replace(content=content), under.host, asked, mended=("moved-away",))
    if under.way != OUT:
        since = arrived(machine, repository_of(under), under.number)
        say(f"note: what was written on {under.to} since {since or under.number} is not in the data that is here")

    def after_all(taken: int) -> None:
        if not asked.as_json:
            result(
                f"where {under.to} took it already, stop it there: {CONFIGURATION} of this machine, and on {under.to}:"
            )
            result("  sudo infrakit up -f infrakit.yaml")

    words = ("move", under.name, "--back", "--yes", *_accepts(asked))
    yes, dry_run, as_json = asked.yes, asked.dry_run, asked.as_json
    plan = plan_back(under, back.plan)
    return carry_out(plan, yes=yes, dry_run=dry_run, as_json=as_json, machine=machine, again=words, after=after_all)


def _need(asked: Asked, machine: Machine, ways: tuple[str, ...]) -> Under:
    under = of(machine, asked.apps)
    if under is None:
        raise UsageProblem(f"no move of {', '.join(asked.apps)} is under way", "infrakit move --list says which are")
    if under.way not in ways:
        raise UsageProblem(f"a move of {under.shown} to {under.to} is under way", how_on(under))
    return under
