"""Fresh Debian hosts: containers whose first process is systemd, on a network without a way out.

Not --privileged: older engines then ask for all capabilities, which this machine may not have.
"""

import io
import itertools
import os
import re
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import NamedTuple

from tests.e2e.bed.engine import NETWORK, docker, start_network
from tests.e2e.bed.packages import packages
from tests.e2e.bed.registry import REGISTRY, authority
from tests.e2e.bed.roots import CGROUP2, host_image

# Names that Docker does not know itself are asked at nobody's.
FLAGS = (
    "--cap-add=ALL",
    "--cap-drop=SYS_RESOURCE",
    "--cap-drop=SYS_MODULE",
    "--security-opt=seccomp=unconfined",
    "--security-opt=apparmor=unconfined",
    "--security-opt=systempaths=unconfined",
    "--device-cgroup-rule=a *:* rwm",
    "--cgroupns=private",
    "--tmpfs=/run",
    "--tmpfs=/run/lock",
    "--tmpfs=/tmp:exec",
    "--env=container=docker",
    "--dns=127.0.0.1",
    "--stop-signal=SIGRTMIN+3",
)
numbers = itertools.count(1)
running: set["Host"] = set()
"""The hosts of this process."""


class Done(NamedTuple):
    """What a command on a host came to."""

    code: int
    out: str
    err: str


class Host:
    """One running host; `with Host.start("bookworm") as host:` removes it at the end."""

    def __init__(self, name: str, suite: str) -> None:
        self.name = name
        self.suite = suite
        self.state = ""
        """What `systemctl is-system-running` said last."""

    @classmethod
    def start(
        cls, suite: str, network: str = NETWORK, *more: str, cgroup2: bool = False, timeout_s: float = 60
    ) -> "Host":
        """A fresh host whose package source is the bed's, and which trusts the bed's registry; systemd has started
        everything.

        `more`: words for `docker run`, such as a mount. `cgroup2`: that alone, so without limits (init-cgroup2.sh).
        """
        image = host_image(suite)
        start_network()
        host = cls(f"{NETWORK}-{suite}-{os.getpid()}-{next(numbers)}", suite)
        running.add(host)
        # Docker's own files lie on a volume: overlay does not stack on overlay.
        words = [
            "create",
            "--name",
            host.name,
            "--hostname",
            suite,
            "--network",
            network,
            "--volume",
            f"{host.name}:/var/lib/docker",
            *FLAGS,
            *more,
            *(["--entrypoint", CGROUP2] if cgroup2 else []),
            image,
        ]
        docker(*words)
        try:
            docker("cp", "-", f"{host.name}:/", feed=archive(bed_files(suite)))
            docker("start", host.name)
            host.wait(timeout_s)
        except BaseException:
            host.stop()
            raise
        return host

    def run(self, command: str, timeout: float = 120, *, feed: bytes | None = None, user: str = "root") -> Done:
        """A line for the shell, as root. Raises subprocess.TimeoutExpired."""
        words = [
            "docker",
            "exec",
            "-u",
            user,
            *(["-i"] if feed is not None else []),
            self.name,
            "/bin/sh",
            "-c",
            command,
        ]
        done = subprocess.run(
            words, input=feed, stdin=subprocess.DEVNULL if feed is None else None, capture_output=True, timeout=timeout
        )
        return Done(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))

    def put(self, path: str, content: bytes, mode: int = 0o644) -> None:
        """A file of root's, with the folders above it, also below /run and /tmp."""
        done = self.run("tar -x --no-same-owner -C /", feed=archive({path: content}, mode))
        assert done.code == 0, done.err

    def wait(self, timeout_s: float = 300) -> str:
        """Until systemd has started everything; its word for how that went."""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            self.state = self.run("systemctl is-system-running").out.strip()
            if self.state in ("running", "degraded", "maintenance"):
                return self.state
            time.sleep(0.2)
        raise RuntimeError(f"{self.name} is {self.state or 'silent'} after {timeout_s} s\n{self.log()}")

    def log(self) -> str:
        """What failed, and the last lines of the journal."""
        return self.run("systemctl --failed --no-legend --plain; journalctl -b -n 40 --no-pager").out

    def evidence(self) -> str:
        """What a failed test of this host wants to show: its log, what runs, what is planned, and what was done
        last."""
        asked = "docker ps -a; infrakit status; infrakit up --dry-run; tail -n 40 /var/log/infrakit/journal.jsonl"
        try:
            done = self.run(f"({asked}) 2>&1", 120)
            return f"{self.log()}\n{done.out}"
        except (subprocess.TimeoutExpired, OSError) as error:
            return str(error)

    def restart(self) -> None:
        """A clean reboot: everything ends when it is asked to, however long that takes."""
        with self.names_kept():
            docker("stop", "-t", "300", self.name, timeout_s=400)
            code = docker("inspect", "-f", "{{.State.ExitCode}}", self.name)
            docker("start", self.name)
        assert code != "137", f"{self.name} had to be killed"
        self.wait()

    def crash(self) -> None:
        """All processes die at once, and the host starts again. The page cache stays: a crash, not a power cut."""
        with self.names_kept():
            docker("kill", "-s", "KILL", self.name)
            docker("start", self.name)
        self.wait()

    @contextmanager
    def names_kept(self) -> Iterator[None]:
        """Docker makes /etc/hosts anew when a container starts; a machine keeps its own. And it may give the address to
        another host that starts meanwhile: names that led to the old one lead to the new one."""
        names, before = self.run("cat /etc/hosts").out, self.run("hostname -i").out.strip()
        yield
        after = self.run("hostname -i").out.strip()
        self.run("cat >/etc/hosts", feed=re.sub(rf"^{re.escape(before)}\b", after, names, flags=re.MULTILINE).encode())

    def stop(self) -> None:
        """Gone, with what Docker kept in it."""
        running.discard(self)
        subprocess.run(["docker", "rm", "-f", "-v", self.name], capture_output=True)
        subprocess.run(["docker", "volume", "rm", "-f", self.name], capture_output=True)

    def __enter__(self) -> "Host":
        return self

    def __exit__(self, *error) -> None:
        self.stop()


def bed_files(suite: str) -> dict[str, bytes]:
    """What makes a host take its packages and images from the bed."""
    return {
        "/etc/apt/sources.list": (
            f"deb [signed-by=/usr/share/keyrings/bed.asc] http://apt.bed/debian {suite} main\n".encode()
        ),
        "/usr/share/keyrings/bed.asc": packages(suite).key,
        "/etc/apt/apt.conf.d/90bed": b'Acquire::EnableSrvRecords "false";\n',
        f"/etc/docker/certs.d/{REGISTRY}/ca.crt": authority(),
    }


def archive(files: dict[str, bytes], mode: int = 0o644) -> bytes:
    """A tar with these files and the folders above them that a host may not have."""
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w") as tar:
        for path, content in files.items():
            entry = tarfile.TarInfo(str(PurePosixPath(path).relative_to("/")))
            entry.size, entry.mode, entry.mtime = len(content), mode, int(time.time())
            tar.addfile(entry, io.BytesIO(content))
    return memory.getvalue()
