"""Deployment -> the section of the review about its channels: who is told when something is wrong."""

from infrakit.channels import Channel
from infrakit.emit.review_parts import Section, Word, row, section
from infrakit.model import Deployment

COLUMNS = ("Who is told", "Of what", "Opened by")


def channels(deployment: Deployment) -> Section:
    """Of one host, whose file has some; a URL may be what keeps strangers out, and is not shown."""
    rows = [
        row(channel.origin, Word(channel.title), Word(_when(channel)), Word(_opened(channel)))
        for channel in deployment.notify
    ]
    intro = "infrakit notify test sends one message through each."
    return section("Alerts", intro, COLUMNS, rows, "", deployment)


def _when(channel: Channel) -> str:
    if channel.kind == "alive":
        return "called while all is well"
    return {"error": "errors", "warning": "errors and warnings", "note": "everything"}[channel.at_least]


def _opened(channel: Channel) -> str:
    names = ", ".join(f"the secret {name}" for _, name in channel.secrets)
    who = f"{channel.username} at " if channel.username else ""
    shut = "not encrypted" if channel.tls == "none" else channel.tls
    way = f"{who}{channel.server}, {shut}" if channel.server else ""
    return "; ".join(filter(None, (way, names))) or "nothing"
