"""The Authentik blueprint: what Authentik's importer demands and its own schema cannot see, and the schema itself.

Each rule was seen to fail a real import (versions 2026.2.2 and 2026.8.0-rc1); the names of bundled objects are theirs.
"""

import json
import os
from pathlib import Path

import pytest
from jsonschema import Draft7Validator
from ruamel.yaml import YAML
from ruamel.yaml.nodes import ScalarNode

from infrakit.compiler import load
from infrakit.emit import authentik
from tests.emit.examples import hosts

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
REQUIRED = {
    "authentik_core.group": {"name"},
    "authentik_core.user": {"username", "name"},
    "authentik_core.application": {"name", "slug"},
    "authentik_providers_proxy.proxyprovider": {
        "name",
        "authorization_flow",
        "invalidation_flow",
        "external_host",
        "mode",
    },
    "authentik_providers_oauth2.oauth2provider": {
        "name",
        "authorization_flow",
        "invalidation_flow",
        "redirect_uris",
        "grant_types",
        "signing_key",
        "property_mappings",
        "client_id",
    },
    "authentik_providers_saml.samlprovider": {
        "name",
        "authorization_flow",
        "invalidation_flow",
        "acs_url",
        "signing_kp",
        "property_mappings",
    },
    "authentik_policies.policybinding": {"target", "order"},
    "authentik_outposts.outpost": {"name", "type", "providers", "config", "managed"},
    "authentik_brands.brand": {"domain"},
}
BUNDLED = {
    "default-provider-authorization-implicit-consent",
    "default-provider-invalidation-flow",
    "authentik Self-signed Certificate",
    *(
        f"goauthentik.io/providers/oauth2/scope-{name}"
        for name in ("openid", "email", "profile", "entitlements", "offline_access")
    ),
    *(
        f"goauthentik.io/providers/saml/{name}"
        for name in ("name", "email", "username", "uid", "groups", "upn", "ms/winaccountname")
    ),
}
RESERVED = {"authorize", "token", "device", "userinfo", "introspect", "revoke"}


class Tag:
    """A tagged value as it was read."""

    def __init__(self, name, value):
        self.name, self.value = name, value


def read(host):
    """The blueprint with tags kept as Tag."""
    yaml = YAML(typ="safe", pure=True)

    def construct(constructor, suffix, node):
        value = node.value if isinstance(node, ScalarNode) else constructor.construct_sequence(node, deep=True)
        return Tag(f"!{suffix}", value)

    yaml.constructor.add_multi_constructor("!", construct)
    (artifact,) = authentik.emit(host)
    return yaml.load(artifact.content)


def plain(value, integer=False):
    """Tags as what they would become: an id."""
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
def test_required_fields_are_there(name):
    for entry in entries(HOSTS[name]):
        if entry["model"] in REQUIRED and entry.get("state") != "absent":
            assert REQUIRED[entry["model"]] <= {*entry["identifiers"], *entry["attrs"]}, entry


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
        assert tag.name in ("!KeyOf", "!Find", "!File")
        if tag.name == "!Find":
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
def test_every_application_has_bindings_of_its_own(name):
    found = entries(HOSTS[name])
    bound = {}
    for entry in found:
        if entry["model"] == "authentik_policies.policybinding" and entry["state"] == "present":
            assert len({"group", "user", "policy"} & set(entry["attrs"])) == 1
            bound.setdefault(entry["identifiers"]["target"].value, []).append(entry["identifiers"]["order"])
    for entry in found:
        if entry["model"] == "authentik_core.application" and entry.get("state") != "absent":
            orders = bound[entry["id"]]
            assert orders and len(orders) == len(set(orders))
            assert entry["identifiers"]["slug"] not in RESERVED


@pytest.mark.parametrize("name", HOSTS)
def test_one_entry_owns_the_embedded_outpost_and_lists_every_proxy_provider(name):
    found = entries(HOSTS[name])
    (outpost,) = [entry for entry in found if entry["model"] == "authentik_outposts.outpost"]
    proxies = {
        entry["id"] for entry in found if entry["model"].endswith("proxyprovider") and entry.get("state") != "absent"
    }
    assert {tag.value for tag in outpost["attrs"]["providers"]} == proxies
    assert outpost["attrs"]["name"] == "authentik Embedded Outpost"
    assert outpost["attrs"]["config"]["authentik_host"].startswith("https://auth.")


def test_redirects_say_their_type_and_public_clients_their_flow():
    for entry in entries(HOSTS["full-homelab"]) + entries(HOSTS["apps"]):
        if entry["model"].endswith("oauth2provider") and entry.get("state") != "absent":
            assert all(
                set(uri) == {"matching_mode", "url", "redirect_uri_type"} for uri in entry["attrs"]["redirect_uris"]
            )
            assert entry["attrs"]["grant_types"]
            assert ("client_secret" in entry["attrs"]) == (entry["attrs"]["client_type"] == "confidential")


def test_who_is_no_longer_allowed_loses_the_binding():
    """Every slot of an application is written, used or emptied, and a slot never changes its kind."""
    before, after = (
        {
            entry["identifiers"]["order"]: (entry["state"], *sorted(entry.get("attrs", {})))
            for entry in entries(
                list(
                    load(
                        APPS.replace("[family, guests, dave]", allow).encode(), "infrakit.yaml", lambda name: b""
                    ).fleet.deployments
                )[0]
            )
            if entry["model"].endswith("policybinding") and entry["identifiers"]["target"].value == "application-wiki"
        }
        for allow in ("[family, guests]", "[dave]")
    )
    assert set(before) == set(after) == {*range(8), *range(100, 108)}
    assert [order for order, found in before.items() if found[0] == "present"] == [0, 1]
    assert [order for order, found in after.items() if found[0] == "present"] == [100]
    for slot, found in {**before, **after}.items():
        assert found[0] == "absent" or ("user" in found) == (slot >= 100)


def test_allow_takes_as_many_names_as_there_are_slots():
    from infrakit import resources

    for section in ("services", "apps"):
        assert (
            resources.schema("infrakit")["properties"][section]["additionalProperties"]["properties"]["allow"][
                "maxItems"
            ]
            == authentik.MOST_ALLOWED
        )


def test_what_is_off_is_removed_application_first():
    found = [entry for entry in entries(HOSTS["apps"]) if entry.get("state") == "absent"]
    assert [entry["identifiers"] for entry in found if "guacamole" in str(entry)][0] == {"slug": "guacamole"}


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
