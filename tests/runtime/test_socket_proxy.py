"""Real HAProxy with each compiled configuration before a real dockerd: only the listed calls come through.

What a consumer may do is read from its blueprint, and each call below names the entry that would allow it:
nothing here knows how the configuration says it.
"""

import json
import re
import socket
import subprocess
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from infrakit.catalog.docker_api import docker_call
from infrakit.emit.haproxy import configuration
from infrakit.model import Origin, SocketProxy
from tests.runtime.engine import HAPROXY, IMAGE, ask, engine, guarded, needs_engine

pytestmark = needs_engine

CALLS = """
GET /_ping                                          | GET /_ping
HEAD /_ping                                         | HEAD /_ping
GET /v1.41/_ping                                    | GET /_ping
GET /version                                        | GET /version
GET /v1.24/version?                                 | GET /version
GET /info                                           | GET /info
GET /events?since=0&until=1                         | GET /events
GET /system/df                                      | GET /system/df
GET /containers/json                                | GET /containers/json
GET /v1.41/containers/json?all=1&filters=%7B%7D     | GET /containers/json
GET /containers/target/json                         | GET /containers/{id}/json
GET /v1.40/containers/target/json?size=1            | GET /containers/{id}/json
GET /containers/target/logs?stdout=1                | GET /containers/{id}/logs
GET /containers/target/stats?stream=0               | GET /containers/{id}/stats
GET /containers/target/top                          | GET /containers/{id}/top
GET /containers/target/changes                      | GET /containers/{id}/changes
GET /containers/target/export                       | GET /containers/{id}/export
GET /containers/target/archive?path=/hello          | GET /containers/{id}/archive
HEAD /containers/target/archive?path=/hello         | HEAD /containers/{id}/archive
PUT /containers/nobody/archive?path=/               | PUT /containers/{id}/archive
GET /containers/target/attach/ws?stdin=1            | GET /containers/{id}/attach/ws
POST /containers/nobody/attach                      | POST /containers/{id}/attach
POST /containers/nobody/resize?h=1&w=1              | POST /containers/{id}/resize
POST /containers/nobody/exec                        | POST /containers/{id}/exec
POST /exec/nobody/start                             | POST /exec/{id}/start
GET /exec/nobody/json                               | GET /exec/{id}/json
POST /containers/create                             | POST /containers/create
POST /containers/nobody/start                       | POST /containers/{id}/start
POST /containers/nobody/stop                        | POST /containers/{id}/stop
POST /containers/nobody/restart                     | POST /containers/{id}/restart
POST /containers/nobody/kill                        | POST /containers/{id}/kill
POST /containers/nobody/rename?name=x               | POST /containers/{id}/rename
POST /containers/nobody/update                      | POST /containers/{id}/update
POST /containers/nobody/wait                        | POST /containers/{id}/wait
DELETE /containers/nobody                           | DELETE /containers/{id}
GET /images/json                                    | GET /images/json
GET /images/example/target:1/json                   | GET /images/{image}/json
GET /images/example/target:1/history                | GET /images/{image}/history
GET /images/example/target:1/get                    | GET /images/{image}/get
GET /images/get?names=nobody                        | GET /images/get
POST /images/create?fromImage=::                    | POST /images/create
POST /images/create?fromSrc=http://0:1/x&repo=caddy | POST /images/create?changes&fromSrc&message&repo
POST /images/create?fromImage=::&fromSrc=-          | POST /images/create?changes&fromSrc&message&repo
POST /images/create?fromImage=::&changes=CMD%20x    | POST /images/create?changes&fromSrc&message&repo
DELETE /images/no/body                              | DELETE /images/{image}
POST /build?dockerfile=                             | POST /build
POST /build/prune?filters=%7B%7D                    | POST /build/prune
POST /commit?container=nobody                       | POST /commit
GET /volumes                                        | GET /volumes
POST /volumes/create                                | POST /volumes/create
DELETE /volumes/nobody                              | DELETE /volumes/{id}
GET /networks                                       | GET /networks
GET /networks/none                                  | GET /networks/{id}
POST /networks/nobody/connect                       | POST /networks/{id}/connect
POST /networks/nobody/disconnect                    | POST /networks/{id}/disconnect
GET /swarm                                          | GET /swarm
GET /secrets                                        | GET /secrets
POST /session                                       | POST /session
POST /auth                                          | POST /auth
GET /plugins                                        | GET /plugins
"""

