"""infrakit monitor: what is wrong with this machine is told once, and once that it is over."""

import re
import time
from collections.abc import Iterator, Sequence
from typing import Any

import click

from infrakit.cli import telling
from infrakit.cli.carry import need_root, note
from infrakit.cli.talk import result, result_json, say
from infrakit.config.nearest import nearest
from infrakit.errors import EXIT_OK, UsageProblem
from infrakit.notify.spool import waiting
from infrakit.stack.change.applied import Applied, in_force
from infrakit.stack.layout import HALTED, HOSTS, LOCK, LOOKING
from infrakit.stack.monitor import memory, shown
from infrakit.stack.monitor.alerts import Change, Look, Silence, judge
from infrakit.stack.monitor.memory import Memory
from infrakit.stack.monitor.shown import iso, row
from infrakit.system.lock import held, is_held
from infrakit.system.machine import Machine

VERSION = 1
WHOLE_S = 900.0
"""From one look at all to the next; in between at what costs little."""
BOOT_S = 600.0
"""So long a machine may take to start all that it runs."""
SIGNS = {"error": "!", "warning": "~"}
TIMES = {"m": 60, "h": 3600, "d": 86_400}
FOR = re.compile(r"([1-9][0-9]{0,3})([mhd])")
LONGEST_S = 366 * 86_400


@click.group(name="monitor", help="Look at this machine now; list what is wrong, acknowledge it, or silence it.")
def command() -> None:
    pass


