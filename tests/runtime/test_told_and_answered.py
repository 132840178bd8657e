"""What an app is told of who comes, and what its answers say, through real Caddy, where a door has words for both."""

import json
import re

import pytest

from infrakit import compiler, resources
from infrakit.config.keys import all_keys
from infrakit.emit import caddyfile
from tests.runtime.caddy import SESSION, Seen, StandIn, adapt, needs_caddy
from tests.runtime.street import HEAD, get, street_of

pytestmark = needs_caddy

CONFIG = (
    HEAD
    + """\
apps:
  grafana:
    image: "x/y:1"
    port: 80
    allow: [family]
    identity: {X-WebAuth-User: username, Remote-User: username, My-Groups: groups, Mail: email}
    pass: [{path: /api/*, why: its own tokens}]
  router: {address: "http://192.168.77.1", identity: {My-User: username}}
  vault: {image: "x/y:1", port: 80, sign_in: own}
  site: {image: "x/y:1", port: 80, sign_in: none}
  framed:
    image: "x/y:1"
    port: 80
    public: true
    headers: {X-Frame-Options: "", Content-Security-Policy: "frame-ancestors 'self' \\"x\\" | ~", X-Powered-By: ""}
  plain: {image: "x/y:1", port: 80, public: true}
"""
)
SAID = {"X-Frame-Options": "ALLOW", "Content-Security-Policy": "none", "X-Powered-By": "us", "X-Other": "kept"}


@pytest.fixture(scope="module")
def street(tmp_path_factory):
    fleet = compiler.load(CONFIG.encode(), "infrakit.yaml", lambda path: b"").fleet
    with street_of(fleet.deployments[0], tmp_path_factory.mktemp("told")) as street:
        yield street


def asked(street, app: str, *headers: str, target: str = "/page") -> Seen:
    assert street.ask(app, get(target, *headers)).startswith(b"HTTP/1.1 200")
    (request,) = street.reached()
    return request


def test_an_app_is_told_under_the_names_that_it_wants_and_the_usual_ones(street):
    request = asked(street, "grafana", f"Cookie: {SESSION}")
    assert request.values("X-WebAuth-User") == request.values("Remote-User") == ["bob"]
    assert request.values("My-Groups") == ["family,administrators"] and request.values("Mail") == ["bob@example.org"]
    assert request.values("X-Authentik-Username") == ["bob"]


LIES = (
    *("X-WebAuth-User", "x-webauth-user", "X_WebAuth_User", "X-WebAuth_User", "Remote-User", "REMOTE_USER"),
    *("My-Groups", "MY-GROUPS", "My_Groups", "my_groups", "MY_GROUPS", "Mail", "mail"),
)


@pytest.mark.parametrize("name", LIES)
@pytest.mark.parametrize("target", ["/page", "/api/x"])
def test_no_client_says_so_himself(street, name, target):
    request = asked(street, "grafana", f"Cookie: {SESSION}", f"{name}: alice", target=target)
    assert "alice" not in [value for _, value in request.headers]
    told = [value for header, value in request.headers if header.lower().replace("_", "-") == "my-groups"]
    assert told == (["family,administrators"] if target == "/page" else [])


@pytest.mark.parametrize(
    "name", ["Remote-User", "my-groups", "X-WebAuth-User", "close, MAIL", "MMailail,My-GMy-Groupsroups"]
)
def test_no_client_makes_it_end_at_the_door(street, name):
    request = street.ask("grafana", get("/page", f"Cookie: {SESSION}", f"Connection: {name}")) and street.reached()[0]
    assert [request.values(each) != [] for each in ("X-WebAuth-User", "Remote-User", "My-Groups", "Mail")] == [True] * 4


