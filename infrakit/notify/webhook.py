"""A webhook: JSON to a URL of the user's, with an ID that is the same when it is sent again."""

import json

from infrakit.channels import Channel
from infrakit.machine import Machine
from infrakit.notify.message import Message
from infrakit.notify.taken import TIMEOUT_S, Secrets, url_of, verdict, word


def send(machine: Machine, channel: Channel, secrets: Secrets, message: Message) -> str:
    """Why it was not taken, "" where it was."""
    headers = {"Content-Type": "application/json", "Idempotency-Key": message.id}
    if channel.secret("authorization"):
        headers["Authorization"] = word(secrets["authorization"])
    body = json.dumps(message.as_json(), sort_keys=True).encode()
    return verdict(machine.post(url_of(channel, secrets), body, headers, TIMEOUT_S, channel.certificate))
