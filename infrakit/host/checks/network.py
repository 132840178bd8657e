"""network: ways out, names, and ranges that do not collide."""

from collections.abc import Iterable

from infrakit.host.checks.model import ERROR, NOTE, WARNING, Finding, Wanted, listed
from infrakit.host.facts import Facts
from infrakit.host.facts_network import STUBS, Route

OTHER_POOL = "set network.pool in infrakit.yaml to a free range, for instance"
RANGES = ("10.213.0.0/16", "172.30.0.0/16", "192.168.240.0/20", "10.87.0.0/16")


def pool_on_link(facts: Facts, wanted: Wanted) -> Finding | None:
    """The machine would no longer reach its own neighbours, nor they it."""
    found = [route for route in _overlapping(facts, wanted) if route.owner == "host" and route.linked]
    return _pool("pool-on-link", ERROR, facts, wanted, found, "a network that this machine is in")


def pool_on_route(facts: Facts, wanted: Wanted) -> Finding | None:
    """A VPN or a second router: what lies there would be out of reach."""
    found = [route for route in _overlapping(facts, wanted) if route.owner == "host" and not route.linked]
    return _pool("pool-on-route", WARNING, facts, wanted, found, "a network that this machine has a route to")


def pool_on_docker(facts: Facts, wanted: Wanted) -> Finding | None:
    """Docker refuses to make a network twice: "Pool overlaps with other one on this address space". Those of our own
    project that nobody is in are made anew."""
    others = [route for route in _overlapping(facts, wanted) if route.owner not in ("host", "ours")]
    found = {
        route.owner: route.subnet
        for route in others
        if not (wanted.project and route.owner.startswith(f"{wanted.project}_"))
    }
    if not found:
        return None
    names = listed([f"{name} ({subnet})" for name, subnet in found.items()])
    what = f"the containers' networks would overlap those that Docker has already: {names}"
    remedy = f"{OTHER_POOL} {_free(facts)}; or, where nobody uses them: docker network rm NAME"
    return Finding("pool-on-docker", ERROR, what, remedy)


def address_missing(facts: Facts, wanted: Wanted) -> Finding | None:
    """Docker cannot publish a port at an address that no network card has: "cannot assign requested address"."""
    missing = [
        address
        for address in wanted.addresses
        if not (_is_own_ipv6(address, facts) if ":" in address else not facts.addresses or _is_own(address, facts))
    ]
    if not missing:
        return None
    own = listed((*facts.addresses, *(facts.ipv6_addresses or ())))
    remedy = f"in infrakit.yaml, set network.bind, or what ports of an app say, to one of {own}; see: ip addr"
    what = f"ports are to be published at {listed(missing)}, which is no address of this machine"
    return Finding("address-missing", ERROR, what, remedy)


def no_way_out(facts: Facts, wanted: Wanted) -> Finding | None:
    """Images come from the internet, unless they come from a bundle."""
    if wanted.offline or wanted.mirrored or facts.ipv4_default or facts.ipv6_default:
        return None
    return Finding(
        "no-way-out",
        ERROR,
        "this machine has no default route, so it cannot fetch packages or images",
        "connect it, see: ip route; or install from an offline bundle",
    )


def ipv6_only(facts: Facts, wanted: Wanted) -> Finding | None:
    """ghcr.io and github.com have no IPv6 addresses, and containers' networks are IPv4."""
    if wanted.offline or facts.ipv4_default or not facts.ipv6_default:
        return None
    return Finding(
        "ipv6-only",
        WARNING,
        "this machine reaches the internet through IPv6 only, and some registries have no IPv6",
        "ask your provider for IPv4 or NAT64, or install from an offline bundle",
    )


def nameserver_none(facts: Facts, wanted: Wanted) -> Finding | None:
    """Nothing could be fetched by its name."""
    if wanted.offline or facts.nameservers:
        return None
    return Finding(
        "nameserver-none",
        ERROR,
        "no name server is set",
        "set one, for instance with: resolvectl dns eth0 9.9.9.9; or a line nameserver 9.9.9.9 in /etc/resolv.conf",
    )


