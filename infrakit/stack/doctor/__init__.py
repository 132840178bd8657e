"""Readings of a machine that runs a stack -> what is wrong, why, and what to do: preflight's checks and live ones.

One function per check, pure; all of them run, and none relies on an earlier one. What the file says to ignore is kept
apart until its day is over.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from infrakit.host.checks import Finding
from infrakit.host.fixes import plan_fixes
from infrakit.plan import Plan
from infrakit.stack.doctor import backups, certificates, containers, doors, drills, machine
from infrakit.stack.doctor.readings import Readings
from infrakit.stack.doctor.words import ERROR, NOTE, Trouble, trouble

Check = Callable[[Readings], Iterator[Trouble]]
CHECKS = (*containers.CHECKS, *doors.CHECKS, *certificates.CHECKS, *backups.CHECKS, *machine.CHECKS, *drills.CHECKS)
GRAVE = ("docker-missing", "docker-stopped", "compose-missing", "docker-snap")
"""Of preflight's: no hindrance where nothing runs yet, and worse where something should."""
SAID_BETTER = {"disk-filled": ("disk-tight", "data-short"), "memory-low": ("memory-limits",)}
"""Of preflight's: left out where a live check says more."""
VERSION = 1


class Rule(NamedTuple):
    """One of doctor.ignore; `place`: where it stands."""

    code: str
    until: str
    why: str
    place: str


class Diagnosis(NamedTuple):
    """`ignored`: each with the rule; `passed`: names of the checks that found nothing; `checks`: how many there are."""

    troubles: tuple[Trouble, ...]
    ignored: tuple[tuple[Trouble, Rule], ...]
    passed: tuple[str, ...]
    checks: int

    @property
    def errors(self) -> int:
        """How many of them are grave."""
        return sum(item.severity == ERROR for item in self.troubles)

    def as_json(self) -> dict[str, Any]:
        """The same for a program."""
        return {
            "version": VERSION,
            "checks": self.checks,
            "passed": list(self.passed),
            "errors": self.errors,
            "warnings": sum(item.severity == "warning" for item in self.troubles),
            "notes": sum(item.severity == NOTE for item in self.troubles),
            "problems": [_row(item) for item in self.troubles],
            "ignored": [{**_row(item), "until": rule.until, "because": rule.why} for item, rule in self.ignored],
        }


def diagnose(
    readings: Readings,
    looked: "Iterable[tuple[str, Finding | None]]",
    rules: Sequence[Rule],
    checks: Iterable[Check] = CHECKS,
) -> Diagnosis:
    """`looked`: each of preflight's checks, by name, with what it found."""
    found: list[tuple[str, list[Trouble]]] = [
        (name, [_of_preflight(item, readings)] if item else []) for name, item in looked
    ]
    found += [(check.__name__, list(check(readings))) for check in checks]
    found = [(name, [item._replace(check=name) for item in items]) for name, items in found]
    codes = {item.code for _, items in found for item in items}
    less = {code for better, worse in SAID_BETTER.items() if better in codes for code in worse}
    troubles = [item for _, items in found for item in items if item.code not in less]
    today = _day(readings.facts.now_s)
    kept: list[Trouble] = []
    ignored: list[tuple[Trouble, Rule]] = []
    for item in troubles:
        rule = next((rule for rule in rules if rule.code == item.code and today <= rule.until), None)
        ignored += [(item, rule)] if rule else []
        kept += [] if rule else [item]
    for rule in rules:
        if rule.code not in codes:
            kept.append(trouble("ignored-in-vain", f"{rule.place}: nothing is found of {rule.code}", subject=rule.code))
        elif today > rule.until:
            what = f"{rule.place}: {rule.code} was to be ignored until {rule.until} only"
            kept.append(trouble("ignored-too-long", what, subject=rule.code, why=rule.why))
    order = ("error", "warning", NOTE)
    passed = tuple(name.replace("_", "-") for name, items in found if not items)
    return Diagnosis(
        tuple(sorted(kept, key=lambda item: order.index(item.severity))), tuple(ignored), passed, len(found)
    )


def plan_mend(diagnosis: Diagnosis) -> Plan:
    """What does no harm, of what is found and not ignored; the rest is for a person."""
    return Plan("mend this machine", tuple(step for item in diagnosis.troubles for step in item.steps))


def _of_preflight(item: Finding, readings: Readings) -> Trouble:
    grave = readings.applied is not None and item.code in GRAVE
    steps = plan_fixes(readings.facts, [item]).steps
    return Trouble(item.code, ERROR if grave else item.severity, item.what, "", item.remedy, steps)


def _row(item: Trouble) -> dict[str, Any]:
    return {**item._asdict(), "steps": [step.title for step in item.steps]}


def _day(seconds: float) -> str:
    import time

    return time.strftime("%Y-%m-%d", time.gmtime(max(0.0, seconds)))
