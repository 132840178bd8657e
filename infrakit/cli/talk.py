"""What the command line says: results on standard output, talk on standard error, lower case, no full stop."""

import sys
from collections.abc import Iterable
from typing import Any

from infrakit.errors import ConfigurationInvalid, InfraKitError, Problem, printable


def result(text: str) -> None:
    """A line of the result."""
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")


def result_json(value: Any) -> None:
    """The result for a program."""
    import json

    result(json.dumps(value, indent=1, sort_keys=True))


def say(text: str) -> None:
    """A line of talk."""
    sys.stderr.write(f"{printable(text)}\n")


def say_problems(problems: Iterable[Problem]) -> None:
    """Each with its place, and the same problem once."""
    for text in dict.fromkeys(problem.text() for problem in problems):
        sys.stderr.write(f"{text}\n")


def complain(error: InfraKitError, *, as_json: bool) -> None:
    """An error, all of it: every problem of the file, or one message with what to do. As JSON it is one line, since it
    may follow lines of events."""
    problems = error.problems if isinstance(error, ConfigurationInvalid) else ()
    if as_json:
        import json

        found = [problem_json(problem) for problem in problems]
        found += [fault._asdict() for fault in getattr(error, "faults", ())]
        result(
            json.dumps({"kind": "error", "error": error.message, "hint": error.hint, "problems": found}, sort_keys=True)
        )
        return
    say_problems(problems)
    say(f"infrakit: error: {error.message}")
    if error.hint:
        say(f"  hint: {error.hint}")


def problem_json(problem: Problem) -> dict[str, Any]:
    """A problem for a program."""
    return {
        "file": problem.position.document,
        "line": problem.position.line,
        "column": problem.position.column,
        "severity": problem.severity,
        "code": problem.code,
        "what": problem.what,
        "hint": problem.hint,
        "related": str(problem.related) if problem.related else "",
    }