@command.command(
    help="""Look at this machine and its stack, and say what is new and what is over. A timer of systemd calls it where
infrakit.yaml has the key monitor."""
)
@click.option("--automatic", is_flag=True, help="As the timer does: what costs more is looked at now and then only.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def now(automatic: bool, as_json: bool) -> int:
    need_root()
    machine = Machine()
    with held(LOOKING):
        applied = in_force(machine)
        if applied is None:
            say("nothing is in force on this machine")
            return EXIT_OK
        before = memory.read(machine)
        now_s = time.time()
        whole = not automatic or not 0 <= now_s - memory.looked_s(machine) < WHOLE_S
        after, changes = judge(before.alerts, look(applied, machine, whole=whole), now_s, before.silences)
        if changes and not whole:
            # Who is told has a right to all that can be known; it is rare.
            whole = True
            after, changes = judge(before.alerts, look(applied, machine, whole=True), now_s, before.silences)
        if whole:
            memory.has_looked(machine, now_s)
        telling.keep(machine, applied.deployment, changes)  # before it is called told: a cut here tells it once
        if after != before.alerts:
            memory.write(machine, before._replace(alerts=after), now_s)
        sent = telling.send(machine, applied.deployment)
        problems = list(sent.problems)
        if automatic and not any(item.told == "error" for item in after.values()):
            problems += telling.say_alive(machine, applied.deployment)
    if as_json:
        told = [{"state": item.state, **row(item.alert, (), now_s)} for item in changes]
        rows = shown.rows(Memory(after, before.silences), now_s)
        waits = {"sent": sent.sent, "waiting": sent.waiting, "dropped": sent.dropped}
        result_json({"version": VERSION, "whole": whole, "changes": told, "alerts": rows, **waits})
        return EXIT_OK
    for change in changes:
        for line in lines_of(change):
            result(line)
    for title, why in problems:
        say(f"note: {title}: {why}")
    if not automatic:
        result(f"{len(shown.there(after))} known, {len(changes)} of it changed")
    return EXIT_OK


@command.command(name="list", help="List what is wrong with this machine, as the monitor knows it, and since when.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def listing(as_json: bool) -> int:
    need_root()
    machine = Machine()
    found, now_s = memory.read(machine), time.time()
    rows, silences = shown.rows(found, now_s), shown.silent(found, now_s)
    applied = in_force(machine)
    looks, waits = bool(applied and applied.deployment.monitor), len(waiting(machine))
    if as_json:
        result_json({"version": VERSION, "by_itself": looks, "alerts": rows, "silences": silences, "waiting": waits})
        return EXIT_OK
    for item in rows:
        known = f", acknowledged by {item['acknowledged']}" if item["acknowledged"] else ""
        known += f", silent until {item['silent_until']}" if item["silent_until"] else ""
        known += "" if item["told"] else ", not told yet"
        known += ", comes and goes" if item["restless"] else ""
        result(f"{SIGNS[item['severity']]} {item['what']} [{item['key']}]")
        result(f"    since {item['since']}{known}")
        result(f"    {item['remedy']}")
    for item in silences:
        result(f"  silent until {item['until']}: {item['pattern']}" + (f" ({item['why']})" if item["why"] else ""))
    if not rows:
        result("nothing is known to be wrong")
    if waits:
        result(f"{waits} messages wait to be sent: infrakit notify test says why")
    if not looks:
        say("note: this machine does not look at itself; it does with the key monitor in infrakit.yaml: monitor: {}")
    return EXIT_OK


@command.command(help="Say that these faults are known. What is over says so as ever.")
@click.argument("keys", nargs=-1, required=True, metavar="KEY...")
def ack(keys: tuple[str, ...]) -> int:
    need_root()
    machine = Machine()
    by = _caller()
    with held(LOOKING):
        found = memory.read(machine)
        there = {item.key: item for item in shown.there(found.alerts)}
        for key in keys:
            if key not in there:
                close = nearest(key, there)
                hint = f"did you mean {close!r}?" if close else "infrakit monitor list says what is, in brackets"
                raise UsageProblem(f"nothing is known to be wrong by the key {key}", hint)
        alerts = {**found.alerts, **{key: there[key]._replace(acknowledged=by) for key in keys}}
        memory.write(machine, found._replace(alerts=alerts), time.time())
    note(machine, "monitor", f"acknowledged: {', '.join(keys)}")
    return EXIT_OK


@command.command(
    help="""Tell nothing of faults whose key fits PATTERN, such as 'door *' or '*', for a while; what is still there
afterwards is told then."""
)
@click.argument("pattern")
@click.option("--for", "lasts", metavar="TIME", help="How long: 30m, 2h or 7d.")
@click.option("--because", metavar="TEXT", default="", help="Why, for who reads it later.")
@click.option("--end", is_flag=True, help="End a silence of this pattern now.")
def silence(pattern: str, lasts: str | None, because: str, end: bool) -> int:
    need_root()
    if end == (lasts is not None):
        raise UsageProblem("a silence has an end", "say --for TIME, such as --for 2h; or --end, which ends it now")
    fits = FOR.fullmatch(lasts or "1m")
    lasts_s = int(fits[1]) * TIMES[fits[2]] if fits else 0
    if not 0 < lasts_s <= LONGEST_S:
        raise UsageProblem(f"--for {lasts} is no time", "30m, 2h or 7d; a year at most")
    if not (pattern + because).isprintable() or len(pattern) > 200 or len(because) > 200:
        raise UsageProblem("a pattern, or a reason, is one short line")
    machine = Machine()
    with held(LOOKING):
        found, now_s = memory.read(machine), time.time()
        others = tuple(item for item in found.silences if item.pattern != pattern)
        if end and len(others) == len(found.silences):
            raise UsageProblem(f"nothing is silent by {pattern}", "infrakit monitor list says what is")
        new = () if end else (Silence(pattern, now_s + lasts_s, because),)
        memory.write(machine, found._replace(silences=(*others, *new)), now_s)
    note(machine, "monitor", f"silence {pattern}: {'ended' if end else lasts}" + (f", {because}" if because else ""))
    return EXIT_OK


def look(applied: Applied, machine: Machine, *, whole: bool) -> Look:
    """Everything that the doctor looks at, or what costs little of it."""
    from infrakit.cli.looking import Stack, quick_look
    from infrakit.cli.looking import look as look_at_all
    from infrakit.stack.doctor import CHECKS, Check, Rule, diagnose
    from infrakit.stack.doctor.readings import seconds_up
    from infrakit.stack.monitor.sights import QUICK, look_of
    from infrakit.system.redacted import cleaner

    stack = Stack(None, applied.deployment, applied, (), ())
    monitor = applied.deployment.monitor
    rules = [Rule(*item) for item in monitor.ignored] if monitor else []
    readings = (look_at_all if whole else quick_look)(stack, machine, cleaner(HOSTS))
    looked: list[tuple[str, Any]] = []
    checks: Sequence[Check] = QUICK
    if whole:
        from infrakit.host.checks import CHECKS as OF_MACHINE
        from infrakit.stack.wanted import wanted_of

        wanted = wanted_of(applied.deployment, readings.facts, machine)
        looked = [(check.__name__, check(readings.facts, wanted)) for check in OF_MACHINE]
        checks = CHECKS
    found = diagnose(readings, looked, rules, checks)
    ran = {*(name for name, _ in looked), *(check.__name__ for check in checks)}
    up_s = seconds_up(readings.recording)
    calm = not is_held(LOCK) and not machine.exists(HALTED) and not 0 < up_s < BOOT_S
    return look_of(found.troubles, [item for item, _ in found.ignored], ran, readings, calm=calm)


def lines_of(change: Change) -> Iterator[str]:
    """For a person: what is new, with why and what to do; or what is over."""
    sight = change.alert.sight
    if change.state == "over":
        yield f"= over: {sight.what} [{sight.key}], since {iso(change.alert.began_s)}"
        return
    yield f"{SIGNS[sight.severity]} {sight.what} [{sight.key}]"
    if sight.why:
        yield f"    because: {sight.why}"
    yield f"    {sight.remedy}"
    if change.alert.restless:
        yield "    it comes and goes; the next word of it is when it was away for an hour"


def _caller() -> str:
    """The user who called sudo."""
    import os

    return os.environ.get("SUDO_USER") or "root"
