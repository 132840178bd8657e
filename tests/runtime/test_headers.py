"""Every header of a request, through real Caddy, at every kind of door: it arrives as it was sent, is set to what is
true, or is gone; and why.

Sent by a client who is signed in where a door asks for that.
"""

from typing import NamedTuple

import pytest

from tests.runtime.caddy import BOB, SESSION, Seen, needs_caddy
from tests.runtime.street import CONFIG, DOMAIN, HYBRID, fleet_of, get, hosts_of, street_of

pytestmark = needs_caddy

PROVIDER, PORTAL, UNTOLD, OWN, PUBLIC, FLEET = "provider", "portal", "portal untold", "own sign-in", "public", "fleet"
DOORS = {PROVIDER: "auth", PORTAL: "wiki", UNTOLD: "glances", OWN: "portainer", PUBLIC: "site", FLEET: "dozzle-shed"}
"""Kind of door -> who is behind it. `portal untold`: signed in at the door, but the app is not told who comes."""
TOLD = (PORTAL, FLEET)

KEPT, GONE, HOPS = "kept", "gone", "Caddy"
WHO = "says who comes, which only our sign-in may"
WHENCE = "says where the client is, which only Caddy knows"
WHERE = "says which door or page is meant, and some apps let it decide"
PROOF = "the client proves itself with it to the app"
MEANING = "means something between the client and the app"
HOP = "ends at the next hop (RFC 9110, 7.6.1)"


class Row(NamedTuple):
    """`fate`: KEPT, GONE, or the value that is set (DOOR in it: the door's host name); `at`: kinds of doors with
    another one."""

    name: str
    fate: str
    reason: str
    sent: str = "a value"
    at: "dict[str, str]" = {}


def rows(names: str, fate: str, reason: str) -> list[Row]:
    return [Row(name, fate, reason) for name in names.split()]