TRICKS = """
get /_ping
HEAD /containers/json
HEAD /version
GETX /containers/json
OPTIONS /containers/json
TRACE /version
PATCH /containers/json
CONNECT /containers/json
POST /containers/json
PUT /containers/target/json
DELETE /containers/target/json
POST /version
GET //containers/json
GET /containers//json
GET /containers/target//json
GET /containers/../info
GET /v1.41/../containers/target/archive?path=/hello
GET /containers/target/json/../archive?path=/hello
GET /images/../containers/target/export
GET /images/x/../../containers/target/json
GET /images/..;/containers/json
GET /containers/./json
GET /containers/%2e%2e/info
GET /containers/target%2fjson
GET /containers/target%2Farchive?path=/hello
GET /%63ontainers/json
GET /containers/json%00
GET /containers/json/
GET /containers/json;x=1
GET /containers/json#x
GET /containers/target/json/archive
GET /containers/.target/json
GET /containers/a/b/json
GET /v1.41/v1.41/containers/json
GET /v1/containers/json
GET /v1.411/containers/json
GET /v2.0/containers/json
GET /V1.41/containers/json
GET /Containers/json
GET /containers\\json
GET /_ping/containers/json
GET /_pingx
GET /x/_ping
GET _ping
GET *
GET http:/containers/json
GET http://x//containers/json
GET http://x/containers/../info
GET ?/_ping
GET /containers/json?ps_args=e
GET /containers/json?all=1&x
GET /containers/json?all=1;x=2
GET /containers/json?%61ll=1
GET /containers/json?&all=1
GET /containers/json?=1
GET /containers/target/json?Size=1
GET /containers/target/top?ps_args=e
GET /containers/target/top?x&ps_args=e
GET /containers/target/top?ps%5Fargs=e
GET /v1.41/containers/target/top?ps_args=-eo%20pid,args%20e
"""

HEADERS = "Host: docker\r\nConnection: close\r\n"
WEBSOCKET = (
    "Host: docker\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
    "AAAAAAAAAAAAAAAAAAAAAA==\r\nOrigin: http://x\r\n"
)


@cache
def consumers() -> dict[str, dict]:
    """Container -> its `docker` entry, for every blueprint that has one."""
    found = {}
    texts = [path.read_text() for path in sorted((Path(__file__).parents[2] / "blueprints").glob("*.yaml"))]
    for text in texts:
        if "docker:" not in text:
            continue
        for name, container in YAML(typ="safe", pure=True).load(text)["containers"].items():
            if "docker" in container:
                found[name] = container["docker"]
    return found


def compiled(consumer: str, calls, transport: str) -> str:
    listed = tuple(sorted(docker_call(call) for call in calls))
    return configuration(SocketProxy(consumer, listed, transport, Origin("x", (), "x")))


def rows() -> list[tuple[str, str]]:
    """(request line, the entry that allows it) of the table above."""
    return [tuple(part.strip() for part in line.split("|")) for line in CALLS.strip().splitlines()]


def request(line: str) -> bytes:
    method, target = line.split(" ", 1)
    if target.endswith("attach/ws?stdin=1"):
        return f"{method} {target} HTTP/1.1\r\n{WEBSOCKET}\r\n".encode()
    body = "" if method in ("GET", "HEAD") else "Content-Length: 0\r\n"
    return f"{method} {target} HTTP/1.1\r\n{HEADERS}{body}\r\n".encode()


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    with engine(tmp_path_factory.mktemp("engine")) as made:
        yield made


def test_the_engine_itself_answers_every_call_of_the_table(real):
    silent = [line for line, _ in rows() if not ask(real.socket, request(line))[1]]

    assert silent == []


