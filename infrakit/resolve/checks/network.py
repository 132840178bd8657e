"""network: addresses that are some, and ranges that do not collide."""

from infrakit.catalog.model import Catalog
from infrakit.config.model import Config, Path
from infrakit.errors import Problem
from infrakit.resolve.addresses import address_of, canonical, lies_in, no_machine, overlap
from infrakit.resolve.world import DOOR, Locate, World

NARROWEST_TRUST = 8
"""Cloudflare's own widest ranges are a /12 of IPv4 and a /29 of IPv6."""
PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")


OF_THE_ENGINE = "172.17.0.0/16"
"""Docker's own bridge (docs.docker.com/engine/daemon: bip), where nobody told it another range."""


def pool_private(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """Addresses of the internet's, or of this machine's own, cannot be given to containers as well."""
    base, length = _range(config.network.pool)
    if base & ((1 << (32 - length)) - 1):
        from ipaddress import ip_network

        what = f"network.pool: {config.network.pool} is an address in a range, and the range is wanted"
        hint = f"write {ip_network(config.network.pool, strict=False)}"
        return [Problem(locate(("network", "pool")), what, "pool-public", hint)]
    for private in PRIVATE:
        start, bits = _range(private)
        if length >= bits and base >> (32 - bits) == start >> (32 - bits):
            return _beside_the_engine(config, locate)
    what = f"network.pool: {config.network.pool} is not a private range"
    return [Problem(locate(("network", "pool")), what, "pool-public", f"choose a part of {' or '.join(PRIVATE[:3])}")]


def _beside_the_engine(config: Config, locate: Locate) -> list[Problem]:
    (base, length), (start, bits) = _range(config.network.pool), _range(OF_THE_ENGINE)
    shift = 32 - min(length, bits)
    if base >> shift != start >> shift:
        return []
    what = f"network.pool: {config.network.pool} overlaps {OF_THE_ENGINE}, where Docker has its own network"
    hint = "choose another, for instance 10.213.0.0/16"
    return [Problem(locate(("network", "pool")), what, "subnet-overlap", hint)]


def addresses_real(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """Each is an address that a machine can have; those of `network.bind` are apart."""
    found = []
    for path, name, address in _places(config):
        wrong = _wrong(address, ours=path[0] == "network")
        if wrong:
            what, hint = f"{name}: {address} {wrong}", "for instance 192.168.1.31"
            found.append(Problem(locate(path), what, "address", hint))
    bound = [canonical(address) for address in config.network.bind]
    for number, address in enumerate(bound):
        other = next((place for place in range(number) if overlap(bound[place], address)), None)
        if other is not None:
            what = f"network.bind: {config.network.bind[number]} overlaps {config.network.bind[other]}"
            places = [locate(("network", "bind", place)) for place in (number, other)]
            found.append(Problem(places[0], what, "same-address", "remove one of the two", related=places[1]))
    return found


def _places(config: Config) -> list[tuple[Path, str, str]]:
    """Every address of the file: where it stands, as what, and its text."""
    hosts = [((*host.path, "address"), f"hosts.{host.name}.address", host.address) for host in config.hosts]
    bound = enumerate(config.network.bind)
    return [
        *((path, name, address) for path, name, address in hosts if address and "[" not in address),
        *((("network", "bind", number), "network.bind", address) for number, address in bound),
    ]


def _wrong(text: str, *, ours: bool) -> str:
    """What is wrong with an address; `ours`: Caddy is to listen there, else the core is to dial it."""
    found = address_of(text)
    if found is None and not ours and ":" not in text and text[0].isalpha():
        return ""  # A host name holds no colon and is no number; Caddy dials it where nothing has to listen there.
    if found is not None and not ours and (found.is_unspecified or found.is_loopback):
        return "means whoever says it, not another machine"
    return no_machine(text)


def addresses_for_docker(world: World, locate: Locate) -> list[Problem]:
    """Where a host's door is published at its address, that is no name: Docker would open every address. And it is
    published at no address of another host."""
    found = _elsewhere(world, locate)
    others = {canonical(host.address): host for host in world.hosts if host.address}
    for number, address in enumerate(world.config.network.bind):
        other, address = others.get(canonical(address)), canonical(address)
        if other is not None and any(address in host.door.addresses for host in world.hosts if host is not other):
            what = f"network.bind: {address} is the address of {other.shown}, and not where Caddy runs"
            place = locate(("network", "bind", number))
            found.append(Problem(place, what, "address", "write an address of that machine's"))
    for host in world.hosts:
        if host.config is not None and host.address in host.door.addresses and address_of(host.address) is None:
            what = f"hosts.{host.shown}.address: {host.address} is a name, and Docker publishes ports at addresses only"
            place = locate((*host.config.path, "address"))
            found.append(Problem(place, what, "address", "write its address, for instance 192.168.1.31"))
    return found


def _elsewhere(world: World, locate: Locate) -> list[Problem]:
    """Ports of containers at the address of another host than theirs."""
    others = {canonical(host.address): host for host in world.hosts if host.address}
    found: dict[str, Problem] = {}
    for host in world.hosts:
        for container in (item for service in host.services for item in service.containers if item.name != DOOR):
            for place, port in enumerate(container.ports):
                other = others.get(port.address, host)
                if other is not host:
                    base = container.origins[""]
                    origin = container.origins.get(f"ports.{place}", base._replace(path=(*base.path, "ports", place)))
                    what = (
                        f"{container.name}: ports: {port.address} is the address of {other.shown}, not of {host.shown}"
                    )
                    hint = f"write an address of {host.shown}'s"
                    found.setdefault(what, Problem(locate.origin(origin), what, "address", hint))
    return list(found.values())


def addresses_dialled(world: World, locate: Locate) -> list[Problem]:
    """Where a door leads to another host, its address is not IPv6: the networks of the core's Caddy are IPv4, and from
    such a one nothing is reached by IPv6."""
    dialled = {
        upstream.remote
        for host in world.hosts
        for route in host.routes
        for upstream in route.upstreams
        if upstream.address.startswith("[")
    }
    dialled |= {relay.host for host in world.hosts for relay in host.relays if relay.address.startswith("[")}
    found = []
    for host in world.hosts:
        if host.config is not None and host.name in dialled:
            what = f"hosts.{host.shown}.address: {host.address} is out of reach for the core's Caddy, which speaks IPv4"
            hint = "write its IPv4 address, for instance 192.168.1.31, or a name where it publishes no port"
            found.append(Problem(locate((*host.config.path, "address")), what, "address", hint))
    return found


def pool_apart(config: Config, catalog: Catalog, locate: Locate) -> list[Problem]:
    """No machine of the user's has an address inside the range of the containers."""
    found = []
    ports = [
        ((*app.path, "ports", place), f"apps.{app.name}.ports", item.address)
        for app in config.apps
        for place, item in enumerate(app.ports)
        if item.address
    ]
    servers = [(volume, volume.nfs.rpartition(":")[0].strip("[]")) for volume in config.volumes if volume.nfs]
    shares = [((*item.path, "nfs"), f"volumes.{item.name}.nfs", server) for item, server in servers]
    for path, name, address in (*_places(config), *ports, *shares):
        if lies_in(address, config.network.pool):
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

    pool = ip_network(config.network.pool, strict=False)
    found, unseen = [], []
    for number, proxy in enumerate(config.network.trusted_proxies):
        what = ""
        try:
            network = ip_network(proxy)
            if network.prefixlen < NARROWEST_TRUST:
                what = "is too wide a range: everybody in it could say that he comes from any address"
            elif network.overlaps(pool):
                what = f"overlaps {config.network.pool}, and whomever Docker relays seems to come from there"
            elif network.is_unspecified or network.is_multicast:
                what = "is no machine's that could come here"
            elif network.version == 6:
                unseen.append(number)
        except ValueError:
            what = "is neither an address nor a range"
        if what:
            hint = "name the proxy's own address, for instance 192.168.1.1 or 173.245.48.0/20"
            where = locate((*said, number))
            found.append(Problem(where, f"network.trusted_proxies: {proxy} {what}", "proxy-address", hint))
    if unseen:
        proxy = config.network.trusted_proxies[unseen[0]]
        what = f"network.trusted_proxies: {proxy}: Docker hands on what comes by IPv6 under an address of its own"
        hint = "let the proxy come by IPv4; this one does no harm, and is never seen"
        found.append(Problem(locate((*said, unseen[0])), what, "proxy-unseen", hint, "warning"))
    return found


def _range(pool: str) -> tuple[int, int]:
    address, _, length = pool.partition("/")
    return _number(address) or 0, int(length)


def _number(address: str) -> int | None:
    parts = address.split(".")
    if len(parts) != 4 or not all(part.isdigit() and part.isascii() for part in parts):
        return None
    return int(parts[0]) << 24 | int(parts[1]) << 16 | int(parts[2]) << 8 | int(parts[3])
