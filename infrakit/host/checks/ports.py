"""ports: who has what we want to publish."""

from infrakit.host.checks.model import ERROR, WARNING, Finding, Wanted, listed
from infrakit.host.facts import Facts
from infrakit.host.facts_network import STUBS, Listener

OF_DOCKER = ("docker-proxy", "rootlesskit")
OPEN_ENGINE = (2375,)
EVERY = ("", "*", "0.0.0.0", "::")


def ports_taken(facts: Facts, wanted: Wanted) -> Finding | None:
    """By a program of this machine. What a container has is `ports_published`'s, the stub of systemd-resolved
    `dns_stub`'s."""
    by_container = {(found.protocol, found.port, found.address) for found in facts.published}
    taken: dict[str, Listener] = {}
    for found in facts.listeners:
        key = (found.protocol, found.port, found.address)
        if key in by_container or found.process in OF_DOCKER or _is_stub(found):
            continue
        if _in_the_way(*key, wanted):
            taken.setdefault(f"{found.port}/{found.protocol}", found)
    if not taken:
        return None
    holders = {
        port: (found.process or "another program") + (f" of {found.unit}" if found.unit else "")
        for port, found in sorted(taken.items())
    }
    what = "taken already: " + listed([f"port {port} by {holder}" for port, holder in holders.items()])
    units = sorted({found.unit for found in taken.values() if found.unit})
    stop = (
        f"stop it: systemctl disable --now {' '.join(units)}" if units else "see who it is with ss -lntup, and stop it"
    )
    return Finding("ports-taken", ERROR, what, f"{stop}; or choose other ports under network in infrakit.yaml")


def ports_published(facts: Facts, wanted: Wanted) -> Finding | None:
    """By a container that InfraKit did not make; its own are replaced in place."""
    taken = sorted(
        {
            (found.port, found.protocol, found.container)
            for found in facts.published
            if _in_the_way(found.protocol, found.port, found.address, wanted) and not found.ours
        }
    )
    if not taken:
        return None
    what = "taken already: " + listed([f"port {port}/{protocol} by container {name}" for port, protocol, name in taken])
    names = " ".join(dict.fromkeys(name for _, _, name in taken))
    return Finding(
        "ports-published",
        ERROR,
        what,
        f"stop it: docker stop {names}; or choose other ports under network in infrakit.yaml",
    )


def dns_stub(facts: Facts, wanted: Wanted) -> Finding | None:
    """Ubuntu's systemd-resolved listens at 127.0.0.53, and nobody else can then have port 53 there, or everywhere."""
    if not facts.dns_stub or not any(port == 53 and at in (*EVERY, *STUBS) for _, port, at in wanted.ports):
        return None
    remedy = (
        "write [Resolve] and DNSStubListener=no to /etc/systemd/resolved.conf.d/no-stub.conf, point "
        "/etc/resolv.conf to "
        "/run/systemd/resolve/resolv.conf, then: systemctl restart systemd-resolved"
    )
    return Finding("dns-stub", ERROR, "port 53 is taken by the stub of systemd-resolved", remedy, "dns-stub")


def engine_open(facts: Facts, wanted: Wanted) -> Finding | None:
    """Whoever reaches it is root here, past every sign-in."""
    found = [
        item
        for item in facts.listeners
        if item.protocol == "tcp" and item.port in OPEN_ENGINE and item.process in ("dockerd", "")
    ]
    if not found:
        return None
    what = (
        f"Docker answers everybody at {found[0].address or '*'}:{found[0].port}: whoever reaches it is root on this "
        "machine"
    )
    remedy = (
        "remove tcp://… from hosts in /etc/docker/daemon.json and from: systemctl cat docker, then: systemctl "
        "restart docker"
    )
    return Finding("engine-open", WARNING, what, remedy)


def _in_the_way(protocol: str, port: int, address: str, wanted: Wanted) -> bool:
    """Whether what has this port at `address` keeps us from publishing ours."""
    return any(
        ours[:2] == (protocol, port) and (address in EVERY or ours[2] in (address, *EVERY)) for ours in wanted.ports
    )


def _is_stub(listener: Listener) -> bool:
    return listener.port == 53 and listener.address in STUBS


CHECKS = (ports_taken, ports_published, dns_stub, engine_open)
