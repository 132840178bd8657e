"""The values of a Compose file on their way to a Project: Item, and Reading, which counts what they cost and what is
wrong with them.

Limits are counts, never seconds: the same files are read or refused on every machine.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from infrakit.errors import ConfigurationInvalid, Position, Problem

if TYPE_CHECKING:
    Value = None | bool | int | float | str | list["Item"] | dict[str, "Item"]

MAXIMUM_FILES = 100
MAXIMUM_ITEMS = 200_000
"""Values that are looked at, those that come by an alias, `extends` or `include` counted again each time."""
MAXIMUM_CHARACTERS = 4_000_000
"""Of all files together, and apart from that of all values that variables were put into."""
MAXIMUM_PROBLEMS = 100
MAXIMUM_DEPTH = 20
"""Of files that include or extend each other, and of variables within variables."""


class Item:
    """A value, where it stands, where its key stands (None in a list), the `!reset` or `!override` in front of it
    ("default": nobody wrote it), and the variables that were put into it.

    Shared between places that refer to the same value: a new one is made, none is edited.
    """

    __slots__ = ("value", "at", "key", "tag", "used")

    def __init__(
        self, value: "Value", at: Position, key: Position | None = None, tag: str = "", used: tuple[str, ...] = ()
    ) -> None:
        self.value = value
        self.at = at
        self.key = key
        self.tag = tag
        self.used = used

    def of(self, value: "Value") -> "Item":
        """Another value in the same place."""
        return Item(value, self.at, self.key, self.tag, self.used)

    def get(self, name: str) -> "Item | None":
        """What a map holds under `name`."""
        return self.value.get(name) if isinstance(self.value, dict) else None

    def entries(self) -> dict[str, "Item"]:
        """Those of a map; none of anything else."""
        return self.value if isinstance(self.value, dict) else {}

    def items(self) -> list["Item"]:
        """Those of a list; none of anything else."""
        return self.value if isinstance(self.value, list) else []


class TooMuch(Exception):
    """A limit is reached: nothing after it is read."""


class Reading:
    """One call of read(): its problems and what it has cost so far."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.files = 0
        self.counted = 0
        self.characters = {"read": 0, "put in": 0}

    def refuse(self, at: Position, what: str, code: str, hint: str = "", related: Position | None = None) -> None:
        """An error; after a hundred of them nobody reads on."""
        self.say(Problem(at, what, code, hint, related=related))

    def warn(self, at: Position, what: str, code: str, hint: str = "") -> None:
        """Something that is read otherwise than the person may think."""
        self.say(Problem(at, what, code, hint, "warning"))

    def say(self, problem: Problem) -> None:
        """Once each: a value that is used twice is wrong once."""
        if problem not in self.problems:
            self.problems.append(problem)
        if len(self.problems) >= MAXIMUM_PROBLEMS:
            raise TooMuch

    def say_all(self, error: ConfigurationInvalid) -> None:
        """What a reader found."""
        for problem in error.problems:
            self.say(problem)

    def count(self, items: int, at: Position) -> None:
        """`items` more values are looked at."""
        self.counted += items
        if self.counted > MAXIMUM_ITEMS:
            self._too_much(at, f"more than {MAXIMUM_ITEMS} values in all files together")

    def count_characters(self, kind: str, number: int, at: Position) -> None:
        """`number` more of them are "read" or "put in"."""
        self.characters[kind] += number
        if self.characters[kind] > MAXIMUM_CHARACTERS:
            self._too_much(at, f"more than {MAXIMUM_CHARACTERS} characters {kind}")

    def count_file(self, at: Position) -> None:
        """One more file is read."""
        self.files += 1
        if self.files > MAXIMUM_FILES:
            self._too_much(at, f"more than {MAXIMUM_FILES} files")

    def _too_much(self, at: Position, what: str) -> None:
        self.refuse(at, what, "compose-too-much", "import it in parts")
        raise TooMuch


def size(item: Item) -> int:
    """How many values `item` is, itself included."""
    return 1 + sum(map(size, item.entries().values())) + sum(map(size, item.items()))


def plain(item: Item) -> object:
    """The bare value: what `json` would take."""
    if isinstance(item.value, dict):
        return {name: plain(each) for name, each in item.value.items()}
    if isinstance(item.value, list):
        return [plain(each) for each in item.value]
    return item.value


Environment = Mapping[str, str]
