"""A whole virtual machine, by software emulation: a kernel of its own, a disk of its own, and a power switch.

Killing qemu is a power cut: what the machine flushed is in the disk's file, what it held back in its memory is gone.
It reaches apt.bed and registry.bed, and nothing else: qemu's network is shut but for these two ways. With a stick it
has none.
"""

import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from tests.e2e.bed.engine import HERE, NETWORK, PLACE, docker, run
from tests.e2e.bed.hosts import Done, Host, running
from tests.e2e.bed.registry import SERVER
from tests.e2e.bed.vm_disk import SUITE, WAYS, machine_parts
from tests.ports import free_port

AGENT = 7007
CPU = "qemu64"
"""The plainest: what newer processors do at once, programs then do in steps that are emulated faster."""
PROCESSORS = 1
"""With two, this kernel now and then hung in its start (once seen: both spun for ever at 1.2 s), and each waits for the
other where the machine below is busy."""
# The clock's usual place is a device, whose every reading stops the emulation; and nobody attacks this kernel.
BOOT = "console=ttyS0 panic=-1 net.ifnames=0 tsc=reliable clocksource=tsc mitigations=off init_on_alloc=0 nowatchdog"
numbers = itertools.count(1)


class VirtualMachine(Host):
    """One running machine; `with VirtualMachine.start() as host:` removes it at the end."""

    def __init__(self, name: str, suite: str) -> None:
        super().__init__(name, suite)
        PLACE.mkdir(parents=True, exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=PLACE))
        self.process: subprocess.Popen | None = None
        self.port = 0
        self.stick: Path | None = None

    @property
    def trace(self) -> Path:
        """All frames that a machine with a stick sent and got (trace.py); its own agent is spoken to at AGENT, from
        qemu's side."""
        return self.folder / "trace"

    @classmethod
    def start(cls, disk: Path | None = None, stick: Path | None = None) -> "VirtualMachine":
        """A fresh machine, or one with this disk, that has started everything. `stick`: a medium that it can only read,
        instead of ways out."""
        parts = machine_parts()
        host = cls(f"vm-{os.getpid()}-{next(numbers)}", SUITE)
        running.add(host)
        host.stick = stick
        try:
            run("cp", "--sparse=always", disk or parts / "disk", host.folder / "disk")
            host.boot()
        except BaseException:
            host.stop()
            raise
        return host

    def boot(self, timeout_s: float = 600) -> None:
        """Switched on, until systemd has started everything."""
        self.port = free_port()
        server = docker("inspect", "-f", f'{{{{(index .NetworkSettings.Networks "{NETWORK}").IPAddress}}}}', SERVER)
        relay = f"{sys.executable} -IS {HERE / 'relay.py'} {server}"
        ways = [
            f"guestfwd=tcp:{address}:{port}-cmd:{relay} {port}" for address, port in WAYS.values() if not self.stick
        ]
        words = [
            "qemu-system-x86_64",
            "-accel",
            "tcg,thread=multi",
            "-cpu",
            CPU,
            "-m",
            "3072",
            "-smp",
            str(PROCESSORS),
            "-nodefaults",
            "-display",
            "none",
            "-no-reboot",
            "-kernel",
            machine_parts() / "kernel",
            "-initrd",
            machine_parts() / "initrd",
            "-append",
            BOOT,
            "-serial",
            f"file:{self.folder}/console",
            "-drive",
            f"file={self.folder}/disk,format=raw,if=virtio,cache=writeback",
            "-device",
            "virtio-rng-pci",
            "-netdev",
            ",".join(["user", "id=net", "restrict=on", f"hostfwd=tcp:127.0.0.1:{self.port}-:{AGENT}", *ways]),
            "-device",
            "virtio-net-pci,netdev=net,romfile=",
        ]
        if self.stick:
            words += [
                "-drive",
                f"file={self.stick},format=raw,if=virtio,readonly=on",
                "-object",
                f"filter-dump,id=dump,netdev=net,file={self.trace}",
            ]
        with open(self.folder / "qemu.log", "ab") as log:
            self.process = subprocess.Popen(
                [str(word) for word in words], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self.wait(timeout_s)

    def run(self, command: str, timeout: float = 300, *, feed: bytes | None = None, user: str = "root") -> Done:
        """A line for the shell, as root. Raises subprocess.TimeoutExpired. Code 255: the machine does not answer."""
        head = json.dumps({"command": command, "user": user, "feed": len(feed or b"")}).encode() + b"\n"
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout) as there:
                there.sendall(head + (feed or b""))
                with there.makefile("rb") as answer:
                    line = answer.readline()
        except TimeoutError:
            raise subprocess.TimeoutExpired(command, timeout) from None
        except OSError as error:
            return Done(255, "", str(error))
        return Done(*json.loads(line)) if line.endswith(b"\n") else Done(255, "", "no answer")

    def wait(self, timeout_s: float = 600) -> str:
        """Until systemd has started everything; its word for how that went."""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end and self.process.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                self.state = self.run("systemctl is-system-running", 60).out.strip()
                if self.state in ("running", "degraded", "maintenance"):
                    return self.state
            time.sleep(0.3)
        said = (self.folder / "qemu.log").read_text() + (self.folder / "console").read_text("utf-8", "replace")[-3000:]
        raise RuntimeError(f"{self.name} is {self.state or 'silent'}\n{said}")

    def restart(self) -> None:
        """A clean reboot: qemu ends, and is started again."""
        self.run("systemctl reboot")
        self.process.wait(300)
        self.boot()

    def power_cut(self) -> None:
        """Off at once, and on again. What was not flushed to the disk is lost."""
        self.process.kill()
        self.process.wait()
        self.boot()

    crash = power_cut

    def disk_now(self) -> Path:
        """The disk as a power cut at this instant would leave it; goes with the machine."""
        copy = self.folder / f"disk-{next(numbers)}"
        self.process.send_signal(signal.SIGSTOP)
        try:
            run("cp", "--sparse=always", self.folder / "disk", copy)
        finally:
            self.process.send_signal(signal.SIGCONT)
        return copy

    def stop(self) -> None:
        """Gone, with its disk."""
        running.discard(self)
        if self.process:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
