"""An app that signs in by itself: the sign-in pages' public name leads to Caddy inside, and their certificate is
trusted."""

import pytest

from infrakit import emit
from infrakit.compiler import load
from infrakit.emit import authentik, caddyfile
from infrakit.emit.review_people import people
from infrakit.model import TRUSTED
from infrakit.resolve.discovery import TRUST
from infrakit.stack.up import plan_up
from infrakit.system.digest import hex_digest
from infrakit.system.secrets import mint
from tests.emit.tree import needs_compose, project, write

BASE = "version: 1\ndomain: home.example.org\ncontact: ops@example.org\npattern: full\n"
APP = "apps: {wiki: {image: 'x/y:1', port: 3000, oidc: {redirects: [/cb]}, environment: {SSL_CERT_FILE: /own.crt}}}\n"
INTERNAL = "tls: {mode: internal}\n"


def host(text: str):
    return load((BASE + text).encode(), "infrakit.yaml", lambda name: b"").fleet.deployments[0]


def container(deployment, name: str):
    return next(item for found in deployment.services for item in found.containers if item.name == name)


@needs_compose
@pytest.mark.parametrize("mode", ["internal", "files", "acme"])
def test_caddy_bears_the_name_of_the_sign_in_pages_where_such_an_app_is(mode, tmp_path):
    deployment = host(f"tls: {{mode: {mode}}}\n" + APP)
    services = project(write(tmp_path, emit.emit(deployment), deployment))["services"]
    named = {name: item for name, item in services["caddy"]["networks"].items() if item}
    assert named == {"door_wiki": {"aliases": ["auth.home.example.org"]}}
    assert set(services["wiki"]["networks"]) == {"door_wiki", "signin_wiki"}


@pytest.mark.parametrize(("mode", "waits"), [("internal", True), ("files", True), ("acme", False)])
def test_it_trusts_whom_no_image_knows_and_what_it_says_itself_stays(mode, waits):
    wiki = container(host(f"tls: {{mode: {mode}}}\n" + APP), "wiki")
    told = {name: value for name, value in wiki.environment if name in TRUST}
    others = dict.fromkeys(set(TRUST) - {"SSL_CERT_FILE"}, f"/run/secrets/{TRUSTED}") if waits else {}
    assert told == {"SSL_CERT_FILE": "/own.crt", **others}
    assert ("caddy" in {need.container for need in wiki.depends_on}) == waits
    assert (TRUSTED in {use.name for use in wiki.secrets}) == waits


def test_who_does_not_sign_in_by_itself_is_told_nothing():
    deployment = host(INTERNAL + "apps: {wiki: {image: 'x/y:1', port: 3000}}\n")
    assert not container(deployment, "caddy").aliases and TRUSTED not in {spec.name for spec in deployment.secrets}
    assert not set(TRUST) & {name for name, _ in container(deployment, "wiki").environment}


def test_by_the_port_of_the_issuers_address_too():
    text = "".join(
        item.content.decode() for item in caddyfile.emit(host(INTERNAL + "network: {https_port: 8443}\n" + APP))
    )
    assert "\nauth.home.example.org, auth.home.example.org:8443 {" in text
    assert ":8443 {" not in "".join(
        item.content.decode() for item in caddyfile.emit(host(INTERNAL + "network: {https_port: 8443}\n"))
    )


def test_whom_it_trusts_is_written_when_caddy_runs_and_before_it_starts():
    deployment = host(INTERNAL + APP)
    steps = [step.name for step in plan_up(deployment, emit.emit(deployment), hex_digest).steps]
    places = [steps.index(name) for name in ("service caddy", "authorities", "service wiki")]
    assert places == sorted(places)


def test_until_then_the_file_is_what_this_machine_trusts(tmp_path):
    deployment = host(INTERNAL + APP)
    made = mint(str(tmp_path), "infrakit", [spec for spec in deployment.secrets if spec.name == TRUSTED], ())
    assert made == [TRUSTED] and b"BEGIN CERTIFICATE" in (tmp_path / "secrets" / TRUSTED).read_bytes()


def test_the_review_says_what_a_person_types_into_the_app_and_where_codes_go():
    text = (
        "apps: {wiki: {image: 'x/y:1', port: 3000, oidc: {redirects: [/cb, 'app.wiki:///cb'], email_verified: true}}}\n"
    )
    (row,) = [
        row
        for table in people(host(INTERNAL + text)).tables
        for row in table.rows
        if row.cells[0].words[0].text == "wiki"
    ]
    words = {word.text: word.amber for cell in row.cells for word in cell.words}
    assert words == {
        "wiki": False,
        "is told that every address is verified": True,
        "infrakit-wiki": False,
        "/run/secrets/wiki_client_secret": False,
        "https://auth.home.example.org/application/o/infrakit-wiki/": False,
        "https://wiki.home.example.org/cb": False,
        "app.wiki:///cb": True,
    }


def test_authentik_is_told_where_else_it_leads_back_to_and_that_addresses_are_verified():
    text = (
        "apps: {wiki: {image: 'x/y:1', port: 3000, oidc: {redirects: [/cb], logout: [/out], email_verified: true}}}\n"
    )
    entries = [entry for entry, _ in authentik._entries(host(INTERNAL + text))]
    (provider,) = [item for item in entries if item.get("attrs", {}).get("client_id") == "infrakit-wiki"]
    kinds = [(uri["url"].rpartition("/")[2], uri["redirect_uri_type"]) for uri in provider["attrs"]["redirect_uris"]]
    assert kinds == [("cb", "authorization"), ("out", "logout")]
    assert "scope-verified" in [tag.value for tag in provider["attrs"]["property_mappings"]]
    (scope,) = [item for item in entries if item.get("id") == "scope-verified"]
    assert scope["attrs"]["scope_name"] == "email" and "'email_verified': True" in repr(
        eval("lambda request:" + scope["attrs"]["expression"].removeprefix("return"))(
            type("R", (), {"user": type("U", (), {"email": "a@x.org"})})
        )
    )
