"""What is asked of running services after the start: of Authentik over real HTTP, with its answers as upstream shapes
them."""

import json
import subprocess
import sys
import threading
from copy import deepcopy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from infrakit.compiler import load
from infrakit.emit import emit
from infrakit.emit.authentik import MADE_BY_US, named
from infrakit.stack.up import plan_up
from infrakit.stack.wire.authentik import ORDER, SCRIPT, Applied, State
from infrakit.system.digest import hex_digest
from tests.emit.examples import hosts

HOSTS = hosts()
FULL = HOSTS["full-homelab"]
TOKEN = "a-token"
INSTANCE = {
    "pk": "b1",
    "name": "InfraKit",
    "path": ORDER["path"],
    "status": "error",
    "last_applied_hash": "",
    "enabled": True,
    "content": "",
    "metadata": {},
}
MEMBERS = [
    {"pk": 5, "username": "alice", "is_active": True, "last_login": None},
    {"pk": 6, "username": "carol", "is_active": False, "last_login": "2026-11-01T10:00:00Z"},
]


def provider(pk, name, application=None):
    return {"pk": pk, "name": name, "assigned_application_slug": application}


ROWS = {
    "/managed/blueprints/": [INSTANCE],
    "/core/groups/": [
        {"pk": "g1", "name": "administrators", "attributes": {}, "users": [5, 6], "users_obj": MEMBERS},
        {"pk": "g2", "name": "family", "attributes": MADE_BY_US, "users": [5], "users_obj": MEMBERS[:1]},
        {"pk": "g3", "name": "old", "attributes": MADE_BY_US, "users": [5], "users_obj": MEMBERS[:1]},
        {"pk": "g4", "name": "theirs", "attributes": {}, "users": [5], "users_obj": MEMBERS[:1]},
    ],
    "/core/applications/": [
        {"pk": "a1", "slug": "infrakit-wiki"},
        {"pk": "a2", "slug": "infrakit-old"},
        {"pk": "a3", "slug": "theirs"},
    ],
    "/providers/all/": [
        provider(1, "infrakit-wiki-forward", "infrakit-wiki"),
        provider(2, "infrakit-wiki-oidc"),
        provider(3, "infrakit-old-forward", "infrakit-old"),
        provider(4, "infrakit-lent-forward", "theirs"),
        provider(5, "theirs", "theirs"),
    ],
    "/providers/oauth2/": [
        {"pk": 2, "name": "infrakit-wiki-oidc", "client_secret": "as it was"},
        {"pk": 6, "name": "theirs-oidc", "client_secret": "theirs"},
    ],
    "/policies/all/": [
        {"pk": "p1", "name": "infrakit-wiki", "bound_to": 1},
        {"pk": "p2", "name": "infrakit-old", "bound_to": 1},
        {"pk": "p3", "name": "infrakit-lent", "bound_to": 1},
        {"pk": "p4", "name": "theirs", "bound_to": 0},
    ],
    "/outposts/instances/": [
        {
            "pk": "o1",
            "name": "authentik Embedded Outpost",
            "providers": [3, 5],
            "providers_obj": [provider(3, "infrakit-old-forward"), provider(5, "theirs")],
        }
    ],
}
NAMED = {
    "applications": ["infrakit-wiki"],
    "policies": ["infrakit-wiki"],
    "providers": ["infrakit-wiki-forward"],
    "proxied": ["infrakit-wiki-forward"],
    "groups": ["administrators", "family"],
}
"""Authentik after an app `old` left the file, `wiki` turned from OIDC to sign-in by the door, a group left; an
administrator has added things of his own, and uses two of ours."""


class Api(BaseHTTPRequestHandler):
    """A directory of rows: place -> list; a list is answered in pages of two, as Authentik does in pages of 100."""

    def do_GET(self):
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        right = self.headers["Authorization"] == f"Bearer {TOKEN}"
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"] or 0)) or "null")
        if right:
            self.server.calls.append(f"{self.command} {parts.path}" + (f" {json.dumps(body)}" if body else ""))
        code, found = self.found(parts.path.removeprefix("/api/v3"), query, body) if right else (403, {"detail": "no"})
        self.send_response(code)
        self.end_headers()
        self.wfile.write(b"" if found is None else json.dumps(found).encode())

    do_POST = do_DELETE = do_PATCH = do_GET

    def found(self, place, query, body):
        rows = self.server.rows
        if place in rows:
            page = int(query.pop("page", 1))
            filters = {name: value for name, value in query.items() if name in ("path", "name")}
            wanted = [row for row in rows[place] if all(row[name] == value for name, value in filters.items())]
            more = page + 1 if wanted[2 * page :] else 0
            return 200, {"pagination": {"next": more}, "results": wanted[2 * page - 2 : 2 * page]}
        if place == "/managed/blueprints/b1/apply/":
            return 200, INSTANCE
        listed, _, key = place.rstrip("/").rpartition("/")
        (row,) = [row for row in rows[f"{listed}/"] if str(row.get("slug", row.get("pk"))) == key]
        if self.command == "DELETE":
            rows[f"{listed}/"].remove(row)
            gone(rows, row)
            return 204, None
        row.update(body)
        return 200, row

    def log_message(self, *words):
        pass


