"""Doors of apps, from infrakit.yaml to what Authentik, the review and the rest are told."""

import pytest

from infrakit import emit
from infrakit.compiler import load
from infrakit.errors import ConfigurationInvalid

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
    assert [route.sign_in for route in routes(found, "wiki")] == ["application", "application"]


@pytest.mark.parametrize(
    ("mode", "code"), [("internal", ""), ("acme", ""), ("files", "domain-apart"), ("tunnel", "domain-apart")]
)
def test_a_name_apart_is_warned_of_where_somebody_must_see_to_its_certificate(mode, code):
    base = BASE.replace("internal", mode)
    keys = "{image: 'x/y:1', port: 80, domain: [example.com, x.home.example.org, home.example.org]}"
    found = compiled(f"  wiki: {keys}\n", base=base).warnings
    assert [problem.code for problem in found if "domain" in problem.code] == ([code] if code else [])


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


def test_the_health_check_speaks_as_the_backend_does():
    for health, word in (("", ""), (", health: /ok", "https://127.0.0.1:443/ok")):
        found = host(f"  nas: {{image: 'x/y:1', port: 443, scheme: https{health}}}\n")
        (test,) = [item.health.test for item in found.services if item.name == "nas" for item in item.containers]
        assert "--no-check-certificate" in test[3] and (word in test if word else "https://127.0.0.1" in test[3])
