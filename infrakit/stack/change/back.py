"""Generations that were in force -> the one that is meant, its files as they were written, and the plan that goes back
to it. Data does not go back.
"""

from collections.abc import Callable, Sequence

from infrakit.errors import InfraKitError, UsageProblem
from infrakit.machine import Machine
from infrakit.model import Artifact
from infrakit.plan import Plan
from infrakit.stack import layout
from infrakit.stack.change.applied import FILE, Applied, all_here
from infrakit.stack.generation import MADE_FROM, folder_of
from infrakit.stack.up import plan_up

MOST_BYTES = 1 << 24
MOST_NAMED = 5
Digest = Callable[[bytes], str]


def current(machine: Machine) -> Applied:
    """The one in force. UsageProblem where none is that says what it was made from."""
    name = machine.target(layout.CURRENT).rpartition("/")[2]
    found = [item for item in all_here(machine) if item.name == name]
    if not found:
        raise UsageProblem("no generation is in force that says what it was made from", "sudo infrakit up")
    return found[0]


def numbered(machine: Machine, number: int) -> Applied:
    """The one of a number. UsageProblem where there is none (any more)."""
    here = all_here(machine)
    found = [item for item in here if item.number == number]
    if not found:
        known = ", ".join(str(item.number) for item in here)
        raise UsageProblem(f"there is no generation {number}", f"one of: {known}" if known else "sudo infrakit up")
    return found[0]


def before(machine: Machine) -> Applied:
    """Where to go back to: the one in force, where a newer one was begun and did not come up whole; else the one
    before it."""
    now = current(machine)
    since = when_s(machine, now.name)
    made_from = {
        str(item.labels.get(MADE_FROM, "")).rpartition("/")[2]
        for item in machine.engine.containers(now.deployment.name)
    }
    known = {item.name for item in all_here(machine)}
    if any(machine.changed_s(folder_of(name)) > since for name in made_from - known - {""}):
        return now
    earlier = [item for item in all_here(machine) if item.number < now.number]
    if not earlier:
        raise UsageProblem(f"there is no generation before {now.number}", "infrakit generations lists them")
    return earlier[-1]


def when_s(machine: Machine, name: str) -> float:
    """When a generation came into force, in seconds of the clock."""
    return machine.changed_s(f"{folder_of(name)}/{FILE}")


def edited(machine: Machine, applied: Applied, digest: Digest) -> list[str]:
    """Its files that are not as they were written."""
    found = []
    for path, (mode, known) in applied.files.items():
        place = f"{folder_of(applied.name)}/{path}"
        content = machine.read(place, MOST_BYTES)
        if content is None or digest(content) != known or machine.mode(place) != mode:
            found.append(path)
    return found


def artifacts_of(machine: Machine, applied: Applied, digest: Digest) -> tuple[Artifact, ...]:
    """Its files. InfraKitError where they are not what they were."""
    wrong = edited(machine, applied, digest)
    if wrong:
        more = f" and {len(wrong) - MOST_NAMED} more" if len(wrong) > MOST_NAMED else ""
        raise InfraKitError(
            f"generation {applied.number} was changed by hand: {', '.join(wrong[:MOST_NAMED])}{more}",
            f"see: {folder_of(applied.name)}; infrakit generations lists others",
        )
    folder = folder_of(applied.name)
    return tuple(
        Artifact(path, machine.read(f"{folder}/{path}", MOST_BYTES) or b"", mode)
        for path, (mode, _) in sorted(applied.files.items())
    )


def plan_back(applied: Applied, artifacts: Sequence[Artifact], digest: Digest) -> Plan:
    """The same steps as those of `up`, for the tree that is there already."""
    host = applied.deployment
    plan = plan_up(host, artifacts, digest, again=True)
    return plan._replace(title=f"take {host.name} on {host.host} back to generation {applied.number}")
