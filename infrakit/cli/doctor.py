"""infrakit doctor: what is wrong with this machine and the stack on it, why, and what to do. Changes nothing, but for
--fix, and for a line a day about what is free on the disk."""

import os
import platform
from contextlib import suppress

import click

from infrakit import VERSION
from infrakit.cli import here
from infrakit.cli.carry import carry_out, need_root
from infrakit.cli.looking import Stack, look
from infrakit.cli.source import compiled
from infrakit.cli.talk import result, result_json, say
from infrakit.errors import EXIT_MACHINE, EXIT_OK, ConfigurationInvalid, InfraKitError, UsageProblem
from infrakit.host.checks import CHECKS
from infrakit.host.recording import to_json
from infrakit.stack.change.applied import in_force
from infrakit.stack.doctor import Diagnosis, Rule, diagnose, plan_mend
from infrakit.stack.doctor.readings import Clean, Readings
from infrakit.stack.doctor.support import MODE, archive
from infrakit.stack.doctor.words import trouble
from infrakit.stack.generation import folder_of
from infrakit.stack.layout import HOSTS
from infrakit.stack.wanted import wanted_of
from infrakit.system.machine import Machine
from infrakit.system.redacted import cleaner

SIGNS = {"error": "!", "warning": "~", "note": "-"}
MOST_LINES = 200


@click.command(
    help="""Look at this machine, what runs on it and its doors; say what is wrong, why, and what to do. Exit code 3
where something is."""
)
@here.RUNNING
@click.option("--host", metavar="NAME", help="Which host of the file this machine is.")
@click.option("--json", "as_json", is_flag=True, help="Print the result, or what happens, as JSON.")
@click.option(
    "--fix", is_flag=True, help="Mend what does no harm: modes of secrets, who was stopped, images left over."
)
@click.option("--yes", is_flag=True, help="With --fix: do not ask.")
@click.option("--dry-run", is_flag=True, help="With --fix: change nothing; print the plan.")
@click.option(
    "--bundle", metavar="FILE", help="Write all that was seen, without secrets, to a .tar.gz to show to somebody."
)
def command(
    file: str | None, host: str | None, as_json: bool, fix: bool, yes: bool, dry_run: bool, bundle: str | None
) -> int:
    need_root()
    machine = Machine()
    stack = _stack(file, host, machine)
    clean = cleaner(HOSTS)
    readings = look(stack, machine, clean)
    wanted = wanted_of(stack.deployment, readings.facts, machine)
    looked = [(check.__name__, check(readings.facts, wanted)) for check in CHECKS]
    found = diagnose(readings, looked, stack.rules)
    found = found._replace(troubles=(*stack.faults, *found.troubles))
    if bundle:
        _write(bundle, stack, readings, found, machine, clean)
    if fix:
        for item in found.troubles:
            if not item.steps and not as_json:
                say(f"left to you: {item.what}: {item.remedy}")
        return carry_out(plan_mend(found), yes=yes, dry_run=dry_run, as_json=as_json, machine=machine)
    if as_json:
        result_json(found.as_json())
    else:
        for line in lines_of(found):
            result(line)
    return EXIT_MACHINE if found.errors else EXIT_OK


def lines_of(found: Diagnosis) -> list[str]:
    """Three lines for each: what it is, why, and what to do; at the end the counts."""
    lines = []
    for item in found.troubles:
        lines.append(f"{SIGNS[item.severity]} {item.what} [{item.code}]")
        lines += [f"    because: {item.why}"] if item.why else []
        lines.append(f"    {item.remedy}" + (" (or: sudo infrakit doctor --fix)" if item.steps else ""))
    for item, rule in found.ignored:
        lines.append(f"  ignored until {rule.until}: {item.what} [{item.code}]")
    others = len(found.troubles) - found.errors
    return [*lines, f"{found.checks} checks: {found.errors} wrong, {others} worth a look, {len(found.ignored)} ignored"]


def _stack(file: str | None, host: str | None, machine: Machine) -> Stack:
    """A file that is missing or wrong keeps nobody from looking at what runs."""
    applied = in_force(machine)
    try:
        found = here.running(file)
        fleet = compiled(found)
        deployment = here.deployment_of(fleet, host)
    except (ConfigurationInvalid, UsageProblem) as error:
        if applied is None:
            raise
        faults = (trouble("file-invalid", f"infrakit.yaml: {error.message}"),)
        return Stack(None, applied.deployment, applied, (), faults)
    rules = tuple(Rule(item.code, item.until, item.why, str(fleet.locate(item.path))) for item in fleet.ignored)
    return Stack(found, deployment, applied, rules, ())


def _write(path: str, stack: Stack, readings: Readings, found: Diagnosis, machine: Machine, clean: Clean) -> None:
    """The support bundle, for nobody else to read."""
    texts = {"recording.json": to_json(readings.recording)}
    if stack.source:
        texts["infrakit.yaml"] = stack.source.content.decode("utf-8", "replace")
    for name in stack.applied.files if stack.applied else ():
        content = machine.read(f"{folder_of(stack.applied.name)}/{name}") if stack.applied else None
        texts[f"tree/{name}"] = (content or b"").decode("utf-8", "replace")
    for item in readings.containers or ():
        with suppress(InfraKitError):
            texts[f"logs/{item.service}.log"] = machine.engine.logs(item.name, MOST_LINES)
    values = {
        "doctor.json": found.as_json(),
        "containers.json": [item._asdict() for item in readings.containers or ()],
        "versions.json": {"infrakit": VERSION, "python": platform.python_version()},
    }
    place = os.path.abspath(path)
    machine.write(place, archive(texts, values, clean, readings.facts.now_s), MODE)
    say(f"wrote {path}, without secrets; look at it before you give it away: tar tzf {path}")
