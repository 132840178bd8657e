"""ntfy: by its JSON form, whose words may have any letters.

Source: binwiederhier/ntfy, docs/publish.md, "Publish as JSON": POST to the root of the server.
"""

import json

from infrakit.machine import Machine
from infrakit.monitoring import Channel
from infrakit.notify.message import ALERT, OVER, Message
from infrakit.notify.taken import TIMEOUT_S, verdict

PRIORITY = {"error": 5, "warning": 4, "note": 3}
TAGS = {"error": "rotating_light", "warning": "warning", "note": "information_source"}


def send(machine: Machine, channel: Channel, secret: bytes, message: Message) -> str:
    """Why it was not taken, "" where it was."""
    root, _, topic = channel.target.rpartition("/")
    alert = message.state == ALERT
    tag = TAGS[message.severity] if alert else "white_check_mark" if message.state == OVER else "test_tube"
    tree = {
        "topic": topic,
        "title": message.title,
        "message": message.text,
        "priority": PRIORITY[message.severity] if alert else 3,
        "tags": [tag],
    }
    headers = {"Content-Type": "application/json"}
    if secret:
        headers["Authorization"] = f"Bearer {secret.decode('ascii', 'replace')}"
    return verdict(machine.post(f"{root}/", json.dumps(tree).encode(), headers, TIMEOUT_S))
