"""Doors of apps, from infrakit.yaml to what Authentik, the review and the rest are told."""

import json

import pytest

from infrakit import emit
from infrakit.changes import compare, facts_of
from infrakit.compiler import load
from infrakit.emit.review_people import people
from infrakit.errors import ConfigurationInvalid, UsageProblem
from infrakit.stack.doors import pages
from infrakit.stack.way_in import way_in
from infrakit.stack.wire.doors import steps

BASE = """version: 1
domain: home.example.org
pattern: full
tls: {mode: internal}
access: {administrators: [alice], groups: {family: [bob]}}
apps:
"""
CERTIFICATE = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def compiled(text: str, beside: bytes = CERTIFICATE, base: str = BASE):
    return load((base + text).encode(), "infrakit.yaml", lambda name: beside)


def host(text: str, **changes):
    return compiled(text, **changes).fleet.deployments[0]


def files(deployment) -> dict[str, str]:
    return {item.path: item.content.decode() for item in emit.emit(deployment)}


def routes(deployment, service: str):
    return [route for route in deployment.routes if route.service == service]


def refused(text: str, **changes) -> list[tuple[str, int]]:
    with pytest.raises(ConfigurationInvalid) as found:
        compiled(text, **changes)
    return [(problem.code, problem.position.line) for problem in found.value.problems if problem.severity == "error"]


def test_whole_names_stand_instead_of_the_subdomain():
    found = host("  wiki: {image: 'x/y:1', port: 80, domain: [example.org, www.example.com], allow: [family]}\n")
    assert [route.hostname for route in routes(found, "wiki")] == ["example.org", "www.example.com"]
    asked = {item.url: (item.slug, item.title) for item in found.access.applications if "wiki" in item.slug}
    assert asked == {
        "https://example.org": ("infrakit-wiki", "wiki"),
        "https://www.example.com": ("infrakit-wiki-www-example-com", "wiki (www.example.com)"),
    }
    assert routes(found, "wiki")[0].origins["hostname"].path == ("apps", "wiki", "domain", 0)


def test_an_app_that_signs_in_by_itself_is_one_client_under_all_its_names():
    found = host("  wiki: {image: 'x/y:1', port: 80, domain: [a.org, b.org], oidc: {redirects: [/cb]}}\n")
    (client,) = [item for item in found.access.applications if item.slug == "infrakit-wiki"]
    assert client.oidc.redirect_uris == ("https://a.org/cb", "https://b.org/cb")
    assert client.hostnames == ("a.org", "b.org")
    assert [route.sign_in for route in routes(found, "wiki")] == ["application", "application"]


def test_a_client_is_led_back_to_programs_and_machines_and_its_own_names_alone_are_its_own():
    back = {
        "/cb": False,
        "https://WIKI.home.example.org:8443/cb": False,
        "https://dozzle.home.example.org/cb": True,
        "https://192.168.1.9:8443/cb": True,
        "http://[::1]:7777/": True,
        "com.example:/cb": True,
        "com.example://wiki.home.example.org/cb": True,
    }
    found = host(f"  wiki: {{image: 'x/y:1', port: 80, oidc: {{redirects: {json.dumps(list(back))}}}}}\n")
    (client,) = [item for item in found.access.applications if item.slug == "infrakit-wiki"]
    assert client.hostnames == ("wiki.home.example.org",)
    assert client.oidc.redirect_uris[1:] == tuple(back)[1:]
    (row,) = [row for table in people(found).tables for row in table.rows if row.cells[0].words[0].text == "wiki"]
    assert [word.amber for word in row.cells[-1].words] == list(back.values())


