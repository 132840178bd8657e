"""A signal that says stop -> noted for the next safe point; and the end, at once, of a wait that may be broken off
anywhere.

with stop.breaks(): ...         what changes nothing, or may be killed: a signal ends it by Stopped
with stop.waits_for("apt"): ... what has to come to its end, also within such a one
stop.asked                      whether a signal came
"""

from collections.abc import Iterator
from contextlib import contextmanager

from infrakit.errors import Stopped


class Stop:
    """`busy`: the program that is waited for all the same, "" for none."""

    def __init__(self) -> None:
        self.asked = False
        self.busy = ""
        self._breaks = False

    def ask(self) -> None:
        """From a signal's handler. Raises Stopped where what is under way may be broken off."""
        self.asked = True
        if self._breaks:
            raise Stopped

    @contextmanager
    def breaks(self) -> Iterator[None]:
        """While inside, and no longer: a signal raises Stopped. So does one that came before."""
        before = self._breaks
        self._breaks = True
        try:
            if self.asked:
                raise Stopped
            yield
        finally:
            self._breaks = before

    @contextmanager
    def waits_for(self, what: str) -> Iterator[None]:
        """While inside, a signal is noted and raises nothing. `what`: whose end has to be waited for, "" for
        nobody's."""
        before = self._breaks
        self._breaks, self.busy = False, what
        try:
            yield
        finally:
            self._breaks, self.busy = before, ""
