"""Host names -> their addresses, as the resolver of this machine says them: all asked at once, and not waited for for
ever."""

import socket
import time
from collections.abc import Collection
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread

AT_ONCE = 16
PATIENCE_S = 5.0
"""A name server that is silent is so to every name."""


def addresses_of(names: Collection[str], patience_s: float = PATIENCE_S) -> dict[str, tuple[str, ...]]:
    """Each name -> its addresses, sorted; none where nobody knows it, or nobody said so in time."""
    waiting: SimpleQueue[str] = SimpleQueue()
    found: dict[str, tuple[str, ...]] = {}
    for name in names:
        waiting.put(name)

    def ask() -> None:
        with suppress(Empty):
            while True:
                name = waiting.get_nowait()
                found[name] = _asked(name)

    end = time.monotonic() + patience_s
    # Nobody waits at the end of the program for a look-up, which nothing interrupts.
    threads = [Thread(target=ask, daemon=True) for _ in range(min(AT_ONCE, len(names)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    return {name: found.get(name, ()) for name in names}


def _asked(name: str) -> tuple[str, ...]:
    try:
        answers = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return tuple(sorted({str(answer[4][0]).partition("%")[0] for answer in answers}))