@pytest.mark.parametrize(
    ("mode", "code"), [("internal", ""), ("acme", ""), ("files", "domain-apart"), ("tunnel", "domain-apart")]
)
def test_a_name_apart_is_warned_of_where_somebody_must_see_to_its_certificate(mode, code):
    base = BASE.replace("internal", mode)
    keys = "{image: 'x/y:1', port: 80, domain: [example.com, x.home.example.org, home.example.org]}"
    found = compiled(f"  wiki: {keys}\n", base=base).warnings
    assert [problem.code for problem in found if "domain" in problem.code] == ([code] if code else [])


@pytest.mark.parametrize(
    ("more", "codes"),
    [
        ("", ["never-verified"]),
        (", certificate: any", []),
        (", certificate: ./nas.pem", []),
        (", certificate_name: nas.example.com", []),
    ],
)
def test_a_container_that_can_never_be_verified_is_warned_of(more, codes):
    found = compiled(f"  nas: {{image: 'x/y:1', port: 443, scheme: https{more}}}\n").warnings
    assert [problem.code for problem in found] == codes


def test_certificates_to_trust_lie_in_the_tree_and_have_a_cause():
    found = host("  nas: {image: 'x/y:1', port: 443, scheme: https, certificate: ./nas.pem}\n")
    assert files(found)["caddy/authorities/nas.pem"].encode() == CERTIFICATE
    causes = emit.trace(found, "caddy/authorities/nas.pem")
    assert {origin.path for origin in causes.values()} == {("apps", "nas", "certificate")} and len(causes) == 3
    assert "held to the certificate that you gave" in files(found)["REVIEW.md"]
    assert not [grant for grant in found.grants if grant.capability == "certificate"]


def test_a_certificate_that_nobody_checks_is_amber_at_its_line():
    found = host("  nas: {image: 'x/y:1', port: 443, scheme: https, certificate: any}\n")
    (grant,) = [grant for grant in found.grants if grant.capability == "certificate"]
    assert not grant.red and grant.origin.path == ("apps", "nas", "certificate")
    assert "*over TLS, whoever answers*" in files(found)["REVIEW.md"]


@pytest.mark.parametrize("beside", [b"", b"x", CERTIFICATE + b"x", b"-----BEGIN PRIVATE KEY-----\nMI\n", b"\xff"])
def test_what_is_no_certificate_is_refused_at_its_line(beside):
    text = "  nas: {image: 'x/y:1', port: 443, scheme: https, certificate: ./nas.pem}\n"
    assert refused(text, beside=beside) == [("certificate", 7)]


STORE = """  store:
    image: x/y:1
    title: Objects
    doors:
      console: {port: 9001, allow: [family]}
      s3: {port: 9000, subdomain: objects, public: true, title: S3}
      raw: {port: 9000, domain: [raw.example.org, raw.example.com]}
"""


def test_each_of_several_doors_has_a_name_people_a_place_in_the_portal_and_a_line_of_its_own():
    found = host(STORE)
    said = [(item.hostname, item.upstreams[0].address, item.sign_in, item.allow) for item in routes(found, "store")]
    assert said == [
        ("console.home.example.org", "store:9001", "forward_auth", ("family",)),
        ("objects.home.example.org", "store:9000", "public", ()),
        ("raw.example.org", "store:9000", "forward_auth", ("administrators",)),
        ("raw.example.com", "store:9000", "forward_auth", ("administrators",)),
    ]
    assert {item.slug: item.title for item in found.access.applications if "store" in item.slug} == {
        "infrakit-store-console": "Objects (console)",
        "infrakit-store-raw": "Objects (raw)",
        "infrakit-store-raw-raw-example-com": "Objects (raw) (raw.example.com)",
    }
    assert [item.origins["hostname"].path[2:] for item in routes(found, "store")] == [
        ("doors", "console"),
        ("doors", "s3", "subdomain"),
        ("doors", "raw", "domain", 0),
        ("doors", "raw", "domain", 1),
    ]
    causes = emit.trace(found, "caddy/Caddyfile")
    lines = files(found)["caddy/Caddyfile"].splitlines()
    number = next(str(number) for number, line in enumerate(lines, 1) if line.startswith("objects.home.example.org {"))
    assert causes[number].path == ("apps", "store", "doors", "s3", "subdomain")


