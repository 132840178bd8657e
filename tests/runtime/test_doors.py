"""Real Caddy with compiled Caddyfiles: nobody comes past the outpost, nobody brings an identity along."""

import shutil
import time

import pytest

from infrakit.system.certificates import mint_certificates
from infrakit.system.knock import knock_at_fleet
from tests.runtime.caddy import BOB, CHECK, SESSION, needs_caddy
from tests.runtime.street import CONFIG, DOMAIN, HYBRID, Street, fleet_of, get, hosts_of, street_of

pytestmark = needs_caddy

ASKED = ("dozzle", "glances", "wiki")
OPEN = ("site", "portainer", "guacamole", "auth")

# Every name under which some backend believes its proxy, in every spelling that CGI-like backends take for the same.
SPOOFED = """
X-Authentik-Username x-authentik-username X-AUTHENTIK-USERNAME x_authentik_username X-Authentik_Username X_Authentik-Username
X-Authentik-Uid X-Authentik-Jwt X-Authentik-Groups X-Authentik-Email X-Authentik-Entitlements X-Authentik-Meta-Outpost
X-Authentik-Meta-Jwks X-Authentik-Meta-Version X-authentik-Auth-Callback
Remote-User Remote_User REMOTE_USER remote-user Remote-Groups Remote-Email Remote-Name Remote_Groups
X-Remote-User X_Remote_User X-Remote_User X_Remote-User X-Remote-Group
X-Forwarded-User X_Forwarded_User X-Forwarded_User x_forwarded-user X-Forwarded-Email X_Forwarded_Email X-Forwarded-Groups
X-Forwarded-Preferred-Username X_Forwarded_Preferred_Username X-Forwarded-Access-Token
X-Auth-Request-User X_Auth_Request_User X-Auth_Request_User X-Auth-Request-Email X-Auth-User
X-WebAuth-User X_WebAuth_User X-WebAuth_User
X-Original-URL X_Original_URL X-Original_URL X-Original-Uri X-Rewrite-URL X_Rewrite_URL X-Rewrite_URL
X-InfraKit-Door X_InfraKit_Door
""".split()  # noqa: E501 -- words for the shell

# Not an identity, but a lie about the request all the same.
LIES = """
X-Forwarded-Uri: /outpost.goauthentik.io/start
X-Forwarded-Method: OPTIONS
X-Forwarded-Host: site.home.example.org
X-Forwarded-Proto: http
X-Forwarded-For: 127.0.0.1
Forwarded: for=127.0.0.1;host=site.home.example.org
X-HTTP-Method-Override: GET
X-Forwarded-Prefix: /outpost.goauthentik.io
Cookie: session=alice
Authorization: Basic YWRtaW46YWRtaW4=
Authorization: Bearer e30.e30.
Connection: X-Forwarded-Host, X-Forwarded-Uri, Cookie
Expect: 100-continue
TE: trailers
""".strip().splitlines()

# A header that `Connection` names ends at the proxy: what the outpost said must not get lost that way.
HOP_BY_HOP = """
Connection: X-Authentik-Username
Connection: close, x-authentik-groups , X-Authentik-Uid
Connection: keep-alive,X-Authentik-Username,Upgrade
Proxy-Connection: X-Authentik-Username
Keep-Alive: X-Authentik-Username
""".strip().splitlines()

TARGETS = r"""
/
/../
/%2e%2e/
/%252e%252e/
/..%2f
/..%5c
/..\
/..;/
/;/admin
/.;/admin
//
//admin
///outpost.goauthentik.io
/%2f%2fadmin
/%00
/%
/?
/#
/admin
/static/
/static/app.js
/static/..%5cadmin
/static/..;/admin
/static/%252e%252e/admin
/api/health
/API/HEALTH
/api//health
/healthz
/favicon.ico
/robots.txt
/.well-known/x
/?/outpost.goauthentik.io/
/x?rd=https://evil.example/
/outpost.goauthentik.io
/outpost.goauthentik.io/
/outpost.goauthentik.io/../
/outpost.goauthentik.io/../admin
/outpost.goauthentik.io/%2e%2e/admin
/outpost.goauthentik.io/%2e%2e%2fadmin
/outpost.goauthentik.io/%252e%252e/admin
/outpost.goauthentik.io/..%2fadmin
/outpost.goauthentik.io/..%5cadmin
/outpost.goauthentik.io/..\admin
/outpost.goauthentik.io/..;/admin
/outpost.goauthentik.io/./../admin
/outpost.goauthentik.io;/../admin
/outpost.goauthentik.io/auth/caddy
/outpost.goauthentik.io/auth/../../admin
/admin/../outpost.goauthentik.io/x
/admin/%2e%2e/outpost.goauthentik.io/x
//outpost.goauthentik.io/x
/OUTPOST.GOAUTHENTIK.IO/x
/outpost%2egoauthentik.io/x
/%6futpost.goauthentik.io/x
/{http.request.uri}
/{$HOME}
*
admin
http://HOST/
https://HOST/
http://site.home.example.org/
http://evil.example/
//site.home.example.org/
http://HOST@evil.example/
""".strip().splitlines()

