"""A decided host, and what its machine and its Caddy said -> its doors as a person finds them: pages, addresses, the
authority to trust, and the lines that let names lead here. Pure.
"""

import ipaddress
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from infrakit.emit.caddyfile import AUTHORITY_PATH, offers_authority
from infrakit.host.facts_network import objects
from infrakit.model import Deployment

LINKS = ("ip", "-j", "address")
DEFAULT_ROUTE = ("ip", "-j", "route", "show", "default")
OF_CONTAINERS = re.compile(r"lo|docker.*|veth.*|br-[0-9a-f]{12}")
"""Links that nobody outside can reach."""
MOST_NAMES = 8
"""In a line of a hosts file: Windows reads no more than nine."""


class Page(NamedTuple):
    """What is behind a door, and who may open it: `allow` as in Route; `passes`: requests that nobody is asked for."""

    service: str
    title: str
    url: str
    sign_in: str
    allow: tuple[str, ...]
    passes: tuple[str, ...] = ()


class Authority(NamedTuple):
    """Where the certificate is that browsers have to trust, none where there is none; and its SHA-256, "" where Caddy
    did not say it."""

    urls: tuple[str, ...]
    sha256: str


class Names(NamedTuple):
    """Host names that do not lead here, as far as this machine knows: `unknown` to all, `elsewhere`, or at a public
    address while it has none (`forwarded`: right where a router does so). The lines let the first two lead here."""

    unknown: tuple[str, ...] = ()
    elsewhere: tuple[tuple[str, tuple[str, ...]], ...] = ()
    forwarded: tuple[tuple[str, tuple[str, ...]], ...] = ()
    hosts_file: tuple[str, ...] = ()
    dnsmasq: tuple[str, ...] = ()


class Doors(NamedTuple):
    """All of it. `tls`: where certificates come from; `addresses`: where others reach this machine, the likeliest
    first."""

    tls: str
    pages: tuple[Page, ...]
    addresses: tuple[str, ...]
    authority: Authority
    names: Names

    def as_json(self) -> dict[str, Any]:
        """The same for a program."""
        by_name = {"elsewhere": dict(self.names.elsewhere), "forwarded": dict(self.names.forwarded)}
        return {
            **self._asdict(),
            "pages": [page._asdict() for page in self.pages],
            "authority": self.authority._asdict(),
            "names": {**self.names._asdict(), **by_name},
        }


def pages(deployment: Deployment) -> tuple[Page, ...]:
    """Every door of the host."""
    port = _port(deployment.door.https_port, 443)
    return tuple(
        Page(
            route.service,
            route.title,
            f"https://{route.hostname}{port}",
            route.sign_in,
            route.allow,
            tuple(item.text for item in route.passes),
        )
        for route in deployment.routes
    )


def names_that_lead(deployment: Deployment) -> tuple[str, ...]:
    """Host names that have to lead to this machine: none where a tunnel, or another host, leads here."""
    if not deployment.door.https_port:
        return ()
    return tuple(sorted({route.hostname for route in deployment.routes if route.sign_in != "fleet"}))


def addresses(deployment: Deployment, links: str, default_route: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(where others reach this machine, all that it has), from what LINKS and DEFAULT_ROUTE wrote. IPv6 only where
    there is no IPv4: those addresses change."""
    devices = [str(route.get("dev", "")) for route in objects(default_route)]
    own: list[str] = []
    outside: list[tuple[int, str]] = []
    for device, address, lasting in _links(links):
        own.append(address)
        if lasting and not OF_CONTAINERS.fullmatch(device):
            outside.append((devices.index(device) if device in devices else len(devices), address))
    chosen = list(deployment.door.addresses) or [address for _, address in sorted(outside)]
    chosen = [address for address in chosen if ":" not in address] or chosen
    if deployment.address in chosen:
        chosen = [deployment.address, *(address for address in chosen if address != deployment.address)]
    return tuple(chosen), tuple(dict.fromkeys((*own, *deployment.door.addresses)))


def doors_of(
    deployment: Deployment,
    reached: Sequence[str],
    own: Collection[str],
    found: Mapping[str, Sequence[str]],
    sha256: str,
) -> Doors:
    """`reached` and `own` as addresses() says them; `found`: each name that was asked about -> its addresses; `sha256`
    of the authority."""
    urls: tuple[str, ...] = ()
    if offers_authority(deployment):
        port = _port(deployment.door.http_port, 80)
        urls = tuple(
            f"http://{f'[{address}]' if ':' in address else address}{port}{AUTHORITY_PATH}" for address in reached
        )
    names = _names(names_that_lead(deployment), deployment.domain, reached, own, found)
    authority = Authority(urls, sha256 if urls else "")
    return Doors(deployment.tls.mode, pages(deployment), tuple(reached), authority, names)


def _names(
    wanted: Sequence[str], domain: str, reached: Sequence[str], own: Collection[str], found: Mapping[str, Sequence[str]]
) -> Names:
    has_public = any(_is_public(address) for address in own if ":" not in address)
    unknown, elsewhere, forwarded = [], [], []
    for name in sorted(found):
        said = tuple(found[name])
        if any(address in own or address.startswith("127.") or address == "::1" for address in said):
            continue
        if not said:
            unknown.append(name)
        elif (
            not has_public and all(_is_public(address) for address in said) and any("." in address for address in said)
        ):
            forwarded.append((name, said))
        else:
            elsewhere.append((name, said))
    away = sorted([*unknown, *(name for name, _ in elsewhere)])
    lines = (hosts_file(away, reached[0]), dnsmasq(away, wanted, domain, reached[0])) if reached else ((), ())
    return Names(tuple(unknown), tuple(elsewhere), tuple(forwarded), *lines)


def hosts_file(names: Sequence[str], address: str) -> tuple[str, ...]:
    """Lines for the hosts file of a computer (hosts(5))."""
    return tuple(" ".join((address, *names[first : first + MOST_NAMES])) for first in range(0, len(names), MOST_NAMES))


def dnsmasq(names: Sequence[str], wanted: Sequence[str], domain: str, address: str) -> tuple[str, ...]:
    """Lines for dnsmasq.conf(5), where a domain stands for all names below it: by the domain, unless some of ours lead
    here already."""
    below = [name for name in wanted if name.endswith(f".{domain}")]
    if below and set(below) <= set(names):
        names = [domain, *(name for name in names if name not in below)]
    return tuple(f"address=/{name}/{address}" for name in names)


def _port(port: int, usual: int) -> str:
    return "" if port in (0, usual) else f":{port}"


def _links(text: str) -> Iterator[tuple[str, str, bool]]:
    """(device, address, whether others may keep it) of each address, from `ip -j address`."""
    for link in objects(text):
        infos = link.get("addr_info")
        for info in infos if isinstance(infos, list) else ():
            if isinstance(info, dict) and "local" in info:
                lasting = info.get("scope") == "global" and not (info.get("temporary") or info.get("deprecated"))
                yield str(link.get("ifname", "")), str(info["local"]), lasting


def _is_public(address: str) -> bool:
    return ipaddress.ip_address(address).is_global
