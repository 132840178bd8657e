"""A template of another catalogue, taken apart: a Compose project whose magic words are marks.

A mark is a word of letters and digits in the place of what is only known later: a secret that is minted at the edge, or
the address of a door. It comes through every reader of Compose files unchanged, and is then replaced (added.py).
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from infrakit.composed.tree import Item
from infrakit.errors import UsageProblem

GIVEN = "given"
SECRETS = ("password", "encoded", "hex", "uuid", "jwt", GIVEN)
"""Kinds of marks that are secrets: letters and digits; random bytes in base64, in hexadecimal digits; a signed token;
and what a person gave with the call."""

NO_MARK = re.compile(r"(?!)")


class TemplateInvalid(UsageProblem):
    """A template that cannot be read: what is wrong, and what to do."""


class Mark(NamedTuple):
    """What stands behind a mark. `name`: of a secret, or of the door whose address it is. `length`: characters of a
    password, bytes of the others. `of`, `claims`: a token's secret, and the JSON that it says."""

    kind: str
    name: str
    length: int = 0
    of: str = ""
    claims: str = ""


class TemplateDoor(NamedTuple):
    """A door of one service: `name` is what addresses are asked by; `path` other than / leads to a part of a site."""

    service: str
    name: str
    port: int
    path: str = "/"


class Summary(NamedTuple):
    """One template of a catalogue, as a list names it."""

    name: str
    title: str
    about: str
    tags: tuple[str, ...]


class Rewritten(NamedTuple):
    """A Compose file without words that only its catalogue has, and what these said: doors, and contents of files by
    the path that they are mounted from."""

    tree: Item
    doors: tuple[TemplateDoor, ...]
    files: Mapping[str, str]


class Template(NamedTuple):
    """`compose`: the file; `environment`: what its variables are; `marks` by their words; `source`: where it is from,
    for the comment above its lines."""

    summary: Summary
    source: str
    compose: bytes
    environment: Mapping[str, str]
    marks: Mapping[str, Mark]
    rewritten: Callable[[Item], Rewritten]


class Marks:
    """Hands out marks; the same thing asked for again is the same mark."""

    def __init__(self) -> None:
        self.words: dict[Mark, str] = {}

    def word(self, mark: Mark) -> str:
        """The word that stands for it."""
        return self.words.setdefault(mark, f"ikm{len(self.words):04}x")

    def table(self) -> dict[str, Mark]:
        """Word -> mark."""
        return {word: mark for mark, word in self.words.items()}


def pattern(marks: Iterable[str]) -> "re.Pattern[str]":
    """Finds the words of these marks, and no other word that looks like one."""
    return re.compile("|".join(marks)) if marks else NO_MARK


def matching(found: Iterable[Summary], words: Iterable[str]) -> list[Summary]:
    """Those that all words are in, in their names, titles, tags or descriptions; the nearest first."""
    wanted = [word.lower() for word in words]

    def rank(summary: Summary) -> tuple[int, str]:
        name = f"{summary.name} {summary.title}".lower()
        return (0 if all(word in name for word in wanted) else 1, summary.name)

    return sorted(
        (
            item
            for item in found
            if all(word in " ".join((item.name, item.title, item.about, *item.tags)).lower() for word in wanted)
        ),
        key=rank,
    )
