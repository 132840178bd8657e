"""What is asked of running services after the start: of Authentik over real HTTP, with its answers as upstream shapes
them."""

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from infrakit.emit import emit
from infrakit.stack.up import plan_up
from infrakit.stack.wire.authentik import ORDER, SCRIPT, Applied, State
from infrakit.system.digest import hex_digest
from tests.emit.examples import hosts

HOSTS = hosts()
FULL = HOSTS["full-homelab"]
TOKEN = "a-token"
INSTANCE = {
    "pk": "b1",
    "name": "InfraKit",
    "path": ORDER["path"],
    "status": "error",
    "last_applied_hash": "",
    "enabled": True,
    "content": "",
    "metadata": {},
}
MEMBERS = [
    {"pk": 5, "username": "alice", "is_active": True, "last_login": None},
    {"pk": 6, "username": "carol", "is_active": False, "last_login": "2026-11-01T10:00:00Z"},
]


@pytest.fixture
def api(tmp_path):
    """ask(apply=..., token=...) -> what the script prints; ask.calls: method and path of each request that had the
    right token."""
    calls = []

    class Api(BaseHTTPRequestHandler):
        def do_GET(self):
            parts = urlsplit(self.path)
            found = {
                "/api/v3/managed/blueprints/": {
                    "results": [INSTANCE] if parse_qs(parts.query).get("path") == [INSTANCE["path"]] else []
                },
                "/api/v3/core/groups/": {"results": [{"name": "administrators", "users_obj": MEMBERS}]},
                "/api/v3/managed/blueprints/b1/apply/": INSTANCE,
            }.get(parts.path)
            right = self.headers["Authorization"] == f"Bearer {TOKEN}"
            if right:
                calls.append(f"{self.command} {parts.path}")
            self.send_response(200 if right else 403)
            self.end_headers()
            self.wfile.write(json.dumps(found if right else {"detail": "Token invalid/expired"}).encode())

        do_POST = do_GET

        def log_message(self, *words):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_address[1]}/api/v3"

        def ask(*, apply=False, token=TOKEN, base=base, **more):
            (tmp_path / "token").write_text(f"{token}\n")
            order = {**ORDER, "base": base, "token": str(tmp_path / "token"), "apply": apply, **more}
            done = subprocess.run(
                [sys.executable, "-"], input=f"order = {order!r}{SCRIPT}", capture_output=True, text=True, timeout=30
            )
            assert done.returncode == 0, done.stderr
            return json.loads(done.stdout)

        ask.calls = calls
        yield ask
        server.shutdown()


def test_authentik_is_asked_for_the_blueprint_and_its_administrators(api):
    assert State(**api()) == State("error", "", True, {"alice": "", "carol": "2026-11-01T10:00:00Z"})
    assert api.calls == ["GET /api/v3/managed/blueprints/", "GET /api/v3/core/groups/"]


def test_a_blueprint_is_applied_again_when_asked(api):
    api(apply=True)
    assert "POST /api/v3/managed/blueprints/b1/apply/" in api.calls


def test_a_blueprint_that_is_not_there_yet_is_not_applied(api):
    assert State(**api(apply=True, path="other.yaml")).status == ""
    assert not [call for call in api.calls if call.startswith("POST")]


def test_a_refused_token_is_told_apart_from_silence(api):
    assert api(token="another") == {"refused": 403}
    assert "refused" in api(base="http://127.0.0.1:9/api/v3")["problem"].lower()


GOOD = State("successful", "abc", True, {"alice": ""})


@pytest.mark.parametrize(
    ("state", "missing"),
    [
        (GOOD, ""),
        (State(), "has not found"),
        (GOOD._replace(status="error"), "status error"),
        (GOOD._replace(enabled=False), "switched off"),
        (GOOD._replace(last_applied_hash="abd"), "an older state"),
        (GOOD._replace(members={}), "no administrator alice"),
    ],
)
def test_what_authentik_lacks_is_said(state, missing):
    found = Applied("homelab", "abc", ("alice",)).missing(state)
    assert (missing in found) if missing else found == ""


@pytest.mark.parametrize("name", HOSTS)
def test_services_are_told_where_they_run_and_after_all_others(name):
    host = HOSTS[name]
    services = [step for step in plan_up(host, emit(host), hex_digest).steps if step.name.startswith("service ")]
    told = [step.name for step in services if len(step.actions) > 1]

    assert told == [
        f"service {name}" for name in ("guacamole", "authentik") if name in {service.name for service in host.services}
    ]
    assert not told or [step.name for step in services[-len(told) :]] == told
    assert all(len(step.done_when) == len(step.actions) for step in services)


def test_doors_are_waited_for_and_nothing_else_is():
    steps = plan_up(FULL, emit(FULL), hex_digest).steps

    assert {step.name.split()[0] for step in steps if step.waits} == {"door"} and all(
        step.waits for step in steps if step.name.startswith("door ")
    )


def test_the_blueprint_that_counts_is_the_one_of_the_tree():
    from hashlib import sha512

    (content,) = [item.content for item in emit(FULL) if item.path == "authentik/blueprints/infrakit.yaml"]
    (step,) = [step for step in plan_up(FULL, emit(FULL), hex_digest).steps if step.name == "service authentik"]

    assert step.done_when[1:] == (Applied("homelab", sha512(content).hexdigest(), ("alice",)),)
