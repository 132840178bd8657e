"""A port of the loopback that leads on, with real sockets: what goes in comes out, who may not is turned away, nothing
is left behind."""

import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from infrakit.errors import MachineUnfit
from infrakit.system.forward import Forwarder, dial, owner
from tests.ports import free_port

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
NOBODY = 65534
CALL = (
    "import socket; s = socket.create_connection(('127.0.0.1', {port}), 5); s.sendall(b'ask'); s.shutdown(1); "
    "print(s.makefile('rb').read().decode())"
)


def handle(connection: socket.socket) -> None:
    """Says back what it was told, in capitals, once it has heard all of it."""
    with connection:
        heard = b""
        while more := connection.recv(1 << 16):
            heard += more
        connection.sendall(heard.upper())


@pytest.fixture
def service():
    """The address of a service that answers in capitals."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def take():
            while True:
                try:
                    threading.Thread(target=handle, args=(server.accept()[0],), daemon=True).start()
                except OSError:
                    return

        threading.Thread(target=take, daemon=True).start()
        yield server.getsockname()
        server.shutdown(socket.SHUT_RDWR)


@contextmanager
def forwarding(address, allowed):
    """(the forwarder while it serves, what it said)."""
    forwarder, said, over = Forwarder(0, allowed), [], threading.Event()
    serving = threading.Thread(target=forwarder.serve, args=(lambda: [address], said.append, lambda: not over.is_set()))
    serving.start()
    try:
        yield forwarder, said
    finally:
        over.set()
        serving.join(5)
        assert not serving.is_alive()


def ask(port: int, words: bytes) -> bytes:
    """The answer; b"" where the line is cut."""

    def speak() -> None:
        try:
            connection.sendall(words)
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        speaking = threading.Thread(target=speak)
        speaking.start()
        try:
            return connection.makefile("rb").read()
        except ConnectionError:
            return b""
        finally:
            speaking.join()


def test_what_is_said_comes_back_whole(service):
    long = os.urandom(1 << 20).hex().encode()
    with forwarding(service, {os.geteuid()}) as (forwarder, said):
        assert ask(forwarder.port, b"hello") == b"HELLO"
        assert ask(forwarder.port, long) == long.upper()

    assert said == [] and forwarder.passed == 2


def test_a_few_at_a_time_do_not_wait_for_each_other(service):
    with forwarding(service, {os.geteuid()}) as (forwarder, _):
        slow = [socket.create_connection(("127.0.0.1", forwarder.port), 5) for _ in range(8)]
        assert ask(forwarder.port, b"quick") == b"QUICK"
        for connection in slow:
            connection.close()


def test_others_are_turned_away_and_named(service):
    with forwarding(service, {os.geteuid() + 1}) as (forwarder, said):
        assert ask(forwarder.port, b"hello") == b""

    assert said == [f"refused a connection of uid {os.geteuid()}"] and forwarder.passed == 0


@as_root
@pytest.mark.parametrize(("uid", "lets_in"), [(0, True), (1234, True), (NOBODY, False)])
def test_who_calls_is_known_by_his_socket(service, uid, lets_in):
    with forwarding(service, {0, 1234}) as (forwarder, said):
        words = ["setpriv", f"--reuid={uid}", "--clear-groups", sys.executable, "-c", CALL.format(port=forwarder.port)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=20)

    assert ("ASK" in done.stdout) is lets_in
    assert said == ([] if lets_in else [f"refused a connection of uid {NOBODY}"])


def test_who_hangs_up_at_once_is_nobody(service):
    """The kernel lists a closed socket with uid 0."""
    reached = []
    forwarder, said = Forwarder(0, {0, os.geteuid()}), []
    with socket.create_connection(("127.0.0.1", forwarder.port), 5) as caller:
        caller.sendall(b"harm")
    time.sleep(0.05)
    rounds = iter((True, True, False))
    forwarder.serve(lambda: reached.append(1) or [service], said.append, lambda: next(rounds))

    assert reached == [] and said == ["refused a connection of nobody that could be found"]


def test_a_caller_of_ipv6_is_known():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_INET6) as caller:
        caller.connect(("::ffff:127.0.0.1", server.getsockname()[1]))
        tables = [Path(path).read_text() for path in ("/proc/net/tcp", "/proc/net/tcp6")]

        assert owner(tables, caller.getsockname()[1], server.getsockname()[1]) == os.geteuid()


def test_a_dead_service_is_said_and_the_next_call_is_heard(service):
    nowhere = ("127.0.0.1", free_port())
    with forwarding(nowhere, {os.geteuid()}) as (forwarder, said):
        assert [ask(forwarder.port, b"hello") for _ in range(2)] == [b"", b""]

    assert [text.startswith("the service does not answer: 127.0.0.1:") for text in said] == [True, True]


def test_the_end_closes_what_is_open(service):
    before = len(os.listdir("/proc/self/fd"))
    with forwarding(service, {os.geteuid()}) as (forwarder, _):
        caller = socket.create_connection(("127.0.0.1", forwarder.port), 5)
        caller.sendall(b"unfinished")
        end = time.monotonic() + 5
        while not forwarder.passed and time.monotonic() < end:
            time.sleep(0.01)
    with caller:
        caller.settimeout(5)
        try:
            assert caller.recv(100) == b""
        except ConnectionError:
            pass
    assert len(os.listdir("/proc/self/fd")) <= before + 1  # the service's own end closes when its thread comes to it


def test_a_taken_port_is_said():
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(MachineUnfit) as raised:
        Forwarder(server.getsockname()[1], {0})

    assert "address already in use" in raised.value.message and "--port" in raised.value.hint


def test_the_first_address_that_answers_is_called(service):
    nowhere = ("127.0.0.1", free_port())

    assert dial([nowhere, service]).getpeername() == service
    with pytest.raises(MachineUnfit, match="it has no address"):
        dial([])
