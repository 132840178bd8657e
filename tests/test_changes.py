"""What a compile changed, in the words of a person."""

import json

from infrakit.changes import compare, facts_of
from infrakit.model import Grant
from tests.emit.examples import hosts

HOST = hosts()["full-homelab"]
FACTS = facts_of(HOST)


def test_the_same_host_has_no_changes():
    assert compare(json.loads(json.dumps(FACTS)), FACTS) == []


def test_a_new_service_comes_with_its_door_and_mounts():
    fewer = HOST._replace(
        services=tuple(service for service in HOST.services if service.name != "wiki"),
        routes=tuple(route for route in HOST.routes if route.service != "wiki"),
    )
    assert compare(facts_of(fewer), FACTS) == [
        "+ service wiki: ghcr.io/requarks/wiki:2.5",
        "+ door wiki.home.example.org: family",
        "+ mount wiki /wiki/data: volume wiki-data",
    ]
    assert compare(FACTS, facts_of(fewer)) == [
        "- service wiki",
        "- door wiki.home.example.org",
        "- mount wiki /wiki/data",
    ]


def test_a_door_says_who_could_pass_before():
    routes = tuple(
        route._replace(allow=("administrators", "family")) if route.service == "dozzle" else route
        for route in HOST.routes
    )
    assert compare(FACTS, facts_of(HOST._replace(routes=routes))) == [
        "~ door dozzle.home.example.org: administrators, family, was administrators"
    ]


def test_what_needs_thought_has_a_sign_of_its_own():
    routes = tuple(
        route._replace(sign_in="public", allow=()) if route.service == "wiki" else route for route in HOST.routes
    )
    grant = Grant("wiki", "wiki", "ports", "port 9000", HOST.origin)
    assert compare(FACTS, facts_of(HOST._replace(routes=routes, grants=(grant,)))) == [
        "! door wiki.home.example.org: everybody, without sign-in, was family",
        "! grant wiki ports: port 9000",
    ]


def test_one_more_of_what_was_granted_already_is_a_change():
    fewer, more = (
        facts_of(HOST._replace(grants=tuple(Grant("wiki", "wiki", "cap_add", name, HOST.origin) for name in names)))
        for names in (("SYS_PTRACE",), ("SYS_ADMIN", "SYS_PTRACE"))
    )
    assert compare(fewer, more) == ["! grant wiki cap_add: SYS_ADMIN, SYS_PTRACE, was SYS_PTRACE"]


def test_a_manifest_that_somebody_broke_counts_as_empty():
    for broken in (None, [], "x", {}, {"services": 3, "doors": ["a"]}):
        assert len(compare(broken, FACTS)) == sum(map(len, FACTS.values()))
