"""engine: what /etc/docker/daemon.json and the engine's flags say, and what of it breaks our containers.

Harmless, and so not asked: `icc` and `ip` (of Docker's default network alone), `dns`, `ip-masq` (the same), what names
places, logs or runtimes. Source: moby/moby, daemon/config/config_linux.go and daemon/libnetwork/drivers/bridge at
b985e231 (2026-08-23).
"""

import json
from typing import Any

from infrakit.host.checks.model import ERROR, NOTE, WARNING, Finding, Wanted, listed
from infrakit.host.checks.network import overlap
from infrakit.host.facts import Facts
from infrakit.host.facts_network import SUBNET

MEND = "in /etc/docker/daemon.json, then: systemctl restart docker"


def daemon_json_broken(facts: Facts, wanted: Wanted) -> Finding | None:
    """The engine does not start with it, if not now then after the next update."""
    if not facts.daemon_json.strip():
        return None
    try:
        where = "" if isinstance(json.loads(facts.daemon_json), dict) else ": it is no object"
    except json.JSONDecodeError as error:
        where = f": line {error.lineno}, column {error.colno}"
    except (ValueError, RecursionError):
        where = ": a number or a nesting in it is beyond measure"
    if not where:
        return None
    return Finding(
        "daemon-json-broken",
        ERROR,
        f"/etc/docker/daemon.json is not valid JSON{where}",
        "mend it, then: dockerd --validate --config-file /etc/docker/daemon.json",
    )


def daemon_hosts_twice(facts: Facts, wanted: Wanted) -> Finding | None:
    """A setting that stands in the file and among the flags keeps the engine from starting."""
    if '"hosts"' not in facts.daemon_json or " -H " not in f" {facts.daemon_words} ":
        return None
    remedy = (
        'remove "hosts" from /etc/docker/daemon.json, or -H from the unit: systemctl edit docker; then: systemctl '
        "restart docker"
    )
    return Finding(
        "daemon-hosts-twice",
        ERROR,
        "where Docker listens is said both in /etc/docker/daemon.json and in its unit, so it will not start",
        remedy,
    )


def userns_remap(facts: Facts, wanted: Wanted) -> Finding | None:
    """Files that a service reads, and Docker's socket, belong to root of the host, who is nobody inside."""
    if not facts.userns_remap:
        return None
    what = "Docker maps users of containers to others, who cannot read secrets, mounted files and Docker's socket"
    remedy = f'remove "userns-remap" {MEND}; images and volumes of before are then out of sight'
    return Finding("userns-remap", ERROR, what, remedy)


def live_restore_on(facts: Facts, wanted: Wanted) -> Finding | None:
    """Containers that outlive the engine hold the socket of the one before, and a reboot has nobody who stops them.

    Measured on a host of the test bed: a reboot of the full stack took 60 s and ended in SIGKILL; without it, 11 s.
    """
    if not facts.live_restore or facts.docker_snap:
        return None
    return Finding(
        "live-restore-on",
        NOTE,
        "a reboot waits for containers that Docker does not stop, and after its restart socket proxies ask in vain",
        'take "live-restore" out of /etc/docker/daemon.json, then: systemctl reload docker',
    )


def firewall_off(facts: Facts, wanted: Wanted) -> Finding | None:
    """Then nothing keeps containers from each other, or from the way out: both are rules of the firewall's."""
    if _setting(facts, "iptables") is not False and "--iptables=false" not in facts.daemon_words:
        return None
    what = "Docker may not write firewall rules: nobody is kept from another's network, and no container gets out"
    return Finding("firewall-off", ERROR, what, f'remove "iptables": false {MEND}')


def ipv6_unpublished(facts: Facts, wanted: Wanted) -> Finding | None:
    """Our networks are IPv4: what comes by IPv6 is handed on by Docker's proxy, and without it not published, which
    the engine notes and does not refuse (port_mapping_linux.go, "Cannot map from IPv6")."""
    lost = [address for address in wanted.addresses if ":" in address]
    if (
        not lost
        or _setting(facts, "userland-proxy") is not False
        and "--userland-proxy=false" not in facts.daemon_words
    ):
        return None
    what = f"the proxy of Docker is switched off, and without it nothing is published at {listed(lost)}"
    return Finding("ipv6-unpublished", ERROR, what, f'remove "userland-proxy": false {MEND}')


def forwarding_left(facts: Facts, wanted: Wanted) -> Finding | None:
    """The engine is told not to turn it on; another program may have."""
    if _setting(facts, "ip-forward") is not False or facts.forwarding_off:
        return None
    what = "Docker does not turn forwarding on, and without it no container gets out and no port leads in"
    remedy = f'remove "ip-forward": false {MEND}; or see that it is on: sysctl net.ipv4.ip_forward'
    return Finding("forwarding-left", WARNING, what, remedy)


def bindings_narrowed(facts: Facts, wanted: Wanted) -> Finding | None:
    """Where the file names no address, the engine's own default for bridges decides."""
    options = _setting(facts, "default-network-opts")
    bridge = options.get("bridge") if isinstance(options, dict) else None
    address = bridge.get("com.docker.network.bridge.host_binding_ipv4") if isinstance(bridge, dict) else None
    if not isinstance(address, str) or address in ("", "0.0.0.0") or all(at for _, _, at in wanted.ports):
        return None
    what = f"Docker publishes ports at {address} alone where no address is named, and the file names none"
    remedy = f'name one: network.bind in infrakit.yaml; or remove "host_binding_ipv4" {MEND}'
    return Finding("bindings-narrowed", WARNING, what, remedy)


def pools_shared(facts: Facts, wanted: Wanted) -> Finding | None:
    """Docker gives ranges of these to networks of others, and refuses ours where one was there first."""
    found = _setting(facts, "default-address-pools")
    bases = [str(item.get("base")) for item in found if isinstance(item, dict)] if isinstance(found, list) else []
    shared = [base for base in bases if SUBNET.fullmatch(base) and any(overlap(base, own) for own in wanted.subnets)]
    if not shared:
        return None
    what = f"Docker takes {listed(shared)} for networks of others, where the containers' networks are to be"
    remedy = f'set network.pool in infrakit.yaml to another range, or change "default-address-pools" {MEND}'
    return Finding("pools-shared", WARNING, what, remedy)


def _setting(facts: Facts, name: str) -> Any:
    """A key of daemon.json, None where it is not said, or the file is no object."""
    try:
        found = json.loads(facts.daemon_json)
    except (ValueError, RecursionError):
        return None
    return found.get(name) if isinstance(found, dict) else None


CHECKS = (
    daemon_json_broken,
    daemon_hosts_twice,
    firewall_off,
    ipv6_unpublished,
    forwarding_left,
    bindings_narrowed,
    pools_shared,
    userns_remap,
    live_restore_on,
)
