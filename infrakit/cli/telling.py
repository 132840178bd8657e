"""What changed of faults -> messages, to all that the file names."""

import time
from collections.abc import Sequence

from infrakit.machine import Machine
from infrakit.model import Deployment
from infrakit.notify.message import ALERT, TEST, Message
from infrakit.notify.spool import Ask, Sent, queue, send_waiting, try_now
from infrakit.stack.layout import secrets_folder
from infrakit.stack.monitor.alerts import Change

LIMIT_S = 45.0
"""For all that waits, in a run of each minute."""
RESTLESS = "it comes and goes: the next word of it is when it was away for an hour"


def keep(machine: Machine, deployment: Deployment, changes: Sequence[Change]) -> None:
    """Have it on the disk that this is to be told."""
    queue(machine, deployment.notify, [message_of(deployment, item) for item in changes])


def send(machine: Machine, deployment: Deployment) -> Sent:
    """Tell what is to be told, as far as the receivers take it."""
    return send_waiting(machine, deployment.notify, asker(machine, deployment), time.time(), limit_s=LIMIT_S)


def say_alive(machine: Machine, deployment: Deployment) -> list[tuple[str, str]]:
    """Ask the addresses that are asked while all is well. (channel, why it did not answer)."""
    message = test_of(deployment, time.time())
    ask, switches = asker(machine, deployment), [item for item in deployment.notify if item.kind == "alive"]
    found = [(item.title, try_now(machine, item, ask, message)) for item in switches]
    return [(title, why) for title, why in found if why]


def test_of(deployment: Deployment, now_s: float) -> Message:
    """So that somebody sees whether it comes."""
    what = "this is how a fault of this machine would be told"
    return Message("test", TEST, "note", deployment.host, deployment.name, what, "", "", now_s, now_s)


def message_of(deployment: Deployment, change: Change) -> Message:
    """What is told of one change."""
    sight = change.alert.sight
    why = (
        "; ".join(filter(None, (sight.why, RESTLESS))) if change.alert.restless and change.state == ALERT else sight.why
    )
    return Message(
        sight.key,
        change.state,
        sight.severity,
        deployment.host,
        deployment.name,
        sight.what,
        why,
        sight.remedy,
        change.alert.began_s,
        change.at_s,
    )


def asker(machine: Machine, deployment: Deployment) -> Ask:
    """The value of a secret of this host, without the end of its line; b"" where it is not there."""
    folder = f"{secrets_folder(deployment.host)}/secrets"
    return lambda name: (machine.read(f"{folder}/{name}", 1 << 16) or b"").strip()