METHODS = ("HEAD", "OPTIONS", "TRACE", "PROPFIND", "POST", "PUT", "DELETE", "PATCH", "CONNECT", "get", "X", "GET,HEAD")
WEBSOCKET = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
    "AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
SMUGGLED = f"GET /smuggled HTTP/1.1\r\nHost: HOST\r\nCookie: {SESSION}x\r\nConnection: close\r\n\r\n"

RAW = {
    "websocket": f"GET / HTTP/1.1\r\nHost: HOST\r\n{WEBSOCKET}\r\n",
    "websocket with an identity": f"GET / HTTP/1.1\r\nHost: HOST\r\nX-Authentik-Username: admin\r\n{WEBSOCKET}\r\n",
    "h2c": (
        "GET / HTTP/1.1\r\nHost: HOST\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\n"
        "HTTP2-Settings: AAMAAABk\r\n\r\n"
    ),
    "HTTP/2 without ALPN": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no Host": "GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
    "no Host in 1.0": "GET / HTTP/1.0\r\n\r\n",
    "HTTP/0.9": "GET /\r\n\r\n",
    "HTTP/1.9": "GET / HTTP/1.9\r\nHost: HOST\r\nConnection: close\r\n\r\n",
    "empty Host": "GET / HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n",
    "unknown Host": "GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
    "trailing dot": "GET / HTTP/1.1\r\nHost: HOST.\r\nConnection: close\r\n\r\n",
    "two trailing dots": "GET / HTTP/1.1\r\nHost: HOST..\r\nConnection: close\r\n\r\n",
    "IP as Host": "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
    "IPv6 as Host": "GET / HTTP/1.1\r\nHost: [::1]:443\r\nConnection: close\r\n\r\n",
    "Host with a port": "GET / HTTP/1.1\r\nHost: HOST:65536\r\nConnection: close\r\n\r\n",
    "Host with a user": "GET / HTTP/1.1\r\nHost: x@HOST\r\nConnection: close\r\n\r\n",
    "Host of the backend": "GET / HTTP/1.1\r\nHost: dozzle:8080\r\nConnection: close\r\n\r\n",
    "Host of the outpost": "GET / HTTP/1.1\r\nHost: authentik:9000\r\nConnection: close\r\n\r\n",
    "Host in capitals": "GET / HTTP/1.1\r\nHost: CAPITALS\r\nConnection: close\r\n\r\n",
    "Host below": "GET / HTTP/1.1\r\nHost: x.HOST\r\nConnection: close\r\n\r\n",
    "two Hosts": "GET / HTTP/1.1\r\nHost: HOST\r\nHost: site.home.example.org\r\nConnection: close\r\n\r\n",
    "two Hosts, other order": "GET / HTTP/1.1\r\nHost: site.home.example.org\r\n"
    "Host: HOST\r\nConnection: close\r\n\r\n",
    "CL and TE": f"POST / HTTP/1.1\r\nHost: HOST\r\n"
    f"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{SMUGGLED}",
    "CL and CL": f"POST / HTTP/1.1\r\nHost: HOST\r\n"
    f"Content-Length: 0\r\nContent-Length: {len(SMUGGLED)}\r\n\r\n{SMUGGLED}",
    "TE and TE": (
        "POST / HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"
        f"{SMUGGLED}"
    ),
    "TE in disguise": (
        f"POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 5\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{SMUGGLED}"
    ),
    "pipelined": f"GET / HTTP/1.1\r\nHost: HOST\r\n\r\n{SMUGGLED}",
    "body of a GET": f"GET / HTTP/1.1\r\nHost: HOST\r\n"
    f"Content-Length: {len(SMUGGLED)}\r\nConnection: close\r\n\r\n{SMUGGLED}",
    "trailer": (
        "POST / HTTP/1.1\r\nHost: HOST\r\nTrailer: X-Authentik-Username\r\nTransfer-Encoding: chunked\r\nConnection: "
        "close\r\n\r\n0\r\nX-Authentik-Username: admin\r\n\r\n"
    ),
    "space before the colon": "GET / HTTP/1.1\r\nHost: HOST\r\n"
    "X-Authentik-Username : admin\r\nConnection: close\r\n\r\n",
    "folded": "GET / HTTP/1.1\r\nHost: HOST\r\nX-A: b\r\n X-Authentik-Username: admin\r\nConnection: close\r\n\r\n",
    "LF only": "GET / HTTP/1.1\nHost: HOST\nX-Authentik-Username: admin\nConnection: close\n\n",
    "CR only": "GET / HTTP/1.1\rHost: HOST\r\rConnection: close\r\n\r\n",
    "NUL in a header": "GET / HTTP/1.1\r\nHost: HOST\r\nX-Authentik-Username: a\0b\r\nConnection: close\r\n\r\n",
    "twice the same": (
        "GET / HTTP/1.1\r\nHost: HOST\r\nX-Authentik-Username: a\r\nx-authentik-username: b\r\nConnection: close\r\n"
        "\r\n"
    ),
}