def nameserver_loopback(facts: Facts, wanted: Wanted) -> Finding | None:
    """A container has a loopback of its own; Docker puts Google's servers in place of such an address without a
    word."""
    if not facts.nameservers or not all(
        address.startswith("127.") or address == "::1" for address in facts.nameservers
    ):
        return None
    if set(facts.nameservers) <= set(STUBS):
        return None
    what = (
        f"the only name server is {facts.nameservers[0]}, which containers cannot reach: Docker gives them Google's "
        "instead"
    )
    return Finding(
        "nameserver-loopback",
        WARNING,
        what,
        (
            'add "dns": ["ADDRESS"] with a name server of your network to /etc/docker/daemon.json, then: systemctl '
            "restart docker"
        ),
    )


def names_unknown(facts: Facts, wanted: Wanted) -> Finding | None:
    """Fine until somebody opens the page, and until a certificate is asked for."""
    missing = [name for name, addresses in facts.names if name in wanted.names and not addresses]
    if wanted.offline or not missing:
        return None
    remedy = (
        "add records for them that point to this machine, at your provider or in your router; then: getent hosts NAME"
    )
    return Finding("names-unknown", WARNING, f"nobody knows an address of {listed(missing)}", remedy)


def names_elsewhere(facts: Facts, wanted: Wanted) -> Finding | None:
    """Right behind a router that forwards ports, wrong otherwise: only a person can tell."""
    own = set(facts.addresses)
    away = [
        f"{name} ({addresses[0]})"
        for name, addresses in facts.names
        if name in wanted.names and addresses and not own & set(addresses)
    ]
    if not away:
        return None
    return Finding(
        "names-elsewhere",
        NOTE,
        f"not an address of this machine: {listed(away)}",
        "right where a router forwards ports to this machine; else change the records",
    )


def names_multicast(facts: Facts, wanted: Wanted) -> Finding | None:
    """RFC 6762: .local is asked by multicast, and no name server is."""
    local = [name for name in wanted.names if name.endswith(".local")]
    if not local:
        return None
    return Finding(
        "names-multicast",
        WARNING,
        f"most machines look for {listed(local)} by multicast and not in DNS",
        "choose another domain in infrakit.yaml, for instance one that ends in .home.arpa",
    )


def _pool(code: str, severity: str, facts: Facts, wanted: Wanted, found: list[Route], whose: str) -> Finding | None:
    if not found:
        return None
    ours = next(subnet for subnet in wanted.subnets if overlap(subnet, found[0].subnet))
    what = f"the containers' network {ours} overlaps {found[0].subnet} on {found[0].device}, {whose}"
    return Finding(code, severity, what, f"{OTHER_POOL} {_free(facts)}")


def _free(facts: Facts) -> str:
    """A range that nothing here is in, as far as one of ours is."""
    free = [pool for pool in RANGES if not any(overlap(pool, route.subnet) for route in facts.routes)]
    return (free or RANGES)[0]


def _overlapping(facts: Facts, wanted: Wanted) -> Iterable[Route]:
    return [route for route in facts.routes if any(overlap(subnet, route.subnet) for subnet in wanted.subnets)]


def overlap(first: str, second: str) -> bool:
    """Whether two IPv4 ranges, written 10.0.0.0/8, share an address."""
    (a, a_bits), (b, b_bits) = _range(first), _range(second)
    shift = 32 - min(a_bits, b_bits)
    return a >> shift == b >> shift


def _is_own(address: str, facts: Facts) -> bool:
    return address in ("", "0.0.0.0") or address.startswith("127.") or address in facts.addresses


def _is_own_ipv6(address: str, facts: Facts) -> bool:
    own = facts.ipv6_addresses
    return address == "::" or own is None or address in own


def _range(text: str) -> tuple[int, int]:
    address, _, bits = text.partition("/")
    parts = [int(part) for part in address.split(".")] + [0, 0, 0]
    return parts[0] << 24 | parts[1] << 16 | parts[2] << 8 | parts[3], int(bits or 32)


CHECKS = (
    pool_on_link,
    pool_on_route,
    pool_on_docker,
    address_missing,
    no_way_out,
    ipv6_only,
    nameserver_none,
    nameserver_loopback,
    names_unknown,
    names_elsewhere,
    names_multicast,
)
