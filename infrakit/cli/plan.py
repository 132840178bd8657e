"""infrakit plan: what `up` would change on this host, why, and what that costs."""

import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from infrakit.cli import from_bundle, here
from infrakit.cli.carry import need_root
from infrakit.cli.planning import Prepared, prepared
from infrakit.cli.preflight import ACCEPT
from infrakit.cli.talk import result, result_json, write
from infrakit.errors import EXIT_DIFFERENCES, EXIT_OK, printable
from infrakit.plan import preview
from infrakit.plan.run import Preview
from infrakit.stack.change.applied import files_of, in_force
from infrakit.stack.change.differences import NAMES, Difference, differences
from infrakit.stack.change.reasons import Why, World
from infrakit.stack.change.saved import Saved, state, steps_of, to_json
from infrakit.stack.generation import generation_id
from infrakit.system.digest import hex_digest
from infrakit.system.files import plain_errors, replace
from infrakit.system.machine import Machine

VERSION = 1
COLOURS = {"+": "\033[32m+\033[0m", "~": "\033[33m~\033[0m", ">": "\033[33m>\033[0m", "-": "\033[31m-\033[0m"}
COLOURS["-/+"] = f"{COLOURS['-']}/{COLOURS['+']}"
MOST_PAGES = 4


@click.command(
    help="""Say what `up` would change on this host, and why: + created, ~ changed in place, -/+ made anew,
> started again, - removed; and what that costs. Changes nothing."""
)
@here.FILE
@click.option("--host", metavar="NAME", help="Which host of the file this machine is.")
@ACCEPT
@from_bundle.options
@click.option("--out", metavar="FILE", help="Also keep the plan in FILE, for: infrakit apply FILE.")
@click.option("--exit-code", "tells", is_flag=True, help="Exit code 6 where something would change.")
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
def command(
    file: str | None,
    host: str | None,
    accept: tuple[str, ...],
    out: str | None,
    tells: bool,
    as_json: bool,
    **flags: Any,
) -> int:
    if out:
        need_root()  # nobody else sees the secrets, and when they were set
    found = prepared(file, host, accept, flags, asks=True, looks=True, quiet=as_json)
    machine = Machine()
    steps = preview(found.plan, machine)
    changes = changes_of(found, machine, steps)
    if out:
        places = {name: os.path.abspath(value) if isinstance(value, str) else value for name, value in flags.items()}
        call = {"file": os.path.abspath(found.source.path), "host": host, "accept": list(accept), "flags": places}
        saved = Saved(call, state_of_plan(found, machine), steps_of(steps))
        with plain_errors("write"):
            replace(out, to_json(saved), 0o600, flushed=True)
    if as_json:
        result_json(as_object(found.plan.title, changes, steps))
    else:
        show_changes(found.plan.title, changes)
    return EXIT_DIFFERENCES if tells and changes else EXIT_OK


def changes_of(found: Prepared, machine: Machine, steps: Sequence[Preview]) -> tuple[Difference, ...]:
    """What a plan comes to."""

    def locate(origin: Any) -> str:
        return str(found.compiled.locate.origin(origin))

    files = files_of(found.artifacts, hex_digest)
    world = World(found.deployment, found.artifacts, files, in_force(machine), machine, locate)
    return differences(world, generation_id(found.artifacts, hex_digest), steps)


def state_of_plan(found: Prepared, machine: Machine) -> dict[str, str]:
    """What it was made from."""
    given = found.source
    files = {os.path.abspath(given.path): given.content, "the lock": given.lock.content if given.lock else None}
    files |= {f"blueprint {name}": given.read_blueprint(name) for name in dict.fromkeys(given.blueprints)}
    return state(found.deployment, found.artifacts, hex_digest, files, machine)


def as_object(title: str, changes: Sequence[Difference], steps: Sequence[Preview]) -> dict[str, Any]:
    """The same for a program."""
    return {
        "version": VERSION,
        "plan": title,
        "changes": [
            {**item._asdict(), "action": NAMES[item.sign], "why": [why._asdict() for why in item.why]}
            for item in changes
        ],
        "steps": [
            {"name": item.step.name, "because": item.because, "actions": list(item.actions)}
            for item in steps
            if item.changes
        ],
    }


def show_changes(title: str, changes: Sequence[Difference]) -> None:
    """For a person: a line for each, below it why and what it costs."""
    if not changes:
        result(f"{title}: nothing to change")
        return
    counts = [(NAMES[sign], sum(item.sign == sign for item in changes)) for sign in NAMES]
    result(f"{title}: {', '.join(f'{count} to {name}' for name, count in counts if count)}")
    coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    for item in changes:
        why = [_said(reason) for reason in item.why]
        short = f": {why.pop(0)}" if len(why) == 1 else ""
        sign = f"{COLOURS[item.sign]}" if coloured else item.sign
        kind = "" if item.kind == "step" else f"{item.kind} "
        write(f"{' ' * (3 - len(item.sign))}{sign} {printable(f'{kind}{item.name}{short}')}\n")
        for line in [*why, *_costs(item)]:
            result(f"      {line}")


def _said(why: Why) -> str:
    return f"{why.what} ({why.at})" if why.at else why.what


def _costs(item: Difference) -> list[str]:
    lines = []
    if item.seconds or item.pages:
        more = f" and {len(item.pages) - MOST_PAGES} more" if len(item.pages) > MOST_PAGES else ""
        away = f"away for about {item.seconds} s" if item.seconds else "away"
        lines.append(f"{away}: {', '.join(item.pages[:MOST_PAGES])}{more}" if item.pages else away)
    if item.data:
        lines.append(f"another image opens its data, which may not be undone: {', '.join(item.data)}")
    return lines
