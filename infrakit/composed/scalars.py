"""Texts of a Compose file <-> numbers, truth values, sizes, durations, as Compose's YAML reader and Docker read them.

A plain scalar is resolved by YAML 1.2 with what Compose's reader keeps of 1.1: underscores and 0644 in numbers. One
exception: a date stays as it was written, where Compose would make a point in time of it.
"""

import re

INTEGER = re.compile(r"[-+]?(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]*|[1-9][0-9]*)")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?) ?([kKmMgGtTpP]?)[iI]?[bB]?")
DURATION = re.compile(r"([0-9]{1,15}(?:\.[0-9]{0,15})?|\.[0-9]{1,15})(h|ms|m|s|us|µs|ns|d|w)")
NANOSECONDS = {
    "ns": 1,
    "us": 1000,
    "µs": 1000,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
    "d": 24 * 3600 * 10**9,
    "w": 7 * 24 * 3600 * 10**9,
}
TRUE, FALSE = ("true", "yes", "y", "on"), ("false", "no", "n", "off")
LONGEST_NUMBER = 40
"""Characters; a longer one stays a text, which no key that wants a number takes."""


def resolved(text: str) -> None | bool | int | float | str:
    """What a scalar without quotes is."""
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return text[0] in "tT"
    if text[0] not in "+-.0123456789" or len(text) > LONGEST_NUMBER:
        return text
    bare = text.replace("_", "")
    if INTEGER.fullmatch(bare):
        return integer(bare)
    if FLOAT.fullmatch(bare):
        return float(bare)
    return text


def integer(text: str) -> int:
    """`text`, which INTEGER matches; a leading 0 alone is octal."""
    sign = -1 if text[0] == "-" else 1
    digits = text.lstrip("+-").lower()
    if digits[:2] in ("0x", "0b", "0o"):
        return sign * int(digits, 0)
    return sign * int(digits, 8 if digits[0] == "0" else 10)


def written(value: bool | int | float | str) -> str:
    """A value as a text, as Compose writes it into an environment or a label."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, float):
        return str(value)
    if value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    return re.sub(r"e([-+])(\d)$", r"e\g<1>0\2", repr(value))


def truth(text: str) -> bool | None:
    """A word as a truth value; None if it is none."""
    return True if text.lower() in TRUE else False if text.lower() in FALSE else None


def bytes_in(text: str) -> int | None:
    """`512m` as bytes; units are powers of 1024. None if it is no size."""
    found = SIZE.fullmatch(text.strip())
    if found is None:
        return None
    return int(float(found[1]) * 1024 ** " kmgtp".index((found[2] or " ").lower()))


def nanoseconds(text: str) -> int | None:
    """`1m30s` as nanoseconds; None if it is no duration."""
    position, total = 0, 0
    for found in DURATION.finditer(text):
        if found.start() != position:
            return None
        position = found.end()
        whole, _, part = found[1].partition(".")
        unit = NANOSECONDS[found[2]]
        total += int(whole or "0") * unit + (int(part) * unit // 10 ** len(part) if part else 0)
    if position != len(text) or not text:
        return 0 if text == "0" else None
    return total
