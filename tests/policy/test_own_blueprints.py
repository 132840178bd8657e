"""A blueprint of the user's own: each way to take what was not given is refused, and a grant lets exactly one thing
pass."""

import re

import pytest

from infrakit import resources
from infrakit.catalog import load_catalog
from infrakit.compiler import Locator, load
from infrakit.config import bind, check_schema, parse
from infrakit.emit import emit
from infrakit.emit.groups import FILE, reference
from infrakit.errors import ConfigurationInvalid
from infrakit.policy import judge
from infrakit.resolve import settle
from infrakit.resolve.checks.own import own_fits
from infrakit.resolve.fleet import assemble
from infrakit.resolve.own import own_blueprints
from infrakit.stack.groups import names_of

DIGEST = "a" * 64
OIDC = "oidc: {redirects: [/callback]}"
FILES = "files: [{file: a.conf, path: /etc/a.conf}]"
SECOND = f"""  NAME:
    image: docker.io/example/own:1@sha256:{DIGEST}
    architectures: [amd64, arm64, armhf]
    memory: 64m
    user: "1000:1000"
    health: {{test: [CMD, /check]}}
    privileges: {{privileged: true}}
"""


def own(
    line="",
    top="",
    second="",
    route="route: {container: own, port: 80}",
    name="own",
    image=f"docker.io/example/own:1@sha256:{DIGEST}",
    user="1000:1000",
):
    """A small, honest blueprint, with what a test adds to it."""
    return f"""name: {name}
title: Own
summary: An app.
section: Apps
profiles: []
source: the test
{top}
containers:
  {name}:
    image: {image}
    architectures: [amd64, arm64, armhf]
    memory: 64m
    user: "{user}"
    health: {{test: [CMD, /check]}}
{"    " + line if line else ""}
{second}
{route.replace("own", name)}
"""


def codes(
    blueprint: str, keys: str = "", name: str = "own", file: str = "./own.yaml", called: str = "infrakit.yaml"
) -> set[str]:
    """Codes of the problems of a file with this blueprint; `keys` are more keys of the app, `file` and `called` what
    the user calls the blueprint and the file."""
    allow = ", allow: [family]" if "route:" in blueprint else ""
    source = (
        f"version: 1\ndomain: home.example.org\npattern: full\naccess: {{groups: {{family: [bob]}}}}\napps:\n  "
        f"{name}: {{blueprint: {file}{allow}{keys}}}\n"
    )
    try:
        load(source.encode(), called, lambda _: blueprint.encode())
    except ConfigurationInvalid as refused:
        return {problem.code for problem in refused.problems}
    return set()


def judged(
    blueprint: str, file: str = "./own.yaml", hosts: str = "pattern: full", more: str = "", name: str = "own"
) -> set[str]:
    """Codes of the rules alone: they must hold whatever the checks before them let through."""
    source = (
        f"version: 1\ndomain: home.example.org\n{hosts}\naccess: {{groups: {{family: [bob]}}}}\napps: {{{name}: "
        f"{{blueprint: {file}, allow: [family]}}{more}}}\n"
    ).encode()
    document = parse(source, "infrakit.yaml")
    assert check_schema(document, resources.schema("infrakit")) == []
    config = bind(document)
    blueprints, documents, _ = own_blueprints(config, document, lambda _: blueprint.encode())
    fleet = assemble(settle(config, load_catalog(), blueprints))
    return {problem.code for problem in judge(fleet, Locator(document, documents).origin)}


def test_what_counts_beside_a_blueprint_counts():
    keys = f"image: 'x/y:2@sha256:{DIGEST}', memory: 96m, cpus: '0.5', environment: {{A: b}}, public: true"
    source = f"version: 1\ndomain: home.example.org\npattern: full\napps: {{own: {{blueprint: ./own.yaml, {keys}}}}}\n"
    host = next(iter(load(source.encode(), "infrakit.yaml", lambda _: own().encode()).fleet.deployments))
    found = next(item for service in host.services for item in service.containers if item.name == "own")
    assert (found.image, found.memory_bytes, found.cpus) == (f"x/y:2@sha256:{DIGEST}", 96 << 20, "0.5")
    assert found.environment == (("A", "b"),)
    assert next(route.sign_in for route in host.routes if route.service == "own") == "public"


