"""The verbs, one module each. Errors become words and exit codes here, and nowhere else.

A plain `compile` is run without click, whose import costs as much as the whole compile (see plain.py).
"""

import io
import os
import sys

from infrakit.cli.talk import Unwritable, complain, say
from infrakit.errors import EXIT_FAILED, EXIT_MACHINE, EXIT_OK, InfraKitError


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; the exit code. The only place where errors turn into words."""
    os.umask(0o022)
    if sys.stdin is None:
        sys.stdin = open(os.devnull)  # noqa: SIM115 -- until the end
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 -- until the end
    if sys.stdout is None:
        # Before anything is done: the next file to be opened would take its place, and be written to by programs.
        say("infrakit: error: standard output is closed")
        say("  hint: > /dev/null where nobody reads it")
        return EXIT_MACHINE
    words = sys.argv[1:] if arguments is None else arguments
    try:
        return written(_code(words))
    except Unwritable as error:
        _let_go()
        say(f"infrakit: error: {error}")
        return EXIT_MACHINE


def written(code: int) -> int:
    """The exit code, once all of the output is where it was to go; another one where that cannot be."""
    try:
        sys.stdout.flush()
    except OSError as error:
        _let_go()
        if isinstance(error, BrokenPipeError):
            return code or EXIT_FAILED
        say(f"infrakit: error: standard output: {(error.strerror or str(error)).lower()}")
        return code or EXIT_MACHINE
    return code


def _let_go() -> None:
    """The interpreter must not complain about standard output again as it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _code(words: list[str]) -> int:
    try:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")  # as standard error does, whatever the terminal can show
        return _run(words)
    except Unwritable:
        raise
    except InfraKitError as error:
        complain(error, as_json="--json" in words)
        return error.exit_code
    except KeyboardInterrupt:
        say("infrakit: interrupted")
        return 130
    except BrokenPipeError:
        return EXIT_FAILED
    except OSError as error:
        if not error.filename and written(EXIT_OK):
            return EXIT_MACHINE  # of the output that was there already
        place = f"{error.filename}: " if error.filename else ""
        say(f"infrakit: error: {place}{(error.strerror or str(error)).lower()}")
        return EXIT_MACHINE
    except Exception:
        import traceback

        traceback.print_exc()
        say("infrakit: this is a bug in InfraKit, please report it with the lines above")
        return EXIT_FAILED


def _run(words: list[str]) -> int:
    if words in (["--help"], ["-h"]):
        from infrakit import resources

        # What click says, written down at build time: a third of the call would be click's import.
        text = resources.packed("help.txt")
        if text is not None:
            sys.stdout.write(text.decode())
            return 0
    if words[:1] == ["compile"]:
        from infrakit.cli.plain import compile_options

        options = compile_options(words[1:])
        if options is not None:
            from infrakit.cli.compiling import compile_file

            return compile_file(**options)
    from infrakit.cli.program import run

    return run(words)
