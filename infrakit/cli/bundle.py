"""infrakit bundle: make, check, look into, copy and serve what a machine without a network is installed from."""

import click

COMMANDS = {
    "create": "Write all that hosts of the file need into a folder.",
    "verify": "Read every byte of a bundle and check it; change nothing.",
    "inspect": "Say what is in a bundle, and what is different from another one.",
    "copy": "Copy a bundle to another medium, checking every byte.",
    "serve": "Serve a bundle to other machines: a registry, and a source for apt.",
}


class Commands(click.Group):
    """Imports a command's module only when it is called."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        return __import__(f"infrakit.cli.bundle_{name}", fromlist=["command"]).command if name in COMMANDS else None

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=Commands,
    help="All that a machine without a network needs, in one folder that fits on a stick.",
    subcommand_metavar="COMMAND ...",
)
def command() -> None:
    pass
