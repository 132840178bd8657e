"""infrakit drift: what somebody changed by hand since the last `up`, and the way back."""

import click

from infrakit.cli.carry import carry_out, need_root
from infrakit.cli.plan import as_object, show_changes
from infrakit.cli.planning import prepared
from infrakit.cli.talk import result, result_json
from infrakit.errors import EXIT_DIFFERENCES, EXIT_OK, InfraKitError, UsageProblem
from infrakit.model import Artifact
from infrakit.plan import preview
from infrakit.stack.change.applied import Applied
from infrakit.stack.change.back import artifacts_of, current
from infrakit.stack.change.differences import differences
from infrakit.stack.change.drift import drift, plan_revert
from infrakit.stack.change.reasons import World
from infrakit.stack.change.update import none_under_way
from infrakit.stack.generation import generation_id
from infrakit.system.digest import hex_digest
from infrakit.system.machine import Machine

VERSION = 1
NO_BUNDLE = {"bundle": None, "bundle_key": None, "allow_unsigned": False, "allow_downgrade": False}


@click.command(
    help="""Say what was changed by hand since the generation in force came up: files, secrets, containers, their
limits, networks. Exit code 6 where something was."""
)
@click.option("--revert", is_flag=True, help="Take it back, as `up` would; containers that it needs are made anew.")
@click.option("--adopt", "adopts", is_flag=True, help="Write limits that were changed into infrakit.yaml.")
@click.option("--yes", is_flag=True, help="With --revert: do not ask.")
@click.option("--dry-run", is_flag=True, help="With --revert or --adopt: change nothing; print what would be.")
@click.option("--json", "as_json", is_flag=True, help="Print the result, or what happens, as JSON.")
def command(revert: bool, adopts: bool, yes: bool, dry_run: bool, as_json: bool) -> int:
    need_root()
    if revert and adopts:
        raise UsageProblem("--revert and --adopt are two ways out of it", "leave one out")
    machine = Machine()
    if (revert or adopts) and not dry_run:
        none_under_way(machine)
    applied = current(machine)
    found = drift(machine, applied, hex_digest)
    if adopts:
        from infrakit.cli.adopt import adopt

        return adopt(applied.deployment, found, dry_run=dry_run, as_json=as_json)
    if not revert:
        if as_json:
            rows = [item._asdict() for item in found]
            result_json({"version": VERSION, "generation": applied.number, "drift": rows})
        for item in () if as_json else found:
            result(f"~ {item.kind} {item.name}: {item.what}")
        if not found and not as_json:
            result(f"nothing was changed since generation {applied.number} came up")
        return EXIT_DIFFERENCES if found else EXIT_OK
    artifacts = _artifacts(machine, applied)
    plan = plan_revert(machine, applied, artifacts, found, hex_digest)

    def shown() -> int:
        steps = preview(plan, machine)
        world = World(applied.deployment, artifacts, applied.files, applied, machine)
        changes = differences(world, applied.name, steps)
        if not as_json:
            show_changes(plan.title, changes)
        elif dry_run:
            result_json(as_object(plan.title, changes, steps))
        return len(changes)

    again = ("drift", "--revert", "--yes")
    return carry_out(plan, yes=yes, dry_run=dry_run, as_json=as_json, machine=machine, again=again, shown=shown)


def _artifacts(machine: Machine, applied: Applied) -> tuple[Artifact, ...]:
    """As they were written; where somebody edited them, what the file comes to, if that is the same by now."""
    try:
        return artifacts_of(machine, applied, hex_digest)
    except InfraKitError as edited:
        made = prepared(None, applied.deployment.host, (), NO_BUNDLE, asks=True, looks=False, quiet=True).artifacts
        if generation_id(made, hex_digest) != applied.name:
            what = f"{edited.message}; and infrakit.yaml says something else by now"
            raise UsageProblem(
                what, "infrakit plan shows what `infrakit up` would do, which takes it back, too"
            ) from None
        return made
