"""What passed on a network, as a recording (pcap) has it -> who spoke to whom. Run as a program, it makes such a
recording of a link.

python3 trace.py LINK FILE: every frame that leaves or comes, until it is killed. FILE is there once it listens.
"""

import socket
import struct
import sys
from typing import NamedTuple

HEAD, RECORD = struct.Struct("<IHHiIII"), struct.Struct("<IIII")
MAGIC, ETHERNET, LONGEST = 0xA1B2C3D4, 1, 65536
PROTOCOLS = {1: "icmp", 2: "igmp", 6: "tcp", 17: "udp", 58: "icmp6"}
QUIET = {"arp", "igmp", "icmp6 130", "icmp6 131", "icmp6 133", "icmp6 134", "icmp6 135", "icmp6 136", "icmp6 143"}
"""What a link says about itself: who has this address, which routers and which groups there are (RFC 826, 3376, 2710,
3810, 4861)."""


class Packet(NamedTuple):
    """`kind`: tcp, udp, "icmp6 133" with its type. Ports are 0 where there are none."""

    kind: str
    source: str
    source_port: int
    target: str
    target_port: int


def packets(content: bytes) -> list[Packet]:
    """All of them. ValueError where it is no recording of an Ethernet."""
    magic, *_, link = HEAD.unpack_from(content)
    if (magic, link) != (MAGIC, ETHERNET):
        raise ValueError("this is no recording of an Ethernet")
    found, place = [], HEAD.size
    while place + RECORD.size <= len(content):
        kept = RECORD.unpack_from(content, place)[2]
        found.append(packet(content[place + RECORD.size : place + RECORD.size + kept]))
        place += RECORD.size + kept
    return found


def spoken(content: bytes, *agents: tuple[str, int]) -> list[str]:
    """All but what a link says about itself, and what these (address, port) heard and answered: "udp 10.0.2.15 >
    10.0.2.3:53"."""
    asked = {one for one in packets(content) if one.kind not in QUIET and not {one[1:3], one[3:5]} & {*agents}}
    return sorted({f"{one.kind} {one.source} > {one.target}:{one.target_port}" for one in asked})


def packet(frame: bytes) -> Packet:
    """An Ethernet frame. What is not understood is told by its number."""
    kind, rest = int.from_bytes(frame[12:14], "big"), frame[14:]
    if kind == 0x0806:
        return Packet("arp", "", 0, "", 0)
    if kind == 0x0800:
        protocol, ends, length, family = rest[9], rest[12:20], (rest[0] & 15) * 4, socket.AF_INET
    elif kind == 0x86DD:
        protocol, ends, length, family = rest[6], rest[8:40], 40, socket.AF_INET6
        if protocol == 0:  # options for every hop, which reports about groups have before them
            protocol, length = rest[40], 40 + 8 * (rest[41] + 1)
    else:
        return Packet(f"{kind:#06x}", "", 0, "", 0)
    source, target = (socket.inet_ntop(family, half) for half in (ends[: len(ends) // 2], ends[len(ends) // 2 :]))
    name, body = PROTOCOLS.get(protocol, str(protocol)), rest[length:]
    if name in ("tcp", "udp"):
        ports = struct.unpack_from(">HH", body)
        return Packet(name, source, ports[0], target, ports[1])
    return Packet(f"icmp6 {body[0]}" if name == "icmp6" else name, source, 0, target, 0)


def record(link: str, path: str) -> None:
    """Until killed; each frame is in the file at once."""
    with (
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as ear,
        open(path, "wb", buffering=0) as file,
    ):
        ear.bind((link, 0))
        file.write(HEAD.pack(MAGIC, 2, 4, 0, 0, LONGEST, ETHERNET))
        while True:
            frame = ear.recv(LONGEST)
            file.write(RECORD.pack(0, 0, len(frame), len(frame)) + frame)


if __name__ == "__main__":
    record(*sys.argv[1:])
