"""Real Caddy with compiled Caddyfiles: nobody comes past the outpost, nobody brings an identity along."""

import shutil
from pathlib import Path

import pytest

from infrakit import compiler
from infrakit.emit import caddyfile
from infrakit.system.certificates import mint_certificates
from tests.runtime.caddy import BOB, CHECK, SESSION, Outpost, StandIn, adapt, moved, needs_caddy, running

pytestmark = needs_caddy

DOMAIN = "home.example.org"
CONFIG = """
version: 1
name: homelab
domain: home.example.org
timezone: Europe/Berlin
pattern: full
tls: {mode: internal}
access:
  administrators: [alice]
  groups: {family: [bob]}
apps:
  wiki: {image: "ghcr.io/requarks/wiki:2.5", port: 3000, memory: 512m, allow: [family]}
  site: {image: "ghcr.io/example/site:1.0", port: 8000, memory: 64m, public: true}
"""
HYBRID = Path(compiler.__file__).parent / "examples/hybrid.yaml"

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
X-Real-Ip X_Real_Ip X-Real_Ip
X-Original-URL X_Original_URL X-Original_URL X-Original-Uri X-Rewrite-URL X_Rewrite_URL X-Rewrite_URL
X-InfraKit-Door X_InfraKit_Door
""".split()

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
Cookie: authentik_proxy_x=;session=bob
Authorization: Basic YWRtaW46YWRtaW4=
Authorization: Bearer e30.e30.
Connection: X-Forwarded-Host, X-Forwarded-Uri, Cookie
Expect: 100-continue
TE: trailers
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
WEBSOCKET = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
SMUGGLED = f"GET /smuggled HTTP/1.1\r\nHost: HOST\r\nCookie: {SESSION}x\r\nConnection: close\r\n\r\n"

RAW = {
    "websocket": f"GET / HTTP/1.1\r\nHost: HOST\r\n{WEBSOCKET}\r\n",
    "websocket with an identity": f"GET / HTTP/1.1\r\nHost: HOST\r\nX-Authentik-Username: admin\r\n{WEBSOCKET}\r\n",
    "h2c": "GET / HTTP/1.1\r\nHost: HOST\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
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
    "two Hosts, other order": "GET / HTTP/1.1\r\nHost: site.home.example.org\r\nHost: HOST\r\nConnection: close\r\n\r\n",
    "CL and TE": f"POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{SMUGGLED}",
    "CL and CL": f"POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0\r\nContent-Length: {len(SMUGGLED)}\r\n\r\n{SMUGGLED}",
    "TE and TE": f"POST / HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n{SMUGGLED}",
    "TE in disguise": f"POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 5\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{SMUGGLED}",
    "pipelined": f"GET / HTTP/1.1\r\nHost: HOST\r\n\r\n{SMUGGLED}",
    "body of a GET": f"GET / HTTP/1.1\r\nHost: HOST\r\nContent-Length: {len(SMUGGLED)}\r\nConnection: close\r\n\r\n{SMUGGLED}",
    "trailer": "POST / HTTP/1.1\r\nHost: HOST\r\nTrailer: X-Authentik-Username\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\nX-Authentik-Username: admin\r\n\r\n",
    "space before the colon": "GET / HTTP/1.1\r\nHost: HOST\r\nX-Authentik-Username : admin\r\nConnection: close\r\n\r\n",
    "folded": "GET / HTTP/1.1\r\nHost: HOST\r\nX-A: b\r\n X-Authentik-Username: admin\r\nConnection: close\r\n\r\n",
    "LF only": "GET / HTTP/1.1\nHost: HOST\nX-Authentik-Username: admin\nConnection: close\n\n",
    "CR only": "GET / HTTP/1.1\rHost: HOST\r\rConnection: close\r\n\r\n",
    "NUL in a header": "GET / HTTP/1.1\r\nHost: HOST\r\nX-Authentik-Username: a\0b\r\nConnection: close\r\n\r\n",
    "twice the same": "GET / HTTP/1.1\r\nHost: HOST\r\nX-Authentik-Username: a\r\nx-authentik-username: b\r\nConnection: close\r\n\r\n",
}


def get(target: str = "/", *headers: str, method: str = "GET") -> str:
    return "\r\n".join((f"{method} {target} HTTP/1.1", "Host: HOST", *headers, "Connection: close", "", ""))


HOSTILE = {
    **{f"header {name}": get("/", f"{name}: admin") for name in SPOOFED},
    **{f"header {line}": get("/", line) for line in LIES if "session=bob" not in line},
    **{f"target {target}": get(target) for target in TARGETS},
    **{f"method {method}": get(method=method) for method in METHODS},
    "method CONNECT to a backend": "CONNECT glances:61208 HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n",
    **RAW,
}


def addressed(request: str, hostname: str) -> bytes:
    return request.replace("HOST", hostname).replace("CAPITALS", hostname.upper()).encode()


class Neighbourhood:
    """Caddy with the outpost and one backend for each upstream; the backends are found by the name of their service."""

    def __init__(self, outpost: Outpost, backends: dict[str, StandIn], door) -> None:
        self.outpost, self.door = outpost, door
        self._backends = backends

    def backend(self, service: str) -> StandIn:
        """Authentik's own pages come from the stand-in that is the outpost too."""
        return self.outpost if service == "auth" else self._backends[service]

    def ask(self, service: str, request: str) -> bytes:
        """Forget what was seen, and send."""
        for each in (self.outpost, *self._backends.values()):
            each.seen.clear()
        hostname = f"{service}.{DOMAIN}"
        return self.door.say(addressed(request, hostname), hostname)

    def reached(self) -> list:
        return [seen for each in self._backends.values() for seen in each.seen]