@pytest.mark.parametrize("consumer", consumers())
def test_only_listed_calls_pass(real, tmp_path, consumer):
    spec = consumers()[consumer]
    with guarded(real, tmp_path, compiled(consumer, spec["allow"], spec["transport"])) as front:
        passed = {line: ask(front, request(line)) for line, _ in rows()}

    wrong = {line: passed[line] for line, entry in rows() if passed[line][1] != allowed(spec["allow"], entry)}
    assert wrong == {}
    assert set(spec["allow"]) & {entry for _, entry in rows()}


def allowed(listed: list[str], entry: str) -> bool:
    """Whether a list has the call of an entry, with all its queries."""
    wanted = docker_call(entry)
    calls = [docker_call(item) for item in listed]
    return any(item[:2] == wanted[:2] and {*wanted.queries} <= {*item.queries} for item in calls)


@pytest.mark.parametrize("consumer", consumers())
def test_no_spelling_gets_around_the_list(real, tmp_path, consumer):
    spec = consumers()[consumer]
    with guarded(real, tmp_path, compiled(consumer, spec["allow"], spec["transport"])) as front:
        passed = [line for line in TRICKS.strip().splitlines() if ask(front, request(line))[1]]

    assert passed == []


def test_hostile_bytes_reach_no_unlisted_call(real, tmp_path):
    smuggled = b"GET /containers/json HTTP/1.1\r\nHost: x\r\n\r\n"
    attempts = [
        b"GET /_ping HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        + smuggled,
        b"GET /containers/json\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /containers/json HTTP/0.9\r\n\r\n",
        b"GET  /containers/json HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET\t/containers/json HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /containers/json HTTP/1.1\r\nHost: x\r\nX-HTTP-Method-Override: GET\r\nContent-Length: 0\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        (
            b"GET /containers/json HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
            b"HTTP2-Settings: AAMAAABk\r\n\r\n"
        ),
    ]
    with guarded(real, tmp_path, compiled("ping", ["GET /_ping", "HEAD /_ping"], "tcp")) as front:
        answers = [whole_answer(front, attempt) for attempt in attempts]

    assert not any(b"target" in answer for answer in answers)


def test_a_form_gives_no_call_more_queries(real, tmp_path):
    """dockerd reads the body of such a POST as queries."""
    form = "fromSrc=-&repo=taken&message=x"
    kinds = (
        "application/x-www-form-urlencoded",
        "APPLICATION/X-WWW-FORM-URLENCODED; a=b",
        "multipart/form-data; boundary=x",
    )
    with guarded(real, tmp_path, compiled("puller", ["POST /images/create"], "tcp")) as front:
        for kind in kinds:
            headers = f"{HEADERS}Content-Type: {kind}\r\nContent-Length: {len(form)}\r\n"
            answer = whole_answer(front, f"POST /images/create HTTP/1.1\r\n{headers}\r\n{form}".encode())
            assert answer.startswith(b"HTTP/1.1 403"), kind
    assert "taken" not in real.docker("image", "ls")


def test_a_spelled_query_passes(real, tmp_path):
    line = "GET /containers/target/top?ps_args=-ef"
    with guarded(real, tmp_path, compiled("tops", ["GET /containers/{id}/top?ps_args"], "tcp")) as front:
        assert ask(front, request(line)) == (200, True)


