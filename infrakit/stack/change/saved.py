"""A plan that was looked at -> a file, and later the same plan or none: what it was made from, as states that a change
of anything shows in.

Of a secret it has when it was set, never what it is.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from infrakit import VERSION
from infrakit.errors import EXIT_DIFFERENCES, InfraKitError, UsageProblem
from infrakit.machine import Machine
from infrakit.model import Artifact, Deployment
from infrakit.plan.actions import state_of
from infrakit.plan.run import Preview
from infrakit.stack import layout
from infrakit.stack.bundle import pins
from infrakit.stack.generation import generation_id
from infrakit.stack.services import LABEL

FORMAT = 1
MOST_NAMED = 8


class Moved(InfraKitError):
    """Something is not as it was when the plan was made."""

    exit_code = EXIT_DIFFERENCES


class Saved(NamedTuple):
    """`call`: what the plan was asked for with; `state`: thing -> how it was; `steps`: name -> what each would do."""

    call: Mapping[str, Any]
    state: Mapping[str, str]
    steps: Mapping[str, Sequence[str]]


def steps_of(found: Sequence[Preview]) -> dict[str, list[str]]:
    """Of those that act."""
    return {item.step.name: list(item.actions) for item in found if item.changes}


def state(
    deployment: Deployment,
    artifacts: Sequence[Artifact],
    digest: Callable[[bytes], str],
    files: Mapping[str, bytes | None],
    machine: Machine,
) -> dict[str, str]:
    """All that a plan depends on. `files`: of the user's, by name; None where there is none."""
    engine, kept = machine.engine, f"{layout.secrets_folder(deployment.host)}/secrets"
    return {
        "InfraKit": VERSION,
        "what the file comes to": generation_id(artifacts, digest),
        "the generation in force": machine.target(layout.CURRENT).rpartition("/")[2],
        **{name: state_of(content) for name, content in files.items()},
        **{f"secret {name}": repr(machine.changed_s(f"{kept}/{name}")) for name in machine.listing(kept)},
        **{
            f"container {item.name}": f"{item.labels.get(LABEL)} {item.image_id} {item.state} {item.started_at}"
            for item in engine.containers(deployment.name)
        },
        **{f"network {item.name}": f"{item.driver} {item.subnets}" for item in engine.networks(deployment.name)},
        **{f"image {name}": engine.image_id(name) for name in pins(deployment)},
    }


def to_json(saved: Saved) -> bytes:
    """The file that `read` reads."""
    return json.dumps({"format": FORMAT, **saved._asdict()}, indent=1, sort_keys=True).encode() + b"\n"


def read(content: bytes, name: str) -> Saved:
    """UsageProblem where it is no plan, or one of another InfraKit."""
    try:
        found = json.loads(content)
        if found["format"] == FORMAT and {"file", "host", "accept", "flags"} <= {*found["call"]}:
            return Saved(dict(found["call"]), dict(found["state"]), dict(found["steps"]))
    except (ValueError, KeyError, TypeError):
        pass
    raise UsageProblem(f"{name} is not a plan that this InfraKit wrote", f"infrakit plan --out {name} writes one")


def check(saved: Saved, now: Mapping[str, str], steps: Mapping[str, Sequence[str]], name: str) -> None:
    """Moved, naming what did, where the plan would not be the same one by now."""
    moved = [thing for thing in sorted({*now, *saved.state}) if now.get(thing) != saved.state.get(thing)]
    moved = moved or [
        f"step {step}" for step in sorted({*steps, *saved.steps}) if steps.get(step) != saved.steps.get(step)
    ]
    if moved:
        more = f" and {len(moved) - MOST_NAMED} more" if len(moved) > MOST_NAMED else ""
        what = f"not as it was when the plan was made: {', '.join(moved[:MOST_NAMED])}{more}; nothing was changed"
        raise Moved(what, f"look again: infrakit plan --out {name}")
