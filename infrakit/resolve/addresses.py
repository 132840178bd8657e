"""Addresses as machines have them, from text of the user's.

`ipaddress` is loaded where an address is looked at, not at the start of every call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

EVERY = ("", "::", "0.0.0.0")


def address_of(text: str) -> IPv4Address | IPv6Address | None:
    """The address, None where `text` is none."""
    from ipaddress import ip_address

    try:
        return ip_address(text)
    except ValueError:
        return None


def canonical(text: str) -> str:
    """The one way to write an address; a host name stays as it is."""
    return str(address_of(text) or text) if ":" in text else text


def overlap(first: str, second: str) -> bool:
    """Whether a port cannot be bound at both: they are the same, or one means all of the other's kind, too.

    `::` takes IPv4 along, unless the kernel is told otherwise (ipv6(7), IPV6_V6ONLY).
    """
    if first == second or {first, second} & {"", "::"}:
        return True
    return "0.0.0.0" in (first, second) and ":" not in first + second


def dial(address: str, port: int) -> str:
    """An address and a port as a program is told to call them."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
