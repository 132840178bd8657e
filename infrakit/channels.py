"""What the decided world says of channels for alerts; few files have any, and the rest loads nothing of it."""

from typing import NamedTuple

from infrakit.model import Origin

SEVERITIES = ("note", "warning", "error")
"""The lightest first."""


class Channel(NamedTuple):
    """One way to a person, or to what watches from outside. kind: ntfy, mail, webhook, apprise or alive. `title`: what
    it is called where people read it, no secret in it. `to`: a URL or an address, "" where that is a secret. `host`:
    whose folder has its secrets; `secrets`: (url, token, password, authorization or urls; its name). `certificate`: a
    file of the host with the authorities that its server is held to, "" for those that the machine trusts.

    Of mail alone: `server`, `port`, `tls` (starttls, tls or none), `sender` and `username`, "" where nobody signs in.
    """

    kind: str
    title: str
    to: str
    host: str
    origin: Origin
    at_least: str = "warning"
    secrets: tuple[tuple[str, str], ...] = ()
    certificate: str = ""
    server: str = ""
    port: int = 0
    tls: str = ""
    sender: str = ""
    username: str = ""

    def wants(self, severity: str) -> bool:
        """Whether what is so grave is told here."""
        return SEVERITIES.index(severity) >= SEVERITIES.index(self.at_least)

    def secret(self, use: str) -> str:
        """The name of its secret of that use, "" where it has none."""
        return dict(self.secrets).get(use, "")
