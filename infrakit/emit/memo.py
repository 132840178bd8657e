"""Inputs -> the result made from the very same objects before, if any: what makes the second host of a shape nearly
free.

Holds its inputs, so that an id cannot be given to another object; bounded: forgets everything when it is full.
"""

from collections.abc import Callable
from typing import Any, TypeVar

Made = TypeVar("Made")


class Memo:
    """Results by identity of their inputs. Never compares values: equal but distinct inputs are simply made again."""

    def __init__(self, size: int = 256) -> None:
        self._size = size
        self._made: dict[tuple[int, ...], tuple[tuple[object, ...], Any]] = {}

    def get(self, inputs: tuple[object, ...], make: Callable[..., Made]) -> Made:
        """`make(*inputs)`, or what it returned for these objects."""
        key = tuple(map(id, inputs))
        found = self._made.get(key)
        if found is None:
            if len(self._made) >= self._size:
                self._made.clear()
            found = self._made[key] = (inputs, make(*inputs))
        made: Made = found[1]
        return made
