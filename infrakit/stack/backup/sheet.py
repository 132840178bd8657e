"""The key of the backups <-> groups that a person types from paper: five letters and two digits each.

The letters are the words that the key has anyway (infrakit/words.py), which can be said. The digits are a check of them
and of the place: a letter that is wrong, two that changed places, a group that is left out or in another's place are
noticed for certain, anything else in 96 of 97 cases, and the group is named. What looks alike in print (o and 0; i, l
and 1) is told apart by where it stands. A list of 2048 words would be no easier, and is 13 KB of a program of one
megabyte. Spaces, line breaks, hyphens and case do not count.
"""

import re
from collections.abc import Sequence

from infrakit.errors import UsageProblem
from infrakit.resolve.backups import KEY
from infrakit.words import WORD, number_of, word

OWN = re.compile(f"{WORD}(-{WORD}){{7}}")
"""A key as we make it. Any other one, which the user brought, is spelt byte by byte."""
LENGTH, LETTERS = 7, 5
MOST_BYTES = 64
PRIME, OF_PLACE, OF_LAST, OF_OTHER = 97, 7, 31, 53
"""The last group, and those of a key that is not ours, have other digits: so a page that was cut is noticed."""
HINT = "look at it again: a group is five letters and two digits"
AS_LETTERS, AS_DIGITS = str.maketrans("0", "o"), str.maketrans("oil", "011")


def groups_of(key: bytes) -> tuple[str, ...]:
    """What stands on the sheet. UsageProblem where the key is too long for one."""
    text = key.decode("utf-8", "replace")
    if OWN.fullmatch(text):
        return _checked(text.split("-"), other=False)
    if len(key) > MOST_BYTES:
        raise UsageProblem(f"{KEY} has {len(key)} bytes, too many to type", "keep a copy of its file elsewhere")
    whole = key + b"\0" * (len(key) % 2)
    return _checked([word(int.from_bytes(whole[at : at + 2], "big")) for at in range(0, len(whole), 2)], other=True)


def read_sheet(text: str) -> bytes:
    """The key, of what somebody typed. UsageProblem, which names the group that is wrong, and says nothing of it."""
    letters = "".join(re.findall("[a-z0-9]+", text.lower()))
    found = [letters[at : at + LENGTH] for at in range(0, len(letters), LENGTH)]
    typed = [item[:LETTERS].translate(AS_LETTERS) + item[LETTERS:].translate(AS_DIGITS) for item in found]
    misshapen = next((at for at, item in enumerate(typed, 1) if not re.fullmatch(rf"{WORD}\d\d", item)), 0)
    if misshapen or not typed:
        raise UsageProblem(f"group {misshapen} is not as it is printed" if typed else "nothing was typed", HINT)
    words = [item[:LETTERS] for item in typed]
    wrong = min((_differing(typed, _checked(words, other=other)) for other in (False, True)), key=len)
    if wrong == [len(typed)] and typed[-1] in (_group(words[-1], len(typed), False, other) for other in (False, True)):
        raise UsageProblem(
            f"{len(typed)} groups were typed, and the sheet has more", "type all of them, in their order"
        )
    if wrong:
        which = f"group {wrong[0]} is" if len(wrong) == 1 else f"groups {', '.join(map(str, wrong))} are"
        raise UsageProblem(f"{which} not as it is printed, or not in its place", HINT)
    if typed[-1] == _checked(words, other=False)[-1]:
        return "-".join(words).encode()
    return b"".join(number_of(item).to_bytes(2, "big") for item in words).removesuffix(b"\0")


def _differing(typed: Sequence[str], meant: Sequence[str]) -> list[int]:
    return [at for at, (one, other) in enumerate(zip(typed, meant), 1) if one != other]


def _checked(words: Sequence[str], *, other: bool) -> tuple[str, ...]:
    return tuple(_group(item, at, at == len(words), other) for at, item in enumerate(words, 1))


def _group(letters: str, place: int, last: bool, other: bool) -> str:
    """`place`: from 1. Every factor differs, and none is a multiple of the prime."""
    total = sum(factor * (ord(letter) - ord("a")) for factor, letter in enumerate(letters, 2))
    return f"{letters}{(total + OF_PLACE * place + OF_LAST * last + OF_OTHER * other) % PRIME:02}"
