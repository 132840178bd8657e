"""Everything else: Apprise, the distribution's package, with URLs that a secret holds.

Source: caronc/apprise, apprise/cli.py: a configuration by its path, the body by standard input, exit code 0 where all
of them took it.
"""

from infrakit.channels import Channel
from infrakit.host.apt import Install, Refresh
from infrakit.machine import Machine
from infrakit.notify.message import ALERT, OVER, Message
from infrakit.notify.taken import Secrets
from infrakit.plan import Answers, Step
from infrakit.stack.layout import secrets_folder

PACKAGE = "apprise"
KINDS = {"error": "failure", "warning": "warning", "note": "info"}
TIMEOUT_S = 60.0
"""It asks all of its services, one after the other."""


def send(machine: Machine, channel: Channel, secrets: Secrets, message: Message) -> str:
    """Why it was not taken, "" where it was. One of several URLs that fails has the others hear it again."""
    kind = KINDS[message.severity] if message.state == ALERT else "success" if message.state == OVER else "info"
    path = f"{secrets_folder(channel.host)}/secrets/{channel.secret('urls')}"
    words = (PACKAGE, "--config", path, "--title", message.title, "--notification-type", kind)
    done = machine.run(words, feed=message.text.encode(), timeout_s=TIMEOUT_S)
    if done.code == 0:
        return ""
    if done.code == 127:
        return "apprise is not installed: sudo infrakit up"
    return f"apprise could not send it to all of its services (exit code {done.code})"


def apprise_steps() -> tuple[Step, ...]:
    """It is there; of whatever origin."""
    there = Answers((PACKAGE, "--version"), "Apprise")
    return (Step(PACKAGE, "apprise, which tells of faults", (there,), (Refresh(), Install((PACKAGE,)))),)
