"""What engines of tests that were killed left behind: containers go on without their engine, and networks keep ranges
that the next test wants."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

FOLDER = re.compile(r"(/tmp/pytest-\S+?)/exec(?:/containerd/containerd\.(?:sock|toml))?(?: |$)")
"""Of an engine (engine.py), among the words of a process of its."""


def sweep() -> None:
    """Only of engines that are no more: others may be at work beside us."""
    words = dict(_processes())
    engines = {pid: text for pid, text in words.items() if text.startswith("dockerd ")}
    alive = {_folder(text) for pid, text in engines.items() if "python" in words.get(_parent(pid), "")}
    gone = {_folder(text) for text in words.values()} - alive - {""}
    for pid, text in words.items():
        if _folder(text) in gone:
            for victim in (*_children(pid), pid):
                _kill(victim)
    for folder in gone:
        subprocess.run(["sh", "-c", 'grep -o " $1/[^ ]*" /proc/mounts | xargs -r umount -l', "sh", folder])
    bridges = {path.name for path in Path("/sys/class/net").glob("br-" + "[0-9a-f]" * 12)}
    # Asked after that: whoever makes one now is not among them.
    sockets = [f"{folder}/docker.sock" for folder in alive if folder] + ["/var/run/docker.sock"]
    known = {f"br-{name}" for socket in sockets for name in _networks(socket)}
    for name in bridges - known:
        subprocess.run(["ip", "link", "delete", name], capture_output=True)


def _processes() -> Iterator[tuple[int, str]]:
    for place in Path("/proc").glob("[0-9]*"):
        try:
            yield int(place.name), (place / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue


def _folder(text: str) -> str:
    """ "" where it is no process of a test's engine."""
    program = text.partition(" ")[0].rpartition("/")[2]
    found = FOLDER.search(text) if program in ("dockerd", "containerd", "containerd-shim-runc-v2") else None
    return found[1] if found else ""


def _parent(pid: int) -> int:
    """The test that started it, or whoever takes in orphans."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _children(pid: int) -> list[int]:
    return [int(word) for path in Path(f"/proc/{pid}/task").glob("*/children") for word in path.read_text().split()]


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _networks(socket: str) -> list[str]:
    """Their short IDs, as bridges have them."""
    words = ["docker", "-H", f"unix://{socket}", "network", "ls", "-q", "--no-trunc"]
    try:
        listed = subprocess.run(words, capture_output=True, text=True, timeout=20).stdout.split()
    except subprocess.TimeoutExpired:
        return [path.name.removeprefix("br-") for path in Path("/sys/class/net").glob("br-*")]
    return [name[:12] for name in listed]
