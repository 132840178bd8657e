"""An ASCII-armoured OpenPGP public key -> its fingerprint, so that a pinned key needs no gpg on a fresh host.

Source: RFC 4880 sections 4.2 (packets), 5.5.2 (version 4 keys), 6.2 (armour), 12.2 (fingerprints).
"""

import base64
import binascii
import hashlib

BEGIN = "-----BEGIN PGP PUBLIC KEY BLOCK-----"
END = "-----END PGP PUBLIC KEY BLOCK-----"
PUBLIC_KEY = 6


def fingerprints(armoured: bytes) -> list[str]:
    """Of every primary key in the text: 40 hexadecimal digits, upper case. Empty where this is no key."""
    found = []
    text = armoured.decode("ascii", "replace")
    while BEGIN in text:
        block, _, text = text.partition(BEGIN)[2].partition(END)
        try:
            found += [_fingerprint(body) for tag, body in _packets(_bytes(block)) if tag == PUBLIC_KEY]
        except (ValueError, IndexError, binascii.Error):
            continue
    return found


def _bytes(block: str) -> bytes:
    """The content of an armour, without its headers and its checksum."""
    lines = [line.strip() for line in block.splitlines()]
    if "" in lines[1:]:
        lines = lines[lines.index("", 1) :]
    return base64.b64decode("".join(line for line in lines if not line.startswith("=")), validate=True)


def _packets(content: bytes) -> list[tuple[int, bytes]]:
    """(tag, body) of each packet; only lengths that are known beforehand."""
    found, place = [], 0
    while place < len(content):
        head = content[place]
        if not head & 0x80:
            raise ValueError("not a packet")
        if head & 0x40:
            tag, size, place = head & 0x3F, *_new_length(content, place + 1)
        else:
            tag, octets = (head >> 2) & 0x0F, 1 << (head & 3)
            size, place = int.from_bytes(content[place + 1 : place + 1 + octets], "big"), place + 1 + octets
        found.append((tag, content[place : place + size]))
        place += size
    return found


def _new_length(content: bytes, place: int) -> tuple[int, int]:
    first = content[place]
    if first < 192:
        return first, place + 1
    if first < 224:
        return (first - 192 << 8) + content[place + 1] + 192, place + 2
    return int.from_bytes(content[place + 1 : place + 5], "big"), place + 5


def _fingerprint(body: bytes) -> str:
    if body[0] != 4:
        raise ValueError("not a version 4 key")
    return hashlib.sha1(b"\x99" + len(body).to_bytes(2, "big") + body, usedforsecurity=False).hexdigest().upper()