def gone(rows, row):
    """What goes with an application or a provider, by the keys of Authentik's tables."""
    for provider in rows["/providers/all/"]:
        if "slug" in row and provider["assigned_application_slug"] == row["slug"]:
            provider["assigned_application_slug"] = None
    for policy in rows["/policies/all/"]:
        policy["bound_to"] -= "slug" in row and policy["name"] == row["slug"]
    for outpost in rows["/outposts/instances/"]:
        outpost["providers"] = [key for key in outpost["providers"] if key != row.get("pk")]
        outpost["providers_obj"] = [item for item in outpost["providers_obj"] if item["pk"] != row.get("pk")]


@pytest.fixture
def api(tmp_path):
    """ask(mend=..., token=...) -> what the script prints; ask.calls: method, path and body of each request that had the
    right token; ask.rows: what Authentik has."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        server.calls, server.rows = [], deepcopy(ROWS)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_address[1]}/api/v3"

        def ask(*, token=TOKEN, **more):
            (tmp_path / "token").write_text(f"{token}\n")
            order = ORDER | {"base": base, "token": str(tmp_path / "token"), "mend": False, "digest": "", "named": {}}
            done = subprocess.run(
                [sys.executable, "-"],
                input=f"order = {order | more!r}{SCRIPT}",
                capture_output=True,
                text=True,
                timeout=30,
            )
            assert done.returncode == 0, done.stderr
            return json.loads(done.stdout)

        ask.calls, ask.rows = server.calls, server.rows
        yield ask
        server.shutdown()


def test_authentik_is_asked_for_the_blueprint_and_its_administrators(api):
    assert State(**api()) == State("error", "", True, {"alice": "", "carol": "2026-11-01T10:00:00Z"})
    assert api.calls == ["GET /api/v3/managed/blueprints/", "GET /api/v3/core/groups/"]


def test_a_blueprint_is_applied_again_when_asked(api):
    api(mend=True)
    assert "POST /api/v3/managed/blueprints/b1/apply/" in api.calls


def test_a_blueprint_that_is_not_there_yet_is_not_applied(api):
    assert State(**api(mend=True, path="other.yaml")).status == ""
    assert not [call for call in api.calls if call.startswith("POST")]


def test_a_refused_token_is_told_apart_from_silence(api):
    assert api(token="another") == {"refused": 403}
    assert "refused" in api(base="http://127.0.0.1:9/api/v3")["problem"].lower()


def in_force(api):
    api.rows["/managed/blueprints/"] = [INSTANCE | {"status": "successful", "last_applied_hash": "abc"}]
    return {"digest": "abc", "named": NAMED}


def test_what_left_the_file_is_found(api):
    assert api(**in_force(api))["left"] == [
        "the application infrakit-old",
        "the provider infrakit-wiki-oidc",
        "the provider infrakit-old-forward",
        "members of the group old",
        "another list of doors in its outpost",
    ]
    assert not [call for call in api.calls if not call.startswith("GET")]


def test_what_left_the_file_is_taken_away_and_what_is_an_administrators_stays(api):
    known = in_force(api)
    api(mend=True, **known)
    assert [call for call in api.calls if not call.startswith("GET")] == [
        "DELETE /api/v3/core/applications/infrakit-old/",
        "DELETE /api/v3/providers/all/2/",
        "DELETE /api/v3/providers/all/3/",
        "DELETE /api/v3/policies/all/p2/",
        'PATCH /api/v3/core/groups/g3/ {"users": []}',
        'PATCH /api/v3/outposts/instances/o1/ {"type": "proxy", "providers": [5, 1]}',
    ]
    assert api(**known)["left"] == []


WIKI = "apps: {wiki: {image: 'x/y:1', port: 80, hosts: [%s]%s}}\n"
SHED = ", shed: {pattern: [edge, monitoring], address: 192.0.2.11}"
HEAD = "version: 1\ndomain: home.example.org\nhosts: {core: {pattern: full, address: 192.0.2.10}%s}\n"


@pytest.mark.parametrize(
    ("before", "after", "gone"),
    [
        (HEAD % SHED, HEAD % "", ["infrakit-glances-shed"]),
        (HEAD % SHED + WIKI % ("core", ""), HEAD % SHED + WIKI % ("core", ", public: true"), ["infrakit-wiki"]),
        (HEAD % SHED + WIKI % ("core", ""), HEAD % SHED + WIKI % ("shed", ""), []),
        (
            HEAD % SHED + WIKI % ("core", ""),
            HEAD % SHED.replace("shed:", "barn:"),
            ["infrakit-glances-shed", "infrakit-wiki"],
        ),
    ],
    ids=["a host left", "an app turned public", "an app moved to another host", "a host was renamed, and an app left"],
)
def test_what_one_file_made_and_the_next_does_not_is_what_is_taken_away(api, before, after, gone):
    """From the files to the requests: rows as the blueprint of the first made them, asked with the names of the
    second."""
    made, wanted = (
        named(next(iter(load(text.encode(), "infrakit.yaml", lambda _: b"").fleet.deployments)).access)
        for text in (before, after)
    )
    api.rows |= {
        "/core/applications/": [{"pk": slug, "slug": slug} for slug in made["applications"]],
        "/providers/all/": [
            provider(name, name, name.removesuffix("-forward").removesuffix("-oidc")) for name in made["providers"]
        ],
        "/policies/all/": [{"pk": f"p-{name}", "name": name, "bound_to": 1} for name in made["policies"]],
        "/outposts/instances/": [
            {
                "pk": "o1",
                "name": "authentik Embedded Outpost",
                "providers": made["proxied"],
                "providers_obj": [provider(name, name) for name in made["proxied"]],
            }
        ],
    }
    api(mend=True, **in_force(api) | {"named": wanted})
    taken = [call.split("/")[-2] for call in api.calls if call.startswith("DELETE /api/v3/core/applications/")]
    assert sorted(taken) == gone
    assert {row["slug"] for row in api.rows["/core/applications/"]} == set(made["applications"]) - set(gone)
    left = {row["name"].rpartition("-")[0] for row in api.rows["/providers/all/"]}
    assert left == set(made["applications"]) - set(gone)


def test_nothing_is_taken_away_before_the_blueprint_is_in_force(api):
    assert api(mend=True, **in_force(api) | {"digest": "abd"})["left"] == []
    assert [call for call in api.calls if not call.startswith("GET")] == ["POST /api/v3/managed/blueprints/b1/apply/"]


def test_a_client_secret_that_was_set_again_makes_authentik_apply_the_same_blueprint_once_more(api):
    """Its hash says nothing of what the files hold that it names."""
    same = {"client_secrets": {"infrakit-wiki-oidc": "as it was"}}
    other = {"client_secrets": {"infrakit-wiki-oidc": "as it is"}}
    found = api(**in_force(api) | other)
    assert (found["older"], found["left"]) == (["infrakit-wiki-oidc"], []) and "as it" not in json.dumps(found)
    assert not [call for call in api.calls if not call.startswith("GET")]
    api(mend=True, **in_force(api) | other)
    assert [call for call in api.calls if not call.startswith("GET")] == ["POST /api/v3/managed/blueprints/b1/apply/"]
    assert api(**in_force(api) | same)["older"] == []


GOOD = State("successful", "abc", True, {"alice": ""})


@pytest.mark.parametrize(
    ("state", "missing"),
    [
        (GOOD, ""),
        (State(), "has not found"),
        (GOOD._replace(status="error"), "status error"),
        (GOOD._replace(enabled=False), "switched off"),
        (GOOD._replace(last_applied_hash="abd"), "an older state"),
        (GOOD._replace(members={}), "no administrator alice"),
        (GOOD._replace(older=["infrakit-wiki-oidc"]), "an older client secret of infrakit-wiki-oidc"),
        (GOOD._replace(left=["the application infrakit-old"]), "still has the application infrakit-old"),
    ],
)
def test_what_authentik_lacks_is_said(state, missing):
    found = Applied("homelab", "abc", ("alice",), {}).missing(state)
    assert (missing in found) if missing else found == ""


@pytest.mark.parametrize("name", HOSTS)
def test_services_are_told_where_they_run_and_after_all_others(name):
    host = HOSTS[name]
    services = [step for step in plan_up(host, emit(host), hex_digest).steps if step.name.startswith("service ")]
    told = [step.name for step in services if len(step.actions) > 1]

    assert told == [
        f"service {name}" for name in ("guacamole", "authentik") if name in {service.name for service in host.services}
    ]
    assert not told or [step.name for step in services[-len(told) :]] == told
    assert all(len(step.done_when) == len(step.actions) for step in services)


def test_doors_are_waited_for_and_nothing_else_is():
    steps = plan_up(FULL, emit(FULL), hex_digest).steps

    assert {step.name.split()[0] for step in steps if step.waits} == {"door"} and all(
        step.waits for step in steps if step.name.startswith("door ")
    )


def test_the_blueprint_that_counts_is_the_one_of_the_tree():
    from hashlib import sha512

    (content,) = [item.content for item in emit(FULL) if item.path == "authentik/blueprints/infrakit.yaml"]
    (step,) = [step for step in plan_up(FULL, emit(FULL), hex_digest).steps if step.name == "service authentik"]

    file = "/var/lib/infrakit/hosts/homelab/secrets/portainer_client_secret"
    clients = (("infrakit-portainer-oidc", file),)
    wanted = Applied("homelab", sha512(content).hexdigest(), ("alice",), named(FULL.access), clients)
    assert step.done_when[1:] == (wanted,)