def test_a_blueprint_names_a_group_of_the_host_and_its_number_is_looked_up_there():
    blueprint = own("settings: {groups: [44, render]}")
    assert codes(blueprint) == set()
    source = "version: 1\ndomain: home.example.org\npattern: full\napps: {own: {blueprint: ./own.yaml}}\n"
    (deployment,) = load(source.encode(), "infrakit.yaml", lambda _: blueprint.encode()).fleet.deployments
    files = {item.path: item.content.decode() for item in emit(deployment)}
    assert reference("render") in files["services/own.yaml"] and f"env_file: {FILE}" in files["compose.yaml"]
    assert names_of(deployment) == ("render",) and "in the host's group render" in files["REVIEW.md"]


def test_groups_are_said_in_the_same_words_in_infrakit_yaml_and_in_blueprints():
    ours = resources.schema("infrakit")["properties"]["apps"]["additionalProperties"]["properties"]["groups"]
    container = resources.schema("blueprint")["properties"]["containers"]["additionalProperties"]["properties"]
    theirs = container["settings"]["properties"]["groups"]
    same = ("type", "minimum", "pattern")
    assert [ours["items"][key] for key in same] == [theirs["items"][key] for key in same]


def test_an_honest_blueprint_passes():
    assert judged(own()) == set()
    assert codes(own()) == set()


DANGERS = [
    ("cap_add", {"line": "capabilities: [SYS_ADMIN]"}),
    ("cgroup_parent", {"line": "privileges: {cgroup_parent: /x}"}),
    ("devices", {"line": "privileges: {devices: [/dev/kmem]}"}),
    ("docker_api", {"line": "docker: {transport: tcp, allow: [GET /_ping]}"}),
    ("extra_hosts", {"line": "privileges: {extra_hosts: ['auth.home.example.org:192.168.1.9']}"}),
    ("groups", {"line": "settings: {groups: [render, docker]}"}),
    ("groups", {"line": "settings: {groups: ['00']}"}),
    ("host_path", {"line": "host_paths: [{host: /etc, path: /etc}]"}),
    ("ipc", {"line": "privileges: {ipc: host}"}),
    ("labels", {"line": "labels: {com.centurylinklabs.watchtower.enable: 'true'}"}),
    ("network", {"line": "privileges: {network: host}", "route": ""}),
    ("pid", {"line": "privileges: {pid: host}"}),
    ("ports", {"line": "ports: [{port: 22}]"}),
    ("privileged", {"line": "privileges: {privileged: true}"}),
    ("root_user", {"user": "0:0"}),
    ("root_user", {"user": "000:1000"}),
    ("runtime", {"line": "privileges: {runtime: other}"}),
    ("security_opt", {"line": "privileges: {security_opt: [seccomp=unconfined]}"}),
    ("sysctls", {"line": "privileges: {sysctls: {net.x: '1'}}"}),
    ("unpinned_image", {"image": "docker.io/example/own:1"}),
    ("unpinned_image", {"image": "docker.io/example/own:1@sha256:short"}),
    ("userns", {"line": "privileges: {userns: host}"}),
    ("writable_root", {"line": "writable_root: true"}),
]


@pytest.mark.parametrize("host", ["/srv/../etc", "//etc", "/srv/./../etc/", "/etc/.", "/var/lib/dpkg", "/root/x"])
def test_no_spelling_of_a_path_of_the_system_is_less_than_red(host):
    blueprint = own(f"host_paths: [{{host: {host}, path: /x}}]").encode()
    text = (
        "version: 1\ndomain: home.example.org\npattern: full\naccess: {groups: {family: [bob]}}\n"
        "apps: {own: {blueprint: ./own.yaml, allow: [family], grants: [host_path]}}\n"
    )
    (deployment,) = load(text.encode(), "infrakit.yaml", lambda _: blueprint).fleet.deployments
    review = next(item.content.decode() for item in emit(deployment) if item.path == "REVIEW.md")
    assert re.search(r"\*\*host path \S+ at /x\*\*", review)


