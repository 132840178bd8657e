"""The last words of a container that does not get well -> where to look, and the key of its app that they ask for."""

import re

NOT = r"\b.*(?:not permitted|denied)"
WORDS = (
    (
        r'exec: "/bin/sh"|/bin/sh: no such file',
        "its image has no shell to be asked with: leave health out, or health: image",
    ),
    (rf"\bchroot{NOT}", "it changes its root, as SSH servers do: capabilities: [SYS_CHROOT]"),
    (rf"\b(?:ping|arping|raw socket|pcap){NOT}", "it sends raw packets: capabilities: [NET_RAW]"),
    (
        rf"\b(?:ip6?tables|nft|wg|wireguard|RTNETLINK|TUNSETIFF|net/tun){NOT}",
        "it sets up a network: capabilities: [NET_ADMIN], and for a tunnel devices: [/dev/net/tun]",
    ),
    (rf"\b(?:setpriority|sched_setscheduler|nice){NOT}", "it wants precedence: capabilities: [SYS_NICE]"),
    (rf"\bmlock(?:all)?{NOT}", "it keeps memory from the disk: capabilities: [IPC_LOCK]"),
)
"""What programs say that lack a right, and the key of an app that gives it."""


def hint_of(said: str, service: str) -> str:
    """What to do about them."""
    look = f"see: infrakit logs {service}"
    found = next((hint for pattern, hint in WORDS if re.search(pattern, said, re.IGNORECASE)), "")
    return f"{look}; {found}" if found else look
