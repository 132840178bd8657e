"""Recording -> what listens here, which networks are in use, who answers for names, and which firewall stands in
front."""

import json
import re
from collections.abc import Iterator
from ipaddress import IPv6Address
from typing import Any, NamedTuple

from infrakit.host.facts_system import active_units, assignments
from infrakit.host.recording import ADDRESSES, Recording

SUBNET = re.compile(r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}/(?:[12]?[0-9]|3[0-2])")
PORT = re.compile(r"[0-9]{1,5}")
STUBS = ("127.0.0.53", "127.0.0.54")
SHORTEST_PREFIX = 4
"""A VPN that takes all traffic routes 0.0.0.0/1: that is a default route in two halves, and collides with nothing."""


class Listener(NamedTuple):
    """`process` is "" where we may not see it, `unit` where systemd did not start it."""

    protocol: str
    address: str
    port: int
    process: str
    unit: str = ""


class Published(NamedTuple):
    """A port that a container has; `ours` where InfraKit made that container. `address` as in Listener."""

    protocol: str
    port: int
    container: str
    ours: bool
    address: str = ""


class Route(NamedTuple):
    """A network in use. `owner` is "host", "ours", or the name of another Docker network; `linked` where no router is
    between."""

    subnet: str
    device: str
    owner: str
    linked: bool


def network(recording: Recording) -> dict[str, Any]:
    """Listeners, routes, names and firewalls."""
    listeners = tuple(sorted(set(_listeners(recording))))
    stub = any(found.port == 53 and found.address in STUBS for found in listeners)
    nameservers = _nameservers(recording.file("/etc/resolv.conf"))
    if nameservers and set(nameservers) <= set(STUBS):
        nameservers = _nameservers(recording.file("/run/systemd/resolve/resolv.conf"))
    return {
        "listeners": listeners,
        "published": tuple(sorted(set(_published(recording)))),
        "routes": tuple(sorted(set(_routes(recording)))),
        "addresses": tuple(sorted(set(_addresses(recording, "-4")))),
        "ipv6_addresses": tuple(sorted(map(_canonical, set(_addresses(recording, "-6")))))
        if _has_asked_ipv6(recording)
        else None,
        "ipv4_default": any(
            route.get("dst") == "default"
            for route in _json(recording, "ip", "-j", "-4", "route", "show", "table", "all")
        ),
        "ipv6_default": any(route.get("dst") == "default" for route in _json(recording, "ip", "-j", "-6", "route")),
        "nameservers": nameservers,
        "dns_stub": stub,
        "names": tuple(sorted(_names(recording))),
        "firewalls": _firewalls(recording),
        "iptables": recording.said("iptables", "--version"),
        "forwarding_off": _forwarding_off(recording),
    }


def _listeners(recording: Recording) -> Iterator[Listener]:
    units = dict(
        line.split(None, 1)
        for line in recording.said("ps", "-e", "-o", "pid=,unit=").splitlines()
        if line.endswith(".service")
    )
    for words in (line.split(None, 6) for line in recording.said("ss", "-Hltnup").splitlines()):
        if len(words) < 6 or words[0] not in ("tcp", "udp"):
            continue
        address, _, port = words[4].rpartition(":")
        process = re.search(r'"([^"]+)",pid=([0-9]+)', words[6]) if len(words) == 7 else None
        if PORT.fullmatch(port):
            name, unit = (process[1], units.get(process[2], "")) if process else ("", "")
            yield Listener(words[0], address.partition("%")[0].strip("[]"), int(port), name, unit)


def containers(recording: Recording) -> list[tuple[str, str, str, bool]]:
    """(name, ports, Compose project, whether InfraKit made it) of every container."""
    rows = [line.split("\t") for line in _docker_rows(recording, "ps", "-a")]
    return [(row[0], row[1], row[2], bool(row[3].strip())) for row in rows if len(row) == 4]


def _docker_rows(recording: Recording, *verb: str) -> list[str]:
    start = " ".join(("docker", *verb, "--format"))
    return [
        line
        for words, (code, out) in recording.commands.items()
        if words.startswith(start) and code == 0
        for line in out.splitlines()
        if line
    ]


