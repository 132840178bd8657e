"""Work that no signal interrupts, such as the look-up of a name -> done aside, so that who waits for it hears one."""

from collections.abc import Callable
from threading import Thread
from typing import TypeVar

from infrakit.errors import InfraKitError

Got = TypeVar("Got")


def side_by_side(*works: Callable[[], Got]) -> list[Got]:
    """What each returns, as long as the slowest takes. The first InfraKitError, where there is one."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(len(works)) as pool:
        return [begun.result() for begun in [pool.submit(work) for work in works]]


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
