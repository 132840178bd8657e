"""What the command line says: results on standard output, talk on standard error, lower case, no full stop."""

import itertools
import os
import sys
from collections.abc import Iterable
from typing import Any

from infrakit.errors import ConfigurationInvalid, InfraKitError, Problem, printable, shortened

MOST_PROBLEMS = 100


class Unwritable(Exception):
    """Standard output takes no more; no error of a verb, since nobody can go on without it."""


def write(text: str) -> None:
    """The result as it is. Raises Unwritable, and BrokenPipeError where its reader has gone."""
    try:
        sys.stdout.write(text)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Unwritable(f"standard output: {(error.strerror or str(error)).lower()}") from None


def result(line: str) -> None:
    """A line of the result. Names in it may hold anything: what a terminal would obey is written as an escape."""
    write(f"{printable(line)}\n")


def result_text(text: str) -> None:
    """Lines of the result, with their tabs."""
    for line in text.removesuffix("\n").split("\n"):
        write("\t".join(map(printable, line.split("\t"))) + "\n")


def result_json(value: Any) -> None:
    """The result for a program."""
    import json

    result_text(json.dumps(value, indent=1, sort_keys=True))


def say(text: str) -> None:
    """A line of talk."""
    talk(f"{printable(text)}\n")


def talk(text: str) -> None:
    """Text as it is. Where nothing can be written nobody is told, and the exit code is what it would be."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 -- until the end


def say_problems(problems: Iterable[Problem]) -> None:
    """Each with its place, and the same problem once."""
    texts = dict.fromkeys(problem.text() for problem in problems)
    for text in itertools.islice(texts, MOST_PROBLEMS):
        talk(f"{text}\n")
    if len(texts) > MOST_PROBLEMS:
        say(f"and {len(texts) - MOST_PROBLEMS} more")


def complain(error: InfraKitError, *, as_json: bool) -> None:
    """An error, all of it: every problem of the file, or one message with what to do. As JSON it is one line, since it
    may follow lines of events."""
    problems = error.problems if isinstance(error, ConfigurationInvalid) else ()
    if as_json:
        import json

        found = [problem_json(problem) for problem in problems[:MOST_PROBLEMS]]
        found += [fault._asdict() for fault in getattr(error, "faults", ())]
        result(
            json.dumps({"kind": "error", "error": error.message, "hint": error.hint, "problems": found}, sort_keys=True)
        )
        return
    say_problems(problems)
    say(f"infrakit: error: {shortened(error.message)}")
    if error.hint:
        say(f"  hint: {shortened(error.hint)}")


def problem_json(problem: Problem) -> dict[str, Any]:
    """A problem for a program."""
    return {
        "file": problem.position.document,
        "line": problem.position.line,
        "column": problem.position.column,
        "severity": problem.severity,
        "code": problem.code,
        "what": shortened(problem.what),
        "hint": shortened(problem.hint),
        "related": str(problem.related) if problem.related else "",
    }
