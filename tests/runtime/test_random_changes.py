"""A stack that runs, and its file edited at random, line by line as `infrakit set` does: what a plan says is what comes
of it, by a real engine and Compose; then nothing is left to do, and whom the plan does not name goes on untouched.

INFRAKIT_EDITS=100 for as many; 500 in a soak.
"""

import os
import random
from pathlib import Path

import pytest

from infrakit import emit, resources
from infrakit.compiler import load
from infrakit.composed.edit import assigned, deleted
from infrakit.config import parse
from infrakit.config.keys import located
from infrakit.errors import ConfigurationInvalid
from infrakit.plan import Plan, preview, run
from infrakit.stack.change import applied
from infrakit.stack.change.differences import differences
from infrakit.stack.change.reasons import World
from infrakit.stack.generation import generation_id
from infrakit.stack.up import plan_up
from infrakit.system import secrets
from infrakit.system.digest import hex_digest
from tests.emit.tree import needs_compose
from tests.runtime.engine import FOR_EVER, needs_engine
from tests.runtime.test_foretold import PARTS, containers, look, real, stack
from tests.runtime.test_start import IMAGE
from tests.runtime.test_update import ALONE

pytestmark = [needs_engine, needs_compose]
__all__ = ["real", "stack"]

EDITS = int(os.environ.get("INFRAKIT_EDITS", "6"))
SOAK = 500
SCHEMA = resources.schema("infrakit")
NAMES = ("alpha", "beta", "gamma", "delta")
RUNS, ENDS = f'[/bin/sh, -c, "{FOR_EVER}"]', '[/bin/sh, -c, "exit 0"]'
APP = f'{{image: "{IMAGE}", health: none, stop_grace: 0s, command: {RUNS}}}'
FILE = f"""\
{ALONE.format()}apps:
  # The first of them.
  alpha: {APP}
""".encode()
VALUES = {
    "memory": ("64m", "96m"),
    "pids": ("50", "60"),
    "environment.WORD": ("x", "y"),
    "environment.MORE": ("'1'", "'2'"),
    "files./etc/own": ("one", "two"),
    "data": ("[/data]", "[/data, /more]"),
    "secrets": ("[word]", "[word, another]"),
    "internet": ("true", "false"),
    "tmp": ("8m", "16m"),
    "hostname": ("one", "two"),
    "labels.own": ("a", "b"),
    "stop_grace": ("1s", "2s"),
}


def put(source: bytes, key: str, value: str) -> bytes:
    path, schema = located(SCHEMA, key, parse(source, "infrakit.yaml").root)
    return assigned(source, "infrakit.yaml", path, schema, value).content


def take(source: bytes, key: str) -> bytes:
    path, _ = located(SCHEMA, key, parse(source, "infrakit.yaml").root)
    return deleted(source, "infrakit.yaml", path).content


def edited(source: bytes, chance: random.Random) -> bytes:
    """The file with one change that its schema knows: an app comes or goes, needs others, is work that ends, or has
    another value."""
    name = chance.choice(NAMES)
    app = f"apps.{name}"
    if f"\n  {name}:".encode() not in source:
        return put(source, app, APP)
    kind = chance.random()
    if kind < 0.15:
        return take(source, app)
    if kind < 0.3:
        others = [other for other in NAMES if other < name]
        return put(source, f"{app}.needs", f"[{', '.join(chance.sample(others, chance.randint(0, len(others))))}]")
    if kind < 0.4:
        ends = chance.random() < 0.5
        return put(put(source, f"{app}.once", str(ends).lower()), f"{app}.command", ENDS if ends else RUNS)
    key = chance.choice([*VALUES])
    return take(source, f"{app}.{key}") if kind < 0.6 else put(source, f"{app}.{key}", chance.choice(VALUES[key]))


class Stack:
    """A machine, and what was last made of a file there."""

    def __init__(self, machine) -> None:
        self.machine, self.taken, self.refused = machine, 0, 0
        folder = Path(machine.folder, "hosts/infrakit")
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("word", "another"):
            secrets.store(str(folder), name, name.encode())

    def plan(self, deployment, artifacts) -> Plan:
        """Those parts of `up` that are about the tree and what runs from it."""
        steps = plan_up(deployment, artifacts, hex_digest).steps
        return Plan("up", tuple(step for step in steps if step.name.split()[0] in PARTS))

    def foretold(self, compiled) -> dict[str, str]:
        """Container -> sign, as `plan` has it."""
        (deployment,) = compiled.fleet.deployments
        artifacts = emit.emit(deployment)
        steps = preview(self.plan(deployment, artifacts), self.machine)
        files, now = applied.files_of(artifacts, hex_digest), applied.in_force(self.machine)
        world = World(
            deployment, artifacts, files, now, self.machine, lambda origin: str(compiled.locate.origin(origin))
        )
        return containers(differences(world, generation_id(artifacts, hex_digest), steps))

    def up(self, compiled) -> dict[str, str]:
        """Container -> sign of what became of it."""
        (deployment,) = compiled.fleet.deployments
        before = look(self.machine)
        run(self.plan(deployment, emit.emit(deployment)), self.machine, lambda event: None, lambda step, action: None)
        after = look(self.machine)
        signs = {name: "+" if name in after else "-" for name in before.keys() ^ after.keys()}
        moved = (name for name in before.keys() & after.keys() if before[name] != after[name])
        return signs | {name: ">" if before[name][0] == after[name][0] else "-/+" for name in moved}

    def edits(self, seed: int, count: int) -> None:
        chance, source = random.Random(seed), FILE
        self.up(load(source, "infrakit.yaml", lambda name: None))
        while self.taken < count:
            try:
                new = edited(source, chance)
                compiled = load(new, "infrakit.yaml", lambda name: None)
            except ConfigurationInvalid:
                self.refused += 1
                continue
            source, self.taken = new, self.taken + 1
            where = f"edit {self.taken} of seed {seed}:\n{source.decode()}"
            said = self.foretold(compiled)
            assert self.up(compiled) == said, where
            assert self.foretold(compiled) == {} and self.up(compiled) == {}, where
        print(f"{self.taken} edits, and {self.refused} that were refused")


def test_what_a_plan_says_of_any_edit_is_what_comes_of_it(stack):
    Stack(stack).edits(1, EDITS)


@pytest.mark.soak
def test_what_a_plan_says_of_hundreds_of_edits_is_what_comes_of_them(stack):
    Stack(stack).edits(2, SOAK)
