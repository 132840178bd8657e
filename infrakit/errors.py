"""Positions, problems, errors and exit codes: the words in which InfraKit says no.

Never holds a secret's value, and never prints: only `cli/` prints.
"""

from typing import NamedTuple

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_CONFIGURATION = 2
EXIT_MACHINE = 3
EXIT_STEP = 4
EXIT_DOCKER = 5
EXIT_DIFFERENCES = 6
EXIT_LOCKED = 75

LONGEST = 1000


class Position(NamedTuple):
    """A place in a file that a person wrote; line and column count from 1."""

    document: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.document}:{self.line}:{self.column}"


class Problem(NamedTuple):
    """One thing that is wrong (or worth knowing), where, and what to do about it.

    `code` is a promise: once released it keeps its meaning. `related` is the second place, where two are involved.
    """

    position: Position
    what: str
    code: str
    hint: str = ""
    severity: str = "error"
    related: Position | None = None

    def text(self) -> str:
        """The lines that a person reads; control characters are shown, never sent to the terminal."""
        what = f"{shortened(self.what)} (see {self.related})" if self.related else shortened(self.what)
        lines = [f"{self.position}: {self.severity}: {what} [{self.code}]"]
        if self.hint:
            lines.append(f"  hint: {shortened(self.hint)}")
        return "\n".join(printable(line) for line in lines)


def shortened(text: str) -> str:
    """`text`, of which a name or a value in it may be as long as a file, without its middle where it is long."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} ... {text[-LONGEST // 2 :]}"


def printable(text: str) -> str:
    """`text` with every control, separator and surrogate character written as an escape, so that it is one plain
    line."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


class InfraKitError(Exception):
    """Something a person can mend. Carries one message, a hint and an exit code."""

    exit_code = EXIT_FAILED

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageProblem(InfraKitError):
    """The call is wrong: a missing file, an unknown name."""

    exit_code = EXIT_CONFIGURATION


class ConfigurationInvalid(InfraKitError):
    """The user's file, or a blueprint, has problems: all of them at once."""

    exit_code = EXIT_CONFIGURATION

    def __init__(self, problems: "tuple[Problem, ...] | list[Problem]") -> None:
        warnings = sum(problem.severity == "warning" for problem in problems)
        count = len(problems) - warnings
        more = f", and {warnings} warning{'' if warnings == 1 else 's'}" if warnings else ""
        super().__init__(f"{count} problem{'' if count == 1 else 's'} found{more}")
        self.problems = tuple(problems)


class MachineUnfit(InfraKitError):
    """This machine cannot do it: a full disk, a read-only target, a missing tool."""

    exit_code = EXIT_MACHINE


class Stopped(BaseException):
    """The user said stop in the midst of a wait. No error, so that nobody on the way takes it for one and goes on."""