HOSTILE = {
    **{f"header {name}": get("/", f"{name}: admin") for name in SPOOFED},
    **{f"header {line}": get("/", line) for line in LIES},
    **{f"target {target}": get(target) for target in TARGETS},
    **{f"method {method}": get(method=method) for method in METHODS},
    "method CONNECT to a backend": "CONNECT glances:61208 HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n",
    **RAW,
}


# The absolute form names its own host, and that is the one which counts: the public app answers for itself.
ELSEWHERE = {"target http://site.home.example.org/"}


@pytest.fixture(scope="module")
def compiled():
    (host,) = hosts_of(CONFIG).values()
    return host


@pytest.fixture(scope="module")
def street(compiled, tmp_path_factory):
    with street_of(compiled, tmp_path_factory.mktemp("caddy")) as made:
        yield made


def test_each_kind_of_route_is_here(compiled):
    kinds = {route.hostname.partition(".")[0]: route.sign_in for route in compiled.routes}

    assert kinds == {
        "auth": "provider",
        "dozzle": "forward_auth",
        "glances": "forward_auth",
        "wiki": "forward_auth",
        "guacamole": "application",
        "portainer": "application",
        "site": "public",
    }
    assert len(HOSTILE) >= 40


@pytest.mark.parametrize("service", ASKED)
def test_nothing_hostile_reaches_a_backend(street, service):
    assert came_through(street, service, HOSTILE) == set()


def came_through(street: Street, service: str, requests: dict[str, str]) -> set[str]:
    """The requests that a backend of the street saw, or that came back with a backend's answer."""
    passed = set()
    for name, request in requests.items():
        answer = street.ask(service, request)
        if street.reached() or b"X-Stand-In: backend" in answer:
            passed.add(name)
    return passed - ELSEWHERE


@pytest.mark.parametrize("service", ASKED)
def test_a_public_name_in_the_request_line_leads_to_that_app_only(street, service):
    street.ask(service, get("http://site.home.example.org/"))

    assert street.backend(service).seen == []


@pytest.mark.parametrize("service", ASKED)
def test_who_is_not_signed_in_is_sent_to_sign_in(street, service):
    answer = street.ask(service, get("/page?x=1"))

    assert answer.startswith(b"HTTP/1.1 302 ")
    assert b"Location: https://auth.home.example.org/sign-in" in answer
    (asked,) = street.outpost.seen
    assert (asked.method, asked.path) == ("GET", f"{CHECK}?x=1")
    assert asked.values("X-Forwarded-Uri") == ["/page?x=1"]


