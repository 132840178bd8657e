"""Ports of loopback that nobody else takes: no other process of these tests, not the same one twice, and no outgoing
connection of anybody."""

import fcntl
import os
import socket
import tempfile
from pathlib import Path

FIRST, LAST = 15000, 32000
"""Below those that Linux gives to who asks for any (ip_local_port_range, from 32768)."""
LAST_GIVEN = Path(tempfile.gettempdir()) / "infrakit-tests-last-port"


def free_port() -> int:
    """One that is free for TCP and UDP, and is not given again before all others were."""
    with open(LAST_GIVEN, "a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        last = int(file.read() or FIRST)
        order = [*range(last + 1, LAST), *range(FIRST, last + 1)]
        port = next(filter(_is_free, order))
        file.truncate(0)
        file.write(str(port))
        return port


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def own_range() -> str:
    """Addresses that no other process that runs tests uses: an install looks at all networks of this machine."""
    return f"10.{190 + int(os.environ.get('PYTEST_XDIST_WORKER', 'gw0').removeprefix('gw'))}.0.0/16"