def test_a_reader_with_nothing_more_to_ask_gets_its_answer(real, tmp_path):
    with guarded(real, tmp_path, compiled("stats", ["GET /containers/{id}/stats"], "tcp")) as front:
        answer = whole_answer(
            front, b"GET /containers/target/stats?stream=0 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )

    assert answer.startswith(b"HTTP/1.1 200") and b"cpu_stats" in answer


def test_a_slow_stop_is_waited_for(real, tmp_path):
    """A minute of the configuration is a second here; the container, which hears no signal, is given two to stop."""
    text = compiled("stopper", ["POST /containers/{id}/stop"], "tcp")
    text = re.sub(r" 1h$", " 60s", re.sub(r" 60s$", " 1s", text, flags=re.MULTILINE), flags=re.MULTILINE)
    real.docker("run", "-d", "--name", "slow", "--network", "none", IMAGE, "/hello")
    with guarded(real, tmp_path, text) as front:
        assert ask(front, request("POST /containers/slow/stop?t=2")) == (204, True)


def test_idle_connections_leave_room_for_the_health_check(real, tmp_path):
    with guarded(real, tmp_path, compiled("idle", ["GET /_ping"], "tcp")) as front, ExitStack() as idle:
        for _ in range(250):
            idle.enter_context(socket.socket(socket.AF_UNIX)).connect(str(front))
        assert ask(tmp_path / "health.sock", request("GET /_ping")) == (200, True)


def test_haproxy_is_of_the_line_that_is_pinned():
    text = (Path(__file__).parents[2] / "blueprints/socket-proxy.yaml").read_text()
    pinned = text.split("library/haproxy:")[1].split("-")[0].rpartition(".")[0]
    said = subprocess.run([HAPROXY, "-v"], capture_output=True, text=True, check=True).stdout
    assert said.startswith(f"HAProxy version {pinned}.")


def whole_answer(front: Path, sent: bytes, until: bytes | None = None) -> bytes:
    """All that comes back until HAProxy hangs up on a sender who has nothing more to say; of a stream, until these
    bytes came."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(30)
        connection.connect(str(front))
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        found = b""
        with suppress(ConnectionError):
            while (until is None or until not in found) and (part := connection.recv(65536)):
                found += part
        return found


def test_a_listed_shell_answers(real, tmp_path):
    """The connection becomes the shell's."""
    calls = ["POST /containers/{id}/exec", "POST /exec/{id}/start"]
    start = "Host: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Type: application/json\r\n"
    with guarded(real, tmp_path, compiled("shell", calls, "unix")) as front:
        made = post(front, "/containers/target/exec", {"AttachStdout": True, "Cmd": ["/hello"]})
        identity = json.loads(made[made.index(b"{") : made.rindex(b"}") + 1])["Id"]
        body = json.dumps({"Detach": False, "Tty": False})
        answer = whole_answer(
            front,
            f"POST /exec/{identity}/start HTTP/1.1\r\n{start}Content-Length: {len(body)}\r\n\r\n{body}".encode(),
            b"hello\n",
        )

    assert answer.startswith(b"HTTP/1.1 101")
    assert b"hello\n" in answer


def test_a_websocket_opens_only_where_it_is_listed(real, tmp_path):
    line = "GET /containers/target/attach/ws?stdin=1"
    for calls, status in ((["GET /containers/{id}/attach/ws"], 101), (["GET /containers/{id}/json"], 403)):
        (tmp_path / str(status)).mkdir()
        with guarded(real, tmp_path / str(status), compiled("shell", calls, "tcp")) as front:
            assert ask(front, request(line))[0] == status


def post(front: Path, target: str, value: dict) -> bytes:
    body = json.dumps(value)
    headers = f"{HEADERS}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return whole_answer(front, f"POST {target} HTTP/1.1\r\n{headers}\r\n{body}".encode())


def test_a_stream_stays_open_and_delivers(real, tmp_path):
    with guarded(real, tmp_path, compiled("logs", ["GET /containers/{id}/logs"], "tcp")) as front:
        answer = whole_answer(
            front, b"GET /containers/target/logs?stdout=1&follow=1 HTTP/1.1\r\nHost: x\r\n\r\n", b"hello"
        )

    assert b"hello" in answer


def test_the_health_check_asks_the_engine_and_nothing_else(real, tmp_path):
    with guarded(real, tmp_path, compiled("none", [], "tcp")):
        answers = [
            ask(tmp_path / "health.sock", request(line))
            for line in ("GET /_ping", "GET /version", "GET /containers/json", "POST /_ping")
        ]

    assert answers == [(200, True), (403, False), (403, False), (403, False)]
