"""A shelf -> other machines, over TLS, by the HTTP server of Python's library: it is there with and without Docker.
Reads only.

Every wait has an end: a connection that says nothing, or takes nothing, is cut. A fixed number of connections is served
at a time, each by a thread; a few of them hold a piece of a file in memory, the others wait for their turn.
"""

import re
import socket
import ssl
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import Any

from infrakit.bundle.fault import Refused
from infrakit.errors import MachineUnfit
from infrakit.system.bundle.shelf import Item, Missing, Shelf, problem

READERS = 8
SEND_S, LAST_S, TICK_S = 300.0, 5.0, 0.2
"""For one piece, 16 MiB at most, to be taken; for all to end when we do; until we see that we shall."""
RANGE = re.compile(r"bytes=(\d{1,15})-(\d{0,15})", re.ASCII)


class Server(ThreadingMixIn, TCPServer):
    """Listens from the start on; `port` says where. `certificate`, `key`: files in PEM. `heard` takes a line about each
    answer."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128
    timeout = TICK_S
    most, idle_s = 64, 20.0
    """Connections at a time, others wait; and how long a request may take to come."""

    def __init__(
        self, address: str, port: int, shelf: Shelf, certificate: str, key: str, heard: Callable[[str], None]
    ) -> None:
        self.shelf, self.heard = shelf, heard
        self.pieces = threading.BoundedSemaphore(READERS)
        self._until: dict[Any, float] = {}
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            self._context.load_cert_chain(certificate, key)
        except OSError as error:  # an SSLError is one
            raise MachineUnfit(
                f"{certificate} and {key}: {str(error).lower()}",
                "are they a pair, in PEM? --tls DIR names their folder",
            ) from None
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            super().__init__((address, port), _Handler)
        except OSError as error:
            raise MachineUnfit(
                f"{address} port {port}: {(error.strerror or str(error)).lower()}",
                "name an address of this machine, and a free port: --listen ADDRESS:PORT",
            ) from None
        self.port = int(self.server_address[1])

    def serve(self, going: Callable[[], bool]) -> None:
        """While `going`; then what is open is cut."""
        try:
            while going():
                now = time.monotonic()
                for connection in [connection for connection, until in list(self._until.items()) if until < now]:
                    _cut(connection)
                if len(self._until) < self.most:
                    self.handle_request()
                else:
                    time.sleep(TICK_S)
        finally:
            self.server_close()
            end = time.monotonic() + LAST_S
            while self._until and time.monotonic() < end:
                for connection in list(self._until):
                    _cut(connection)
                time.sleep(TICK_S / 10)

    def expect(self, connection: Any, seconds: float) -> None:
        """From now on it may take so long until the next such word."""
        if connection in self._until:
            self._until[connection] = time.monotonic() + seconds

    def get_request(self) -> tuple[Any, Any]:
        """The handshake comes later, in the thread: here it would keep the others waiting."""
        connection, caller = self.socket.accept()
        try:
            wrapped = self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        except OSError:
            connection.close()
            raise
        self._until[wrapped] = time.monotonic() + self.idle_s
        return wrapped, caller

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        self._until.pop(request, None)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who hangs up, or speaks no TLS, is not worth a word."""
        import sys

        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def _cut(connection: Any) -> None:
    """Whoever waits on it, wakes up."""
    try:
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
    except OSError:
        pass  # it ended by itself


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    error_message_format, error_content_type = "%(code)d %(message)s\n", "text/plain"
    server: Server

    def version_string(self) -> str:
        return "infrakit"

    def log_request(self, code: Any = "-", size: Any = "-") -> None:
        self.server.heard(f"{self.client_address[0]} {self.requestline.rpartition(' HTTP/')[0]} {int(code)}")

    def log_message(self, format: str, *words: Any) -> None:
        """An error is said by its status."""

    def setup(self) -> None:
        super().setup()
        self.connection.do_handshake()

    def handle_one_request(self) -> None:
        self.server.expect(self.connection, self.server.idle_s)
        super().handle_one_request()

    def do_GET(self) -> None:
        """And HEAD: the same without what was asked for."""
        self.server.expect(self.connection, SEND_S)
        if self.headers.get("Content-Length") or self.headers.get("Transfer-Encoding"):
            self.close_connection = True  # nobody reads what comes after
        item = self.server.shelf.find(self.path)
        if isinstance(item, Missing):
            content, kind = problem(item)
            self._begin(404, {"Content-Type": kind, "Content-Length": str(len(content))})
            if self.command == "GET":
                self.wfile.write(content)
            return
        start, end = self._range(item)
        if start > end and item.size:
            self._begin(416, {"Content-Range": f"bytes */{item.size}", "Content-Length": "0"})
            return
        headers = {"Content-Type": item.kind, "Content-Length": str(end + 1 - start), "Accept-Ranges": "bytes"}
        if item.digest:
            headers |= {"Docker-Content-Digest": item.digest, "ETag": f'"{item.digest}"'}
        part = end + 1 - start < item.size
        self._begin(
            206 if part else 200, {**headers, "Content-Range": f"bytes {start}-{end}/{item.size}"} if part else headers
        )
        if self.command == "GET":
            self._send(item, start, end + 1 - start)

    do_HEAD = do_GET

    def do_POST(self) -> None:
        """Whatever would change something."""
        self.close_connection = True
        self._begin(405, {"Allow": "GET, HEAD", "Content-Length": "0"})

    do_PUT = do_PATCH = do_DELETE = do_POST

    def _begin(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Docker-Distribution-Api-Version": "registry/2.0", **headers}.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()

    def _range(self, item: Item) -> tuple[int, int]:
        """First and last byte that are wanted; the first is behind the last where there are none. If-Range: RFC 9110,
        13.1.5."""
        asked = RANGE.fullmatch(self.headers.get("Range", ""))
        if asked is None or self.headers.get("If-Range", f'"{item.digest}"') != f'"{item.digest}"':
            return 0, item.size - 1
        last = min(int(asked[2]), item.size - 1) if asked[2] else item.size - 1
        return int(asked[1]), last

    def _send(self, item: Item, start: int, left: int) -> None:
        """A file that is not any more what was signed ends early: whoever takes it sees that."""
        pieces = item.read(start)
        try:
            while left > 0:
                with self.server.pieces:
                    self.server.expect(self.connection, SEND_S)
                    piece = next(pieces)[:left]
                    self.wfile.write(piece)
                left -= len(piece)
        except (Refused, StopIteration) as error:
            self.close_connection = True
            self.server.heard(getattr(error, "message", f"{self.path}: it ended early"))
