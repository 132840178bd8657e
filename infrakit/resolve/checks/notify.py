"""notify: each item is one channel, that can be reached, that tells no stranger a secret, and that is there once."""

from collections.abc import Iterator

from infrakit.config.model import Config, Path
from infrakit.config.notify import KINDS, ChannelConfig
from infrakit.errors import Problem
from infrakit.resolve.addresses import address_of, is_host
from infrakit.resolve.channels import secrets_named, server_of
from infrakit.resolve.world import Locate

OF = {
    "ntfy": ("at_least", "token", "certificate"),
    "mail": ("at_least", "server", "port", "tls", "from", "username", "certificate"),
    "webhook": ("at_least", "authorization", "certificate"),
    "apprise": ("at_least",),
    "alive": ("certificate",),
}
"""Kind -> the keys that mean something beside it and `name`."""
TITLES = {"ntfy": "ntfy", "mail": "mail", "webhook": "a webhook", "apprise": "Apprise", "alive": "a dead man's switch"}
Found = tuple[Path, str, str, str]
"""Where, what is wrong, its code, and what to do."""


def channels_sound(config: Config, locate: Locate) -> list[Problem]:
    """Of a file that has channels."""
    found, sound = [], []
    for channel in config.notify:
        where = f"notify[{channel.path[1]}]"
        several = tuple(kind for kind in KINDS if kind in channel.said)
        if len(several) != 1 or not channel.kinds:
            what = f"is {' and '.join(several)} at once" if len(several) > 1 else "says no channel"
            hint = "an item of its own for each" if len(several) > 1 else f"one of: {', '.join(KINDS)}"
            found.append(Problem(locate(channel.path), f"{where} {what}", "notify-kind", hint))
            continue
        sound.append(channel)
        faults = [*_keys(channel), *(_mail(channel) if channel.kind == "mail" else _url(channel))]
        found += [Problem(locate(path), f"{where}{what}", code, hint) for path, what, code, hint in faults]
    return found + _apart(sound, locate)


def is_local(host: str) -> bool:
    """Whether what is said to it stays on this machine, or in a private network (RFC 1918, RFC 4193)."""
    address = address_of(host)
    return host.lower() == "localhost" or address is not None and (address.is_private or address.is_loopback)


def _keys(channel: ChannelConfig) -> Iterator[Found]:
    known = (*OF[channel.kind], channel.kind, "name")
    for key in channel.said:
        if key not in known:
            yield (*channel.path, key), f".{key}: {TITLES[channel.kind]} has none", "notify-key", "remove it"
    plain = channel.kind == "mail" and channel.tls == "none" or channel.to.startswith("http:")
    if channel.certificate and plain:
        what = ".certificate: nobody shows one where nothing is encrypted"
        yield (*channel.path, "certificate"), what, "notify-key", "remove it"


def _mail(channel: ChannelConfig) -> Iterator[Found]:
    if not channel.server:
        hint = "add server: smtp.example.org, as your mail provider says it"
        yield channel.path, ": no server takes the mail", "notify-server", hint
    elif not is_host(channel.server):
        what = f".server: {channel.server} is the address of no server"
        yield (*channel.path, "server"), what, "notify-server", "for instance smtp.example.org"
    elif channel.tls == "none" and not is_local(channel.server):
        what = ".tls: the mail would go over the internet for everybody to read"
        yield (*channel.path, "tls"), what, "notify-plain", "tls: starttls, or tls where the port is 465"


def _url(channel: ChannelConfig) -> Iterator[Found]:
    place = (*channel.path, channel.kind)
    scheme, host, port = server_of(channel.to)
    if channel.to and (not is_host(host) or port and not 1 <= int(port) <= 65535):
        what = f".{channel.kind}: {host}{port and ':'}{port} is the address of no server"
        yield place, what, "notify-server", "for instance https://ntfy.example.org/alerts"
    elif scheme == "http" and (channel.token or channel.authorization) and not is_local(host):
        what = f".{channel.kind}: what opens it would go over the network for everybody to read"
        yield place, what, "notify-plain", "write https"


def _apart(channels: list[ChannelConfig], locate: Locate) -> list[Problem]:
    """The same channel is there once, and a secret goes to one server."""
    found = []
    seen: dict[tuple[str, ...], ChannelConfig] = {}
    told: dict[str, tuple[tuple[str, ...], ChannelConfig]] = {}
    for channel in channels:
        where, secrets = f"notify[{channel.path[1]}]", secrets_named(channel)
        same = (channel.kind, channel.to, channel.server, *(name for use, name in secrets if use.startswith("url")))
        other = seen.setdefault(same, channel)
        if other is not channel:
            what, hint = f"{where}: the same channel twice", "keep one of the two"
            if secrets and not channel.to:
                hint += f", or give one a name: its secret is {secrets[0][1]}, too"
            places = locate(channel.path), locate(other.path)
            found.append(Problem(places[0], what, "notify-twice", hint, related=places[1]))
            continue
        for _, name in secrets:
            to = (channel.kind, *server_of(channel.to), channel.server, channel.username)
            before, other = told.setdefault(name, (to, channel))
            if before != to:
                what = f"{where}: {name} opens another server"
                hint = "name: one of the two; its secret is called by that"
                places = locate(channel.path), locate(other.path)
                found.append(Problem(places[0], what, "notify-twice", hint, related=places[1]))
    return found
