"""infrakit doctor: what is wrong with this machine and the stack on it, why, and what to do. Changes nothing, but for
--fix, and for a line a day about what is free on the disk."""

import json
import os
import platform
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import click

from infrakit import VERSION
from infrakit.cli import here, source
from infrakit.cli.carry import carry_out, need_root
from infrakit.cli.source import compiled
from infrakit.cli.talk import result, result_json, say
from infrakit.emit.caddyfile import AUTHORITY_FILE, offers_authority
from infrakit.errors import EXIT_MACHINE, EXIT_OK, ConfigurationInvalid, InfraKitError, UsageProblem
from infrakit.host.checks import CHECKS
from infrakit.host.facts import facts_of
from infrakit.host.recording import record, to_json
from infrakit.model import Deployment
from infrakit.stack.backup.confirmed import is_confirmed
from infrakit.stack.backup.last import last
from infrakit.stack.change.applied import Applied, all_here, in_force
from infrakit.stack.doctor import Diagnosis, Rule, diagnose, plan_mend
from infrakit.stack.doctor.readings import (
    COMMANDS,
    FILES,
    Clean,
    Readings,
    authority,
    of_doors,
    of_drills,
    of_engine,
    of_secrets,
)
from infrakit.stack.doctor.support import MODE, archive
from infrakit.stack.doctor.words import Trouble, trouble
from infrakit.stack.doors import DEFAULT_ROUTE, LINKS, Names, addresses, doors_of, names_that_lead
from infrakit.stack.far_doors import problems
from infrakit.stack.generation import folder_of
from infrakit.stack.inside import container_name, inside
from infrakit.stack.layout import HOSTS, SPACE
from infrakit.stack.wanted import wanted_of
from infrakit.system.aside import side_by_side
from infrakit.system.digest import hex_digest
from infrakit.system.machine import Machine
from infrakit.system.names import addresses_of
from infrakit.system.redacted import cleaner

SIGNS = {"error": "!", "warning": "~", "note": "-"}
DAY_S, MONTH_S, MOST_LINES = 72_000.0, 30 * 86_400.0, 200


class Stack(NamedTuple):
    """What should run here, by what is in force and by the file; `faults`: what is wrong with the file."""

    source: source.Source | None
    deployment: Deployment
    applied: Applied | None
    rules: tuple[Rule, ...]
    faults: tuple[Trouble, ...]


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


def look(stack: Stack, machine: Machine, clean: Clean) -> Readings:
    """Read everything, side by side where it waits."""
    here_now = stack.applied.deployment if stack.applied else stack.deployment
    parts: Sequence[dict[str, Any]] = side_by_side(
        lambda: {"recording": record(machine, (), FILES, COMMANDS)},
        lambda: of_engine(machine, here_now, stack.applied, hex_digest, clean),
        lambda: of_doors(machine, here_now),
        lambda: {"names": _names(here_now, machine), "fleet": tuple(problems(here_now, machine))},
        lambda: of_secrets(machine, here_now),
        lambda: {"sheet": _has_sheet(here_now, machine)},
        lambda: of_drills(machine),
        lambda: {"certificates": authority(machine, _authority(here_now, machine))},
    )
    recording = parts[0]["recording"]
    facts = facts_of(recording)
    certificates = tuple(item for part in parts for item in part.pop("certificates", ()))
    merged = {name: value for part in parts for name, value in part.items()}
    kept = {image for item in all_here(machine) for image in _pinned(item)}
    kept |= {item.image_id for item in merged.get("containers") or ()}
    space = _space(machine, facts.now_s, facts.file_system(facts.data_root).free_bytes) if stack.applied else ()
    return Readings(
        **{**merged, "facts": facts, "deployment": here_now, "applied": stack.applied},
        certificates=certificates,
        space=space,
        kept=frozenset(kept),
        backups=last(machine),
        since_s=machine.changed_s(folder_of(stack.applied.name)) if stack.applied else 0.0,
    )


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


def _names(deployment: Deployment, machine: Machine) -> Names:
    reached, own = addresses(deployment, machine.run(LINKS).out, machine.run(DEFAULT_ROUTE).out)
    return doors_of(deployment, reached, own, addresses_of(names_that_lead(deployment)), "").names


def _authority(deployment: Deployment, machine: Machine) -> bytes:
    if offers_authority(deployment):
        with suppress(InfraKitError):
            return inside(machine, container_name(deployment.name, "caddy"), ("cat", AUTHORITY_FILE)).encode()
    return b""


def _has_sheet(deployment: Deployment, machine: Machine) -> bool:
    return deployment.backup is None or is_confirmed(machine, deployment.host)


def _pinned(applied: Applied) -> list[str]:
    containers = [item for service in applied.deployment.services for item in service.containers]
    return [image for item in containers if item.pin for image in item.pin.ids]


def _space(machine: Machine, now_s: float, free: int) -> tuple[tuple[float, int], ...]:
    """What was free in the last month; today's is added, once a day."""
    found = []
    for line in (machine.read(SPACE) or b"").splitlines():
        with suppress(ValueError, KeyError, TypeError):
            row = json.loads(line)
            found.append((float(row["at"]), int(row["free"])))
    recent = tuple(item for item in found if now_s - MONTH_S < item[0] <= now_s)
    if free and not any(now_s - at < DAY_S for at, _ in recent):
        with suppress(InfraKitError):
            machine.append(SPACE, json.dumps({"at": now_s, "free": free}).encode())
    return recent


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
