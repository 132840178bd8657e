"""What `pass` lets in through real Caddy: exactly what is written, and nobody's identity with it."""

import pytest

from infrakit import compiler
from tests.runtime.caddy import SESSION, needs_caddy
from tests.runtime.street import HEAD, get, street_of
from tests.runtime.test_doors import SPOOFED

pytestmark = needs_caddy

CONFIG = f"""{HEAD}
apps:
  app:
    image: "x/y:1"
    port: 80
    allow: [family]
    pass:
      - {{path: /api/*, why: the phone app signs in by itself}}
      - {{path: [/exact, "/a.b/*/c+1"], why: links that are sent around}}
      - {{path: /home/*, from: 127.0.0.0/8, why: the house}}
      - {{path: /far/*, from: 192.168.1.0/24, why: another house}}
      - {{path: /read/*, method: [GET, HEAD], why: pictures}}
      - {{path: /both/*, from: [192.168.1.0/24, 127.0.0.1], method: POST, why: the printer}}
  preflight:
    image: "x/y:1"
    port: 80
    pass: [{{method: OPTIONS, why: browsers ask before}}]
  house:
    image: "x/y:1"
    port: 80
    pass: [{{from: 192.168.1.0/24, why: the house}}]
"""

PASSED = r"""
GET /api/
GET /api/x
POST /api/x
DELETE /api/x/y/z
GET /api/x?q=/../admin
GET /api/my%20file%C3%BC.jpg
GET /api/...
GET /api/.well-known
GET https://HOST/api/x
GET /exact
GET /exact?x=1
GET /a.b/x/c+1
GET /home/x
GET /read/x
HEAD /read/x
POST /both/x
""".strip().splitlines()

ASKED = r"""
GET /
GET /api
GET /apix
GET /API/x
GET /Api/x
GET //api/x
GET /x/../api/x
GET /./api/x
GET /%61pi/x
GET /api%2fx
GET /api/../admin
GET /api/..
GET /api/.
GET /api/./x
GET /api//x
GET /api/%2e%2e/admin
GET /api/%2E%2E/admin
GET /api/.%2e/admin
GET /api/..%2fadmin
GET /api/..%2Fadmin
GET /api/..%5cadmin
GET /api/..\admin
GET /api/\..\admin
GET /api/%252e%252e/admin
GET /api/%252e%252e%252fadmin
GET /api/..;/admin
GET /api/x;/../admin
GET /api/%3b/x
GET /api/%c0%ae%c0%ae/admin
GET /api/%e0%80%ae/admin
GET /api/%f8%80%80%80%ae/x
GET /api/%fc%80%80%80%80%ae/x
GET /api/%ff/x
GET /api/%ef%bc%8e%ef%bc%8e/admin
GET /api/%EF%BC%8Fadmin
GET /api/%00
GET /api/%0d%0aX:1
GET /api/x%3f/../admin
GET /api/x%23
GET /api/x#/../admin
GET /admin?/api/x
GET /admin#/api/x
GET /admin;/api/x
GET https://HOST/admin
GET /exact/
GET /exact/x
GET /exactly
GET /Exact
GET /exact%20
GET /aXb/x/c+1
GET /a.b/x/cc1
GET /a.b//c+1
GET /a.b/x/y/c+1
GET /a.b/c+1
GET /far/x
POST /read/x
PUT /read/x
get /read/x
OPTIONS /read/x
PROPFIND /read/x
GET /both/x
GET /outpost.goauthentik.io/../api/x
OPTIONS /
""".strip().splitlines()

LIES = """
X-Forwarded-For: 192.168.1.5
X-Real-IP: 192.168.1.5
X-Client-IP: 192.168.1.5
True-Client-IP: 192.168.1.5
CF-Connecting-IP: 192.168.1.5
Forwarded: for=192.168.1.5
X-Original-URL: /api/x
X-Rewrite-URL: /api/x
X-Forwarded-Uri: /api/x
X-Forwarded-Prefix: /api/
X-HTTP-Method-Override: POST
X-Forwarded-Method: GET
X-Authentik-Username: bob
Cookie: session=alice
""".strip().splitlines()


@pytest.fixture(scope="module")
def street(tmp_path_factory):
    fleet = compiler.load(CONFIG.encode(), "infrakit.yaml", lambda path: b"").fleet
    with street_of(fleet.deployments[0], tmp_path_factory.mktemp("passes")) as street:
        yield street


def to(line: str, *headers: str) -> str:
    method, target = line.split(" ", 1)
    return get(target, *headers, method=method)


def test_there_are_many_requests():
    assert len(PASSED) + len(ASKED) >= 30


@pytest.mark.parametrize("line", PASSED)
def test_what_is_written_is_let_in_and_says_nothing_of_who_comes(street, line):
    spoofed = [f"{name}: alice" for name in SPOOFED]
    answer = street.ask("app", to(line, f"Cookie: {SESSION}", *spoofed))
    assert answer.startswith(b"HTTP/1.1 200"), answer
    (request,) = street.reached()
    assert not street.outpost.seen
    assert not {"alice", "bob"} & {value for _, value in request.headers}
    assert not [name for name, _ in request.headers if "authentik" in name.lower() or "remote" in name.lower()]
    assert request.values("X-Forwarded-For") == ["127.0.0.1"]


@pytest.mark.parametrize("line", ASKED)
def test_nothing_else_is(street, line):
    answer = street.ask("app", to(line))
    assert not street.reached() and b"\r\nX-Stand-In: backend" not in answer


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("line", ["GET /far/x", "GET /", "POST /read/x"])
def test_no_header_makes_a_request_another_one(street, line, lie):
    assert street.ask("app", to(line, lie)).startswith(b"HTTP/1.1 302")
    assert not street.reached()


@pytest.mark.parametrize(
    "name", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X_Http_Method_Override"]
)
def test_where_a_method_is_written_no_header_makes_it_another(street, name):
    street.ask("app", to("GET /read/x", f"{name}: DELETE"))
    (request,) = street.reached()
    assert "DELETE" not in [value for _, value in request.headers]


def test_a_preflight_is_let_in_everywhere_and_nothing_else_anywhere(street):
    for target in ("/", "/api/x", "/a/../b"):
        assert street.ask("preflight", get(target, method="OPTIONS")).startswith(b"HTTP/1.1 200")
        assert street.ask("preflight", get(target)).startswith(b"HTTP/1.1 302")


def test_whoever_is_signed_in_opens_the_rest_as_before(street):
    assert street.ask("app", to("GET /admin", f"Cookie: {SESSION}")).startswith(b"HTTP/1.1 200")
    (request,) = street.reached()
    assert request.values("X-Authentik-Username") == ["bob"]


def test_behind_a_trusted_proxy_the_address_that_it_saw_counts(tmp_path):
    text = CONFIG + "network: {trusted_proxies: [192.168.1.1]}\n"
    fleet = compiler.load(text.encode(), "infrakit.yaml", lambda path: b"").fleet
    with street_of(fleet.deployments[0], tmp_path, trusted="127.0.0.1/32") as street:
        for said, status in {
            "192.168.1.5": b"200",
            "203.0.113.9, 192.168.1.5": b"200",
            "192.168.1.5, 203.0.113.9": b"302",
            "203.0.113.9": b"302",
            "": b"302",
        }.items():
            answer = street.ask("house", get("/x", *([f"X-Forwarded-For: {said}"] if said else [])))
            assert answer.split(b" ")[1] == status, said
