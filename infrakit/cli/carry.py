"""A plan -> shown, agreed to, and carried out on this machine, with one lock, a journal, and signals that wait for a safe point."""

import json
import os
import signal
import sys
import time
from contextlib import contextmanager
from typing import Any, Callable, Iterator

from infrakit.cli.progress import Progress
from infrakit.cli.talk import result, result_json, say
from infrakit.cli.terminal import agreed
from infrakit.errors import EXIT_DIFFERENCES, EXIT_OK, InfraKitError, MachineUnfit
from infrakit.plan import Action, Event, Plan, preview, run
from infrakit.plan.actions import record_of
from infrakit.stack.layout import JOURNAL, LOCK, UNDO
from infrakit.system.lock import held
from infrakit.system.machine import Machine


def need_root() -> None:
    """Raises where we may not change this machine."""
    if os.geteuid() != 0:
        raise MachineUnfit("this needs root", f"sudo {' '.join(['infrakit', *sys.argv[1:]])}")


def show(plan: Plan, machine: Any, *, as_json: bool) -> int:
    """The plan in words: what would be done and why, what would be kept. How many steps would act."""
    found = preview(plan, machine)
    acting = [item for item in found if item.acts]
    if as_json:
        result_json({"plan": plan.title, "steps": [
            {"name": item.step.name, "title": item.step.title, "acts": item.acts, "because": item.because,
             "actions": [action.text() for action in item.step.actions] if item.acts else []}
            for item in found
        ]})
        return len(acting)
    result(f"{plan.title}: {len(acting)} of {len(found)} steps to take")
    for item in found:
        if not item.acts:
            result(f"= {item.step.title}")
            continue
        result(f"+ {item.step.title}" + (f": {item.step.why}" if item.step.why else ""))
        for action in item.step.actions:
            result(f"    {action.text()}")
    return len(acting)


def carry_out(plan: Plan, *, yes: bool, dry_run: bool, as_json: bool, machine: Machine | None = None, recorded: bool = True) -> int:
    """The exit code. Asks before it changes anything, unless `yes`. `recorded`: keep how to take each change back."""
    machine = machine or Machine()
    if dry_run:
        return EXIT_DIFFERENCES if show(plan, machine, as_json=as_json) else EXIT_OK
    need_root()
    with held(LOCK):
        if not as_json:
            acting = show(plan, machine, as_json=False)
            if acting and not yes and not agreed("go on?"):
                raise InfraKitError("nothing was changed", "--yes answers the question")
        progress = Progress(as_json=as_json)
        with _stopping() as stopping:
            taken = run(plan, machine, _journaled(machine, progress), _kept(machine) if recorded else _forget, stopping=stopping)
    if not as_json:
        result(f"{plan.title}: {taken} changed, {progress.kept} as they were" if taken else f"{plan.title}: nothing to change")
    return EXIT_OK


def _journaled(machine: Machine, tell: Callable[[Event], None]) -> Callable[[Event], None]:
    """Also keep what happened, for reading: never a part of a decision."""

    def both(event: Event) -> None:
        if event.kind != "progress":
            line = {"at": time.strftime("%Y-%m-%dT%H:%M:%S%z"), **event._asdict()}
            machine.append(JOURNAL, json.dumps(line, sort_keys=True).encode())
        tell(event)

    return both


def _kept(machine: Machine) -> Callable[[str, Action], None]:
    """Write down how to take a change back, before it is made; the same thing once."""
    known = set((machine.read(UNDO, 1 << 26) or b"").splitlines())

    def keep(step: str, action: Action) -> None:
        line = json.dumps({"step": step, **record_of(action)}, sort_keys=True).encode()
        if line not in known:
            known.add(line)
            machine.append(UNDO, line)

    return keep


def _forget(step: str, action: Action) -> None:
    """Nobody takes back a taking back."""


@contextmanager
def _stopping() -> Iterator[Callable[[], bool]]:
    """While inside, SIGINT, SIGTERM and SIGHUP are kept for the next safe point."""
    asked: list[int] = []

    def ask(number: int, frame: Any) -> None:
        if not asked:
            say("stopping after the change under way")
        asked.append(number)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