@pytest.mark.parametrize("capability,changes", DANGERS)
def test_a_dangerous_capability_needs_its_grant(capability, changes):
    assert codes(own(**changes)) - {"published-port"} == {"not-granted"}
    assert codes(own(**changes), f", grants: [{capability}]") == set()


@pytest.mark.parametrize(
    "code,changes",
    [
        ("not-granted", {"second": SECOND.replace("NAME", "helper-socket")}),
        ("same-container", {"second": SECOND.replace("NAME", "caddy")}),
        (
            "same-container",
            {"line": "docker: {transport: tcp, allow: [GET /_ping]}", "second": SECOND.replace("NAME", "own-socket")},
        ),
        ("foreign-secret", {"line": "secrets: [authentik_secret_key]"}),
        (
            "foreign-secret",
            {"line": "secrets: [authentik_secret_key]", "top": "secrets: {authentik_secret_key: {description: Mine.}}"},
        ),
        ("unknown-secret", {"line": "secrets: [nobody_has_it]"}),
        ("not-granted", {"line": "reaches: [portainer]"}),
        ("foreign-door", {"route": "route: {container: authentik-database, port: 5432}"}),
        ("foreign-file", {"line": "files: [{file: ../secrets/authentik_secret_key, path: /x}]"}),
        ("foreign-file", {"line": "files: [{file: ../caddy/Caddyfile, path: /x}]"}),
        ("no-sign-in", {"route": "route: {container: own, port: 80, sign_in: application}"}),
        ("no-sign-in", {"route": "route: {container: own, port: 80, sign_in: provider}"}),
        ("same-client", {"top": "oidc: {secret: portainer_client_secret, redirects: [/]}"}),
        ("secret-in-environment", {"line": "environment: {PGPASSWORD: hunter2}"}),
    ],
)
def test_what_belongs_to_others_is_refused(code, changes):
    assert code in judged(own(**changes))
    assert codes(own(**changes))


@pytest.mark.parametrize(
    "file", ["./own.yaml", "own.yaml", "blueprints/own.yaml", "blueprints/caddy.yaml", "infrakit.yaml"]
)
@pytest.mark.parametrize(
    "code,changes",
    [
        (
            "secret-name",
            {
                "line": "secrets: [authentik_secret_key, authentik_bootstrap_token]",
                "top": "secrets: {authentik_secret_key: {description: A.}, "
                "authentik_bootstrap_token: {description: B.}}",
            },
        ),
        ("secret-name", {"top": "secrets: {dns_token: {description: The provider's.}}"}),
        ("not-granted", {"user": "0:0"}),
        ("not-granted", {"line": "writable_root: true"}),
        ("not-granted", {"line": "reaches: [portainer]"}),
        ("not-granted", {"image": "docker.io/example/own:1"}),
    ],
)
def test_what_a_file_is_called_makes_it_nobody_elses(file, code, changes):
    assert code in codes(own(**changes), file=file)
    assert code in codes(own(**changes), file=file, called="./blueprints/own.yaml")
    if code == "not-granted":
        assert code in judged(own(**changes), file)
    elif "line" in changes:
        assert "foreign-secret" in judged(own(**changes), file)


def test_a_problem_is_told_in_the_file_that_has_it():
    source = b"version: 1\ndomain: home.example.org\npattern: full\napps: {own: {blueprint: blueprints/glances.yaml}}\n"
    with pytest.raises(ConfigurationInvalid) as refused:
        load(source, "infrakit.yaml", lambda _: own("capabilities: [SYS_ADMIN]").encode())

    assert [str(problem.position) for problem in refused.value.problems] == ["./blueprints/glances.yaml:15:19"]


