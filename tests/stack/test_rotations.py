"""Secrets that get a new value -> who can, why others cannot, and in which order: without a machine."""

import hashlib

import pytest

from infrakit.compiler import load
from infrakit.emit import emit
from infrakit.model import Deployment
from infrakit.stack.change.rotate import Under, plan_readers, plan_rotation, rotated, why_not
from infrakit.stack.change.update import BACK
from infrakit.stack.roles import Role, role_of, verifier
from infrakit.stack.secrets import Given
from infrakit.system.digest import hex_digest

APPS = """
  wiki:
    image: example/wiki:1
    port: 80
    internet: true
    oidc: {redirects: [/callback]}
    environment: {TOKEN: "${secret.wiki_token}", DATABASE: "postgres://a:${secret.wiki_db}@wiki-db/a"}
    secrets: [wiki_token, wiki_db]
    needs: [wiki-db]
  wiki-db:
    image: postgres:16
    serves: [5432]
    environment: {POSTGRES_USER: a, POSTGRES_PASSWORD: "${secret.wiki_db}"}
    secrets: [wiki_db]
  told:
    image: example/told:1
    port: 80
    internet: true
    oidc: {redirects: [/callback]}
    environment: {SECRET_FILE: /run/secrets/told_client_secret}
"""
TEXT = "version: 1\ndomain: home.example.org\npattern: full\ncontact: a@example.org\ntls: {mode: tunnel}\napps:" + APPS


def host(text: str = TEXT) -> Deployment:
    return load(text.encode(), "infrakit.yaml", lambda name: b"").fleet.deployments[0]


FULL = host()
CAN = {
    "authentik_database_password": Role("authentik-database", "authentik", "authentik"),
    "guacamole_database_password": Role("guacamole-database", "guacamole", "guacamole"),
    "portainer_client_secret": None,
    "told_client_secret": None,
    "wiki_db": Role("wiki-db", "a", "a"),
}
STAY = {
    "authentik_bootstrap_password": (
        "Authentik takes it at its first start alone; akadmin changes it in Authentik, Settings, Password"
    ),
    "authentik_bootstrap_token": "Authentik takes it at its first start alone, and InfraKit comes by it to Authentik",
    "authentik_secret_key": (
        "everybody would be signed out, and what Authentik keeps under it would be lost; it has no way to convert that"
    ),
    "guacamole_admin_password": (
        "it takes the place of the public default once; guacadmin changes it in Guacamole, Settings, Preferences"
    ),
    "portainer_admin_password": "Portainer takes it at its first start alone, and InfraKit comes by it to Portainer",
    "tunnel_token": "only you have it",
    "wiki_client_secret": "somebody typed it into wiki: no restart changes it there",
    "wiki_token": "nobody has said what a new value means to wiki, which may have made data with it",
}


def under(*names: str, way: str = "forward") -> Under:
    return Under(rotated(FULL, [spec for spec in FULL.secrets if spec.name in names]), way)


def test_every_secret_either_gets_a_new_value_or_says_why_not():
    reasons = {spec.name: why_not(spec, FULL)[0] for spec in FULL.secrets if spec.kind in ("password", "user")}
    assert reasons == {**dict.fromkeys(CAN, ""), **STAY}
    assert {item.name: item.role for item in rotated(FULL, FULL.secrets) if item.name in CAN} == CAN


def test_a_secret_that_only_the_user_has_names_the_verb_that_sets_it():
    (token,) = (spec for spec in FULL.secrets if spec.name == "tunnel_token")
    assert why_not(token, FULL) == ("only you have it", "sudo infrakit secrets set tunnel_token")
    assert why_not(token, FULL, is_read_anew=True)[0] == "only you have it"
    own = next(spec for spec in FULL.secrets if spec.name == "wiki_token")
    assert why_not(own, FULL)[1].endswith("sudo infrakit secrets rotate --restart wiki_token")
    assert why_not(own, FULL, is_read_anew=True) == ("", "")


def test_certificates_and_what_other_hosts_have_too_stay():
    two = "hosts:\n  core: {pattern: full, address: 192.0.2.1}\n  shed: {pattern: monitoring, address: 192.0.2.2}\n"
    core = host(TEXT.replace("pattern: full\n", two).replace("tunnel", "internal"))
    found = {spec.name: why_not(spec, core, ["shed"])[0] for spec in core.secrets}
    assert "others hold to it" in found["fleet_key"] and "others hold to it" in found["fleet_logs_key"]
    assert found["portainer_client_secret"].startswith("shed would still have the old one")


def test_what_a_blueprint_calls_a_role_is_one():
    for spec in FULL.secrets:
        assert spec.rotate != "role" or role_of(FULL, spec.name), spec.name


@pytest.mark.parametrize("name", CAN)
def test_the_role_comes_before_the_file_and_the_file_before_its_readers(name):
    given = [Given(name, b"unspeakable")]
    plan = plan_rotation(FULL, emit(FULL), hex_digest, under(name), given)
    steps = [step.name for step in plan.steps]
    role, file = CAN[name], steps.index(f"secret {name}")
    assert steps[0] == "values" and "unspeakable" not in repr(plan.steps)
    if role:
        assert steps[1:file] == [f"before {role.container}", f"role {role.user} of {role.container}"]
        server = steps.index(f"server {role.container}")
        assert file < server == min(steps.index(item) for item in steps if item.startswith(("server", "readers")))
    (spec,) = (item for item in FULL.secrets if item.name == name)
    readers = {s.name for s in FULL.services for item in s.containers if item.name in spec.required_by}
    assert {step.removeprefix("readers ") for step in steps if step.startswith("readers ")} == readers
    for service in readers:
        assert file < steps.index(f"readers {service}") == steps.index(f"service {service}") - 1


def test_the_way_back_gives_the_role_and_the_file_what_they_had():
    now = under("authentik_database_password", "portainer_client_secret", way=BACK)
    plan = plan_rotation(FULL, emit(FULL), hex_digest, now)
    assert plan.title == "take the rotation of authentik_database_password, portainer_client_secret back"
    actions = {step.name: step.actions[0] for step in plan.steps}
    assert actions["role authentik of authentik-database"].wanted.endswith("/.authentik_database_password.old")
    assert actions["secret portainer_client_secret"].path.endswith("/.portainer_client_secret.old")
    assert "values" not in actions
    readers = plan_readers(FULL, emit(FULL), hex_digest, now).steps
    assert plan.steps[-len(readers) :] == readers and readers[-1].name == "service authentik"


def test_what_is_set_is_what_postgresql_keeps_of_a_password():
    """By RFC 5803, with a salt of 16 bytes; tests/system/test_roles.py asks a server."""
    method, rounds, keys = verifier(b"secret").split("$")
    assert (method, rounds.split(":")[0]) == ("SCRAM-SHA-256", "4096")
    assert verifier(b"secret") != verifier(b"secret2") and "secret" not in rounds + keys
    assert len(hashlib.sha256().digest()) == 32 and keys.count(":") == 1
