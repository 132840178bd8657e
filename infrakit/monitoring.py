"""What the decided world says of the monitor; few files say anything of it, and the rest loads nothing of it."""

from typing import NamedTuple

from infrakit.model import Origin


class Known(NamedTuple):
    """One of doctor.ignore: findings of this code are known until the end of a day, YYYY-MM-DD."""

    code: str
    until: str
    why: str
    place: str


class Monitor(NamedTuple):
    """`every_s`: from one look to the next; `ignored`: what is no fault, by the file."""

    every_s: int
    ignored: tuple[Known, ...]
    origin: Origin
