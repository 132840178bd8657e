"""The words of the command line -> one verb: a click group that imports a verb's module only when it is called."""

import click

from infrakit import VERSION
from infrakit.cli.talk import say, talk
from infrakit.errors import EXIT_CONFIGURATION, EXIT_OK, shortened

VERBS = {
    "init": "Write a commented infrakit.yaml to start from.",
    "add": "Add an app to infrakit.yaml, from its image or from another catalogue.",
    "remove": "Take an app out of infrakit.yaml, and say what becomes of its data.",
    "set": "Change one key of infrakit.yaml; comments, order and every other line stay.",
    "unset": "Take one key out of infrakit.yaml; comments, order and every other line stay.",
    "import": "Turn Compose projects into apps of infrakit.yaml, and say what became of every key.",
    "validate": "Check infrakit.yaml and say everything that is wrong with it.",
    "compile": "Write what would run on each host, for review.",
    "lock": "Write down exactly which images the file stands for, or ask whether they have changed.",
    "outdated": "Say which images of the file have something newer: a tag, a digest, or a version without known holes.",
    "preflight": "Look at this machine, and say what stands in the way of the stack.",
    "install": "From a fresh machine to a running stack; running it again resumes.",
    "plan": "Say what `up` would change on this host, why, and what that costs.",
    "apply": "Carry out a plan that was kept, exactly that or nothing.",
    "up": "Bring this host's stack up, or up to date, and wait until all of it is healthy.",
    "update": "Move images to newer ones, with their data put aside, and back where something is not well then.",
    "backup": "Copies of all that this machine keeps: now, list, verify, drill, and the sheet that opens them.",
    "restore": "Put data back as it was in a backup, or its files somewhere else.",
    "move": "Move an app with its data to another host of the file, and confirm it or take it back.",
    "resume": "Go on with what was broken off, by a power cut for instance; done at boot by itself.",
    "drift": "Say what was changed by hand since the last `up`, and take it back.",
    "generations": "List what was in force on this machine, and what each changed.",
    "diff": "Print what is different between the files of two generations.",
    "rollback": "Put an earlier generation in force again. Data does not go back.",
    "down": "Remove the containers and networks of this host's stack. Data and secrets stay.",
    "restart": "Restart the containers of one service, or of all.",
    "halt": "Stop what runs here, in order, before the machine goes off; the next boot starts it again.",
    "status": "Say what of this host's stack runs, and how it is.",
    "doctor": "Say what is wrong with this machine and its stack, why, and what to do; mend what does no harm.",
    "monitor": "Look at this machine now; list what is wrong, acknowledge it, or silence it.",
    "notify": "Who is told of faults: try all channels of infrakit.yaml.",
    "logs": "Print what the containers of a service said last.",
    "sign-in": "Print a link that signs a user in once, for the first time or when a password is lost.",
    "open": "Lead a service's port to this machine's loopback, for when sign-in or Caddy is down.",
    "uninstall": "Take away what install put on this machine.",
    "bundle": "All that a machine without a network needs, on a stick: create, verify, inspect, copy, serve.",
    "inventory": "Print what this machine has already, so that its next bundle can leave it out.",
    "explain": "Say what a key means, or why a value of a compiled file is what it is.",
    "schema": "Print the JSON Schema of infrakit.yaml or of a blueprint.",
    "catalog": "List the services that InfraKit knows, show one, or say which of their images are outdated.",
    "secrets": "Set the secrets that only you have, and list all of them.",
    "completion": "Print a completion script for bash, zsh or fish.",
}
MODULES = {"import": "importing"}
"""Of verbs that no module can be called by."""


class Verbs(click.Group):
    """A group that imports a verb's module only when the verb is called."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        module = MODULES.get(name, name.replace("-", "_"))
        found: click.Command = __import__(f"infrakit.cli.{module}", fromlist=["command"]).command
        return found

    def resolve_command(
        self, context: click.Context, arguments: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = arguments[0] if arguments else ""
        if name and not name.startswith("-") and name not in VERBS:
            from infrakit.config.nearest import nearest

            close = nearest(name, VERBS)
            context.fail(f"there is no verb {name}" + (f"; did you mean {close}?" if close else ""))
        return super().resolve_command(context, arguments)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of verbs, without importing one of them."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.group(
    cls=Verbs,
    help="One file, infrakit.yaml, compiled into what runs on your machines.",
    subcommand_metavar="VERB ...",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(VERSION, prog_name="infrakit", message="%(prog)s %(version)s")
def program() -> None:
    pass


def run(words: list[str]) -> int:
    """The exit code of the verb; what is wrong with the call is said here."""
    try:
        code = program.main(args=words, prog_name="infrakit", standalone_mode=False)
        return code if isinstance(code, int) else EXIT_OK
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.Abort:
        raise KeyboardInterrupt from None
    except click.exceptions.NoArgsIsHelpError as error:
        talk(f"{error.format_message()}\n")
        return EXIT_CONFIGURATION
    except click.ClickException as error:
        say(f"infrakit: error: {shortened(error.format_message())}")
        say("  hint: infrakit --help, or infrakit VERB --help")
        return EXIT_CONFIGURATION
