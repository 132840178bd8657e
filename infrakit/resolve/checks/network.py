"""network: ports and addresses that do not collide."""

from infrakit.catalog.model import Catalog
from infrakit.config.model import Config
from infrakit.errors import Problem
from infrakit.resolve.world import Locate

PORTS = ("http_port", "https_port", "tunnel_port", "fleet_port")
BETWEEN_HOSTS = ("tunnel_port", "fleet_port")


def ports_apart(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """Caddy listens on each port for one thing."""
    found = []
    taken: dict[int, str] = {}
    several = len(config.hosts) > 1 or any("[" in host.name for host in config.hosts)
    for key in PORTS:
        if key in BETWEEN_HOSTS and not several and ("network", key) not in config.said:
            continue
        port = getattr(config.network, key)
        if port in taken:
            said = ("network", key) if ("network", key) in config.said else ("network", taken[port])
            other = ("network", taken[port])
            related = locate(other) if other in config.said and other != said else None
            what = f"network.{key}: {port} is also {taken[port]}"
            found.append(Problem(locate(said), what, "same-port", "choose another port", related=related))
        taken.setdefault(port, key)
    return found


NARROWEST_TRUST = 8
"""Cloudflare's own widest ranges are a /12 of IPv4 and a /29 of IPv6."""
PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")


def pool_private(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """Addresses of the internet's, or of this machine's own, cannot be given to containers as well."""
    base, length = _range(config.network.pool)
    for private in PRIVATE:
        start, bits = _range(private)
        if length >= bits and base >> (32 - bits) == start >> (32 - bits):
            return []
    what = f"network.pool: {config.network.pool} is not a private range"
    return [Problem(locate(("network", "pool")), what, "pool-public", f"choose a part of {' or '.join(PRIVATE[:3])}")]


def pool_apart(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """No machine of the user's has an address inside the range of the containers."""
    base, length = _range(config.network.pool)
    found = []
    places = [((*host.path, "address"), f"hosts.{host.name}.address", host.address) for host in config.hosts]
    places += [
        (("network", "bind", number), "network.bind", address) for number, address in enumerate(config.network.bind)
    ]
    for path, name, address in places:
        number = _number(address)
        if number is not None and number >> (32 - length) == base >> (32 - length):
            said = ("network", "pool")
            related = locate(said) if said in config.said else None
            what = f"{name}: {address} lies in {config.network.pool}, the containers' range"
            found.append(
                Problem(
                    locate(path),
                    what,
                    "subnet-overlap",
                    "choose another network.pool, for instance 10.213.0.0/16",
                    related=related,
                )
            )
    return found


def proxies_named(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """A proxy is named by its address or its range, and there is a way on which it comes."""
    said = ("network", "trusted_proxies")
    if not config.network.trusted_proxies:
        return []
    if config.tls.mode == "tunnel":
        what = "network.trusted_proxies: behind a tunnel there is no other way in, and cloudflared is trusted already"
        return [Problem(locate(said), what, "proxy-unused", "take it away, or choose another tls.mode")]
    from ipaddress import ip_network

    found = []
    for number, proxy in enumerate(config.network.trusted_proxies):
        what = ""
        try:
            if ip_network(proxy).prefixlen < NARROWEST_TRUST:
                what = "is too wide a range: everybody in it could say that he comes from any address"
        except ValueError:
            what = "is neither an address nor a range"
        if what:
            hint = "name the proxy's own address, for instance 192.168.1.1 or 173.245.48.0/20"
            where = locate((*said, number))
            found.append(Problem(where, f"network.trusted_proxies: {proxy} {what}", "proxy-address", hint))
    return found


def _range(pool: str) -> tuple[int, int]:
    address, _, length = pool.partition("/")
    return _number(address) or 0, int(length)


def _number(address: str) -> int | None:
    parts = address.split(".")
    if len(parts) != 4 or not all(part.isdigit() and part.isascii() for part in parts):
        return None
    return int(parts[0]) << 24 | int(parts[1]) << 16 | int(parts[2]) << 8 | int(parts[3])
