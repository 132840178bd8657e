"""What a value of a Compose file may be: kinds, each a function Item -> the Item in its one normal form.

A kind takes a value in every form that the specification allows and gives the long one, or says at its place what is
wrong. Lists of words, `KEY=value` lists and maps, sizes, durations: whatever several keys share stands here.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from infrakit.composed.scalars import bytes_in, integer, nanoseconds, resolved, truth, written
from infrakit.composed.tree import Environment, Item, Reading


class Place(NamedTuple):
    """Where in which file a value stands: `path` as a person writes it, and what the file decides for its values.

    `base` is the file's folder, relative to the project's; `environment` that in which it is read.
    """

    path: str
    base: str
    environment: Environment
    reading: Reading
    home: str

    def under(self, name: str) -> "Place":
        return self._replace(path=f"{self.path}.{name}" if self.path else name)

    def refuse(self, item: Item, what: str, hint: str = "", code: str = "compose-value") -> None:
        """An error at the value of `item`."""
        self.reading.refuse(item.at, f"{self.path}: {what}", code, hint)


Kind = Callable[[Item, Place], Item]
NOTHING = "compose-empty"


def named(item: Item) -> str:
    """What a person calls such a value."""
    value = item.value
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"the truth value {written(value)}"
    if isinstance(value, (int, float)):
        return f"the number {written(value)}"
    return "a map" if isinstance(value, dict) else "a list" if isinstance(value, list) else "a text"


def tagged(kind: Kind, item: Item, place: Place) -> Item:
    """`item` by its kind; what is reset has none."""
    if item.tag == "reset":
        return item.of(None)
    return kind(item, place)


def anything(item: Item, place: Place) -> Item:
    """A value that Compose passes on."""
    return item


def text(item: Item, place: Place) -> Item:
    """Words; no number, which would lose its zeros."""
    if isinstance(item.value, str):
        return item
    hint = "write it in quotes" if isinstance(item.value, (bool, int, float)) else "write one text"
    place.refuse(item, f"{named(item)} where a text is wanted", hint)
    return item.of("-")


def word(item: Item, place: Place) -> Item:
    """A text, or a number as one."""
    if isinstance(item.value, (bool, int, float)):
        return item.of(written(item.value))
    return text(item, place)


def choice(*words: str) -> Kind:
    """One of these."""

    def kind(item: Item, place: Place) -> Item:
        if item.value not in words:
            place.refuse(item, "none of the words that may stand here", f"write one of {', '.join(words)}")
            return item.of(words[0])
        return item

    return kind


def flag(item: Item, place: Place) -> Item:
    """A truth value, or a word for one."""
    value = truth(item.value) if isinstance(item.value, str) else item.value
    if not isinstance(value, bool):
        place.refuse(item, f"{named(item)} where true or false is wanted", "write true or false")
        return item.of(False)
    return item.of(value)


def number(item: Item, place: Place) -> Item:
    """A number, or a text that is one."""
    value = resolved(item.value) if isinstance(item.value, str) else item.value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        place.refuse(item, f"{named(item)} where a number is wanted", "write a number")
        return item.of(0)
    return item.of(value)


def whole(item: Item, place: Place) -> Item:
    """A whole number, or a text that is one."""
    found = number(item, place)
    if isinstance(found.value, float):
        if not found.value.is_integer():
            place.refuse(item, "a part of a number where a whole one is wanted", "write a whole number")
        return item.of(int(found.value))
    return found


def mode(item: Item, place: Place) -> Item:
    """Permissions: 0440, or the same in quotes, which is octal too."""
    if isinstance(item.value, str) and item.value.isascii() and item.value.isdigit() and len(item.value) < 10:
        try:
            return item.of(integer("0" + item.value) if item.value[0] != "0" else integer(item.value))
        except ValueError:
            pass
    return whole(item, place)


def size(item: Item, place: Place) -> Item:
    """Bytes, as a number or with a unit."""
    if isinstance(item.value, str):
        count = -1 if item.value == "-1" else bytes_in(item.value)
        if count is not None:
            return item.of(count)
        place.refuse(item, "a size that cannot be read", "write 512m, 2g, or a number of bytes")
        return item.of(0)
    return whole(item, place)


def duration(item: Item, place: Place) -> Item:
    """Nanoseconds of `1m30s`."""
    count = nanoseconds(item.value) if isinstance(item.value, str) else None
    if count is None:
        place.refuse(item, f"{named(item)} that is no duration", "write 90s, 1m30s, or 500ms")
        return item.of(0)
    return item.of(count)


def several(kind: Kind, unique: bool = True) -> Kind:
    """A list of such values, each once."""

    def read(item: Item, place: Place) -> Item:
        if not isinstance(item.value, list):
            place.refuse(item, f"{named(item)} where a list is wanted", "write each value on a line that begins with -")
            return item.of([])
        found: list[Item] = []
        seen: set[str] = set()
        for index, each in enumerate(item.value):
            one = kind(each, place.under(str(index)))
            if unique and isinstance(one.value, str):
                if one.value in seen:
                    continue
                seen.add(one.value)
            found.append(one)
        return item.of(list(found))

    return read


def one_or_several(kind: Kind) -> Kind:
    """A list of such values, or one alone."""

    def read(item: Item, place: Place) -> Item:
        if isinstance(item.value, (list, dict)) or item.value is None:
            return several(kind)(item, place)
        return item.of([kind(Item(item.value, item.at, None, "", item.used), place)])

    return read


words = several(word)
texts = one_or_several(text)


def command(item: Item, place: Place) -> Item:
    """A list of words, or a line that is split into them as a shell would."""
    if isinstance(item.value, str):
        found = _split(item.value)
        if found is None:
            place.refuse(item, "a quote that is not closed", "close it, or write a list of words")
        return item.of([Item(each, item.at, None, "", item.used) for each in found or []])
    if item.value is None:
        return item
    return several(text, unique=False)(item, place)


def _split(line: str) -> list[str] | None:
    """The words of a command line by a shell's rules for quotes; None where one is open."""
    from shlex import shlex

    lexer = shlex(line, posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        return list(lexer)
    except ValueError:
        return None


def pairs(item: Item, place: Place) -> Item:
    """A map of texts, written as one or as a list of `KEY=value`; a key alone has no value."""
    if isinstance(item.value, dict):
        found = {}
        for name, each in item.value.items():
            if each.tag == "reset" or each.value is None:
                found[name] = each.of(None)
            elif isinstance(each.value, (list, dict)):
                place.under(name).refuse(each, f"{named(each)} where one value is wanted", "write it as one text")
            else:
                found[name] = each.of(written(each.value))
        return item.of(dict(found))
    if not isinstance(item.value, list):
        place.refuse(item, f"{named(item)} where KEY: value is wanted", "write KEY: value lines, or delete the key")
        return item.of({})
    listed: dict[str, Item] = {}
    for each in item.value:
        name, sign, value = str(text(each, place).value).partition("=")
        listed[name.strip() if not sign else name] = Item(
            value if sign else None, each.at, each.at, each.tag, each.used
        )
    return item.of(dict(listed))


def filled_pairs(item: Item, place: Place) -> Item:
    """`pairs` in which a key alone has the value nothing, as labels have."""
    found = pairs(item, place)
    return found.of(
        {name: each.of("") if each.value is None and not each.tag else each for name, each in found.entries().items()}
    )


def environment(item: Item, place: Place) -> Item:
    """`pairs` in which a key alone has its value from the environment of the file, if there is one."""
    found = pairs(item, place)
    values: dict[str, Item] = {}
    for name, each in found.entries().items():
        outside = place.environment.get(name) if each.value is None and not each.tag else None
        values[name] = each if outside is None else Item(outside, each.at, each.key, "", (name,))
    return found.of(dict(values))


NAME = re.compile(r"[a-zA-Z0-9._-]+")


def check_names(item: Item, place: Place) -> None:
    """Says which keys of a map cannot be names of services, volumes, networks, configs, secrets."""
    for name, each in item.entries().items():
        if not NAME.fullmatch(name) and not name.startswith("x-"):
            what = f"{place.under(name).path}: no name"
            hint = "letters, digits, dots, hyphens and underscores"
            place.reading.refuse(each.key or each.at, what, "compose-name", hint)


def mapped(kind: Kind) -> Kind:
    """A map whose keys are the user's."""

    def read(item: Item, place: Place) -> Item:
        if not isinstance(item.value, dict):
            place.refuse(item, f"{named(item)} where a map is wanted", "write NAME: value lines, or delete the key")
            return item.of({})
        return item.of({name: tagged(kind, each, place.under(name)) for name, each in item.value.items()})

    return read


def fields(kinds: dict[str, Kind], needed: tuple[str, ...] = (), empty: tuple[str, ...] = ()) -> Kind:
    """A map with these keys, and extensions (`x-`), which are dropped. Keys in `empty` may have no value."""

    def read(item: Item, place: Place) -> Item:
        if not isinstance(item.value, dict):
            place.refuse(item, f"{named(item)} where a map is wanted", f"its keys are {', '.join(kinds)}"[:200])
            return item.of({})
        found: dict[str, Item] = {}
        for name, each in item.value.items():
            kind = kinds.get(name)
            if kind is None:
                if not name.startswith("x-"):
                    unknown(name, each, kinds, place)
            elif each.value is None and name in empty and not each.tag:
                continue
            else:
                found[name] = tagged(kind, each, place.under(name))
        for name in needed:
            if name not in found:
                place.refuse(item, f"{name} is missing", f"add {name}: to it", "compose-missing")
        return item.of(dict(found))

    return read


def unknown(name: str, item: Item, kinds: dict[str, Kind], place: Place) -> None:
    """Says that no key is called `name`, and which one may be meant."""
    from difflib import get_close_matches

    near = get_close_matches(name[:60], kinds, 1)
    hint = f"is {near[0]} meant?" if near else "delete it, or let its name begin with x-"
    path = place.under(name).path
    place.reading.refuse(item.key or item.at, f"{path}: Compose has no such key here", "compose-key", hint)
