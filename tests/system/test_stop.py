"""Signals to a run that waits: each kind of wait in a process of its own, stopped as a user or systemd would; what apt
does is not broken off."""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from infrakit.cli import carry
from infrakit.errors import EXIT_STEP, Stopped
from infrakit.system.stop import Stop

pytestmark = pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root changes a machine")

SOON_S = 4.0
"""Mostly a quarter of a second; on a busy machine more. The waits themselves last minutes."""
RUN = """
import sys
from infrakit.cli import carry
from infrakit.cli.talk import complain
from infrakit.errors import InfraKitError
from infrakit.host.apt import APT, patiently
from infrakit.plan import Gone, Plan, Run, Step
from infrakit.stack.wire.authentik import Applied, Apply
from infrakit.stack.wire.doors import Door, Wait

class Do:
    def __init__(self, do): self.do = lambda machine, tell: do(machine)
    def inverse(self, machine): return ()
    def text(self): return "wait"

folder, port, what = sys.argv[1:]
carry.LOCK, carry.JOURNAL = f"{folder}/lock", f"{folder}/journal"
never = Gone(folder)
LISTS = ("-o", "Dir::Etc::SourceList=/dev/null", "-o", "Dir::Etc::SourceParts=/dev/null", "-o", f"Dir::State::Lists={folder}/lists")
apt = (*APT, *LISTS, "-o", f"APT::Update::Pre-Invoke::=touch {folder}/begun; sleep 3; touch {folder}/ended", "update")
ACTIONS = {
    "a pause": Do(lambda machine: machine.sleep(600)),
    "a file from the network": Do(lambda machine: machine.fetch(f"http://127.0.0.1:{port}/")),
    "a door that says nothing": Wait(Door("x.example.org", int(port), "127.0.0.1", "public", "")),
    "Authentik": Apply(Applied("no-such-project", "", (), {})),
    "a client of Docker": Run(("docker", "-H", f"tcp://127.0.0.1:{port}", "events"), 600),
    "a lock of apt": Do(lambda machine: patiently(machine, lambda event: None, apt, 600, "")),
    "apt": Do(lambda machine: patiently(machine, lambda event: None, apt, 600, "")),
}
done = (Door("x.example.org", int(port), "127.0.0.1", "public", ""),) if what == "a question" else (never,)
step = Step("wait", what, done, (ACTIONS[what],) if what in ACTIONS else ())
try:
    carry.carry_out(Plan("wait", (step, Step("next", "the next step", (never,), (Run(("touch", f"{folder}/next")),)))), yes=True, dry_run=False, as_json=False, recorded=False)
except InfraKitError as error:
    complain(error, as_json=False)
    sys.exit(error.exit_code)
"""  # noqa: E501 -- verbatim text


@pytest.fixture
def silent():
    """A port that takes connections, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


class Waiting:
    """A run that is in a wait."""

    def __init__(self, folder: Path, port: int, what: str) -> None:
        self.folder = folder
        words = [sys.executable, "-c", RUN, str(folder), str(port), what]
        # Its own group, as a shell with job control gives it one: the signal goes to all of that, as from a terminal.
        self.process = subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )

    def children(self) -> list[str]:
        return Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()

    def stop(self, number: int) -> tuple[float, str]:
        """After how many seconds it ended, and what it said."""
        started = time.monotonic()
        os.kill(self.process.pid, number)
        os.killpg(self.process.pid, number)  # as `timeout` does it: to the program, and to its group
        try:
            said = self.process.communicate(timeout=30)[1]
        finally:
            self.process.kill()
        return time.monotonic() - started, said


def until(question, limit_s: float = 20.0) -> None:
    end = time.monotonic() + limit_s
    while not question():
        assert time.monotonic() < end, "it did not begin"
        time.sleep(0.05)


def journal(folder: Path) -> str:
    path = folder / "journal"
    return path.read_text() if path.exists() else ""


def stopped(waiting: Waiting, number: int, what: str) -> None:
    after_s, said = waiting.stop(number)
    assert waiting.process.returncode == EXIT_STEP and "Traceback" not in said, said
    assert said.count("stopping\n") == 1 and f"error: stopped in: {what}\n  hint: run again to go on" in said, said
    assert not (waiting.folder / "next").exists()
    assert after_s < SOON_S, said


@pytest.mark.parametrize(
    ("what", "name"),
    [
        ("a pause", "SIGINT"),
        ("a pause", "SIGTERM"),
        ("a pause", "SIGHUP"),
        ("a file from the network", "SIGINT"),
        ("a door that says nothing", "SIGTERM"),
        ("Authentik", "SIGINT"),
    ],
)
def test_a_wait_ends_when_somebody_says_stop(tmp_path, silent, what, name):
    waiting = Waiting(tmp_path, silent, what)
    until(lambda: '"begin"' in journal(tmp_path))
    time.sleep(0.3)
    stopped(waiting, signal.Signals[name], what)
    assert '"failed"' in journal(tmp_path)


def test_a_signal_that_comes_again_while_it_is_answered_is_answered_once(capfd):
    """To us and to our group: the second one must not break off the words of the first."""
    stop = Stop()

    def words() -> str:
        os.kill(os.getpid(), signal.SIGTERM)
        return "stopping"

    with carry.stopping(stop, words), pytest.raises(Stopped), stop.breaks():
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(30)
    assert capfd.readouterr().err == "stopping\n"


def test_a_question_ends_when_somebody_says_stop(tmp_path):
    """Asked twice: for the plan that is shown, and then for the run."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        waiting = Waiting(tmp_path, server.getsockname()[1], "a question")
        server.accept()[0].close()
        again, _ = server.accept()
        with again:
            stopped(waiting, signal.SIGTERM, "a question")


@pytest.mark.skipif(not shutil.which("docker"), reason="needs docker")
def test_a_client_of_docker_is_stopped_with_us(tmp_path, silent):
    waiting = Waiting(tmp_path, silent, "a client of Docker")
    until(waiting.children)
    time.sleep(0.5)
    (child,) = waiting.children()
    stopped(waiting, signal.SIGINT, "a client of Docker")
    assert not os.path.exists(f"/proc/{child}")


@pytest.mark.skipif(not shutil.which("apt-get"), reason="needs apt-get")
def test_a_wait_for_a_lock_of_apt_ends_when_somebody_says_stop(tmp_path):
    (tmp_path / "lists" / "partial").mkdir(parents=True)
    with open(tmp_path / "lists" / "lock", "w") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        waiting = Waiting(tmp_path, 0, "a lock of apt")
        until(lambda: '"begin"' in journal(tmp_path))
        time.sleep(1.5)
        stopped(waiting, signal.SIGINT, "a lock of apt")
    assert not (tmp_path / "ended").exists()


@pytest.mark.skipif(not shutil.which("apt-get"), reason="needs apt-get")
def test_apt_is_not_broken_off_and_this_is_said(tmp_path):
    (tmp_path / "lists" / "partial").mkdir(parents=True)
    waiting = Waiting(tmp_path, 0, "apt")
    until((tmp_path / "begun").exists)
    after_s, said = waiting.stop(signal.SIGINT)

    assert "stopping as soon as apt-get is done, which must not be broken off" in said, said
    assert (tmp_path / "ended").exists() and after_s > 1.5, "apt was broken off"
    assert waiting.process.returncode == EXIT_STEP and "error: stopped in: apt\n  hint: run again to go on" in said, (
        said
    )
    assert not (tmp_path / "next").exists()