def test_a_shared_secret_of_another_host_is_not_to_be_had():
    """Shared values are the same everywhere, so a name is enough to ask for one."""
    hosts = "hosts: {core: {pattern: full, address: 192.168.1.2}, shed: {pattern: edge, address: 192.168.1.3}}"
    key = "secrets: {dozzle_key: {description: Mine., shared: true}}"
    wiki = ", wiki: {image: 'ghcr.io/requarks/wiki:2.5', port: 3000, secrets: [dozzle_key], hosts: [shed]}"
    assert "foreign-secret" in judged(own("secrets: [dozzle_key]", key), hosts=hosts, more=wiki)
    assert "foreign-secret" not in judged(
        own("secrets: [own_key]", key.replace("dozzle", "own")), hosts=hosts, more=wiki
    )
    alone = own("secrets: [dozzle_key]", key.replace(", shared: true", ""))
    assert "foreign-secret" not in judged(alone, hosts=hosts, more=wiki), "each host has a value of its own"
    edge = own("secrets: [portainer_edge_key]", key.replace("dozzle_key", "portainer_edge_key"))
    assert "foreign-secret" in judged(edge, hosts=hosts), "the other owner may be of the catalogue"
    assert "foreign-secret" not in judged(edge), "where it runs nowhere, there is no value to be had"


def test_the_secret_of_another_apps_client_is_not_to_be_had():
    wiki = ", wiki: {image: 'ghcr.io/requarks/wiki:2.5', port: 3000, oidc: {redirects: [/]}}"
    secret = "secrets: {wiki_client_secret: {description: Mine.}}"
    assert "foreign-secret" in judged(own("secrets: [wiki_client_secret]", secret), more=wiki)


@pytest.mark.parametrize(
    "path",
    ["/var/run/docker.sock", "/run/docker.sock", "/var/x/../run/docker.sock", "//run/./docker.sock", "/", "/run"],
)
def test_no_grant_gives_the_socket_itself(path):
    assert "docker-socket" in codes(own(f"host_paths: [{{host: {path}, path: /x}}]"), ", grants: [host_path]")


@pytest.mark.parametrize(
    "needs,grants,refused",
    [
        ("dozzle", "", {"not-granted"}),
        ("caddy", "", {"not-granted"}),
        ("authentik", "", {"not-granted"}),
        ("dozzle, caddy", "reach", set()),
        ("other", "", set()),
    ],
)
def test_a_way_around_the_catalogues_sign_in_needs_a_grant(needs, grants, refused):
    """Also of an app that is nothing but keys: Dozzle believes each neighbour who he says he is."""
    source = (
        "version: 1\ndomain: home.example.org\npattern: full\napps:\n"
        f"  wiki: {{image: 'x/wiki:1', port: 80, needs: [{needs}], grants: [{grants}]}}\n  other: {{image: 'x/y:1'}}\n"
    )
    try:
        found = load(source.encode(), "infrakit.yaml", lambda _: b"")
    except ConfigurationInvalid as invalid:
        assert {problem.code for problem in invalid.problems} == refused
        assert {problem.position.line for problem in invalid.problems} == {5}
    else:
        assert not refused
        review = review_of(found.fleet)
        assert ("**granted: reach**" in review) == bool(grants)


def review_of(fleet) -> str:
    host = next(iter(fleet.deployments))
    return next(item.content.decode() for item in emit(host) if item.path == "REVIEW.md")


def test_who_signs_in_by_itself_waits_for_authentik_without_a_grant():
    keys = "image: 'x/wiki:1', port: 80, needs: [authentik], oidc: {redirects: [/]}"
    source = f"version: 1\ndomain: home.example.org\npattern: full\napps: {{wiki: {{{keys}}}}}\n"
    host = next(iter(load(source.encode(), "infrakit.yaml", lambda _: b"").fleet.deployments))
    wiki = next(item for service in host.services for item in service.containers if item.name == "wiki")
    assert [name for name in wiki.networks if "authentik" in name] == [] and "signin_wiki" in wiki.networks


def test_a_blueprint_reaches_authentik_by_oidc_or_by_a_grant():
    assert codes(own("reaches: [authentik]")) == {"not-granted"}
    route = "route: {container: own, port: 80, sign_in: application}"
    assert codes(own("reaches: [authentik]", "oidc: {redirects: [/]}", route=route)) == set()