@pytest.mark.parametrize(
    "upgrade", ["h2c", "H2C", "h2c, websocket", "websocket, h2c", "websocket\r\nUpgrade: h2c", "tcp"]
)
@pytest.mark.parametrize("app", ["grafana", "vault", "site"])
def test_no_backend_is_asked_for_a_protocol_in_which_anybody_could_say_anything(street, app, upgrade):
    said = get("/api/x", f"Upgrade: {upgrade}", "HTTP2-Settings: AAMAAABkAAQAAP__")
    street.ask(app, said.replace("Connection: close", "Connection: Upgrade, HTTP2-Settings, close"))
    (request,) = street.reached()
    assert not request.values("Upgrade") and "upgrade" not in str(request.values("Connection")).lower()


@pytest.mark.parametrize("upgrade", ["websocket", "WebSocket"])
def test_a_web_socket_is_asked_for_as_it_is(street, upgrade):
    street.ask("vault", get("/", f"Upgrade: {upgrade}").replace("Connection: close", "Connection: Upgrade, close"))
    (request,) = street.reached()
    assert request.values("Upgrade") == ["websocket"]


def test_what_passes_says_nobody(street):
    request = asked(street, "grafana", f"Cookie: {SESSION}", target="/api/x")
    assert not [each for each in ("X-WebAuth-User", "Remote-User", "My-Groups", "Mail") if request.values(each)]


def test_a_machine_elsewhere_is_told_what_the_file_says_and_no_more(street):
    request = asked(street, "router", f"Cookie: {SESSION}")
    assert request.values("My-User") == ["bob"]
    assert not [name for name, _ in request.headers if "authentik" in name.lower()]


@pytest.mark.parametrize("app", ["vault", "site"])
def test_a_door_without_the_portal_asks_nobody_and_strips_all_the_same(street, app):
    request = asked(street, app, f"Cookie: {SESSION}", "X-Authentik-Username: alice", "Remote-User: alice")
    assert not street.outpost.seen and "alice" not in [value for _, value in request.headers]
    assert not [name for name, _ in request.headers if "authentik" in name.lower()]


def test_answers_say_what_the_file_says(street, monkeypatch):
    monkeypatch.setattr(StandIn, "answer", lambda self, request: (200, SAID))
    found = {}
    for app in ("framed", "plain"):
        head = street.ask(app, get("/")).partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
        found[app] = [tuple(line.split(": ", 1)) for line in head]
    names = [name for name, _ in found["framed"]]
    assert "X-Frame-Options" not in names and "X-Powered-By" not in names and "Server" not in names
    assert [value for name, value in found["framed"] if name == "Content-Security-Policy"] == [
        "frame-ancestors 'self' \"x\" | ~"
    ]
    assert ("X-Content-Type-Options", "nosniff") in found["framed"] and ("X-Other", "kept") in found["framed"]
    assert ("X-Frame-Options", "ALLOW") in found["plain"] and ("X-Powered-By", "us") in found["plain"]


def test_every_character_that_a_header_may_have_gets_to_caddy_as_it_is(tmp_path):
    pattern = next(item["pattern"] for key, item in all_keys(resources.schema("infrakit")) if key == "apps.*.headers.*")
    texts = [f"{a}x{b}" for a in map(chr, range(128)) for b in (a, "\\", '"', "") if re.search(pattern, f"{a}x{b}")]
    assert len(texts) > 300
    apps = [{"image": "x/y:1", "port": 80, "public": True, "headers": {"X-A": text}} for text in texts]
    tree = {"version": 1, "domain": "home.example.org", "pattern": "edge", "tls": {"mode": "internal"}}
    tree["network"] = {"pool": "10.0.0.0/12"}
    tree["apps"] = {f"app{number}": app for number, app in enumerate(apps)}
    (host,) = compiler.load(json.dumps(tree).encode(), "infrakit.yaml", lambda path: b"").fleet.deployments
    adapted = json.dumps(adapt(caddyfile.emit(host)[0].content, tmp_path))
    for text in texts:
        assert json.dumps({"X-A": [text]}) in adapted, text


def test_our_own_headers_can_be_taken_away(street):
    framed, plain = (street.ask(app, get("/")).lower() for app in ("framed", "plain"))
    assert b"x-frame-options: sameorigin" in plain and b"x-frame-options" not in framed