TABLE = [
    *(Row(name, GONE, WHO, at=dict.fromkeys(TOLD, value)) for name, value in BOB.items()),
    *rows("X-Authentik-Name X-Authentik-Entitlements X-Authentik-Meta-Outpost X-Authentik-Auth-Callback", GONE, WHO),
    *rows("X-Authentik-Remote-Ip X-Authentik-Outpost-Token", GONE, "Authentik believes it of its own outposts"),
    Row("X-Authentik-Csrf", GONE, "proves a write on Authentik's own pages", "{env.HOME}", {PROVIDER: "{env.HOME}"}),
    *rows(
        "Remote-User Remote-Groups Remote-Email Remote-Name X-Remote-User X-Remote-Group X-Forwarded-User", GONE, WHO
    ),
    *rows("X-Forwarded-Email X-Forwarded-Groups X-Forwarded-Preferred-Username X-Forwarded-Access-Token", GONE, WHO),
    *rows("X-Forwarded-Client-Cert X-Auth-Request-User X-Auth-Request-Email X-Auth-User X-Auth-Username", GONE, WHO),
    *rows("X-Auth-Email X-Auth-Groups X-Auth-Name X-Auth-Roles X-Authenticated-User X-Webauth-User", GONE, WHO),
    *rows("X-Pomerium-Jwt-Assertion X-Vouch-User X-Goog-Authenticated-User-Email X-Amzn-Oidc-Identity", GONE, WHO),
    *rows("X-Ms-Client-Principal-Name Cf-Access-Authenticated-User-Email Tailscale-User-Login", GONE, WHO),
    *rows("X-Ssl-Client-S-Dn Ssl-Client-Verify X-Client-Cert Client-Cert Client-Cert-Chain X-Ssl-Cert", GONE, WHO),
    *rows("X-Arr-Clientcert X-Clientcert X-Tls-Client-Cert X-Amzn-Mtls-Clientcert", GONE, WHO),
    *rows("X-Consumer-Username X-Proxy-User Shib-Session-Id X-Shib-User X-Ssl-Subject X-Userinfo", GONE, WHO),
    *rows("X-Anonymous-Consumer X-Credential-Identifier X-Id-Token Oidc-Claim-Sub Mellon-Uid Iv-User", GONE, WHO),
    *rows("Oam-Remote-User Sm-User X-Saml-Username X-Ldap-User X-Keycloak-Username X-Dex-User", GONE, WHO),
    *rows("X-Ms-Token-Aad-Id-Token", GONE, WHO),
    Row("X-Forwarded-For", "127.0.0.1", WHENCE, "203.0.113.9"),
    Row("X-Real-Ip", "127.0.0.1", WHENCE, "203.0.113.9"),
    *rows("X-Client-Ip X-Cluster-Client-Ip True-Client-Ip Cf-Connecting-Ip Cf-Connecting-Ipv6", GONE, WHENCE),
    *rows("Fastly-Client-Ip Fly-Client-Ip Client-Ip Proxy-Client-Ip Wl-Proxy-Client-Ip Forwarded", GONE, WHENCE),
    *rows("X-Azure-Clientip X-Azure-Socketip X-Envoy-External-Address X-Appengine-User-Ip", GONE, WHENCE),
    *rows("Ali-Cdn-Real-Ip Cdn-Src-Ip Do-Connecting-Ip X-Nf-Client-Connection-Ip Cf-Pseudo-Ipv4", GONE, WHENCE),
    *rows("X-Proxyuser-Ip X-Originating-Ip Forwarded-For X-Forward-For X-Forwarded", GONE, WHENCE),
    Row("X-Forwarded-Host", "DOOR", WHERE),
    Row("X-Forwarded-Proto", "https", WHERE, "http"),
    *rows("X-Forwarded-Port X-Forwarded-Prefix X-Forwarded-Server X-Forwarded-Uri X-Forwarded-Method", GONE, WHERE),
    *rows("X-Forwarded-Scheme X-Forwarded-Ssl X-Original-Url X-Original-Uri X-Original-Host", GONE, WHERE),
    *rows("X-Rewrite-Url X-Infrakit-Door X-Scheme X-Url-Scheme Front-End-Https", GONE, WHERE),
    *rows("X-Host X-Http-Host-Override X-Proto X-Protocol X-Https X-Server-Name X-Script-Name", GONE, WHERE),
    *rows("Script-Name X-Ingress-Path X-Request-Uri", GONE, WHERE),
    Row("Proxy", GONE, "a CGI program takes it for its own proxy (CVE-2016-5385)"),
    Row("Cookie", KEPT, PROOF, SESSION),
    Row("Authorization", KEPT, PROOF, "Bearer e30.e30."),
    *rows("X-Auth-Token X-Auth-Key X-User-Id X-Api-Key Api-Key X-Vault-Token X-Gitlab-Token X-Plex-Token", KEPT, PROOF),
    *rows("X-Emby-Authorization X-Emby-Token X-Csrf-Token X-Csrftoken X-Xsrf-Token X-Hub-Signature-256", KEPT, PROOF),
    *rows("X-Requested-With Requesttoken Ocs-Apirequest Cf-Access-Jwt-Assertion", KEPT, PROOF),
    *rows("Accept Accept-Language Accept-Encoding User-Agent Referer Origin Content-Type", KEPT, MEANING),
    *rows("If-None-Match If-Modified-Since If-Match Cache-Control Pragma Range If-Range Dnt Priority", KEPT, MEANING),
    *rows("Depth Destination Overwrite Lock-Token X-Http-Method-Override X-Github-Event Last-Event-Id", KEPT, MEANING),
    *rows(
        "Sec-Fetch-Site Sec-Ch-Ua Upgrade-Insecure-Requests Traceparent X-Request-Id X-Correlation-Id", KEPT, MEANING
    ),
    *rows(
        "X-Unknown-To-Us Sec-Ch-Prefers-Color-Scheme Tus-Resumable Upload-Offset Access-Control-Request-Method",
        KEPT,
        MEANING,
    ),
    Row("Te", KEPT, "the one word of it that goes on", "trailers"),
    *rows("Keep-Alive Proxy-Connection Proxy-Authorization Upgrade Trailer", GONE, HOP),
    Row("Connection", GONE, HOP, "close"),
    Row("Via", HOPS, "each proxy says that it was there, and what was spoken to it (RFC 9110, 7.6.3)", ""),
    Row("Host", "DOOR", "the door's name, as the browser knows it", ""),
]


def sent_at_once(table: list[Row]) -> tuple[str, ...]:
    """The lines of one request with all of them."""
    return tuple(f"{row.name}: {row.sent}" for row in table if row.sent)


@pytest.fixture(scope="module")
def seen(tmp_path_factory) -> "dict[str, Seen]":
    """Kind of door -> the one request that got to what is behind it."""
    found = {}
    request = get("/page", *sent_at_once(TABLE)).replace("Connection: close\r\nConnection: close", "Connection: close")
    home = tmp_path_factory.mktemp("headers")
    (home / "alone").mkdir()
    (host,) = hosts_of(CONFIG).values()
    with street_of(host, home / "alone") as street:
        for kind, service in DOORS.items():
            if kind != FLEET:
                street.ask(service, request)
                (found[kind],) = [item for item in street.backend(service).seen if item.path == "/page"]
    with fleet_of(HYBRID.read_text(encoding="utf-8"), home) as fleet:
        fleet.shed.forget()
        fleet.core.ask(DOORS[FLEET], request)
        (found[FLEET],) = fleet.shed.reached()
    return found


