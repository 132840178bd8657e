"""The Authentik blueprint: what Authentik's importer demands and its own schema cannot see, and the schema itself.

Each rule was seen to fail a real import (versions 2026.2.2 and 2026.8.0-rc1); the names of bundled objects are theirs.
"""

import json
import os
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from infrakit.compiler import load
from infrakit.emit import authentik
from infrakit.model import OURS
from tests.emit import importer
from tests.emit.examples import hosts
from tests.emit.importer import FLOWS, MANAGED, RESERVED, Tag

DATA = Path(
    os.environ.get("INFRAKIT_AUTHENTIK_SCHEMA")
    or Path(__file__).parents[3] / "shared/data/authentik-blueprint-schema.json"
)
APPS = """version: 1
domain: home.example.org
pattern: full
access: {administrators: [alice], groups: {family: [bob, carol], guests: [dave]}, users: {alice: {name: 'A "x" $y {z} %s', email: alice@example.org}, bob: {}, carol: {}, dave: {}}}
apps:
  wiki: {image: 'x/y:1', port: 80, allow: [family, guests, dave], title: "it's: a #1 \\\\ wiki"}
  notes: {image: 'x/y:1', port: 80, oidc: {redirects: [/cb, /cb2]}}
  old: {image: 'x/y:1', port: 80, saml: {acs: /saml/acs}}
  open: {image: 'x/y:1', port: 80, public: true}
services: {guacamole: {enabled: false}}
"""  # noqa: E501 -- verbatim text
HOSTS = {name: host for name, host in hosts().items() if host.access.groups}
HOSTS["apps"] = list(load(APPS.encode(), "infrakit.yaml", lambda name: b"").fleet.deployments)[0]
BUNDLED = {
    *FLOWS.values(),
    "authentik Self-signed Certificate",
    *(name for _, names in MANAGED.values() for name in names),
}


def read(host):
    (artifact,) = authentik.emit(host)
    return importer.read(artifact.content)


def plain(value, integer=False):
    """Tags as what they would become: an id."""
    if isinstance(value, Tag) and value.name == "!Condition":
        return True
    if isinstance(value, Tag):
        return "x" * 20 if value.name == "!File" else 0 if integer else "00000000-0000-0000-0000-000000000000"
    if isinstance(value, dict):
        return {
            key: plain(item, integer=key in ("provider", "providers", "user", "users")) for key, item in value.items()
        }
    if isinstance(value, list):
        return [plain(item, integer) for item in value]
    return value


def entries(host):
    return read(host)["entries"]


def tags(value):
    if isinstance(value, Tag):
        yield value
        value = value.value
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from tags(item)


@pytest.mark.parametrize("name", HOSTS)
@pytest.mark.skipif(not DATA.exists(), reason="Authentik's schema is not beside the project")
def test_it_fits_authentiks_schema_and_has_no_unknown_field(name):
    schema = json.loads(DATA.read_text())
    tree = plain(read(HOSTS[name]))
    assert [error.message for error in Draft7Validator(schema).iter_errors(tree)] == []
    for entry in tree["entries"]:
        known = schema["$defs"][f"model_{entry['model']}"]["properties"]
        assert set(entry.get("attrs", {})) <= set(known), "Authentik drops an unknown field without a word"


@pytest.mark.parametrize("name", HOSTS)
def test_a_key_refers_only_to_what_stands_before_it(name):
    seen = set()
    for entry in entries(HOSTS[name]):
        for tag in tags([entry.get("identifiers"), entry.get("attrs")]):
            assert tag.name != "!KeyOf" or tag.value in seen, tag.value
        seen.add(entry.get("id"))


