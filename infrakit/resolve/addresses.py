"""Addresses as machines have them, from text of the user's.

`ipaddress` is loaded where an address is looked at, not at the start of every call.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from ipaddress import IPv4Address, IPv6Address

EVERY = ("", "::", "0.0.0.0")
LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"


def address_of(text: str) -> IPv4Address | IPv6Address | None:
    """The address, None where `text` is none."""
    from ipaddress import ip_address

    try:
        return None if "%" in text else ip_address(text)
    except ValueError:
        return None


def no_machine(text: str) -> str:
    """Why no machine has this address, "" where one may; IPv6 with a zone is nothing to Docker."""
    found = address_of(text)
    if found is None:
        return "is not an address"
    if found.version == 6 and found.ipv4_mapped:
        return f"is {found.ipv4_mapped}: write that"
    if found.is_multicast or found.version == 4 and (found.is_reserved or 0 < int(found) < 1 << 24):
        return "is not the address of a machine"
    if found.version == 6 and found.is_link_local:
        return "counts on one network card only, and does not say on which"
    return ""


def lies_in(address: str, pool: str) -> bool:
    """Whether it is one of the containers' range, which is IPv4."""
    from ipaddress import ip_network

    found = address_of(canonical(address))
    return found is not None and found in ip_network(pool, strict=False)


def ends_in_number(name: str) -> bool:
    """Whether browsers take a name for an address (WHATWG URL, "ends in a number")."""
    last = name.rpartition(".")[2]
    return last.isdigit() or last.startswith("0x") and not last[2:].strip("0123456789abcdef")


def is_host(text: str) -> bool:
    """Whether it is an address, or a name that can be looked up (RFC 1123, 2.1)."""
    if ":" in text or ends_in_number(text):
        return address_of(text) is not None
    return len(text) <= 253 and all(re.fullmatch(LABEL, label) for label in text.lower().split("."))


def no_addresses(
    settings: Iterable[tuple[str, Any]], privileges: Iterable[tuple[str, Any]]
) -> Iterator[tuple[str, int, str]]:
    """(key, place, text and what is wrong with it) of what a container is told as a machine's address, and is none."""
    for key, said in (("dns", settings), ("extra_hosts", privileges)):
        for place, text in enumerate(dict(said).get(key, ())):
            address = re.split("[:=]", text, maxsplit=1)[1].strip("[]") if key == "extra_hosts" else text
            why = "" if address == "host-gateway" else no_machine(address)
            if (
                key == "dns" and address in EVERY
            ):  # A name that leads to none, ads.example.org:0.0.0.0, is shut by that.
                why = "is no name server"
            if why:
                yield key, place, f"{text} {why}"


def canonical(text: str) -> str:
    """The one way to write an address, IPv4's where IPv6 only wraps it; a host name stays as it is."""
    found = address_of(text) if ":" in text else None
    return str(getattr(found, "ipv4_mapped", None) or found or text)


def overlap(first: str, second: str) -> bool:
    """Whether a port cannot be bound at both: they are the same, or one means all of the other's kind, too.

    `::` takes IPv4 along, unless the kernel is told otherwise (ipv6(7), IPV6_V6ONLY).
    """
    first, second = canonical(first), canonical(second)
    if first == second or {first, second} & {"", "::"}:
        return True
    return "0.0.0.0" in (first, second) and ":" not in first + second


def dial(address: str, port: int) -> str:
    """An address and a port as a program is told to call them."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