def upstreams(host) -> list[str]:
    return sorted({upstream.address for route in host.routes for upstream in route.upstreams} - {"authentik:9000"})


@pytest.fixture(scope="module")
def compiled():
    return compiler.load(CONFIG.encode(), "infrakit.yaml", no_blueprints).fleet.deployments[0]


def no_blueprints(path: str) -> bytes:
    raise AssertionError(f"nothing names the blueprint {path}")


@pytest.fixture(scope="module")
def street(compiled, tmp_path_factory):
    folder = tmp_path_factory.mktemp("caddy")
    (artifact,) = caddyfile.emit(compiled)
    outpost = Outpost("outpost")
    backends = {address: StandIn("backend") for address in upstreams(compiled)}
    behind = {"authentik:9000": outpost.port} | {address: each.port for address, each in backends.items()}
    config, ports = moved(adapt(artifact.content, folder), folder, behind)
    names = tuple(route.hostname for route in compiled.routes)
    with running(config, ports, folder, names) as door:
        yield Neighbourhood(outpost, {address.partition(":")[0]: each for address, each in backends.items()}, door)
    for each in (outpost, *backends.values()):
        each.stop()


def test_each_kind_of_route_is_here(compiled):
    kinds = {route.hostname.partition(".")[0]: route.sign_in for route in compiled.routes}

    assert kinds == {
        "auth": "provider", "dozzle": "forward_auth", "glances": "forward_auth", "wiki": "forward_auth",
        "guacamole": "application", "portainer": "application", "site": "public",
    }
    assert len(HOSTILE) >= 40


@pytest.mark.parametrize("service", ASKED)
def test_nothing_hostile_reaches_a_backend(street, service):
    through = {}
    for name, request in HOSTILE.items():
        answer = street.ask(service, request)
        if street.reached() or b"backend" in answer:
            through[name] = (answer[:80], street.reached())

    # Absolute-form names its own host, which is what counts then: the public app may answer for itself.
    lies = {name: found for name, found in through.items() if "site.home.example.org" not in name}
    assert lies == {}


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
    assert said == {"Host": [f"{service}.{DOMAIN}"], "Proto": ["https"], "Method": ["POST"], "Uri": ["/page"], "For": ["127.0.0.1"]}


@pytest.mark.parametrize("service", ASKED)
def test_the_outpost_hears_no_forged_identity(street, service):
    street.ask(service, get("/", *(f"{name}: admin" for name in SPOOFED)))

    (asked,) = street.outpost.seen
    assert identities(asked) == {}


@pytest.mark.parametrize("service", ASKED)
def test_signed_in_the_backend_hears_what_the_outpost_said_and_nothing_else(street, service):
    wanted = {name.lower(): [value] for name, value in BOB.items()} if service == "dozzle" else {}
    for forged in ((), *((f"{name}: admin",) for name in SPOOFED), tuple(f"{name}: admin" for name in SPOOFED)):
        answer = street.ask(service, get("/page?x=1", f"Cookie: {SESSION}", *forged))

        assert answer.startswith(b"HTTP/1.1 200 ") and b"X-Stand-In: backend" in answer, forged
        (seen,) = street.backend(service).seen
        assert (seen.method, seen.path, identities(seen)) == ("GET", "/page?x=1", wanted), forged


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


STRANGERS = ("evil.example", "127.0.0.1", f"dozzle.{DOMAIN}.", f"x.dozzle.{DOMAIN}", DOMAIN, "localhost", "authentik:9000")


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


@pytest.mark.parametrize("status", [0, 201, 204, 299, 401, 403, 404, 500, 503])
def test_a_broken_outpost_lets_nobody_in(street, status):
    """0: it is not there at all. A 2xx is its word that all is well, and that is how upstream means it."""
    street.outpost.status = status
    if status == 0:
        street.outpost.stop()
    try:
        for service in ASKED:
            requests = HOSTILE if status == 0 else {"signed in": get("/", f"Cookie: {SESSION}")}
            for name, request in (*requests.items(), ("signed in", get("/", f"Cookie: {SESSION}"))):
                if "site.home.example.org" in name:
                    continue
                answer = street.ask(service, request)
                if 200 <= status < 300:
                    continue
                assert (street.reached(), b"backend" in answer) == ([], False), name
            if status == 0:
                assert answer.startswith(b"HTTP/1.1 502 ")
    finally:
        street.outpost.status = 200
        if status == 0:
            street.outpost.start()
