"""ntfy: by its JSON form, whose words may have any letters.

Source: binwiederhier/ntfy, docs/publish.md, "Publish as JSON": POST to the root of the server.
"""

import json

from infrakit.channels import Channel
from infrakit.machine import Machine
from infrakit.notify.message import ALERT, OVER, Message
from infrakit.notify.taken import TIMEOUT_S, Secrets, url_of, verdict, word

PRIORITY = {"error": 5, "warning": 4, "note": 3}
TAGS = {"error": "rotating_light", "warning": "warning", "note": "information_source"}


def send(machine: Machine, channel: Channel, secrets: Secrets, message: Message) -> str:
    """Why it was not taken, "" where it was."""
    root, _, topic = url_of(channel, secrets).rpartition("/")
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
    if channel.secret("token"):
        headers["Authorization"] = f"Bearer {word(secrets['token'])}"
    return verdict(machine.post(f"{root}/", json.dumps(tree).encode(), headers, TIMEOUT_S, channel.certificate))
