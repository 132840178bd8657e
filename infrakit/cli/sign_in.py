"""infrakit sign-in: a link that signs a user in once. The link is the result; nothing of it is kept anywhere."""

import click

from infrakit.cli import here
from infrakit.cli.carry import need_root, note
from infrakit.cli.source import compiled
from infrakit.cli.talk import result, say
from infrakit.stack.sign_in import Link, first_user, sign_in_link
from infrakit.system.machine import Machine


@click.command(
    name="sign-in",
    help=(
        "Print a link that signs USER in once: the first administrator of the file where nobody is named, else akadmin."
    ),
)
@click.argument("user", required=False)
@here.RUNNING
@click.option("--host", metavar="NAME", help="Which host of the file this machine is.")
def command(user: str, file: str | None, host: str | None) -> None:
    need_root()
    deployment = here.deployment_of(compiled(here.running(file)), host)
    machine = Machine()
    link = sign_in_link(deployment, user or first_user(deployment), machine)
    note_link(machine, link)
    say(
        f"whoever opens this link is {link.user}; it works once, and for {link.minutes} minutes; then set a "
        f"password at {link.new_password}"
    )
    result(link.url)


def note_link(machine: Machine, link: Link) -> None:
    """Keep that it was made, never the link itself."""
    note(machine, "sign-in", f"a link for {link.user} was made, good for {link.minutes} minutes")
