"""Config -> Config in which a range of hosts that have addresses is as many hosts, each with its own.

Without addresses a range stays one entry, decided once for all of its hosts. One whose two ranges do not fit each other
stays, too: resolve/checks/hosts.py says so.
"""

from infrakit.config.model import AppConfig, Config, HostConfig, Path

MOST = 250
"""Hosts of one range that have addresses: each has pages of its own at the core."""


def addresses_of(text: str) -> tuple[str, ...]:
    """192.168.1.[31:33] -> the three addresses; () for what is no range, or one of numbers that no address has."""
    before, bracket, rest = text.partition("[")
    if not bracket:
        return ()
    first, _, last = rest.removesuffix("]").partition(":")
    if int(last) > 255:
        return ()
    return tuple(f"{before}{number}" for number in range(int(first), int(last) + 1))


def size(host: HostConfig) -> int:
    """How many hosts a range stands for."""
    return max(0, host.last - host.first + 1)


def unfolded(config: Config) -> Config:
    """The hosts one by one, and apps that named their range naming each of them."""
    hosts: list[HostConfig] = []
    named: dict[str, tuple[str, ...]] = {}
    for host in config.hosts:
        addresses = addresses_of(host.address)
        if not (host.width and addresses and len(addresses) == size(host) <= MOST):
            hosts.append(host)
            continue
        names = [f"{host.prefix}{number:0{host.width}d}{host.suffix}" for number in range(host.first, host.last + 1)]
        named[host.name] = tuple(names)
        hosts += [
            host._replace(name=name, prefix=name, suffix="", first=0, last=0, width=0, address=address)
            for name, address in zip(names, addresses)
        ]
    return config._replace(hosts=tuple(hosts), apps=tuple(_naming(app, named) for app in config.apps))


def _naming(app: AppConfig, named: dict[str, tuple[str, ...]]) -> AppConfig:
    found: dict[str, Path] = {}
    for name, path in app.hosts:
        for one in named.get(name, (name,)):
            found.setdefault(one, path)
    return app._replace(hosts=tuple(found.items()))