@pytest.mark.parametrize("service", ASKED)
@pytest.mark.parametrize("line", LIES)
def test_the_outpost_hears_the_truth(street, service, line):
    street.ask(service, get("/page", line, method="POST"))

    (asked,) = street.outpost.seen
    said = {name: asked.values(f"X-Forwarded-{name}") for name in ("Host", "Proto", "Method", "Uri", "For")}
    assert said == {
        "Host": [f"{service}.{DOMAIN}"],
        "Proto": ["https"],
        "Method": ["POST"],
        "Uri": ["/page"],
        "For": ["127.0.0.1"],
    }


@pytest.mark.parametrize("service", ASKED)
def test_the_outpost_hears_no_forged_identity(street, service):
    street.ask(service, get("/", *(f"{name}: admin" for name in SPOOFED)))

    (asked,) = street.outpost.seen
    assert identities(asked) == {}


@pytest.mark.parametrize("service", ASKED)
def test_signed_in_the_backend_hears_what_the_outpost_said_and_nothing_else(street, compiled, service):
    (wants,) = (route.identity_headers for route in compiled.routes if route.service == service)
    wanted = {name.lower(): [value] for name, value in BOB.items()} if wants else {}
    every = tuple(f"{name}: admin" for name in SPOOFED)
    for forged in ((), every, *((line,) for line in (*every, *HOP_BY_HOP))):
        answer = street.ask(service, get("/page?x=1", f"Cookie: {SESSION}", *forged))

        assert answer.startswith(b"HTTP/1.1 200 ") and b"X-Stand-In: backend" in answer, forged
        (seen,) = street.backend(service).seen
        assert (seen.method, seen.path, identities(seen)) == ("GET", "/page?x=1", wanted), forged


def test_routes_with_and_without_identity_headers_are_here(compiled):
    assert {route.identity_headers for route in compiled.routes if route.sign_in == "forward_auth"} == {True, False}


@pytest.mark.parametrize("service", OPEN)
def test_where_nobody_is_asked_the_backend_hears_no_identity(street, service):
    for forged in (*((f"{name}: admin",) for name in SPOOFED), tuple(f"{name}: admin" for name in SPOOFED)):
        answer = street.ask(service, get("/page", *forged))

        assert answer.startswith(b"HTTP/1.1 200 "), forged
        (seen,) = street.backend(service).seen
        assert (seen.path, identities(seen)) == ("/page", {}), forged


def identities(seen) -> dict[str, list[str]]:
    """Every header of `seen` whose name is a spelling of one in SPOOFED, or of one that the outpost sends."""
    names = {plain(name) for name in (*SPOOFED, *BOB)}
    return {name.lower(): seen.values(name) for name, _ in seen.headers if plain(name) in names}


def plain(name: str) -> str:
    return name.lower().replace("_", "-")


STRANGERS = (
    "evil.example",
    "127.0.0.1",
    f"dozzle.{DOMAIN}.",
    f"x.dozzle.{DOMAIN}",
    DOMAIN,
    "localhost",
    "authentik:9000",
)


@pytest.mark.parametrize("stranger", STRANGERS)
def test_an_unknown_host_gets_no_answer(street, stranger):
    request = f"GET / HTTP/1.1\r\nHost: {stranger}\r\nConnection: close\r\n\r\n".encode()

    assert street.door.say(request, f"dozzle.{DOMAIN}") == b""
    assert street.door.say(request, None) == b""
    assert street.door.say(request, "evil.example") == b""
    assert street.door.say_plainly(request) == b""


def test_plain_http_leads_to_https(street):
    answer = street.door.say_plainly(get("/a?b").replace("HOST", f"wiki.{DOMAIN}").encode())

    assert answer.startswith(b"HTTP/1.1 308 ")
    assert f"Location: https://wiki.{DOMAIN}/a?b\r\n".encode() in answer


@pytest.mark.parametrize("status", [301, 401, 403, 404, 429, 500, 503])
@pytest.mark.parametrize("service", ASKED)
def test_an_outpost_in_trouble_lets_nobody_in(street, service, status):
    street.outpost.status = status
    try:
        answer = street.ask(service, get("/", f"Cookie: {SESSION}"))
    finally:
        street.outpost.status = 200

    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert street.reached() == []


@pytest.mark.parametrize("service", ASKED)
def test_a_stopped_outpost_lets_nobody_in(street, service):
    street.outpost.stop()
    try:
        passed = came_through(street, service, HOSTILE)
        answer = street.ask(service, get("/", f"Cookie: {SESSION}"))
    finally:
        street.outpost.start()

    assert passed == set()
    assert (answer[:13], street.reached()) == (b"HTTP/1.1 502 ", [])


