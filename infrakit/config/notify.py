"""notify: of infrakit.yaml, typed: loaded where the file has it."""

from typing import Any, NamedTuple

from infrakit.config.document import Path

KINDS = ("ntfy", "mail", "webhook", "apprise", "alive")
SECRET = "secret"
"""What stands for a URL that is a secret."""
PORTS = {"starttls": 587, "tls": 465, "none": 25}
"""Of submission (RFC 8314, 3.3 and RFC 6409), and of a relay."""


class ChannelConfig(NamedTuple):
    """One item. `kinds`: the keys that say what it is, of which there is to be one; `to`: the value of the first, ""
    for a URL that is a secret. `said`: its keys."""

    kinds: tuple[str, ...]
    to: str
    name: str
    at_least: str
    token: bool
    authorization: bool
    server: str
    port: int
    tls: str
    sender: str
    username: str
    certificate: str
    said: tuple[str, ...]
    path: Path

    @property
    def kind(self) -> str:
        """What it is, of an item that is sound."""
        return self.kinds[0]


def channels_of(items: list[dict[str, Any]], domain: str) -> tuple[ChannelConfig, ...]:
    """One for each item."""
    return tuple(_channel(number, item, domain) for number, item in enumerate(items))


def _channel(number: int, values: dict[str, Any], domain: str) -> ChannelConfig:
    kinds = tuple(kind for kind in KINDS if values.get(kind))
    to = str(values[kinds[0]]) if kinds and kinds[0] != "apprise" else ""
    tls, username = values.get("tls", "starttls"), values.get("username", "")
    return ChannelConfig(
        kinds=kinds,
        to="" if to == SECRET else to,
        name=values.get("name", ""),
        at_least=values.get("at_least", "warning"),
        token=values.get("token", False),
        authorization=values.get("authorization", False),
        server=values.get("server", ""),
        port=values.get("port", PORTS[tls]),
        tls=tls,
        sender=values.get("from") or (username if "@" in username else f"infrakit@{domain}"),
        username=username,
        certificate=values.get("certificate", ""),
        said=tuple(values),
        path=("notify", number),
    )
