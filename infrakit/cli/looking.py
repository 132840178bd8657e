"""A machine that runs a stack -> Readings, all that the doctor and the monitor judge by."""

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from infrakit.cli import source
from infrakit.emit.caddyfile import AUTHORITY_FILE, offers_authority
from infrakit.errors import InfraKitError
from infrakit.host.facts import facts_of
from infrakit.host.recording import record, record_some
from infrakit.model import Deployment
from infrakit.stack.backup.confirmed import is_confirmed
from infrakit.stack.backup.last import last
from infrakit.stack.change.applied import Applied, all_here
from infrakit.stack.doctor import Rule
from infrakit.stack.doctor.readings import (
    COMMANDS,
    FILES,
    QUICK_COMMANDS,
    QUICK_FILES,
    Clean,
    Readings,
    authority,
    of_containers,
    of_doors,
    of_drills,
    of_engine,
    of_secrets,
)
from infrakit.stack.doctor.words import Trouble
from infrakit.stack.doors import DEFAULT_ROUTE, LINKS, Names, addresses, doors_of, names_that_lead
from infrakit.stack.far_doors import problems
from infrakit.stack.generation import folder_of
from infrakit.stack.inside import container_name, inside
from infrakit.stack.layout import SPACE
from infrakit.system.aside import side_by_side
from infrakit.system.digest import hex_digest
from infrakit.system.machine import Machine
from infrakit.system.names import addresses_of

DAY_S, MONTH_S = 72_000.0, 30 * 86_400.0


class Stack(NamedTuple):
    """What should run here, by what is in force and by the file; `faults`: what is wrong with the file."""

    source: source.Source | None
    deployment: Deployment
    applied: Applied | None
    rules: tuple[Rule, ...]
    faults: tuple[Trouble, ...]


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


def quick_look(stack: Stack, machine: Machine, clean: Clean) -> Readings:
    """Read what costs little, for the checks of each minute: no program but three, the engine and the doors."""
    here_now = stack.applied.deployment if stack.applied else stack.deployment
    recording = record_some(machine, QUICK_FILES, QUICK_COMMANDS)
    facts = facts_of(recording)
    with suppress(InfraKitError):
        facts = facts._replace(data_root=machine.engine.folder())
    seen: dict[str, Any] = {
        **of_containers(machine, here_now, clean),
        **of_doors(machine, here_now, certificates=False),
    }
    return Readings(**seen, facts=facts, recording=recording, deployment=here_now, applied=stack.applied)


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
