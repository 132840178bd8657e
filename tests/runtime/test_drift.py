"""What somebody changes by hand on a running stack is named, and taken back, by a real engine and Compose."""

from pathlib import Path

import pytest

from infrakit.plan import run
from infrakit.stack import layout
from infrakit.stack.change.back import current
from infrakit.stack.change.drift import drift, plan_revert
from infrakit.system import secrets
from infrakit.system.digest import hex_digest
from tests.emit.tree import needs_compose
from tests.runtime.engine import needs_engine
from tests.runtime.test_foretold import PARTS, artifacts_of, host, look, real, stack, up
from tests.runtime.test_start import IMAGE

pytestmark = [needs_engine, needs_compose]
__all__ = ["real", "stack"]

PAGE, NEIGHBOUR, READER = (f"infrakit-{name}-1" for name in ("page", "neighbour", "reader"))
SHARED = "infrakit_shared"


def found(machine) -> list[str]:
    """Each drift in one line, with paths as in the tree."""
    here = f"{layout.GENERATIONS}/{current(machine).name}/"
    return [f"{item.kind} {item.name.removeprefix(here)}: {item.what}" for item in _drift(machine)]


def _drift(machine):
    return drift(machine, current(machine), hex_digest)


def revert(machine) -> None:
    """Those parts of it that are about the tree and what runs from it."""
    applied = current(machine)
    plan = plan_revert(machine, applied, artifacts_of(host()), _drift(machine), hex_digest)
    steps = tuple(step for step in plan.steps if step.name.split()[0] in (*PARTS, "changed"))
    run(plan._replace(steps=steps), machine, lambda event: None, lambda step, action: None)


def edit(machine, path: str, content: str | None) -> None:
    """In place, as editors do that keep the inode."""
    place = Path(layout.CURRENT, path)
    if content is None:
        place.unlink()
    else:
        place.write_text(content)


CASES = {
    "memory": (lambda m, r: r("update", "--memory", "80m", PAGE), ["limit page: memory: 80m, was 64m"], {"page"}),
    "restart": (
        lambda m, r: r("update", "--restart", "no", READER),
        ["limit reader: restart: no, was unless-stopped"],
        {"reader"},
    ),
    "shares": (
        lambda m, r: r("update", "--cpu-shares", "7", "--pids-limit", "50", PAGE),
        ["limit page: pids: 50, was 100", "limit page: others: CpuShares, was none"],
        {"page"},
    ),
    "stopped": (lambda m, r: r("stop", READER), ["container reader: is exited"], {"reader"}),
    "gone": (lambda m, r: r("rm", "--force", READER), ["container reader: is gone"], {"reader"}),
    "joined": (
        lambda m, r: (
            r("network", "create", "--label", "com.docker.compose.project=infrakit", "infrakit_more"),
            r("network", "connect", "infrakit_more", NEIGHBOUR),
        ),
        ["network infrakit_more: is not of the file", "network infrakit_more: neighbour is in it"],
        {"neighbour"},
    ),
    "left": (
        lambda m, r: r("network", "disconnect", SHARED, NEIGHBOUR),
        [f"network {SHARED}: neighbour is not in it"],
        {"neighbour"},
    ),
    "edited": (lambda m, r: edit(m, "page/file", "mine\n"), ["file page/file: was changed"], {"page"}),
    "removed": (lambda m, r: edit(m, "page/file", None), ["file page/file: is gone"], {"page"}),
    "added": (lambda m, r: edit(m, "page/more", "x"), ["file page/more: was added"], set()),
    "nothing": (lambda m, r: None, [], set()),
}


@pytest.mark.parametrize("case", CASES)
def test_what_was_changed_by_hand_is_named_and_taken_back(real, stack, case):
    change, said, anew = CASES[case]
    up(stack, host())
    before, number = look(stack), current(stack).number
    change(stack, real.docker)
    assert found(stack) == said
    revert(stack)
    assert found(stack) == []
    after = look(stack)
    assert {name for name in after if after[name] != before[name]} == anew
    assert current(stack).number == number


def test_what_is_none_of_ours_is_named_and_stays(real, stack):
    up(stack, host())
    before = look(stack)
    label = "com.docker.compose.project=infrakit"
    real.docker("run", "-d", "--name", "guest", "--network", SHARED, "--label", label, IMAGE, "/bin/sleep", "600")
    said = [
        "container guest: is none of ours, and stays",
        f"network {SHARED}: guest is in it, who is none of ours, and stays",
    ]
    assert found(stack) == said
    revert(stack)
    assert found(stack) == said and look(stack) == before
    real.docker("rm", "--force", "guest")


def test_a_secret_that_is_gone_is_named(stack):
    up(stack, host())
    Path(stack.kept, "secrets/word").unlink()
    assert found(stack) == ["secret word: is gone"]
    secrets.store(str(stack.kept), "word", b"first")