@pytest.mark.parametrize("kind", DOORS)
@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_a_header_arrives_as_sent_or_is_set_or_is_gone(seen, kind, row):
    fate = row.at.get(kind, row.fate)
    wanted = {KEPT: [row.sent], GONE: []}.get(fate, [fate.replace("DOOR", f"{DOORS[kind]}.{DOMAIN}")])
    found = seen[kind].values(row.name)
    # Between two Caddys one version of HTTP is spoken or another, and one that says no other name is said once.
    found = sorted({hop.partition(" ")[2] for hop in found}) if fate == HOPS else found
    assert found == wanted, row.reason


@pytest.mark.parametrize("kind", DOORS)
def test_no_header_arrives_that_the_table_does_not_explain(seen, kind):
    assert {name.title() for name, _ in seen[kind].headers} <= {row.name for row in TABLE}


def test_the_table_is_long_and_says_why():
    assert len(TABLE) == len({row.name.lower() for row in TABLE}) >= 60
    assert all(row.reason for row in TABLE)


def test_only_the_csrf_header_gets_to_authentik_and_only_as_it_is_spelled(tmp_path):
    (host,) = hosts_of(CONFIG).values()
    with street_of(host, tmp_path) as street:
        for line, wanted in {
            "X-authentik-CSRF: abc": ["abc"],
            "x-AUTHENTIK-csrf: abc": ["abc"],
            "X_Authentik_CSRF: abc": [],
            "X-Authentik_CSRF: abc": [],
            "X-authentik-CSRF:": [],
            "X-Other: abc": [],
        }.items():
            street.ask("auth", get("/api/v3/flows/", line, method="POST"))
            (asked,) = street.outpost.seen
            assert asked.values("X-authentik-CSRF") == wanted, line
            assert not [name for name, _ in asked.headers if "authentik_" in name.lower()], line


CLIENT = "203.0.113.9"
CHAIN = f"X-Forwarded-For: 198.51.100.7, {CLIENT}"


def told_of(seen: Seen) -> tuple[list[str], list[str]]:
    return seen.values("X-Forwarded-For"), seen.values("X-Real-IP")


@pytest.mark.parametrize(
    ("tls", "more", "line", "wanted"),
    [
        ("internal", "", CHAIN, "127.0.0.1"),
        ("internal", "network: {trusted_proxies: [127.0.0.1]}", CHAIN, CLIENT),
        ("internal", "network: {trusted_proxies: [127.0.0.0/8]}", f"CF-Connecting-IP: {CLIENT}", "127.0.0.1"),
        ("internal", "network: {trusted_proxies: [192.0.2.0/24]}", CHAIN, "127.0.0.1"),
        ("tunnel", "", f"CF-Connecting-IP: {CLIENT}", CLIENT),
    ],
    ids=["nobody before us", "a proxy of the user's", "which says another word", "another proxy", "a tunnel"],
)
def test_everybody_hears_the_clients_address_and_no_hops(tmp_path, tls, more, line, wanted):
    """The outpost, Authentik, and apps: one address, that of the client, whatever stands before Caddy."""
    (host,) = hosts_of(f"{CONFIG}\n{more}", tls).values()
    with street_of(host, tmp_path, trusted="127.0.0.1/32" if tls == "tunnel" else "") as street:
        for service in ("auth", "wiki", "site", "portainer"):
            street.ask(service, get("/page", line, f"Cookie: {SESSION}"))
            heard = [item for item in (*street.outpost.seen, *street.backend(service).seen) if item.path != "/healthz"]
            assert heard and {str(told_of(item)) for item in heard} == {str(([wanted], [wanted]))}, service
        street.ask("wiki", get("/outpost.goauthentik.io/start", line))
        assert told_of(street.outpost.seen[0]) == ([wanted], [wanted])


def test_another_host_of_the_fleet_hears_the_clients_address_too(tmp_path):
    text = HYBRID.read_text(encoding="utf-8") + "\nnetwork: {trusted_proxies: [127.0.0.1]}\n"
    with fleet_of(text, tmp_path) as fleet:
        fleet.shed.forget()
        fleet.core.ask("dozzle-shed", get("/page", CHAIN, f"Cookie: {SESSION}"))
        (seen,) = fleet.shed.reached()
    assert told_of(seen) == ([CLIENT], [CLIENT])


@pytest.mark.parametrize(("more", "said"), [("", b":443"), ("network: {https_port: 8444}", b":8444")])
def test_the_other_way_that_is_announced_is_the_one_that_is_open(tmp_path, more, said):
    """HTTP/3, at the port that is published: Caddy would say its own."""
    (host,) = hosts_of(f"{CONFIG}\n{more}").values()
    with street_of(host, tmp_path) as street:
        answer = street.ask("site", get("/"))
        port = str(street.door.ports[":443"]).encode()
    (announced,) = [line for line in answer.split(b"\r\n") if line.lower().startswith(b"alt-svc:")]
    assert announced.split(b'"')[1] == (b":" + port if said == b":443" else said)