def _published(recording: Recording) -> Iterator[Published]:
    for name, ports, _, ours in containers(recording):
        for found in re.finditer(r"\[?([0-9a-f:.]*)\]?:([0-9]{1,5})(?:-([0-9]{1,5}))?->[0-9-]+/(tcp|udp)", ports):
            for port in range(int(found[2]), int(found[3] or found[2]) + 1):
                yield Published(found[4], port, name, ours, found[1])


def _routes(recording: Recording) -> Iterator[Route]:
    projects = {project for _, _, project, ours in containers(recording) if ours and project}
    owners = {"docker0": "bridge"}
    for row in (line.split("\t") for line in _docker_rows(recording, "network", "ls")):
        if len(row) == 3:
            owners[f"br-{row[0]}"] = "ours" if row[2].strip() in projects else row[1]
    for route in _json(recording, "ip", "-j", "-4", "route", "show", "table", "all"):
        subnet, device = str(route.get("dst", "")), str(route.get("dev", ""))
        subnet = subnet if "/" in subnet else f"{subnet}/32"
        if route.get("type", "unicast") != "unicast" or device in ("", "lo") or not SUBNET.fullmatch(subnet):
            continue
        if int(subnet.partition("/")[2]) >= SHORTEST_PREFIX:
            yield Route(subnet, device, owners.get(device, "host"), "gateway" not in route)


def _has_asked_ipv6(recording: Recording) -> bool:
    return recording.commands.get("ip -j -6 addr", (1, ""))[0] == 0


def _canonical(address: str) -> str:
    """As the compiler writes it; a text that is no address stays as it is."""
    try:
        return str(IPv6Address(address))
    except ValueError:
        return address


def _addresses(recording: Recording, family: str) -> Iterator[str]:
    for link in _json(recording, "ip", "-j", family, "addr"):
        found = link.get("addr_info")
        yield from (
            str(address["local"]) for address in found or () if isinstance(address, dict) and "local" in address
        )


def _json(recording: Recording, *words: str) -> list[dict[str, Any]]:
    return objects(recording.said(*words))


def objects(text: str) -> list[dict[str, Any]]:
    """A list of objects, as iproute2 writes it; empty where it is something else."""
    try:
        found = json.loads(text or "[]")
    except (ValueError, RecursionError):
        return []
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _nameservers(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"^\s*nameserver\s+(\S+)", text, re.MULTILINE))


def _names(recording: Recording) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each name that was looked up -> its addresses, none where nobody knows it."""
    start = " ".join(ADDRESSES) + " "
    for words, (code, out) in recording.commands.items():
        if words.startswith(start):
            found = {line.split()[0] for line in out.splitlines() if line.split()} if code == 0 else set()
            yield words.removeprefix(start), tuple(sorted(found))


def _firewalls(recording: Recording) -> tuple[str, ...]:
    active = active_units(recording)
    ufw = assignments(recording.file("/etc/ufw/ufw.conf")).get("ENABLED", "").lower() == "yes"
    return (*(("ufw",) if ufw else ()), *(name for name in ("firewalld", "nftables") if name in active))


def _forwarding_off(recording: Recording) -> str:
    """The file that turns IPv4 forwarding off at every start of the machine, "" where none does; the last one wins
    (sysctl.d(5))."""
    found, lines = (
        "",
        recording.ended("grep", "-rs", "ip_forward", "/etc/sysctl.conf", "/etc/sysctl.d", "/run/sysctl.d")[
            1
        ].splitlines(),
    )
    settings = [(path, re.sub(r"\s", "", setting)) for path, _, setting in (line.partition(":") for line in lines)]
    # Debian links 99-sysctl.conf to /etc/sysctl.conf.
    for path, setting in sorted(
        settings, key=lambda pair: pair[0].rpartition("/")[2].replace("sysctl.conf", "99-sysctl.conf")
    ):
        if setting.startswith(("net.ipv4.ip_forward=", "net/ipv4/ip_forward=")):
            found = path if setting.endswith("=0") else ""
    return found