@pytest.mark.parametrize("door", ["door", "link", "signin"])
def test_no_name_of_a_network_is_a_way_around_sign_in(door):
    """What the checks refuse by its name, the rule refuses by what it is: <door>_internal would be of two services."""
    internal = ", internal: {image: 'x/y:1', port: 80}"
    blueprint = own(name=door, second=SECOND.replace("NAME", f"{door}-second"))
    assert ("neighbour" in judged(blueprint, more=internal, name=door)) == (door == "door")
    assert "app-name" in codes(blueprint.replace("privileges", "# "), "}\n  internal: {image: 'x/y:1'", name=door)


@pytest.mark.parametrize("hidden", ["portainer-agent", "watchtower"])
def test_what_has_power_over_the_host_is_not_switched_on_by_the_way(hidden):
    moving = "docker.io/example/own:1"
    blueprint = own("update: automatic", f"requires: [{hidden}]", image=moving).encode()
    base = b"version: 1\ndomain: home.example.org\nprofiles: [security, identity]\n"
    source = base + b"%sapps: {own: {blueprint: o.yaml, grants: [unpinned_image%s]}}\n"

    def problems(services: bytes = b"", keys: bytes = b"") -> list[str]:
        try:
            load(source % (services, keys), "infrakit.yaml", lambda _: blueprint)
        except ConfigurationInvalid as invalid:
            return [f"{item.code} {item.position}" for item in invalid.problems]
        return []

    assert set(problems()) == {"not-granted ./o.yaml:7:11"}
    assert problems(keys=b", requires") == []
    granted = load(source % (b"", b", requires"), "infrakit.yaml", lambda _: blueprint)
    assert [item.red for item in next(iter(granted.fleet.deployments)).grants if item.capability == "requires"] == [
        True
    ]
    assert problems(f"services: {{{hidden}: {{enabled: true}}}}\n".encode()) == [], "the user's own word"


SAML = ", saml: {acs: /acs, audience: x}"


@pytest.mark.parametrize(
    ("top", "signs_in", "keys", "code"),
    [
        (OIDC, "application", SAML, "two-ways-to-sign-in"),
        ("", "forward_auth", SAML, "two-ways-to-sign-in"),
        (OIDC, "application", ", public: true", "no-effect"),
        (OIDC, "application", "", ""),
        ("", "application", SAML, ""),
    ],
)
def test_one_of_all_signs_people_in(top, signs_in, keys, code):
    route = f"route: {{container: own, port: 80, sign_in: {signs_in}}}"
    blueprint = own(top=top, route=route)
    found = codes(blueprint, keys)
    assert code in found if code else found == set(), found


def test_an_address_is_nothing_to_reach_and_no_container_is_none():
    keys = ", grants: [reach]}\n  there: {address: 'http://192.168.1.9'"
    assert codes(own("reaches: [there]"), keys) == {"unknown-need"}
    assert "empty-list" in codes(re.sub(r"containers:.*", "containers: {}", own(), flags=re.DOTALL))


def test_what_has_no_power_may_be_required():
    assert codes(own(top="requires: [caddy, authentik]")) == set()


def test_what_the_catalogue_brings_in_is_not_the_blueprints_doing():
    blueprint = own(top="requires: [portainer]").encode()
    base = b"version: 1\ndomain: home.example.org\nprofiles: [identity, security]\napps: {own: {blueprint: o.yaml}}\n"
    agent = b"services: {portainer-agent: {enabled: true}}\n"
    assert load(base + agent, "infrakit.yaml", lambda _: blueprint).fleet.deployments


def test_a_name_that_begins_like_a_service_opens_no_volume_of_it():
    blueprint = own("volumes: [{volume: portainer-data, path: /data}]", name="port")
    assert codes(blueprint, name="port") == set(), "its volume is called port-portainer-data"


def test_whom_infrakit_yaml_says_an_own_blueprint_reaches_without_a_grant():
    """What the file itself reaches out to, it asks for."""
    others = "}\n  db: {image: 'x/db:1', serves: [5432]"
    assert codes(own(), ", needs: [db]" + others) == set()
    assert codes(own(), ", needs: [glances]" + others) == {"not-granted"}
    assert codes(own("reaches: [db]"), others) == {"not-granted"}


def test_what_the_operator_grants_may_be_reached():
    assert codes(own("reaches: [glances]"), ", grants: [reach]") == set()
    asks = "reaches: [glances]\n    environment: {A: '${inside.glances}', B: '${inside.own}'}"
    assert codes(own(asks), ", grants: [reach]") == set()


