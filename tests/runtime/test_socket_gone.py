"""A socket that is made anew under a running socket proxy: what is mounted is the old one, until it starts again."""

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from infrakit.compiler import load
from infrakit.emit import emit
from infrakit.emit.haproxy import DOCKER_SOCKET
from tests.runtime.engine import HAPROXY

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0 or not shutil.which(HAPROXY),
    reason="needs root on Linux, and HAProxy (tests/tools/install.sh)",
)

SOURCE = b"version: 1\ndomain: home.example.org\nprofiles: [observability, security, identity]\n"

CONTAINER = """
mount -t tmpfs none /run && : >/run/docker.sock && mount --bind "$1" /run/docker.sock && ip link set lo up || exit
exec "$2" -W -db -f "$3"
"""
"""What the engine does at each start: mounts the socket that is there now, and runs HAProxy as the first process."""


def proxy():
    """Dozzle's socket proxy, as compiled, and its configuration."""
    host = next(iter(load(SOURCE, "infrakit.yaml", lambda _: b"").fleet.deployments))
    found = next(item for service in host.services for item in service.containers if item.name == "dozzle-socket")
    return found, next(item.content for item in emit(host) if item.path == "socket-proxy/dozzle.cfg")


@contextmanager
def engine_at(path: Path):
    """An engine that answers each call with OK, on a socket that is made anew as dockerd makes it."""
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def serve() -> None:
            with suppress(OSError):
                while True:
                    with listening.accept()[0] as caller:
                        caller.recv(4096)
                        caller.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nOK")

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


class Container:
    """The proxy between two starts."""

    def __init__(self, folder: Path) -> None:
        words = [
            "unshare",
            "--mount",
            "--net",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
            "sh",
            "-c",
            CONTAINER,
        ]
        words += ["container", str(folder / "docker.sock"), HAPROXY, str(folder / "haproxy.cfg")]
        self.running = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def checked(self, test: tuple[str, ...]) -> bool:
        """What the health check says, run inside as the engine runs it."""
        children = Path(f"/proc/{self.running.pid}/task/{self.running.pid}/children").read_text().split()
        if not children:
            return False
        inside = ["nsenter", "-t", children[0], "-m", "-n", "-p"]
        return subprocess.run([*inside, "sh", "-c", test[1]], capture_output=True, timeout=60).returncode == 0

    def becomes_healthy(self, test: tuple[str, ...]) -> bool:
        """Once HAProxy listens."""
        for _ in range(200):
            if self.running.poll() is not None or self.checked(test):
                return self.running.poll() is None
            time.sleep(0.05)
        return False


def test_a_proxy_whose_socket_is_gone_starts_again_with_the_new_one(tmp_path):
    found, configuration = proxy()
    (tmp_path / "haproxy.cfg").write_bytes(configuration)
    assert [mount.source for mount in found.mounts if mount.kind == "host"] == [DOCKER_SOCKET], "and nothing beside it"
    assert not found.one_shot, "the engine starts it again"

    with engine_at(tmp_path / "docker.sock"):
        first = Container(tmp_path)
        assert first.becomes_healthy(found.health.test)
    with engine_at(tmp_path / "docker.sock"):
        assert not first.checked(found.health.test)
        first.running.wait(30)
        second = Container(tmp_path)
        assert second.becomes_healthy(found.health.test)
        second.running.kill()
        second.running.wait(30)