@pytest.mark.parametrize("name", HOSTS)
def test_only_bundled_objects_are_looked_up_and_their_blueprints_come_first(name):
    found = entries(HOSTS[name])
    first = [entry for entry in found if entry["model"].endswith("metaapplyblueprint")]
    assert found[: len(first)] == first and len(first) >= 4 and all(entry["attrs"]["required"] for entry in first)
    for tag in tags(found):
        assert tag.name in ("!KeyOf", "!Find", "!File", "!Condition")
        if tag.name == "!Find" and tag.value[0] != importer.OUTPOST:
            assert tag.value[1][1] in BUNDLED
        if tag.name == "!File":
            assert isinstance(tag.value, str), "a default would become the secret where the file cannot be read"


@pytest.mark.parametrize("name", HOSTS)
def test_every_secret_file_is_mounted_into_the_worker(name):
    host = HOSTS[name]
    worker = next(item for service in host.services for item in service.containers if item.name == "authentik-worker")
    mounted = {f"/run/secrets/{use.name}" for use in worker.secrets}
    assert {tag.value for tag in tags(entries(host)) if tag.name == "!File"} <= mounted


@pytest.mark.parametrize("name", HOSTS)
def test_every_application_has_one_binding_and_a_slug_that_nobody_else_has(name):
    found = entries(HOSTS[name])
    bound = [item["identifiers"]["target"].value for item in found if item["model"] == importer.BINDING]
    applications = [item for item in found if item["model"] == importer.APPLICATION]
    assert sorted(bound) == sorted(item["id"] for item in applications) and applications
    for item in applications:
        slug = item["identifiers"]["slug"]
        assert slug.startswith(OURS) and slug not in RESERVED


@pytest.mark.parametrize("name", HOSTS)
def test_the_embedded_outpost_gets_every_proxy_provider_and_where_authentik_is(name):
    found = entries(HOSTS[name])
    providers, config = (entry for entry in found if entry["model"] == importer.OUTPOST)
    proxies = {entry["id"] for entry in found if entry["model"] == importer.PROXY}
    assert {tag.value for tag in providers["attrs"]["providers"]} == proxies
    assert config["attrs"]["config"]["authentik_host"].startswith("https://auth.")
    assert all(entry["attrs"]["name"] == "authentik Embedded Outpost" for entry in (providers, config))


def test_redirects_say_their_type_and_public_clients_their_flow():
    for entry in entries(HOSTS["full-homelab"]) + entries(HOSTS["apps"]):
        if entry["model"].endswith("oauth2provider") and entry.get("state") != "absent":
            assert all(
                set(uri) == {"matching_mode", "url", "redirect_uri_type"} for uri in entry["attrs"]["redirect_uris"]
            )
            assert entry["attrs"]["grant_types"]
            assert ("client_secret" in entry["attrs"]) == (entry["attrs"]["client_type"] == "confidential")


def test_texts_come_out_as_they_were_typed():
    found = entries(HOSTS["apps"])
    names = {entry["attrs"]["name"] for entry in found if "name" in entry.get("attrs", {})}
    assert 'A "x" $y {z} %s' in names and "it's: a #1 \\ wiki" in names


def test_members_follow_the_file_and_people_keep_their_own_names():
    found = entries(HOSTS["apps"])
    family = next(entry for entry in found if entry.get("id") == "group-family")
    assert [tag.value for tag in family["attrs"]["users"]] == ["user-bob", "user-carol"] and family[
        "state"
    ] == "present"
    assert all(entry["state"] == "created" for entry in found if entry["model"] == "authentik_core.user")


def test_an_app_that_is_public_is_no_application():
    assert "open" not in {
        entry["identifiers"].get("slug") for entry in entries(HOSTS["apps"]) if "identifiers" in entry
    }


@pytest.mark.parametrize("name", HOSTS)
def test_every_leaf_has_an_origin(name):
    from infrakit.emit.yaml_text import leaves

    host = HOSTS[name]
    tree = {
        "version": 1,
        "metadata": {"name": "InfraKit", "labels": {"blueprints.goauthentik.io/description": "Compiled by InfraKit"}},
        "entries": [entry for entry, _ in authentik._entries(host)],
    }
    assert set(authentik.trace(host, authentik.PATH)) == set(leaves(tree))
