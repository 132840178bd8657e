"""Work that no signal interrupts, such as the look-up of a name -> done aside, so that who waits for it hears one."""

from collections.abc import Callable
from threading import Thread
from typing import TypeVar

from infrakit.errors import InfraKitError

Got = TypeVar("Got")


def aside(work: Callable[[], Got]) -> Got:
    """What it returns, or its InfraKitError. Where a signal ends the wait, nobody waits for it any more: the end of the
    program neither."""
    got: list[Got] = []
    failed: list[InfraKitError] = []

    def do() -> None:
        try:
            got.append(work())
        except InfraKitError as error:
            failed.append(error)

    thread = Thread(target=do, daemon=True)
    thread.start()
    thread.join()
    for error in failed:
        raise error
    return got[0]