def test_every_door_stands_where_doors_stand():
    found = host(STORE)
    written = files(found)
    for name in ("console.home.example.org", "objects.home.example.org", "raw.example.com"):
        assert name.replace(".", "") in written["REVIEW.md"].replace("\\", "").replace(".", "")
        assert name in written["review.html"] and facts_of(found)["doors"][name]
    assert [page.title for page in pages(found) if page.service == "store"][:2] == ["Objects (console)", "S3"]
    assert way_in(found, "store").port == 9001 and way_in(found, "store.s3").port == 9000
    tunnelled = host(STORE, base=BASE.replace("internal", "tunnel"))
    assert "hostname: objects.home.example.org" in files(tunnelled)["cloudflared/config.yaml"]


def test_the_first_door_is_the_one_that_addresses_oidc_and_the_health_check_mean():
    found = host(STORE.replace("    doors:", "    health: /ok\n    oidc: {redirects: [/cb]}\n    doors:"))
    assert [item.sign_in for item in routes(found, "store")] == [
        "application",
        "public",
        "forward_auth",
        "forward_auth",
    ]
    oidc = {item.slug: item.oidc.redirect_uris if item.oidc else () for item in found.access.applications}
    assert oidc["infrakit-store-console"] == ("https://console.home.example.org/cb",)
    assert oidc["infrakit-store-raw"] == ()
    (container,) = next(item.containers for item in found.services if item.name == "store")
    assert "http://127.0.0.1:9001/ok" in container.health.test
    assert [item.health_path for item in routes(found, "store")] == ["/ok", "", "", ""]


def test_a_blueprint_file_may_refer_to_any_door_by_its_name():
    blueprint = b"""name: asker
summary: asks
profiles: []
source: https://example.org
containers:
  asker:
    image: docker.io/library/alpine:3.22
    architectures: [amd64]
    memory: 64m
    environment: {FIRST: "${url.store}", SECOND: "${url.store.s3}"}
    health: {test: [CMD, "true"]}
"""
    found = host(STORE + "  asker: {blueprint: ./asker.yaml, grants: [unpinned_image]}\n", beside=blueprint)
    (container,) = next(item.containers for item in found.services if item.name == "asker")
    assert dict(container.environment)["FIRST"] == "https://console.home.example.org"
    assert dict(container.environment)["SECOND"] == "https://objects.home.example.org"
    assert refused(
        STORE + "  asker: {blueprint: ./asker.yaml, grants: [unpinned_image]}\n",
        beside=blueprint.replace(b"store.s3", b"store.s4"),
    ) == [("unknown-reference", 10)]


PASSED = """  photos:
    image: x/y:1
    port: 80
    allow: [family]
    pass:
      - {path: /api/*, why: the phone app}
      - {path: /share/*, from: 192.168.1.0/24, method: [GET, HEAD], why: guests}
      - {method: OPTIONS, why: preflights}
"""


def test_what_passes_stands_in_the_review_with_its_reason_and_its_line():
    found = host(PASSED)
    grants = [item for item in found.grants if item.capability == "pass"]
    assert [(item.detail, item.red) for item in grants] == [
        ("photos.home.example.org: /api/*, because the phone app", True),
        ("photos.home.example.org: GET or HEAD /share/* from 192.168.1.0/24, because guests", True),
        ("photos.home.example.org: OPTIONS, because preflights", False),
    ]
    assert [item.origin.path for item in grants] == [("apps", "photos", "pass", number) for number in range(3)]
    review = files(found)["REVIEW.md"]
    first = review.partition("## Look here first")[2].partition("\n## ")[0]
    assert first.count("granted: pass") == 2 and "OPTIONS" not in first
    assert "**but nobody: /api/" in review and "*but nobody: OPTIONS*" in review
    causes = emit.trace(found, "caddy/Caddyfile")
    assert ("apps", "photos", "pass", 1) in {origin.path for origin in causes.values()}


