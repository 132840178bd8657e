"""Words -> a program that ran, and how it ended; at the latest when its time is over, or where that does no harm when
somebody says stop."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Thread
from typing import IO, Any

from infrakit.errors import MachineUnfit, Stopped
from infrakit.machine import Done
from infrakit.system.stop import Stop

NOT_FOUND = 127
TIMED_OUT = 124
CLIENTS = ("docker", "restic", "systemctl")
"""They only ask a service for something, or what they do is whole at any instant: what is under way does not end in the
middle when they do, and a later run sees to the rest. All others are waited for: apt and dpkg, above all, must not be
broken off."""
LOOK_S = 0.2
END_S = 2.0
"""How long a client has to go by itself."""


def run(
    words: Sequence[str],
    feed: bytes | IO[bytes],
    timeout_s: float,
    environment: Mapping[str, str],
    stop: Stop,
    out: IO[bytes] | None = None,
) -> Done:
    """Never raises for how it ended; Stopped where a client was stopped. `out`: where its output goes, else it is
    returned."""
    with stop.waits_for("" if words[0] in CLIENTS else words[0]):
        try:
            process = subprocess.Popen(
                list(words),
                stdin=subprocess.PIPE if isinstance(feed, bytes) else feed,
                stdout=out or subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=dict(environment),
                cwd="/",
                start_new_session=True,  # so that a Ctrl-C stops us, and not apt in the midst of a change
            )
        except OSError as error:
            return Done(NOT_FOUND, "", f"{words[0]}: {(error.strerror or str(error)).lower()}")
        with process:
            try:
                return _ended(process, words[0], feed if isinstance(feed, bytes) else None, timeout_s, stop)
            except BaseException:
                _end(process, words[0])
                raise


def _ended(process: "subprocess.Popen[bytes]", name: str, given: bytes | None, timeout_s: float, stop: Stop) -> Done:
    end = time.monotonic() + timeout_s
    while True:
        left_s = end - time.monotonic()
        if left_s <= 0:
            _end(process, name)
            out, err = _written(process)
            return Done(TIMED_OUT, _text(out), _text(err) + f"{name} took longer than {timeout_s:.0f} s")
        try:
            out, err = process.communicate(given, timeout=min(LOOK_S, left_s))
            return Done(process.returncode, _text(out), _text(err))
        except subprocess.TimeoutExpired:
            given = None  # it was taken the first time
        if stop.asked and name in CLIENTS:
            raise Stopped


def _end(process: "subprocess.Popen[bytes]", name: str) -> None:
    """A client with all that it started, asked first; of others only the program itself."""
    if process.poll() is not None:
        return None
    if name not in CLIENTS:
        return process.kill()
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)


def _written(process: "subprocess.Popen[bytes]") -> tuple[Any, Any]:
    """By a program that was ended. What it started may hold its output open for as long as it likes."""
    try:
        return process.communicate(timeout=END_S)
    except subprocess.TimeoutExpired as error:
        return error.stdout, error.stderr


def _text(output: bytes | None) -> str:
    return (output or b"").decode("utf-8", "replace")


@contextmanager
def listening(heard: Callable[[str], None]) -> Iterator[IO[bytes]]:
    """Where a program's output can go, whose lines are `heard` meanwhile, all of them when this is left."""
    reads, writes = os.pipe()

    def hear() -> None:
        with open(reads, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                heard(line)

    thread = Thread(target=hear, daemon=True)
    thread.start()
    try:
        with open(writes, "wb") as out:
            yield out
    finally:
        thread.join(END_S)  # what it started may hold it open for as long as it likes


@contextmanager
def afterwards(words: Sequence[str], environment: Mapping[str, str]) -> Iterator[None]:
    """Run a program when this is left, also by a signal, an error, or a kill of this process: another one waits for
    that. Its exit code is looked at where we are there to see it."""
    script = 'cat >/dev/null; exec "$@"'
    process = subprocess.Popen(
        ["sh", "-c", script, "sh", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,  # who writes to nobody is ended
        stderr=subprocess.DEVNULL,
        env=dict(environment),
        cwd="/",
        start_new_session=True,
    )
    try:
        yield
    finally:
        assert process.stdin is not None
        process.stdin.close()
        code = process.wait()
    if code:
        raise MachineUnfit(f"{' '.join(words)}: exit code {code}", "sudo infrakit up")
