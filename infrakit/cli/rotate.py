"""infrakit secrets rotate: new values for secrets, and back to the old ones where their readers do not get well."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from infrakit.cli import here
from infrakit.cli.carry import carried, need_agreement, need_root
from infrakit.cli.progress import Progress
from infrakit.cli.talk import result, result_json, say
from infrakit.config.nearest import nearest
from infrakit.errors import EXIT_DIFFERENCES, EXIT_OK, UsageProblem
from infrakit.model import SecretSpec
from infrakit.plan import Plan, preview
from infrakit.stack.layout import CONFIGURATION, LOCK
from infrakit.system.digest import hex_digest
from infrakit.system.lock import held
from infrakit.system.machine import Machine
from infrakit.system.secrets import fresh

if TYPE_CHECKING:
    from infrakit.cli.newer import Made
    from infrakit.stack.change.rotate import Under

VERSION = 1


@click.command(
    name="rotate",
    help="""Give secrets a new value: a database's role first, then the file, then who reads it starts anew, one service
after the other. Where one does not get well, all go back to the old value. Where it was broken off, it goes on.

What data was made with is not rotated, nor what only you have: it says why.""",
)
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All secrets of this machine that can get a new value.")
@click.option(
    "--restart", is_flag=True, help="Of those named, trust that who reads them does so at each start, and no more."
)
@click.option("--back", is_flag=True, help="Take a rotation back that was broken off.")
@here.YES
@here.DRY_RUN
@here.CHANGE_JSON
def rotate_secrets(
    names: tuple[str, ...], everything: bool, restart: bool, back: bool, yes: bool, dry_run: bool, as_json: bool
) -> int:
    from infrakit.stack.change.rotate import DONE, read
    from infrakit.stack.change.update import BACK, none_other

    if restart and not names:
        raise UsageProblem("--restart is about secrets that are named", "infrakit secrets rotate --restart NAME")
    need_root()
    if not here.is_installed(here.running(None)):
        raise UsageProblem("nothing is installed on this machine", "sudo infrakit up")
    machine = Machine()
    with held(LOCK):
        under = read(machine)
        if under is None and back:
            raise UsageProblem("no rotation was broken off", "infrakit secrets rotate NAME gives one a new value")
        if under is None:
            return _begin(machine, names, everything, restart=restart, yes=yes, dry_run=dry_run, as_json=as_json)
        none_other(names, [item.name for item in under.secrets], "a rotation", "secrets rotate")
        under = under._replace(way=BACK) if back and under.way != DONE else under
        say(f"a rotation of {under.text()} was broken off; going {under.way}")
        if dry_run:
            return EXIT_DIFFERENCES
        if not yes:
            need_agreement(as_json=as_json)
        _carry(machine, under, {}, as_json=as_json)
        return EXIT_OK


def go_on() -> bool:
    """With a rotation that was broken off; whether there was one."""
    from infrakit.stack.change.rotate import read

    machine = Machine()
    with held(LOCK):
        under = read(machine)
        if under is not None:
            say(f"a rotation of {under.text()} was broken off; going {under.way}")
            _carry(machine, under, {}, as_json=False)
    return under is not None


def _begin(
    machine: Machine, names: Sequence[str], everything: bool, *, restart: bool, yes: bool, dry_run: bool, as_json: bool
) -> int:
    from infrakit.cli.newer import Host
    from infrakit.stack.change.applied import in_force
    from infrakit.stack.change.rotate import Under, plan_readers, rotated
    from infrakit.stack.change.update import none_under_way

    none_under_way(machine)
    host = Host(here.running(None), machine)
    made, applied = host.made(host.files()), in_force(machine)
    specs, stay = _meant(made, names, everything, restart)
    if applied is None or applied.name != made.generation:
        what = f"what is in force is not what {CONFIGURATION} says, or another InfraKit put it there"
        raise UsageProblem(what, "sudo infrakit up; a rotation changes secrets, and nothing else")
    under = Under(rotated(made.deployment, specs))
    if not as_json or dry_run:
        _show(made, specs, under, stay, as_json=as_json)
    if not specs:
        if not as_json:
            result("nothing to rotate")
        return EXIT_OK
    ill = [
        item for item in preview(plan_readers(made.deployment, made.artifacts, hex_digest, under), machine) if item.acts
    ]
    if ill:
        what = f"{ill[0].step.title} is not as it should be before anything is rotated: not so: {ill[0].because}"
        raise UsageProblem(what, "sudo infrakit up mends it, or says what ails it")
    if dry_run:
        return EXIT_DIFFERENCES
    if not yes:
        need_agreement(as_json=as_json)
    _carry(machine, under, {spec.name: fresh(spec.form, spec.length or 40) for spec in specs}, as_json=as_json)
    return EXIT_OK


def _meant(
    made: "Made", names: Sequence[str], everything: bool, restart: bool
) -> tuple[list[SecretSpec], dict[str, str]]:
    """Those that are meant, and of all the others (name -> why they stay). UsageProblem where one cannot be."""
    from infrakit.stack.change.rotate import why_not

    host = made.deployment
    known = {spec.name: spec for spec in host.secrets}
    for name in names:
        if name not in known:
            close = nearest(name, sorted(known))
            hint = f"did you mean {close}?" if close else "see: infrakit secrets list"
            raise UsageProblem(f"{host.host} has no secret {name}", hint)
    others = [item for item in made.compiled.fleet.deployments if item.host != host.host]
    reasons = {}
    for name in known if everything else dict.fromkeys(names):
        sharers = [item.host for item in others if known[name].shared and name in {spec.name for spec in item.secrets}]
        reasons[name] = why_not(known[name], host, sharers, is_read_anew=restart and name in names)
    can = [known[name] for name, (why, _) in reasons.items() if not why]
    if not (reasons or everything):
        able = [name for name, spec in known.items() if not why_not(spec, host)[0]]
        raise UsageProblem(
            "which secret?", f"one of: {', '.join(able)}; or --all" if able else "see: infrakit secrets list"
        )
    stay = {name: f"{why} ({hint})" if hint else why for name, (why, hint) in reasons.items() if why}
    if stay and not everything:
        hint = next((hint for _, hint in reasons.values() if hint), "")
        raise UsageProblem("; ".join(f"{name} is not rotated: {reasons[name][0]}" for name in stay), hint)
    return can, stay


def _show(made: "Made", specs: Sequence[SecretSpec], under: "Under", stay: dict[str, str], *, as_json: bool) -> None:
    """What gets a new value, and what it costs."""
    roles = {item.name: item.role for item in under.secrets}
    if as_json:
        rows = [
            {"name": spec.name, "role": role._asdict() if role else None, "start_anew": list(spec.required_by)}
            for spec in specs
            for role in (roles[spec.name],)
        ]
        result_json({"version": VERSION, "host": made.deployment.host, "rotate": rows, "stay": stay})
        return
    for spec in specs:
        role = roles[spec.name]
        first = f"{role.text()}; then " if role else ""
        result(f"~ {spec.name}: {first}{', '.join(spec.required_by) or 'nobody'} start anew")
    for name, why in stay.items():
        result(f"= {name}: stays: {why}")


def _carry(machine: Machine, under: "Under", values: dict[str, bytes], *, as_json: bool) -> None:
    """Of the generation that is in force: nobody changes it meanwhile."""
    from infrakit.stack.change.back import artifacts_of, current
    from infrakit.stack.change.rotate import DONE, carry, plan_rotation
    from infrakit.stack.change.update import BACK, FORWARD
    from infrakit.stack.secrets import Given

    applied = current(machine)
    host, artifacts = applied.deployment, artifacts_of(machine, applied, hex_digest)
    progress = Progress(as_json=as_json)
    left = [Given(name, value) for name, value in values.items()]

    def plan(now: "Under") -> Plan:
        return plan_rotation(host, artifacts, hex_digest, now, left if now.way == under.way else ())

    carry(under, host.host, plan, machine, lambda found: carried(found, machine, progress))
    if not as_json:
        ends = {FORWARD: "has a new value", BACK: "is as it was before", DONE: "nothing of it is left"}
        result(f"{under.text()}: {ends[under.way]}")