def test_a_pass_to_every_page_is_said_as_what_it_is():
    review = files(host(PASSED.replace("{path: /api/*, why", "{method: [GET, HEAD], why")))["REVIEW.md"]
    assert "**but everybody, without sign-in: GET or HEAD**" in review


def test_what_passes_is_told_where_doors_are_told():
    found = host(PASSED)
    (page,) = [page for page in pages(found) if page.service == "photos"]
    assert page.passes[1] == "GET or HEAD /share/* from 192.168.1.0/24"
    said = facts_of(found)
    assert said["doors"]["photos.home.example.org"].startswith("family; nobody is asked: /api/*; nobody is asked: GET")
    before = facts_of(host(PASSED.partition("    pass:")[0]))
    (line,) = [line for line in compare(before, said) if "door photos" in line]
    assert line.startswith("! door photos.home.example.org")


def test_a_page_that_a_stranger_may_see_is_no_broken_door():
    def knocked(passes: str) -> bool:
        deployment = host(f"  photos: {{image: 'x/y:1', port: 80, pass: [{{{passes}, why: x}}]}}\n")
        (step,) = [step for step in steps(deployment) if "photos" in step.name]
        return step.done_when[0].passed

    assert knocked("from: 192.168.1.0/24") and knocked("path: /") and knocked("path: /*, method: GET")
    assert not knocked("path: /api/*") and not knocked("method: OPTIONS")


def test_the_doors_of_another_host_let_in_at_the_core_alone():
    text = BASE.replace("pattern: full\n", "") + PASSED + "    hosts: [shed]\n"
    text += (
        "hosts: {core: {pattern: full, address: 192.168.1.10}, shed: {pattern: monitoring, address: 192.168.1.31}}\n"
    )
    core, shed = load(text.encode(), "infrakit.yaml", lambda name: b"").fleet.deployments
    assert len(routes(core, "photos")[0].passes) == 3 and routes(shed, "photos")[0].passes == ()
    assert [item for item in core.grants if item.capability == "pass"]
    assert not [item for item in shed.grants if item.capability == "pass"]


def test_a_door_to_another_machine_has_no_container_and_no_network():
    found = host("  router: {address: 'https://192.168.1.1', certificate: any, allow: [family]}\n")
    written = files(found)
    assert "services/router.yaml" not in written and "router" not in written["compose.yaml"]
    assert not [network for network in found.networks if "router" in network.name]
    (route,) = routes(found, "router")
    assert route.upstreams[0].address == "192.168.1.1:443" and route.allow == ("family",)
    assert any(item.slug == "infrakit-router" for item in found.access.applications)
    assert "no container of ours" in written["REVIEW.md"] and "192.168.1.1:443" in written["review.html"]
    with pytest.raises(UsageProblem, match="no page of router"):
        way_in(found, "router")


def test_a_machine_beside_another_host_is_reached_through_that_hosts_caddy():
    text = BASE.replace("pattern: full\n", "") + "  nas: {address: 'http://nas.lan:5000', hosts: [shed]}\n"
    text += (
        "hosts: {core: {pattern: full, address: 192.168.1.10}, shed: {pattern: monitoring, address: 192.168.1.31}}\n"
    )
    core, shed = load(text.encode(), "infrakit.yaml", lambda name: b"").fleet.deployments
    assert routes(core, "nas")[0].upstreams[0].remote == "shed"
    assert "reverse_proxy nas.lan:5000 {" in files(shed)["caddy/Caddyfile"]
    assert "header_up Host nas.lan:5000" in files(shed)["caddy/Caddyfile"]