@pytest.mark.parametrize(
    "code,changes",
    [
        ("container-name", {"second": SECOND.replace("NAME", "helper-socket")}),
        ("unknown-container", {"line": "needs: {authentik-database: healthy}"}),
        ("unknown-container", {"route": "route: {container: authentik-database, port: 5432}"}),
        ("unknown-service", {"top": "requires: [nothing]"}),
        ("unknown-file", {"line": "files: [{file: ../secrets/authentik_secret_key, path: /x}]"}),
        ("unknown-secret", {"line": "secrets: [authentik_secret_key]"}),
        ("unknown-reference", {"line": "environment: {A: '${secret.authentik_secret_key}'}"}),
        ("unknown-reference", {"line": "environment: {A: '${nothing}'}"}),
        ("unknown-reference", {"line": "command: ['${']"}),
        ("no-sign-in", {"route": "route: {container: own, port: 80, sign_in: application}"}),
        ("unknown-secret", {"top": "oidc: {secret: portainer_client_secret, redirects: [/]}"}),
        ("two-ways-to-sign-in", {"top": OIDC}),
        ("no-door", {"top": OIDC, "route": ""}),
        ("no-effect", {"top": "requires: [cloudflared]"}),
        ("no-effect", {"top": "requires: [socket-proxy]"}),
        ("unmet-need", {"top": "requires: [guacamole]"}),
        ("unknown-reference", {"line": "environment: {A: '${inside.dozzle}'}"}),
        ("unknown-group", {"route": "route: {container: own, port: 80, allow: [famly]}"}),
        ("same-path", {"line": "volumes: [{volume: a, path: /x}, {volume: b, path: /x/}]"}),
        ("same-path", {"line": "tmpfs: [/x], volumes: [{volume: a, path: /x}]".replace("], v", "]\n    v")}),
        ("mount", {"line": "tmpfs: [/]"}),
        ("limit-low", {"line": "tmpfs: ['/tmp:mode=1777,size=0m']"}),
        ("mount", {"line": "volumes: [{volume: a, path: /run/secrets/x}]"}),
        ("mount", {"line": "volumes: [{volume: a, path: /proc/x}]"}),
        ("capability", {"line": "capabilities: [FOO]"}),
        ("sysctl", {"line": "privileges: {sysctls: {kernel.core_pattern: x}}"}),
        ("device", {"line": "privileges: {devices: ['/dev/../etc/shadow:/x']}"}),
        ("ulimit", {"line": "settings: {ulimits: {nofile: '100:10'}}"}),
        ("secret-in-file", {"top": "files: {a.conf: {content: 'password = Hunter2secret'}}", "line": FILES}),
    ],
)
def test_a_slip_in_a_blueprint_is_named_with_its_place(code, changes):
    text = own(**changes).encode()
    source = b"version: 1\ndomain: home.example.org\npattern: full\napps: {own: {blueprint: ./own.yaml}}\n"
    source += b"services: {guacamole: {enabled: false}}\n"
    document = parse(source, "infrakit.yaml")
    assert check_schema(document, resources.schema("infrakit")) == []
    config = bind(document)
    blueprints, documents, problems = own_blueprints(config, document, lambda _: text)
    assert problems == []
    found = own_fits(config, load_catalog(), blueprints, Locator(document, documents))
    assert code in {problem.code for problem in found}
    assert all(problem.position.document == "./own.yaml" and problem.position.line > 6 for problem in found)


