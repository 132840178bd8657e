"""Compiled Authentik blueprints, applied one after the other as Authentik's importer would (importer.py)."""

import itertools
from copy import deepcopy
from functools import cache

import pytest

from infrakit.compiler import load
from infrakit.emit import authentik
from infrakit.model import Deployment
from tests.emit.examples import hosts
from tests.emit.importer import (
    APPLICATION,
    BINDING,
    BRAND,
    EXPRESSION,
    OUTPOST,
    PROVIDERS,
    PROXY,
    Database,
    Rejected,
    apply,
)

BASE = "version: 1\ndomain: home.example.org\npattern: full\n"
PEOPLE = (
    "access: {administrators: [alice], groups: {family: [bob, carol], guests: [dave]}, "
    "users: {alice: {name: 'A \"x\" $y {z} %s', email: alice@example.org}, bob: {}, carol: {}, dave: {}}}\n"
)
KINDS = {
    "forward": "allow: [family]",
    "person": "allow: [dave]",
    "both": "allow: [guests, bob]",
    "oidc": "oidc: {redirects: [/cb, /cb2]}, allow: [guests]",
    "groups": "oidc: {redirects: [/cb], scopes: [openid, groups, offline_access]}",
    "verified": "oidc: {redirects: [/cb, 'app.x:///cb'], logout: [/out], email_verified: true}",
    "saml": "saml: {acs: '/saml/acs?x=1'}",
    "public": "public: true",
    "none": "",
}
SERVICES = (
    "",
    "services: {guacamole: {enabled: false}}\n",
    "services: {dozzle: {allow: [family]}, glances: {subdomain: top}}\n",
)
PLACES = (
    "",
    "tls: {mode: internal}\nnetwork: {https_port: 8443}\n",
    "hosts: {core: {pattern: full, address: 192.0.2.1}, shed: {pattern: monitoring, address: 192.0.2.2}}\n",
)


def app(name: str, kind: str) -> str:
    return f"  {name}: {{image: 'x/y:1', port: 80, {KINDS[kind]}}}\n".replace(", }", "}")


def files() -> dict[str, str]:
    """Every kind of app by itself and beside another, with services and places."""
    found = {}
    for (number, services), (place, more), kind in itertools.product(enumerate(SERVICES), enumerate(PLACES), KINDS):
        text = BASE.replace("pattern: full\n", "") if "hosts:" in more else BASE
        found[f"{kind} {number} {place}"] = (
            text + PEOPLE + services + more + "apps:\n" + app("wiki", kind) + app("notes", "forward")
        )
    return found


FILES = files()


@cache
def core(text: str) -> Deployment:
    """The host that has a blueprint."""
    fleet = load(text.encode(), "infrakit.yaml", lambda name: b"").fleet
    return next(host for host in fleet.deployments if host.access.groups)


@cache
def content(text: str) -> bytes:
    """The blueprint."""
    (artifact,) = authentik.emit(core(text))
    return artifact.content


def secrets_of(database: Database) -> Database:
    database.files = dict.fromkeys(
        ("/run/secrets/portainer_client_secret", "/run/secrets/wiki_client_secret"), "x" * 60
    )
    return database


@pytest.fixture
def fresh() -> Database:
    """As a first boot that finds our file before any of Authentik's own."""
    return secrets_of(Database())


def rows(database: Database) -> dict:
    return {model: found for model, found in database.rows.items() if found}


def settled(database: Database) -> Database:
    """After Authentik's own blueprints were applied, too: none of them fails for what ours did."""
    database = deepcopy(database)
    for name in (BRAND, "System - OAuth2 Provider - Scopes", "System - Proxy Provider - Scopes"):
        database.bring(name)
    return database


def test_there_are_enough_of_them():
    assert len(FILES) >= 60


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_applied_on_a_first_boot_and_the_second_time_changes_nothing(fresh, name):
    once = settled(apply(fresh, content(FILES[name])))
    twice = settled(apply(once, content(FILES[name])))

    assert rows(twice) == rows(once)
    assert once.where("authentik_brands.brand", {"domain": "authentik-default"})[0]["flows"] == "all"


@pytest.mark.parametrize("name", FILES)
def test_who_may_open_what_is_who_the_file_says(fresh, name):
    database = apply(fresh, content(FILES[name]))
    access = core(FILES[name]).access
    for application, user in itertools.product(access.applications, access.users):
        allowed = bool({user.username, *user.groups} & set(application.allow))
        assert database.may_open(application.slug, user.username) == allowed, (application.slug, user.username)
    for application in access.applications:
        assert not database.may_open(application.slug, "akadmin")


@pytest.mark.parametrize("name", [name for name, host in hosts().items() if host.access.groups])
def test_every_example_is_applied(fresh, name):
    (artifact,) = authentik.emit(hosts()[name])
    once = apply(fresh, artifact.content)

    assert rows(apply(once, artifact.content)) == rows(once)