@pytest.fixture(scope="module")
def tunnelled(tmp_path_factory):
    """The same host behind Cloudflare's tunnel, whose word about the client counts; here it comes from loopback."""
    (host,) = hosts_of(CONFIG, "tunnel").values()
    with street_of(host, tmp_path_factory.mktemp("tunnelled"), trusted="127.0.0.1/32") as made:
        yield made


@pytest.mark.parametrize(
    "line", [line for line in LIES if not line.startswith(("X-Forwarded-For", "X-Forwarded-Proto"))]
)
@pytest.mark.parametrize("service", ASKED)
def test_behind_the_tunnel_the_outpost_hears_of_the_right_door(tunnelled, service, line):
    """The outpost decides by X-Forwarded-Host: if a client could choose it, whoever may see one app could see all."""
    tunnelled.ask(service, get("/page", line))

    (asked,) = tunnelled.outpost.seen
    assert (asked.values("X-Forwarded-Host"), asked.values("X-Forwarded-Uri")) == ([f"{service}.{DOMAIN}"], ["/page"])


@pytest.mark.parametrize("service", ASKED)
def test_behind_the_tunnel_nothing_hostile_reaches_a_backend(tunnelled, service):
    assert came_through(tunnelled, service, HOSTILE) == set()


DOZZLE = "X-InfraKit-Door: dozzle-shed.home.example.org"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    with fleet_of(HYBRID.read_text(encoding="utf-8"), tmp_path_factory.mktemp("fleet")) as made:
        yield made


def test_with_its_certificate_the_core_opens_the_door_that_it_names(fleet):
    answer, (seen,) = fleet.knock(DOZZLE, "X-Authentik-Username: bob", pair=fleet.secrets["core"])

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert (seen.values("Host"), seen.values("X-InfraKit-Door")) == (["dozzle-shed.home.example.org"], [])
    assert seen.values("X-Authentik-Username") == ["bob"]


@pytest.mark.parametrize(
    "door", ["", "portainer.home.example.org", "*", "dozzle-shed.home.example.org.", "x, dozzle-shed.home.example.org"]
)
def test_an_unknown_door_gets_no_answer(fleet, door):
    assert fleet.knock(f"X-InfraKit-Door: {door}", pair=fleet.secrets["core"]) == (b"", [])


@pytest.mark.parametrize("header", ["X-Nothing: x", "X_InfraKit_Door: dozzle-shed.home.example.org"])
def test_no_door_gets_no_answer(fleet, header):
    assert fleet.knock(header, pair=fleet.secrets["core"]) == (b"", [])


def met(host: str, dial: str, folder: str) -> str:
    (said,) = knock_at_fleet([(host, dial)], folder)
    return said


def test_status_tells_a_door_to_another_host_that_opens_from_one_that_does_not(fleet, tmp_path):
    dial = f"127.0.0.1:{fleet.shed.door.ports[':8443']}"
    assert met("shed", dial, str(fleet.secrets["core"])) == ""
    assert "another fleet" in met("cabin", dial, str(fleet.secrets["core"])), "it is shed that answers"
    (tmp_path / "apart").mkdir()  # what a machine that knows of no core makes itself
    mint_certificates(str(tmp_path / "apart"), "core")
    assert "another fleet" in met("shed", dial, str(tmp_path / "apart/secrets"))
    stranger = tmp_path / "stranger"
    shutil.copytree(tmp_path / "apart/secrets", stranger)
    (stranger / "fleet_ca").chmod(0o600)
    shutil.copy(fleet.secrets["core"] / "fleet_ca", stranger / "fleet_ca")
    assert "another fleet" in met("shed", dial, str(stranger)), "the shed does not believe it"
    assert "does not answer" in met("shed", "127.0.0.1:1", str(fleet.secrets["core"]))


def test_without_a_certificate_the_handshake_fails(fleet):
    assert fleet.knock(DOZZLE, pair=None) == (b"", [])
    assert b"HTTP request to an HTTPS server" in fleet.shed.door.say_plainly(get().encode(), ":8443")


def test_a_certificate_of_another_authority_opens_nothing(fleet, tmp_path):
    (tmp_path / "core").mkdir()
    mint_certificates(str(tmp_path / "core"), "core")

    assert fleet.knock(DOZZLE, pair=tmp_path / "core/secrets") == (b"", [])


