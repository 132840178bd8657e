"""The compiled socket proxy, as text and as HAProxy reads it. What it lets through in earnest:
tests/runtime/test_socket_proxy.py."""

import re
import shutil
import socket
import subprocess

import pytest

from infrakit.emit import haproxy
from tests.emit.deployments import deployment, everything, proxy, service
from tests.runtime.engine import HAPROXY

READER_CALLS = ("GET /containers/{id}/logs", "GET /containers/{id}/stats", "GET /events")
WRITER_CALLS = ("POST /containers/create", "POST /exec/{id}/start", "DELETE /containers/{id}", "POST /images/create")


def test_each_consumer_gets_a_file_of_its_own():
    host = deployment(service("a", socket_proxies=(proxy("one"), proxy("two"))))

    assert [artifact.path for artifact in haproxy.emit(host)] == ["socket-proxy/one.cfg", "socket-proxy/two.cfg"]


def test_everything_is_denied_but_what_is_listed():
    text = haproxy.configuration(proxy(calls=("GET /containers/{id}/json",)))
    rules = [line.strip() for line in text.splitlines() if "http-request" in line and "timeout" not in line]

    assert rules == [
        "http-request deny deny_status 403 if { path -m sub '%' '//' '..' ';' '\\' }",
        "http-request deny deny_status 403 if { req.hdr(content-type) -m sub -i form }",
        "http-request del-header Upgrade",
        (
            r"http-request allow if { method GET } { pathq -m reg "
            r"'^(/v1\.[0-9][0-9]?)?/containers/[A-Za-z0-9][A-Za-z0-9_.-]*/json"
            r"(\?((size)(=[^&;#]*)?(&(size)(=[^&;#]*)?)*)?)?$' }"
        ),
        "http-request deny deny_status 403",
        "http-request deny deny_status 403 unless { method GET } { path '/_ping' }",
    ]


def test_only_streams_may_stay_silent_for_days():
    quiet = haproxy.configuration(proxy(calls=("GET /version",)))
    streaming = haproxy.configuration(proxy(calls=("GET /version", "GET /events")))

    assert "7d" not in quiet
    assert re.search(r"set-var\(txn.silent\) bool\(true\) if .*/events", streaming)
    assert not re.search(r"set-var\(txn.silent\) bool\(true\) if .*/version", streaming)


@pytest.mark.parametrize(
    "call",
    [
        *("GET /a b", "GET /a'", "get /a", "GET a", "GET /{name}", "GET /a\n", "GET /a$", "GET /(a|b)", "GET /a%2f"),
        *("GET /a?b&", "GET /a?b.", "GET /a?b|c", "GET /a?b=c", "GET /a?b\n", "GET /a?b'"),
    ],
)
def test_a_call_that_is_no_plain_path_is_refused(call):
    with pytest.raises(ValueError, match="of Docker's API"):
        haproxy.configuration(proxy(calls=(call,)))


@pytest.mark.skipif(shutil.which(HAPROXY) is None, reason="tests/tools/install.sh was not run")
@pytest.mark.parametrize("transport", ["tcp", "unix"])
@pytest.mark.parametrize(
    "calls", [(), ("GET /_ping",), WRITER_CALLS, READER_CALLS], ids=["none", "ping", "writer", "reader"]
)
def test_haproxy_accepts_it_without_a_warning(tmp_path, transport, calls):
    file = tmp_path / "haproxy.cfg"
    file.write_text(haproxy.configuration(proxy(calls=calls, transport=transport)).replace("/run/proxy", str(tmp_path)))

    done = subprocess.run([HAPROXY, "-c", "-f", str(file)], capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout + done.stderr


def connected(place, running):
    """Once it listens there."""
    while True:
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(60)
        try:
            client.connect(str(place))
            return client
        except (FileNotFoundError, ConnectionRefusedError):
            client.close()
            assert running.poll() is None


@pytest.mark.skipif(shutil.which(HAPROXY) is None, reason="tests/tools/install.sh was not run")
def test_a_body_that_is_never_finished_is_not_waited_for_where_the_query_asks_for_no_stream(tmp_path):
    asked = [f"logs?{query}" for query in ("tail=5", "follow=0", "follow=&tail=1", "follow=False")]
    asked += ["stats?stream=0", "stats?one-shot=1&stream=false"]
    text = haproxy.configuration(proxy(calls=READER_CALLS, transport="unix")).replace("client 60s", "client 1s")
    text = text.replace("127.0.0.1:2376", f"unix@{tmp_path}/health").replace(haproxy.PROXY_SOCKET, f"{tmp_path}/asked")
    (tmp_path / "haproxy.cfg").write_text(text.replace(haproxy.DOCKER_SOCKET, f"{tmp_path}/engine"))
    with socket.socket(socket.AF_UNIX) as engine:
        engine.bind(f"{tmp_path}/engine")
        engine.listen(len(asked))
        running = subprocess.Popen([HAPROXY, "-db", "-f", str(tmp_path / "haproxy.cfg")])
        try:
            for path in asked:
                with connected(tmp_path / "asked", running) as client:
                    head = f"GET /containers/a/{path} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"
                    client.sendall(head.encode() + b"1")
                    assert client.recv(100).startswith(b"HTTP/1.1 400"), path
        finally:
            running.kill()
            running.wait()


def test_every_line_has_a_cause():
    host = everything()
    lines = haproxy.configuration(host.services[0].socket_proxies[0]).splitlines()
    causes = haproxy.trace(host, "socket-proxy/reader.cfg")

    assert set(causes) == {str(number) for number, line in enumerate(lines, 1) if line.strip()}
    allowed = next(number for number, line in enumerate(lines, 1) if "/containers/json" in line)
    assert causes[str(allowed)].path == ("containers", "reader", "docker", "allow")
