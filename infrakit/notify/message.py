"""What is told, in words."""

import time
from typing import NamedTuple

ALERT, OVER, TEST = "alert", "over", "test"
LONGEST = 2000
"""Characters of a text: what programs said may be long, and a phone shows little."""


class Message(NamedTuple):
    """`key` and `began_s` say which fault, and at which time of all that it was there; state: alert, over or test.
    `host`: which machine of `stack`. `why` and `remedy` may be "". Seconds since 1970."""

    key: str
    state: str
    severity: str
    host: str
    stack: str
    what: str
    why: str
    remedy: str
    began_s: float
    at_s: float

    @property
    def id(self) -> str:
        """The same whenever it is sent again, and no other message's."""
        fault = "".join(letter if letter.isalnum() else "-" for letter in self.key)[:80]
        return f"{self.stack}.{self.host}.{fault}.{int(self.began_s)}.{self.state}.{int(self.at_s)}"

    @property
    def title(self) -> str:
        """One line."""
        kind = {ALERT: self.severity, OVER: "over", TEST: "test"}[self.state]
        return _line(f"{self.host}: {kind}: {self.what}")[:200]

    @property
    def text(self) -> str:
        """Why, what to do, and since when; on lines of their own."""
        lines = [self.what]
        if self.state == ALERT:
            lines += [f"because: {self.why}"] if self.why else []
            lines += [f"what to do: {self.remedy}"] if self.remedy else []
        lines.append(f"since {iso(self.began_s)}" + (f", until {iso(self.at_s)}" if self.state == OVER else ""))
        lines.append(f"{self.stack}, host {self.host} [{self.key}]")
        return "\n".join(_line(line)[:LONGEST] for line in lines)

    def as_json(self) -> dict[str, object]:
        """For programs."""
        return {
            "version": 1,
            "id": self.id,
            "state": self.state,
            "severity": self.severity,
            "stack": self.stack,
            "host": self.host,
            "key": self.key,
            "what": self.what,
            "why": self.why,
            "remedy": self.remedy,
            "since": iso(self.began_s),
            "at": iso(self.at_s),
        }


def iso(seconds: float) -> str:
    """Seconds since 1970, as in RFC 3339."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(max(0.0, seconds)))


def _line(text: str) -> str:
    """Without what a terminal, or a header, would take for more than letters."""
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()
