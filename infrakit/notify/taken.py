"""What an answer means for a message."""

from infrakit.machine import Answer

TIMEOUT_S = 10.0
"""For one message: who is slower is asked again later, and keeps nobody waiting."""


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
