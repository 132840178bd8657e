"""Which channels alerts take, what they are called, and which secrets open them."""

from collections.abc import Iterator
from typing import NamedTuple

from infrakit.channels import Channel
from infrakit.config.notify import ChannelConfig
from infrakit.model import SecretSpec
from infrakit.resolve.world import World

PASS = "notify"
WHAT = {
    "url": "the whole URL that {kind} is reached at",
    "token": "the access token that ntfy lets InfraKit publish with",
    "password": "the password by which InfraKit signs in at the mail server",
    "authorization": "the value of the Authorization header that the webhook asks for",
    "urls": "the URLs of Apprise, one a line",
}
WORDS = {
    "ntfy": "ntfy at {}",
    "mail": "mail to {}",
    "webhook": "webhook at {}",
    "apprise": "apprise",
    "alive": "alive at {}",
}


class Server(NamedTuple):
    """Of a URL: the scheme, its host as it is dialled, and the port, "" where none is said."""

    scheme: str
    host: str
    port: str


def server_of(url: str) -> Server:
    """https://[::1]:8443/x -> https, ::1, 8443."""
    scheme, _, rest = url.partition("://")
    host = rest.partition("/")[0].partition("?")[0]
    end = host.rfind("]") + 1 or host.find(":") % (len(host) + 1)
    return Server(scheme, host[:end].strip("[]"), host[end + 1 :])


def sound(channels: tuple[ChannelConfig, ...]) -> tuple[ChannelConfig, ...]:
    """Those that say what they are; what the others do is refused (checks/notify.py)."""
    return tuple(channel for channel in channels if channel.kinds)


def uses_of(channel: ChannelConfig) -> tuple[str, ...]:
    """What of a channel is a secret."""
    said = {
        "url": channel.kind in ("ntfy", "webhook", "alive") and not channel.to,
        "token": channel.token,
        "password": bool(channel.username),
        "authorization": channel.authorization,
        "urls": channel.kind == "apprise",
    }
    return tuple(use for use, is_one in said.items() if is_one)


def secrets_named(channel: ChannelConfig) -> tuple[tuple[str, str], ...]:
    """(use, name of the secret)."""
    called = (channel.name or channel.kind).replace("-", "_")
    return tuple((use, f"notify_{called}_{use}") for use in uses_of(channel))


def secrets_of(world: World) -> list[SecretSpec]:
    """What only the user has; who shares a server may share what opens it."""
    found: dict[str, SecretSpec] = {}
    for channel in sound(world.config.notify):
        for use, name in secrets_named(channel):
            what = WHAT[use].format(kind=channel.kind)
            origin = world.origin(channel.path, PASS)
            found.setdefault(name, SecretSpec(name, "user", 0, False, what, (), origin, "", "", "restart"))
    return list(found.values())


def channels_of(world: World, host: str) -> tuple[Channel, ...]:
    """Of one host, in the order of the file."""
    channels = sound(world.config.notify)
    return tuple(
        Channel(
            channel.kind,
            title,
            channel.to,
            host,
            world.origin(channel.path, PASS),
            channel.at_least,
            secrets_named(channel),
            channel.certificate,
            *((channel.server, channel.port, channel.tls) if channel.kind == "mail" else ("", 0, "")),
            *((channel.sender, channel.username) if channel.kind == "mail" else ("", "")),
        )
        for channel, title in zip(channels, _titles(channels))
    )


def _titles(channels: tuple[ChannelConfig, ...]) -> Iterator[str]:
    """No two are the same; a path may be what keeps strangers out, and is not said."""
    seen: dict[str, int] = {}
    for channel in channels:
        to = channel.to if channel.kind == "mail" else server_of(channel.to).host or "a secret URL"
        title = channel.name or WORDS[channel.kind].format(to)
        seen[title] = seen.get(title, 0) + 1
        yield title if seen[title] == 1 else f"{title} ({seen[title]})"