def test_a_login_of_the_apps_own_is_said_in_amber_and_asks_no_portal():
    found = compiled("  vault: {image: 'x/y:1', port: 80, sign_in: own}\n")
    (deployment,) = found.fleet.deployments
    (route,) = routes(deployment, "vault")
    assert (route.sign_in, route.allow, route.identity_headers) == ("own", (), False)
    assert not [item for item in deployment.access.applications if "vault" in item.slug]
    (grant,) = [item for item in deployment.grants if item.service == "vault"]
    assert (grant.capability, grant.red, grant.origin.path) == ("sign_in", False, ("apps", "vault", "sign_in"))
    written = files(deployment)
    assert "*everybody whom the app itself lets in*" in written["REVIEW.md"]
    assert "forward_auth" not in written["caddy/Caddyfile"].partition("\nvault.home")[2].partition("\n}\n")[0]
    assert facts_of(deployment)["doors"]["vault.home.example.org"] == "everybody whom the app itself lets in"
    asked = facts_of(host("  vault: {image: 'x/y:1', port: 80}\n"))
    assert any(line.startswith("! door vault") for line in compare(asked, facts_of(deployment)))


def test_no_sign_in_is_the_same_as_public_and_as_red():
    said, public = (
        compiled(f"  site: {{image: 'x/y:1', port: 80, {key}}}\n") for key in ("sign_in: none", "public: true")
    )
    assert [item.code for item in said.warnings] == [item.code for item in public.warnings] == ["public"]
    one, other = (item.fleet.deployments[0] for item in (said, public))
    assert files(one)["caddy/Caddyfile"] == files(other)["caddy/Caddyfile"]
    assert "| **everybody, without sign-in** | site.home.example.org |" in files(one)["REVIEW.md"]
    assert routes(one, "site")[0].origins["sign_in"].path == ("apps", "site", "sign_in")


def test_a_door_whose_app_asks_needs_no_portal():
    text = "  vault: {image: 'x/y:1', port: 80, sign_in: own}\n"
    base = BASE.replace("pattern: full", "profiles: [edge]").replace("access:", "#")
    assert routes(host(text, base=base.replace("profiles: [edge]", "pattern: edge")), "vault")[0].sign_in == "own"


@pytest.mark.parametrize(
    ("headers", "amber"),
    [
        ("X-Frame-Options: ''", True),
        ("X-Frame-Options: DENY", False),
        ("x-frame-options: ALLOW-FROM https://x.org", True),
        ("Content-Security-Policy: ''", True),
        ("Content-Security-Policy: frame-ancestors *", False),
        ("Strict-Transport-Security: max-age=0", True),
        ("Access-Control-Allow-Origin: '*'", True),
        ("X-Robots-Tag: noindex", False),
        ("X-Powered-By: ''", False),
    ],
)
def test_a_header_that_opens_a_page_to_others_is_amber(headers, amber):
    found = host(f"  wiki: {{image: 'x/y:1', port: 80, headers: {{{headers}}}}}\n")
    grants = [item for item in found.grants if item.capability == "headers"]
    assert bool(grants) is amber and all(not item.red for item in grants)
    assert "answers with" in files(found)["REVIEW.md"]


def test_what_an_app_is_told_comes_from_its_line():
    found = host("  wiki: {image: 'x/y:1', port: 80, identity: {X-WebAuth-User: username}}\n")
    lines = files(found)["caddy/Caddyfile"].splitlines()
    place = lines.index("\t\trequest_header X-WebAuth-User {header.X-Authentik-Username}") + 1
    assert emit.trace(found, "caddy/Caddyfile")[str(place)].path == ("apps", "wiki", "identity")


def test_the_health_check_speaks_as_the_backend_does():
    found = host("  nas: {image: 'x/y:1', port: 443, scheme: https, health: /ok}\n")
    (test,) = [item.health.test for item in found.services if item.name == "nas" for item in item.containers]
    assert "--no-check-certificate" in test[3] and "https://127.0.0.1:443/ok" in test
