"""The verbs. Each is a module of its own, imported when it is called; errors become words and exit codes here."""

import os
import sys

import click

from infrakit import VERSION
from infrakit.cli.talk import complain, say
from infrakit.errors import EXIT_CONFIGURATION, EXIT_FAILED, EXIT_MACHINE, InfraKitError

VERBS = {
    "init": "Write a commented infrakit.yaml to start from.",
    "validate": "Check infrakit.yaml and say everything that is wrong with it.",
    "compile": "Write what would run on each host, for review.",
    "explain": "Say what a key means, or why a value of a compiled file is what it is.",
    "schema": "Print the JSON Schema of infrakit.yaml or of a blueprint.",
    "catalog": "List the services that InfraKit knows, or show one.",
    "secrets": "Set the secrets that only you have, and list all of them.",
    "completion": "Print a completion script for bash, zsh or fish.",
}


class Verbs(click.Group):
    """A group that imports a verb's module only when the verb is called."""

    def list_commands(self, context):
        return list(VERBS)

    def get_command(self, context, name):
        if name not in VERBS:
            return None
        return __import__(f"infrakit.cli.{name}", fromlist=["command"]).command

    def resolve_command(self, context, arguments):
        name = arguments[0] if arguments else ""
        if name and not name.startswith("-") and name not in VERBS:
            from infrakit.config.check import nearest

            close = nearest(name, VERBS)
            context.fail(f"there is no verb {name}" + (f"; did you mean {close}?" if close else ""))
        return super().resolve_command(context, arguments)

    def format_commands(self, context, formatter):
        """The list of verbs, without importing one of them."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(VERSION, prog_name="infrakit", message="%(prog)s %(version)s")
def program():
    """One file, infrakit.yaml, compiled into what runs on your machines."""


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; the exit code. The only place where errors turn into words."""
    os.umask(0o022)
    words = sys.argv[1:] if arguments is None else arguments
    try:
        code = program.main(args=words, prog_name="infrakit", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except InfraKitError as error:
        complain(error, as_json="--json" in words)
        return error.exit_code
    except click.exceptions.Exit as error:
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        say("infrakit: interrupted")
        return 130
    except click.ClickException as error:
        say(f"infrakit: error: {error.format_message()}")
        say("  hint: infrakit --help, or infrakit VERB --help")
        return EXIT_CONFIGURATION
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
