"""A port of this machine's loopback -> a port that only this machine reaches, for some of its users and nobody else.

Every user of a machine can connect to its loopback: whose socket calls stands in /proc/net/tcp (proc_pid_net(5)).
One thread, no more than MOST connections; it ends when told to, and closes all of them.
"""

import selectors
import socket
import struct
from collections.abc import Callable, Collection, Sequence

from infrakit.errors import InfraKitError, MachineUnfit

LOOPBACK = "127.0.0.1"
MOST = 64
BUFFER = 1 << 16
CONNECT_S = 3
TICK_S = 0.2
TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


def owner(tables: Sequence[str], local_port: int, remote_port: int) -> int | None:
    """The uid of the socket that connects loopback `local_port` to loopback `remote_port`; None where no process has it
    (any more).

    `tables`: the texts of /proc/net/tcp and tcp6; an IPv6 socket calls from ::ffff:127.0.0.1. A socket that its process
    has closed is listed as root's, but without an inode (sock_i_uid and sock_i_ino of the kernel): who hangs up at once
    is not root.
    """
    plain = _hexadecimal(socket.inet_aton(LOOPBACK))
    mapped = _hexadecimal(socket.inet_pton(socket.AF_INET6, f"::ffff:{LOOPBACK}"))
    wanted = {(f"{address}:{local_port:04X}", f"{address}:{remote_port:04X}") for address in (plain, mapped)}
    for table in tables:
        for line in table.splitlines()[1:]:
            fields = line.split()
            if len(fields) > 9 and (fields[1], fields[2]) in wanted and fields[9] != "0":
                return int(fields[7])
    return None


def _hexadecimal(address: bytes) -> str:
    """As the kernel prints it: words of 32 bits in this machine's order."""
    return "".join(f"{word:08X}" for word in struct.unpack(f"={len(address) // 4}I", address))


class End:
    """One socket of a pair. `out` waits to be sent to it; `ended`: it said its last word; `told`: it was told the
    other's."""

    def __init__(self, selector: selectors.BaseSelector, connection: socket.socket) -> None:
        connection.setblocking(False)
        self.connection, self.selector = connection, selector
        self.out = bytearray()
        self.ended = self.told = False
        self.events = 0
        self.other = self

    def turn(self, events: int) -> bool:
        """Send and take what can be; whether the pair lives on."""
        try:
            if events & WRITE:
                del self.out[: self.connection.send(self.out)]
            if events & READ:
                taken = self.connection.recv(BUFFER)
                self.other.out += taken
                self.ended = not taken
            for end in (self, self.other):
                if end.other.ended and not end.out and not end.told:
                    end.connection.shutdown(socket.SHUT_WR)
                    end.told = True
        except BlockingIOError:
            pass
        except OSError:
            return False
        self.watch()
        self.other.watch()
        return not (self.told and self.other.told)

    def watch(self) -> None:
        """Ask for what can go on: reading while the other side has room, writing while there is something to send."""
        events = (READ if not self.ended and len(self.other.out) < BUFFER else 0) | (WRITE if self.out else 0)
        if events == self.events:
            return
        if not events:
            self.selector.unregister(self.connection)
        elif not self.events:
            self.selector.register(self.connection, events, self)
        else:
            self.selector.modify(self.connection, events, self)
        self.events = events

    def close(self) -> None:
        if self.events:
            self.selector.unregister(self.connection)
            self.events = 0
        self.connection.close()


class Forwarder:
    """Listens from the start on; `port` says where. `allowed` are uids. MachineUnfit where the port is taken."""

    def __init__(self, port: int, allowed: Collection[int]) -> None:
        try:
            self._listener = socket.create_server((LOOPBACK, port), backlog=16)
        except OSError as error:
            raise MachineUnfit(
                f"port {port} of {LOOPBACK}: {(error.strerror or str(error)).lower()}", "name another: --port N"
            ) from None
        self._listener.setblocking(False)
        self._allowed = frozenset(allowed)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, READ)
        self._ends: set[End] = set()
        self.port = int(self._listener.getsockname()[1])
        self.passed = 0

    def serve(
        self, target: Callable[[], Sequence[tuple[str, int]]], heard: Callable[[str], None], going: Callable[[], bool]
    ) -> None:
        """While `going`. `target`: the addresses to try, asked at each connection; `heard` takes what went wrong with
        one."""
        try:
            while going():
                for key, events in self._selector.select(TICK_S):
                    if key.data is None:
                        self._accept(target, heard)
                    elif key.data in self._ends and not key.data.turn(events):
                        self._close(key.data)
        finally:
            for end in list(self._ends):
                self._close(end)
            self._selector.close()
            self._listener.close()

    def _accept(self, target: Callable[[], Sequence[tuple[str, int]]], heard: Callable[[str], None]) -> None:
        try:
            caller, (_, port) = self._listener.accept()
        except OSError:
            return None
        uid = owner([_text(path) for path in TABLES], port, self.port)
        if uid not in self._allowed:
            caller.close()
            return heard(f"refused a connection of {'nobody that could be found' if uid is None else f'uid {uid}'}")
        if len(self._ends) >= 2 * MOST:
            caller.close()
            return heard(f"refused a connection: {MOST} are open")
        try:
            called = dial(target())
        except InfraKitError as error:
            caller.close()
            return heard(error.message)
        ends = End(self._selector, caller), End(self._selector, called)
        for end, other in (ends, reversed(ends)):
            end.other = other
        self._ends.update(ends)
        self.passed += 1
        for end in ends:
            end.watch()
        return None

    def _close(self, end: End) -> None:
        for one in (end, end.other):
            self._ends.discard(one)
            one.close()


def dial(addresses: Sequence[tuple[str, int]]) -> socket.socket:
    """A connection to the first that answers. MachineUnfit where none does."""
    said = "it has no address"
    for address in addresses:
        try:
            return socket.create_connection(address, CONNECT_S)
        except OSError as error:
            said = f"{address[0]}:{address[1]}: {(error.strerror or str(error)).lower()}"
    raise MachineUnfit(f"the service does not answer: {said}", "see: infrakit status, infrakit logs SERVICE")


def _text(path: str) -> str:
    """A kernel without IPv6 has no tcp6."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
