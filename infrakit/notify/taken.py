"""What the channels share: what opens them, and what an answer means for a message."""

from collections.abc import Mapping

from infrakit.channels import Channel
from infrakit.machine import Answer

Secrets = Mapping[str, bytes]
"""Of a channel: its use -> its value."""

TIMEOUT_S = 10.0
"""For one message: who is slower is asked again later, and keeps nobody waiting."""


def url_of(channel: Channel, secrets: Secrets) -> str:
    """Where it is reached."""
    return channel.to or word(secrets["url"])


def word(secret: bytes) -> str:
    """As it stands in a header, or is a URL: on one line, or urllib refuses it."""
    return secret.decode("latin-1")


def verdict(answer: Answer) -> str:
    """Why it was not taken, "" where it was."""
    if answer.problem:
        return answer.problem
    if 200 <= answer.status < 300:
        return ""
    if answer.location:
        return f"leads elsewhere ({answer.status}), where nothing is sent: name the address itself"
    known = {401: "the secret is not the right one", 403: "this is not allowed", 404: "there is no such address"}
    said = known.get(answer.status, "")
    return f"answers {answer.status}" + (f": {said}" if said else "")
