"""Generations of a running stack, and the way back to one, by a real engine and Compose."""

import pytest

from infrakit.errors import InfraKitError, UsageProblem
from infrakit.plan import StepFailed, preview, run
from infrakit.stack import generation, layout
from infrakit.stack.change import applied
from infrakit.stack.change.back import artifacts_of, before, current, edited, numbered, plan_back
from infrakit.stack.change.differences import differences
from infrakit.stack.change.reasons import World
from infrakit.system import files
from infrakit.system.digest import hex_digest
from tests.emit.tree import needs_compose
from tests.runtime.engine import needs_engine
from tests.runtime.test_foretold import PARTS, containers, host, look, machine, real, stack, up

pytestmark = [needs_engine, needs_compose]
__all__ = ["machine", "real", "stack"]

BROKEN = host(memory=128 << 20, others=("neighbour", "another"), broken=True)


def numbers(machine) -> list[int]:
    return [item.number for item in applied.all_here(machine)]


def back(machine, target) -> dict[str, str]:
    """Container -> what became of it; what the plan said is the same."""
    artifacts = artifacts_of(machine, target, hex_digest)
    whole = plan_back(target, artifacts, hex_digest)
    plan = whole._replace(steps=tuple(step for step in whole.steps if step.name.split()[0] in PARTS))
    world = World(target.deployment, artifacts, target.files, applied.in_force(machine), machine)
    said = containers(differences(world, target.name, preview(plan, machine)))
    was = look(machine)
    run(plan, machine, lambda event: None, lambda step, action: None)
    now = look(machine)
    signs = {name: "+" if name not in was else "-" for name in {*was, *now} if (name in was) != (name in now)}
    signs |= {name: "-/+" for name in {*was} & {*now} if was[name][0] != now[name][0]}
    assert signs == said
    return signs


def test_a_generation_that_was_in_force_comes_back_as_it_was(machine):
    up(machine, host())
    up(machine, host(memory=128 << 20, word="y", others=("another",)))
    first, second = applied.all_here(machine)
    assert (first.changed, numbers(machine), current(machine).number) == ((), [1, 2], 2)
    assert second.changed == ("+ service another: example/shell:1", "- service neighbour", "~ page: memory 64m -> 128m")
    assert before(machine).number == 1
    assert back(machine, first) == {"page": "-/+", "another": "-", "neighbour": "+"}
    assert (current(machine).number, numbers(machine)) == (1, [1, 2])
    assert (machine.read(f"{layout.CURRENT}/page/file") or b"").split() == [b"first", b"x", b"last"]
    with pytest.raises(UsageProblem, match="there is no generation before 1"):
        before(machine)
    assert back(machine, numbered(machine, 2))["another"] == "+"
    # The same tree by the file is a new step forward, not a step back.
    up(machine, host())
    assert (numbers(machine), current(machine).number, before(machine).number) == ([2, 3], 3, 2)
    with pytest.raises(UsageProblem, match="there is no generation 1"):
        numbered(machine, 1)


def test_after_an_up_that_failed_on_its_way_back_is_to_the_one_that_was_whole(machine):
    up(machine, host())
    with pytest.raises(StepFailed):
        up(machine, BROKEN)
    assert numbers(machine) == [1] and len(machine.listing(layout.GENERATIONS)) == 2
    assert before(machine) == current(machine)
    assert back(machine, before(machine))["page"] == "-/+"
    assert up(machine, host()) == {}


def test_a_generation_that_was_edited_is_not_gone_back_to(machine):
    up(machine, host())
    up(machine, host(memory=128 << 20))
    first = numbered(machine, 1)
    files.replace(f"{generation.folder_of(first.name)}/page/file", b"mine\n")
    assert edited(machine, first, hex_digest) == ["page/file"]
    with pytest.raises(InfraKitError, match="generation 1 was changed by hand: page/file"):
        artifacts_of(machine, first, hex_digest)


def test_the_last_good_one_is_never_thrown_away(machine, monkeypatch):
    monkeypatch.setattr(generation, "KEPT_GENERATIONS", 1)
    up(machine, host())
    with pytest.raises(StepFailed):
        up(machine, BROKEN)
    assert before(machine).number == 1
    up(machine, host(memory=96 << 20))
    assert before(machine).number == 1
    up(machine, host(memory=128 << 20))
    assert numbers(machine)[-2:] == [2, 3], "the one in force, the one before, and what containers were made from"
    assert len(machine.listing(layout.GENERATIONS)) == 3


def test_a_record_that_was_damaged_is_written_again(machine):
    up(machine, host())
    files.replace(f"{layout.CURRENT}/{applied.FILE}", b"{}\n")
    assert applied.in_force(machine) is None and numbers(machine) == []
    assert up(machine, host()) == {} and numbers(machine) == [1]
