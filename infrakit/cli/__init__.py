"""The verbs, one module each. Errors become words and exit codes here, and nowhere else.

A plain `compile` is run without click, whose import costs as much as the whole compile (see plain.py).
"""

import io
import os
import sys

from infrakit.cli.talk import complain, say
from infrakit.errors import EXIT_FAILED, EXIT_MACHINE, InfraKitError


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; the exit code. The only place where errors turn into words."""
    os.umask(0o022)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as standard error does, whatever the terminal can show
    words = sys.argv[1:] if arguments is None else arguments
    try:
        code = _run(words)
        sys.stdout.flush()
        return code
    except InfraKitError as error:
        complain(error, as_json="--json" in words)
        return error.exit_code
    except KeyboardInterrupt:
        say("infrakit: interrupted")
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone; the interpreter must not complain about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return EXIT_FAILED
    except OSError as error:
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
