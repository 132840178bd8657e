"""A plan -> shown, agreed to, and carried out on this machine, with one lock, a journal, and signals that wait for a
safe point."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from infrakit.cli.progress import Progress
from infrakit.cli.talk import result, result_json
from infrakit.cli.terminal import agreed
from infrakit.errors import EXIT_DIFFERENCES, EXIT_OK, InfraKitError, MachineUnfit
from infrakit.plan import Action, Event, Plan, preview, run
from infrakit.stack.layout import BEGUN, JOURNAL, LOCK, STATE, UNDO
from infrakit.stack.undo import MOST_BYTES, Record
from infrakit.system.lock import held
from infrakit.system.machine import Machine
from infrakit.system.stop import Stop

MOST_JOURNAL_BYTES = 16 << 20
"""Of the journal; as much again is kept of what was before."""
CHANGED = ("/etc", "/usr", "/usr/local", "/var/lib", "/var/lib/docker", STATE)
"""What a plan may have written to."""


def need_root() -> None:
    """Raises where we may not change this machine."""
    if os.geteuid() != 0:
        raise MachineUnfit("this needs root", f"sudo {' '.join(['infrakit', *sys.argv[1:]])}")


def show(plan: Plan, machine: Machine, *, as_json: bool) -> int:
    """The plan in words: what would be done and why, what is waited for (?), what would be kept. How many steps would
    change something."""
    found = preview(plan, machine)
    changing = sum(item.changes for item in found)
    if as_json:
        result_json(
            {
                "plan": plan.title,
                "steps": [
                    {
                        "name": item.step.name,
                        "title": item.step.title,
                        "acts": item.acts,
                        "because": item.because,
                        "waits": item.step.waits,
                        "actions": list(item.actions),
                    }
                    for item in found
                ],
            }
        )
        return changing
    result(f"{plan.title}: {changing} of {len(found)} steps to take")
    for item in found:
        if not item.acts:
            result(f"= {item.step.title}")
            continue
        result(f"{'+' if item.changes else '?'} {item.step.title}" + (f": {item.step.why}" if item.step.why else ""))
        for line in item.actions:
            if line != item.step.title:
                result(f"    {line}")
    return changing


def carry_out(
    plan: Plan,
    *,
    yes: bool,
    dry_run: bool,
    as_json: bool,
    machine: Machine | None = None,
    recorded: bool = True,
    again: tuple[str, ...] | None = None,
    after: Callable[[int], None] = lambda taken: None,
    shown: Callable[[], int] | None = None,
) -> int:
    """The exit code. Asks before it changes anything, unless `yes`. `recorded`: keep how to take each change back.
    `again`: words that finish it where it is cut, () for none; None where it is about something else.

    `after`: what more to say, which hears how many steps were taken. `shown`: shows the plan in other words, how many
    changes there are, and may refuse; nobody else changes the machine meanwhile.
    """
    machine = machine or Machine()
    if dry_run:
        return EXIT_DIFFERENCES if (shown() if shown else show(plan, machine, as_json=as_json)) else EXIT_OK
    need_root()
    with held(LOCK):
        if shown is not None:
            changing = shown()
        elif as_json:
            changing = 0 if yes else sum(item.changes for item in preview(plan, machine))
        else:
            changing = show(plan, machine, as_json=False)
        if changing and not yes:
            need_agreement(as_json=as_json)
        progress = Progress(as_json=as_json)
        with begun(machine, again):
            taken = carried(plan, machine, progress, recorded=recorded)
    if not as_json:
        result(
            f"{plan.title}: {taken} changed, {progress.kept} as they were"
            if taken
            else f"{plan.title}: nothing to change"
        )
    after(taken)
    return EXIT_OK


@contextmanager
def begun(machine: Machine, again: tuple[str, ...] | None) -> Iterator[None]:
    """Leave a note where nothing ends this but a cut; who fails or is told to stop says so to somebody."""
    if again is None:
        yield
        return
    machine.remove(BEGUN)
    if again:
        machine.write(BEGUN, json.dumps(again).encode(), 0o600)
    try:
        yield
    finally:
        machine.remove(BEGUN)


def need_agreement(*, as_json: bool) -> None:
    """Raises where nobody says yes."""
    if as_json:
        what = "nothing was changed: --json asks no question"
        raise InfraKitError(what, "add --yes, or look first: --dry-run")
    if not agreed("go on?"):
        raise InfraKitError("nothing was changed", "--yes answers the question")


def carried(plan: Plan, machine: Machine, progress: Progress, *, recorded: bool = True) -> int:
    """Do it, with a journal, until somebody says stop; how many steps were taken."""
    with suppress(InfraKitError):
        machine.turn(JOURNAL, MOST_JOURNAL_BYTES)
    with stopping(machine.stop, lambda: _until(machine.stop.busy)) as asked:
        keep = _kept(machine) if recorded else _forget
        taken = run(plan, machine, _journaled(machine, progress), keep, stopping=asked)
    if taken:
        machine.flush(*CHANGED)  # what we call done, no power cut takes back
    return taken


def _journaled(machine: Machine, tell: Callable[[Event], None]) -> Callable[[Event], None]:
    """Also keep what happened, for reading: never a part of a decision."""

    def both(event: Event) -> None:
        if event.kind != "progress":
            _write_down(machine, event._asdict())
        tell(event)

    return both


def note(machine: Machine, verb: str, text: str) -> None:
    """Keep in the journal what a verb without a plan did, and for whom: the user who called sudo."""
    _write_down(machine, {"kind": "note", "step": verb, "text": text, "by": os.environ.get("SUDO_USER") or "root"})


def _write_down(machine: Machine, line: dict[str, Any]) -> None:
    """Where it can be: a log that is full or cannot be written to stops nobody."""
    with suppress(InfraKitError):
        words = json.dumps({"at": time.strftime("%Y-%m-%dT%H:%M:%S%z"), **line}, sort_keys=True)
        machine.append(JOURNAL, words.encode())


def _kept(machine: Machine) -> Callable[[str, Action], None]:
    """Write down how to take a change back, before it is made; the same thing once."""
    record = Record(machine.whole(UNDO, MOST_BYTES) or b"")

    def keep(step: str, action: Action) -> None:
        line = record.line(step, action)
        if line:
            machine.append(UNDO, line)

    return keep


def _forget(step: str, action: Action) -> None:
    """Nobody takes back a taking back."""


def _until(busy: str) -> str:
    """What is said to who said stop."""
    return f"stopping as soon as {busy} is done, which must not be broken off" if busy else "stopping"


@contextmanager
def stopping(stop: Stop, words: Callable[[], str]) -> Iterator[Callable[[], bool]]:
    """While inside, SIGINT, SIGTERM and SIGHUP say stop: heard in a wait at once, else at the next safe point. The
    first is answered by `words`."""

    answered = stop.asked

    def ask(number: int, frame: Any) -> None:
        nonlocal answered
        if not answered:
            if stop.asked:
                return  # the same signal comes to us and to our group, which is twice: the first is being answered
            stop.asked = True
            with suppress(OSError):  # the terminal may be what went away
                # Not by sys.stderr, which may be in the midst of a write; on a terminal, a line is drawn that has no
                # end.
                os.write(2, ("\n" * os.isatty(2) + words() + "\n").encode())
            answered = True
        stop.ask()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield lambda: stop.asked
    finally:
        for number, handler in before.items():
            # Who was stopped is about to end with its own exit code: the same signal, sent twice, must not change that.
            # A handler in Python would be gone while the interpreter ends.
            signal.signal(number, signal.SIG_IGN if stop.asked else handler)
