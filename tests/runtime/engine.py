"""A real dockerd of the test's own, with one running container, and HAProxy in front of it; all below one folder."""

import http.client
import io
import os
import platform
import shutil
import signal
import socket
import subprocess
import tarfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

HAPROXY = "/usr/local/lib/infrakit-haproxy/run"
"""Of the line that the socket proxy's image has; tests/tools/install.sh brings it."""

needs_engine = pytest.mark.skipif(
    os.name != "posix"
    or os.geteuid() != 0
    or platform.machine() != "x86_64"
    or not shutil.which("dockerd")
    or not shutil.which(HAPROXY),
    reason="needs root on x86-64, dockerd and HAProxy (tests/tools/install.sh)",
)

# Prints "hello", then waits for ever; called with any argument it ends well at once. The whole program of the test
# image.
# write(1, "hello\n", 6); if (argc == 1) for (;;) pause(); exit(0)
MACHINE_CODE = (
    bytes.fromhex("b801000000bf01000000488d351e000000ba060000000f0558ffc87509b8220000000f05ebf7b83c00000031ff0f05")
    + b"hello\n"
)
IMAGE = "example/target:1"
FOR_EVER = "trap 'exit 0' TERM; sleep 2147483647 & wait"
"""For a shell: until it is stopped, at once, and without a look at the clock."""


def program(code: bytes = MACHINE_CODE) -> bytes:
    """A static x86-64 ELF file with the code above, or other code."""
    base, header = 0x400000, 64 + 56
    size = header + len(code)
    elf = b"\x7fELF\x02\x01\x01" + bytes(9) + bytes.fromhex("02003e0001000000")
    elf += (
        (base + header).to_bytes(8, "little")
        + (64).to_bytes(8, "little")
        + bytes(12)
        + bytes.fromhex("400038000100000000000000")
    )
    elf = elf[:64]
    segment = (
        bytes.fromhex("0100000005000000")
        + bytes(8)
        + base.to_bytes(8, "little") * 2
        + size.to_bytes(8, "little") * 2
        + (0x1000).to_bytes(8, "little")
    )
    return elf + segment + code


class Engine:
    """dockerd's socket, and the name of a container that runs."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "docker.sock"
        self.container = "target"

    def docker(self, *words: str, feed: bytes = b"") -> str:
        done = subprocess.run(
            ["docker", "-H", f"unix://{self.socket}", *words], input=feed, capture_output=True, timeout=60
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()

    def said(self, container: str, *last: str) -> list[str]:
        """All lines that it wrote, as soon as it ends with these; or after a minute. A container runs before it has
        written anything."""
        end = time.monotonic() + 60
        while True:
            found = self.docker("logs", container).splitlines()
            if found[-len(last) :] == list(last) or time.monotonic() > end:
                return found
            time.sleep(0.1)


@contextmanager
def engine(folder: Path):
    """Start dockerd below `folder` (no bridge, no firewall rules), run the target container, stop both."""
    # sockaddr_un has room for 108 bytes; containerd makes the longest name.
    longest = f"{folder}/exec/containerd/containerd-debug.sock"
    assert len(longest) < 108, f"too long for the path of a socket: {longest}"
    words = [
        "dockerd",
        "--data-root",
        f"{folder}/data",
        "--exec-root",
        f"{folder}/exec",
        "--pidfile",
        f"{folder}/pid",
        "-H",
        f"unix://{folder}/docker.sock",
    ]
    words += ["--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver=vfs"]
    with open(folder / "dockerd.log", "wb") as log:
        running = subprocess.Popen(words, stdout=log, stderr=log)
    made = Engine(folder)
    try:
        wait_for(made.socket)
        import_program(made, IMAGE, program())
        made.docker("run", "-d", "--name", made.container, "--network", "none", IMAGE, "/hello")
        yield made
    finally:
        # None of this may hide why the test failed, or leave the engine behind.
        words = ["docker", "-H", f"unix://{folder}/docker.sock"]
        listed = subprocess.run([*words, "ps", "-aq"], capture_output=True, text=True, timeout=60)
        subprocess.run([*words, "rm", "-f", *listed.stdout.split()], capture_output=True, timeout=60)
        subprocess.run([*words, "network", "prune", "-f"], capture_output=True, timeout=60)
        running.send_signal(signal.SIGTERM)
        try:
            running.wait(60)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


@contextmanager
def guarded(made: Engine, folder: Path, configuration: str):
    """HAProxy with a compiled configuration, moved to a socket of the test's own; yields that socket."""
    front = folder / "front.sock"
    text = configuration.replace("/var/run/docker.sock", str(made.socket)).replace(
        "127.0.0.1:2376", f"unix@{folder}/health.sock"
    )
    text = text.replace("unix@/run/proxy/docker.sock", f"unix@{front}").replace("bind :2375", f"bind unix@{front}")
    (folder / "haproxy.cfg").write_text(text)
    with open(folder / "haproxy.log", "wb") as log:
        running = subprocess.Popen([HAPROXY, "-db", "-f", str(folder / "haproxy.cfg")], stdout=log, stderr=log)
    try:
        wait_for(front)
        yield front
    finally:
        running.kill()
        running.wait(10)


def wait_for(path: Path, limit_s: float = 30) -> None:
    """Until something listens on the socket at `path`."""
    end = time.monotonic() + limit_s
    while True:
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                return probe.connect(str(path))
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def ask(front: Path, request: bytes) -> tuple[int, bool]:
    """Send raw bytes; the answer's status (0: connection closed), and whether dockerd itself gave the answer."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(front))
        connection.sendall(request)
        try:
            answer = http.client.HTTPResponse(connection)
            answer.begin()
        except (http.client.HTTPException, ConnectionError):
            return 0, False
        # dockerd never says 403, and puts its name on each 400; HAProxy refuses with nothing else.
        return answer.status, "Docker" in (answer.getheader("Server") or "") or answer.status not in (400, 403)


def import_program(made: Engine, image: str, content: bytes) -> None:
    """Give an engine an image with one program, /hello, and nothing else."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        entry = tarfile.TarInfo("hello")
        entry.size, entry.mode = len(content), 0o755
        archive.addfile(entry, io.BytesIO(content))
    made.docker("import", "-", image, feed=packed.getvalue())


def import_shell(made: Engine, image: str, *options: str, programs: tuple[str, ...] = ()) -> None:
    """Give an engine an image with this machine's shell, `sleep` and `programs`. `options`: of docker import."""
    made.docker("import", *options, "-", image, feed=shell_archive(*programs))


def shell_archive(*programs: str, files: tuple[tuple[str, str], ...] = (), trees: tuple[str, ...] = ()) -> bytes:
    """A root file system with them, with files (path, text), and with files or folders of this machine."""
    wanted = ["/bin/sh", "/bin/sleep", *programs]
    said = subprocess.run(["ldd", *wanted], capture_output=True, text=True, check=True).stdout
    libraries = {
        word for line in said.splitlines() for word in line.split() if word.startswith("/") and not word.endswith(":")
    }
    paths = sorted({*wanted, *libraries})
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", dereference=True) as archive:
        named = [*paths, *trees, *(f"/{name}" for name, _ in files)]
        parents = {str(parent) for path in named for parent in Path(path).parents if parent.exists()}
        # Else the engine makes them, for the owner of all power only; and /tmp, so that a tmpfs there is everybody's
        # after a restart, too (opencontainers/runc#3911).
        for folder in sorted({*parents, "/tmp"}):
            archive.add(folder, recursive=False)
        for path in (*paths, *trees):
            archive.add(path)
        for name, text in files:
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return content.getvalue()
