"""A webhook: JSON to a URL of the user's, with an ID that is the same when it is sent again."""

import json

from infrakit.machine import Machine
from infrakit.monitoring import Channel
from infrakit.notify.message import Message
from infrakit.notify.taken import TIMEOUT_S, verdict


def send(machine: Machine, channel: Channel, secret: bytes, message: Message) -> str:
    """Why it was not taken, "" where it was."""
    headers = {"Content-Type": "application/json", "Idempotency-Key": message.id}
    if secret:
        headers["Authorization"] = f"Bearer {secret.decode('ascii', 'replace')}"
    body = json.dumps(message.as_json(), sort_keys=True).encode()
    return verdict(machine.post(channel.target, body, headers, TIMEOUT_S))
