"""infrakit rollback: an earlier generation's tree in force again, through the same steps as `up`."""

import click

from infrakit.cli import here
from infrakit.cli.carry import carry_out, need_root
from infrakit.cli.plan import as_object, show_changes
from infrakit.cli.preflight import ACCEPT, accepted, refuse
from infrakit.cli.talk import result, result_json
from infrakit.errors import UsageProblem
from infrakit.host.checks import Finding
from infrakit.plan import preview
from infrakit.stack import moves
from infrakit.stack.change import lines
from infrakit.stack.change.applied import in_force
from infrakit.stack.change.back import artifacts_of, before, current, numbered, plan_back
from infrakit.stack.change.differences import differences
from infrakit.stack.change.reasons import World
from infrakit.stack.change.update import none_under_way
from infrakit.stack.layout import CONFIGURATION
from infrakit.stack.move.under import judge as moved
from infrakit.system.digest import hex_digest
from infrakit.system.machine import Machine

DATA = "data does not go back: what newer versions made of it stays as they left it"


@click.command(
    help="""Put an earlier generation in force again: generation N, or the one before; where an `up` failed on its way,
the one that was whole. Images that are gone are fetched. Data does not go back. See: infrakit generations."""
)
@click.argument("number", metavar="[N]", type=int, required=False)
@ACCEPT
@here.YES
@here.DRY_RUN
@here.CHANGE_JSON
def command(number: int | None, accept: tuple[str, ...], yes: bool, dry_run: bool, as_json: bool) -> int:
    need_root()
    machine = Machine()
    none_under_way(machine)
    now = current(machine)
    target = before(machine) if number is None else numbered(machine, number)
    host = target.deployment
    if (host.name, host.host) != (now.deployment.name, now.deployment.host):
        what = f"generation {target.number} was {host.name} on {host.host}, and this machine is another one by now"
        raise UsageProblem(what, f"correct {CONFIGURATION}, then: sudo infrakit up")
    artifacts = artifacts_of(machine, target, hex_digest)
    seen = moves.look(machine, host, [host.host])
    findings = moves.judge(seen, host, [host.host])
    findings += lines.judge(now.deployment, host)
    findings += moved(machine, host)
    for name in here.missing(host, seen):
        remedy = f"sudo infrakit secrets set {name}"
        findings.append(Finding("secret-missing", "error", f"missing secret: {name}", remedy))
    refuse(accepted(findings, accept))
    plan = plan_back(target, artifacts, hex_digest)

    def shown() -> int:
        steps = preview(plan, machine)
        world = World(host, artifacts, target.files, in_force(machine), machine)
        changes = differences(world, target.name, steps)
        if not as_json:
            show_changes(plan.title, changes)
            result(DATA)
        elif dry_run:
            result_json(as_object(plan.title, changes, steps))
        return len(changes)

    def told(taken: int) -> None:
        if taken and not as_json:
            result(f"{CONFIGURATION} stays as it is: `infrakit plan` says what `infrakit up` would bring back")

    again = ("rollback", str(target.number), *(word for code in accept for word in ("--accept", code)), "--yes")
    return carry_out(
        plan, yes=yes, dry_run=dry_run, as_json=as_json, machine=machine, again=again, after=told, shown=shown
    )