HOSTILE = [
    {"line": 'memory: "64m\\n"'},
    {"line": 'memory: "999999999999999999999999g"'},
    {"line": 'user: "1000\\n"'},
    {"line": 'user: "9999999999"'},
    {"line": 'cpus: "999"'},
    {"line": 'working_dir: "/a\\n"'},
    {"line": 'environment: {"A\\n": b}'},
    {"line": 'labels: {"a\\n": b}'},
    {"line": 'capabilities: ["CHOWN\\n"]'},
    {"line": 'volumes: [{volume: "data\\n", path: /data}]'},
    {"line": 'tmpfs: ["/tmp\\n"]'},
    {"line": "privileges: {extra_hosts: [P]}"},
    {"line": 'privileges: {extra_hosts: ["printer:192.168.1.256"]}'},
    {"line": 'privileges: {devices: ["/dev/x\\n"]}'},
    {"line": 'privileges: {sysctls: {net.core.somaxconn: "1\\n2"}}'},
    {"line": 'docker: {allow: ["GET /{}"]}'},
    {"line": 'docker: {allow: ["GET /containers/{name}/json"]}'},
    {"second": SECOND.replace("NAME", '"own-second\\n"')},
    {"top": 'files: {"a.conf\\n": {content: x}}'},
    {"top": 'secrets: {"own_token\\n": {description: Mine.}}'},
    {"top": 'oidc: {redirects: ["/callback\\n"]}'},
    {"top": 'oidc: {redirects: ["/{$HOME}"]}'},
    {"top": 'backup: {volumes: ["data\\n"]}'},
    {"route": 'route: {container: own, port: 80, subdomain: "own\\n"}'},
    {"route": 'route: {container: own, port: 80, health_path: "/{$HOME}"}'},
    {"route": 'route: {container: own, port: 80, health_path: "/a\\n"}'},
]


@pytest.mark.parametrize("changes", HOSTILE, ids=str)
def test_a_value_that_means_more_than_it_shows_is_refused_where_it_stands(changes):
    text = own(**changes)
    if "user:" in changes.get("line", ""):
        text = text.replace('    user: "1000:1000"\n', "")
    if "memory:" in changes.get("line", ""):
        text = text.replace("    memory: 64m\n", "", 1)
    assert codes(text, ", grants: [extra_hosts, devices, sysctls, docker_api]") & {"wrong-form", "name"}


@pytest.mark.parametrize("address", ["192.168.1.20", "host-gateway", "2001:db8::1", "[2001:db8::1]", "::1"])
def test_a_name_may_lead_to_an_address_of_either_kind(address):
    line = f"privileges: {{extra_hosts: ['printer:{address}', 'other={address}']}}"
    assert codes(own(line=line), ", grants: [extra_hosts]") == set()


@pytest.mark.parametrize(
    "call,power",
    [
        ("GET /containers/json", "reads only"),
        ("GET /containers/{id}/top?ps_args", "reads files and secrets"),
        ("GET /containers/{id}/archive", "reads files and secrets"),
        ("POST /containers/{id}/stop", "stops and changes"),
        ("POST /containers/create", "root on the host"),
        ("GET /containers/{id}/attach/ws", "root on the host"),
        ("POST /images/create", "stops and changes"),
        ("POST /images/create?fromSrc&repo", "root on the host"),
        ("GET /{image}", "root on the host"),
        ("GET /swarm", "root on the host"),
    ],
)
def test_what_a_list_amounts_to_is_computed(call, power):
    blueprint = own(f"docker: {{transport: tcp, allow: [GET /_ping, '{call}']}}")
    app = b"apps: {own: {blueprint: a.yaml, grants: [docker_api]}}\n"
    found = load(
        b"version: 1\ndomain: home.example.org\npattern: full\n" + app, "infrakit.yaml", lambda _: blueprint.encode()
    )
    review = review_of(found.fleet)
    assert f"| own | {power if power == 'reads only' else f'**{power}**'} |" in review


def test_nobody_says_by_himself_that_he_only_reads():
    assert "unknown-key" in codes(own("docker: {writes: false, allow: [POST /containers/create]}"))


def test_an_image_below_a_known_floor_is_told_in_the_blueprint():
    text = own(image="docker.io/library/caddy:2.11.4").encode()
    base = b"version: 1\ndomain: home.example.org\npattern: full\n"
    source = base + b"apps: {own: {blueprint: o.yaml, grants: [unpinned_image]}}\n"
    found = load(source, "infrakit.yaml", lambda _: text).warnings
    line = text.decode().splitlines().index("    image: docker.io/library/caddy:2.11.4") + 1
    assert [(item.code, str(item.position)) for item in found] == [("version-too-old", f"./o.yaml:{line}:12")]
