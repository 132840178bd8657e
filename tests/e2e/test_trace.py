"""What a recording of a network tells: frames as they are on a wire -> who spoke to whom."""

import ipaddress
import struct

import pytest

from tests.e2e.bed.trace import HEAD, MAGIC, RECORD, packet, spoken

ETHERNET = bytes(12)


def v4(protocol: int, source: str, target: str, body: bytes, options: bytes = b"") -> bytes:
    ends = b"".join(ipaddress.ip_address(name).packed for name in (source, target))
    return (
        ETHERNET
        + b"\x08\x00"
        + bytes([0x45 + len(options) // 4])
        + bytes(8)
        + bytes([protocol])
        + bytes(2)
        + ends
        + options
        + body
    )


def v6(protocol: int, source: str, target: str, body: bytes) -> bytes:
    ends = b"".join(ipaddress.ip_address(name).packed for name in (source, target))
    return ETHERNET + b"\x86\xdd" + bytes(6) + bytes([protocol, 255]) + ends + body


def ports(source: int, target: int) -> bytes:
    return struct.pack(">HH", source, target) + bytes(4)


def recording(*frames: bytes) -> bytes:
    return HEAD.pack(MAGIC, 2, 4, 0, 0, 65536, 1) + b"".join(
        RECORD.pack(0, 0, len(frame), len(frame)) + frame for frame in frames
    )


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (v4(6, "10.0.2.15", "192.0.2.1", ports(40000, 80)), "tcp 10.0.2.15 > 192.0.2.1:80"),
        (v4(17, "10.0.2.15", "10.0.2.3", ports(40000, 53), options=bytes(4)), "udp 10.0.2.15 > 10.0.2.3:53"),
        (v4(1, "10.0.2.15", "192.0.2.1", b"\x08"), "icmp 10.0.2.15 > 192.0.2.1:0"),
        (v6(6, "fd00::1", "2001:db8::1", ports(40000, 443)), "tcp fd00::1 > 2001:db8::1:443"),
        (v6(58, "fd00::1", "2001:db8::1", b"\x80"), "icmp6 128 fd00::1 > 2001:db8::1:0"),
        (ETHERNET + b"\x88\xcc", "0x88cc  > :0"),
    ],
    ids=["tcp", "udp with options of IP", "ping", "tcp over IPv6", "ping over IPv6", "something else"],
)
def test_whoever_is_spoken_to_is_told(frame, words):
    assert spoken(recording(frame)) == [words]


@pytest.mark.parametrize(
    "frame",
    [
        ETHERNET + b"\x08\x06",
        v6(58, "fe80::1", "ff02::2", b"\x85"),
        v6(0, "fe80::1", "ff02::16", b"\x3a\x00" + bytes(6) + b"\x8f"),
        v4(2, "10.0.2.15", "224.0.0.22", b"\x22"),
    ],
    ids=["ARP", "where is a router", "groups behind an option", "groups"],
)
def test_what_a_link_says_about_itself_is_not(frame):
    assert spoken(recording(frame)) == []


def test_an_agent_is_left_out_in_both_directions_and_nobody_else():
    asked, answered = v4(6, "10.0.2.2", "10.0.2.15", ports(5, 7007)), v4(6, "10.0.2.15", "10.0.2.2", ports(7007, 5))
    other = v4(6, "10.0.2.15", "10.0.2.2", ports(6, 7007))
    assert spoken(recording(asked, other, answered), ("10.0.2.15", 7007)) == ["tcp 10.0.2.15 > 10.0.2.2:7007"]
    assert packet(asked).source_port == 5