@pytest.mark.parametrize(("before", "after"), list(itertools.permutations(KINDS, 2)))
def test_from_one_way_to_sign_in_to_another(fresh, before, after):
    """What is left of the first is what `infrakit up` takes away."""
    first = apply(fresh, content(FILES[f"{before} 0 0"]))
    moved, new = apply(first, content(FILES[f"{after} 0 0"])), apply(fresh, content(FILES[f"{after} 0 0"]))

    def names(database: Database, *models: str) -> set[str]:
        return {row.get("slug") or row["name"] for model in models for row in database.rows.get(model, [])}

    assert names(new, APPLICATION, *PROVIDERS) <= names(moved, APPLICATION, *PROVIDERS)
    for application in new.rows[APPLICATION]:
        (found,) = moved.where(APPLICATION, {"slug": application["slug"]})
        kinds = [
            next(kind for kind in PROVIDERS for row in base.rows.get(kind, []) if row["pk"] == item["provider"])
            for base, item in ((new, application), (moved, found))
        ]
        assert kinds[0] == kinds[1]
        for user in ("alice", "bob", "carol", "dave"):
            assert moved.may_open(application["slug"], user) == new.may_open(application["slug"], user)


def test_what_an_administrator_made_stays_as_it_is(fresh):
    """An application that happens to have a service's name, a binding on one of ours, a provider in the outpost, its
    settings, a group of the file's name with attributes of its own, another brand."""
    for name in (
        BRAND,
        "Default - Provider authorization flow (implicit consent)",
        "Default - Provider invalidation flow",
    ):
        fresh.bring(name)
    (outpost,) = fresh.rows[OUTPOST]
    flow = fresh.rows["authentik_flows.flow"][0]["pk"]
    own = fresh.add(
        PROXY, name="their own", external_host="https://x.example.org", authorization_flow=flow, invalidation_flow=flow
    )
    theirs = fresh.add(APPLICATION, slug="portainer", name="Theirs", provider=own["pk"])
    group = fresh.add("authentik_core.group", name="family", attributes={"their": "own"}, users=[])
    database = apply(fresh, content(FILES["forward 0 0"]))
    (wiki,) = database.where(APPLICATION, {"slug": "infrakit-wiki"})
    database.add("authentik_core.user", username="erin", name="Erin")
    erin = database.where("authentik_core.user", {"username": "erin"})[0]["pk"]
    binding = database.add(BINDING, target=wiki["pk"], order=0, user=erin, enabled=True, negate=False)
    (outpost,) = database.rows[OUTPOST]
    outpost["providers"] = [*outpost["providers"], own["pk"]]
    outpost["config"] |= {"log_level": "debug"}
    after = apply(database, content(FILES["both 1 0"]))

    assert after.where(APPLICATION, {"slug": "portainer"}) == [theirs]
    assert after.where(BINDING, {"pk": binding["pk"]}) == [binding] and after.may_open("infrakit-wiki", "erin")
    assert own["pk"] in after.rows[OUTPOST][0]["providers"]
    assert after.rows[OUTPOST][0]["config"] == {"authentik_host": "https://auth.home.example.org", "log_level": "debug"}
    assert after.where("authentik_core.group", {"pk": group["pk"]})[0]["attributes"] == {"their": "own"}
    assert after.where("authentik_core.group", {"name": "guests"})[0]["attributes"] == authentik.MADE_BY_US


def test_each_application_costs_four_entries():
    """Authentik takes 0.2 s for each, and 0.7 s with eight empty bindings: applying is linear, and small."""
    counts = []
    for number in (10, 20):
        text = BASE + "apps:\n" + "".join(app(f"app{one}", "none") for one in range(number))
        counts.append(content(text).count(b"\n  - model:"))
    assert counts[1] - counts[0] == 40


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ("external_host: https://wiki.home.example.org", "external_host: wiki.home.example.org"),
        ("order: 0", "orders: 0"),
        ("https://wiki.home", "https://wiki-.home"),
        ("name: infrakit-wiki-forward", "name: infrakit-notes-forward"),
        ("ms-windowsaccountname", "ms/winaccountname"),
        ("default-provider-invalidation-flow", "default-invalidation-flow"),
        ("    id: policy-infrakit-wiki", "    id: policy-other"),
        ("email: alice@example.org", "email: alice@nas"),
        ("hours=24", "24h"),
    ],
)
def test_the_importer_refuses_what_authentik_refuses(fresh, broken, words):
    """Or the tests above could not fail."""
    kind = "saml" if "ms-" in broken else "forward"
    text = content(FILES[f"{kind} 0 0"])
    assert broken.encode() in text
    with pytest.raises(Rejected):
        apply(fresh, text.replace(broken.encode(), words.encode(), 1))


def test_the_importer_finds_a_second_apply_that_changes(fresh):
    """As ours did: an OAuth2 provider of the proxy's name that is to be absent takes the proxy."""
    text = content(FILES["forward 0 0"])
    gone = "\n".join(
        ("  - model: authentik_providers_oauth2.oauth2provider", "    state: absent", "    identifiers:")
        + ("      name: infrakit-wiki-forward", "  - model: authentik_brands.brand")
    )
    text = text.replace(b"  - model: authentik_brands.brand", gone.encode())

    assert not apply(fresh, text).where(PROXY, {"name": "infrakit-wiki-forward"})
    assert EXPRESSION in apply(fresh, content(FILES["forward 0 0"])).rows