@pytest.mark.parametrize("host", ["shed", "cabin"])
def test_another_host_of_the_fleet_is_not_the_core(fleet, host):
    assert fleet.knock(DOZZLE, pair=fleet.secrets[host]) == (b"", [])


def test_through_both_doors_the_shed_hears_what_the_outpost_said(fleet):
    fleet.shed.forget()
    answer = fleet.core.ask(
        "dozzle-shed", get("/page?x=1", f"Cookie: {SESSION}", *(f"{name}: admin" for name in SPOOFED))
    )

    assert answer.startswith(b"HTTP/1.1 200 ")
    (seen,) = fleet.shed.reached()
    assert identities(seen) == {name.lower(): [value] for name, value in BOB.items()}
    assert (seen.values("X-Forwarded-Host"), seen.values("X-Forwarded-Proto")) == (
        ["dozzle-shed.home.example.org"],
        ["https"],
    )


@pytest.mark.parametrize("service", ["dozzle-shed", "glances-shed", "wiki"])
def test_nothing_hostile_reaches_the_shed(fleet, service):
    fleet.shed.forget()

    assert came_through(fleet.core, service, HOSTILE) == set()
    assert fleet.shed.reached() == []


@pytest.fixture(scope="module")
def balanced(tmp_path_factory):
    """The fleet, with an app on two hosts of which the file names no page that says how it is."""
    text = HYBRID.read_text(encoding="utf-8").replace("    health: /healthz\n", "")
    with fleet_of(text, tmp_path_factory.mktemp("balanced")) as made:
        yield made


def asked(fleet, times: int = 12) -> tuple[list, list, list[bytes]]:
    """(seen at the core, seen at the shed, first line of each answer) of as many requests for the wiki."""
    here, there, said = [], [], []
    for _ in range(times):
        fleet.shed.forget()
        said.append(fleet.core.ask("wiki", get("/page", f"Cookie: {SESSION}")).split(b"\r\n")[0])
        here += fleet.core.reached()
        there += fleet.shed.reached()
    return here, there, said


def test_an_app_on_two_hosts_hears_the_same_on_both(balanced):
    here, there, _ = asked(balanced)

    assert here and there
    told = {
        tuple((name, *seen.values(name)) for name in ("Host", "X-Forwarded-Host", "X-Forwarded-Proto", *BOB))
        for seen in here + there
    }
    assert len(told) == 1, told


def test_an_app_that_leads_elsewhere_at_its_start_page_is_not_taken_for_broken(balanced):
    """Asked at / it answers 302, as most with a sign-in of their own do; and nobody asks it unless the file says so."""
    for street in (balanced.core, balanced.shed):
        street.backend("wiki").answer = lambda request: (302 if request.path == "/" else 200, {"Location": "/login"})
    _, there, said = asked(balanced)

    assert set(said) == {b"HTTP/1.1 200 OK"} and there


@pytest.mark.parametrize("status", [502, 503])
def test_an_app_that_answers_502_at_a_page_of_its_own_is_asked_for_the_others(balanced, status):
    for street in (balanced.core, balanced.shed):
        street.backend("wiki").answer = lambda request: (status if request.path == "/bad" else 200, {})
    for _ in range(6):
        bad = balanced.core.ask("wiki", get("/bad", f"Cookie: {SESSION}"))
        assert bad.startswith(b"HTTP/1.1 %d " % status) and b"X-Stand-In" in bad
    here, there, said = asked(balanced)

    assert set(said) == {b"HTTP/1.1 200 OK"} and here and there


def test_an_app_that_is_gone_on_one_host_is_asked_for_on_the_other(balanced):
    balanced.shed.backend("wiki").stop()
    try:
        _, _, said = asked(balanced)
        _, there, later = asked(balanced)
    finally:
        balanced.shed.backend("wiki").start()

    assert said.count(b"HTTP/1.1 502 Bad Gateway") <= 1
    assert set(later) == {b"HTTP/1.1 200 OK"} and not there


def test_a_page_that_the_file_names_is_asked_for(fleet):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        pages = {seen.path for each in fleet.core._backends.values() for seen in each.seen}
        if "/healthz" in pages:
            break
        time.sleep(0.2)
    assert "/healthz" in pages
