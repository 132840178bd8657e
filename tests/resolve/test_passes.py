"""Decisions: what runs where, under which name, on which network."""

import random
from ipaddress import ip_network

import pytest

from infrakit import resources
from infrakit.catalog import load_catalog
from infrakit.compiler import decide, load
from infrakit.config import bind, check_schema, parse
from infrakit.emit.review_facts import headline
from infrakit.errors import ConfigurationInvalid
from infrakit.resolve.checks.names import is_host
from infrakit.resolve.checks.ours import FREE
from infrakit.resolve.networks import _subnets
from infrakit.resolve.updates import moves
from infrakit.resolve.world import PROXY_TEMPLATE
from tests.policy.test_own_blueprints import own

FLEET = """version: 1
domain: home.example.org
hosts:
  core: {pattern: full, address: 192.168.1.10}
  shed: {pattern: [edge, monitoring], address: 192.168.1.31}
  edge-[001:250]: {pattern: edge}
"""
ONE = "version: 1\ndomain: home.example.org\npattern: full\n"


def fleet(text):
    return list(load(text.encode(), "infrakit.yaml", lambda name: b"").fleet.deployments)


def names(deployment):
    return {service.name for service in deployment.services}


def published(deployment):
    return {
        (port.port, port.protocol)
        for service in deployment.services
        for item in service.containers
        for port in item.ports
    }


def test_a_range_stands_for_that_many_hosts():
    found = fleet(FLEET)
    assert [host.host for host in found[:4]] == ["core", "shed", "edge-001", "edge-002"] and len(found) == 252
    assert found[-1].host == "edge-250"
    texts = repr(found[5].services)
    assert "edge-004" in texts and "edge-003" not in texts and "infrakit-host-name" not in texts


def test_hosts_of_a_range_share_what_does_not_hold_their_name():
    found = fleet(FLEET + "apps: {probe: {image: 'x/probe:1.2', hosts: ['edge-[001:250]']}}\n")
    assert found[3].networks is found[4].networks
    assert any(one is other for one in found[3].services for other in found[4].services)


def test_the_core_signs_in_for_all():
    core, shed = fleet(FLEET)[:2]
    assert "authentik" in names(core) and "authentik" not in names(shed)
    assert {route.hostname for route in core.routes if route.upstreams[0].remote} == {"glances-shed.home.example.org"}
    assert all(route.sign_in == "fleet" for route in shed.routes)


WATCHED = """
version: 1
domain: home.example.org
hosts:
  core: {pattern: full, address: 192.168.1.10}
  shed: {pattern: [edge, monitoring], address: 192.168.1.31}
  barn: {pattern: monitoring, address: 192.168.1.32}
  far: {pattern: edge}
"""


def environment(host, name):
    (found,) = [item for service in host.services for item in service.containers if item.name == name]
    return dict(found.environment)


def mounted(host, name):
    (found,) = [item for service in host.services for item in service.containers if item.name == name]
    return {use.name: use.target for use in found.secrets}


def test_the_cores_dozzle_asks_an_agent_of_each_host_that_is_watched():
    core, shed, barn, far = fleet(WATCHED)
    assert environment(core, "dozzle")["DOZZLE_REMOTE_AGENT"] == "caddy:7101|shed,caddy:7102|barn"
    assert [(way.host, way.address) for way in core.relays] == [
        ("shed", "192.168.1.31:8443"),
        ("barn", "192.168.1.32:8443"),
    ]
    for host in (shed, barn):
        assert {"dozzle-agent", "glances"} <= names(host) and "dozzle" not in names(host)
        assert [(way.host, way.port, way.address) for way in host.relays] == [(host.host, 0, "dozzle-agent:7007")]
    assert not far.relays and "dozzle-agent" not in names(far)


def test_no_pair_of_dozzles_leaves_its_host_and_none_is_the_one_that_everybody_has():
    core, shed, *_ = fleet(WATCHED)
    own = {"fleet_logs_certificate": "/dozzle_cert.pem", "fleet_logs_key": "/dozzle_key.pem"}
    assert mounted(core, "dozzle") == mounted(shed, "dozzle-agent") == own
    for host in (core, shed):
        assert own.keys() <= mounted(host, "caddy").keys()
        assert not any(spec.shared for spec in host.secrets if spec.name in own)


def test_only_caddy_has_a_port_where_an_agent_is_and_shares_a_network_with_it():
    shed = fleet(WATCHED)[1]
    (agent,) = [item for service in shed.services for item in service.containers if item.name == "dozzle-agent"]
    assert not agent.ports and agent.networks == ("door_dozzle-agent", "socket_dozzle-agent")
    others = [item for service in shed.services for item in service.containers if "door_dozzle-agent" in item.networks]
    assert {item.name for item in others} == {"caddy", "dozzle-agent"}


@pytest.mark.parametrize("off", ["dozzle-agent: {enabled: false}", "dozzle: {enabled: false}"])
def test_without_agents_each_host_has_its_own_dozzle_or_none(off):
    core, shed, *_ = fleet(f"{WATCHED}services: {{{off}}}\n")
    assert not core.relays and not shed.relays and "dozzle-agent" not in names(shed)
    assert ("dozzle" in names(shed)) is ("agent" in off)
    assert not [spec for spec in core.secrets if spec.name.startswith("fleet_logs")]


def test_a_host_that_only_sends_logs_has_a_caddy_to_send_them_by():
    core, shed, *_ = fleet(f"{WATCHED}services: {{glances: {{enabled: false}}}}\n")
    assert {"caddy", "dozzle-agent"} <= names(shed) and not shed.routes and shed.door.fleet_port == 8443
    assert core.relays and "fleet_ca" in mounted(core, "caddy")


def test_where_the_core_has_no_dozzle_a_watched_host_has_one():
    text = WATCHED.replace("core: {pattern: full,", "core: {profiles: [identity, security],")
    core, shed, *_ = fleet(text)
    assert "dozzle" in names(shed) and "dozzle-agent" not in names(shed) and not core.relays


def test_an_edge_host_opens_no_door():
    edge = fleet(FLEET)[2]
    assert names(edge) == {"portainer-edge-agent"} and not edge.routes
    assert not [port for service in edge.services for item in service.containers for port in item.ports]


def moving(image="docker.io/amir20/dozzle:v10", more=""):
    return fleet(f"{ONE}services: {{dozzle: {{image: '{image}'}}{more}}}\n")[0]


@pytest.mark.parametrize("image", ["docker.io/amir20/dozzle:v10", "x/dozzle:stable", "x/dozzle:10.1-alpine"])
def test_watchtower_runs_where_a_tag_that_it_watches_moves(image):
    assert "watchtower" in names(moving(image)) and moving(image).idle_updater is None


@pytest.mark.parametrize("image", ["x/dozzle:v10.10.1", "x/dozzle:10.10.1-alpine", f"x/dozzle:v10@sha256:{'0' * 64}"])
def test_watchtower_is_left_out_where_nothing_moves_that_it_watches(image):
    host = moving(image, ", guacamole: {image: 'guacamole/guacamole:1.7'}")
    assert "watchtower" not in names(host) and not [n for n in host.networks if "watchtower" in n.name]
    assert host.idle_updater.path == ("pattern",)


def test_what_stands_before_dockers_socket_is_published_for_the_host_too():
    """HAProxy is, for each architecture: so with a catalogue whose HAProxy is not."""
    catalog = load_catalog()
    template = catalog.blueprints[PROXY_TEMPLATE]
    (proxy,) = template.containers
    narrow = template._replace(containers=(proxy._replace(architectures=("amd64",)),))
    catalog = catalog._replace(blueprints={**catalog.blueprints, PROXY_TEMPLATE: narrow})
    text = "version: 1\ndomain: home.example.org\nhosts: {pi: {pattern: full, architecture: arm64}}\n"
    document = parse(text.encode(), "infrakit.yaml")
    assert not check_schema(document, resources.schema("infrakit"))
    with pytest.raises(ConfigurationInvalid) as refused:
        decide(bind(document), document, catalog, lambda _: b"")
    assert [(item.code, proxy.image in item.what) for item in refused.value.problems] == [("no-image", True)]


def test_what_a_user_may_say_otherwise_of_a_service_is_said_by_one():
    ours = {
        name for item in load_catalog().blueprints.values() for one in item.containers for name, _ in one.environment
    }
    assert ours >= FREE


WHOLE = (
    "1.2.3 v1.2.3 v10.10.1-ls45 version-1.2.3 RELEASE.2025-01-01T00-00-00Z 2025.1.2 20250101 20250101-alpine b1234 "
    "r4567 nightly-2025.01.31 sha-abcdef1 main-sha-abcdef1 main-abcdef1 commit-1a2b3c4d 2.x-9f8e7d6 "
    "git-0123abcd 1a2b3c4 2.7.0.1 build-812"
)
MOVING = (
    "latest stable v1 16 16.4 16-alpine 10.1-alpine main nightly edge lts 2022-latest 2025.1 alpine3.20 3-alpine3.20.1 "
    "b12 release facade focal-1.2 20250199x1 java21"
)


def test_a_tag_that_names_one_image_does_not_move():
    assert [tag for tag in WHOLE.split() if moves(f"x/y:{tag}")] == []
    assert [tag for tag in MOVING.split() if not moves(f"registry.example.org:5000/x/y:{tag}")] == []


@pytest.mark.parametrize(
    "pattern, settings, told",
    [
        ("identity", "glances: {memory: 64m}", ["services.glances"]),
        ("identity", "glances: {image: 'x/glances:4.9.9', environment: {A: b}}", ["services.glances"]),
        ("identity", "dozzle: {allow: [administrators]}", ["services.dozzle"]),
        ("identity", "socket-proxy: {memory: 32m}", ["services.socket-proxy"]),
        ("identity", "watchtower: {options: {cooldown: 1h}}", ["services.watchtower"]),
        ("identity", "glances: {enabled: false, memory: 64m}", []),
        ("identity", "glances: {enabled: true, memory: 64m}", []),
        ("observability", "socket-proxy: {memory: 32m}, dozzle: {memory: 99m}", []),
    ],
)
def test_settings_of_a_service_that_runs_nowhere_are_told(pattern, settings, told):
    text = ONE.replace("pattern: full", f"profiles: [{pattern}, identity]".replace("identity, identity", "identity"))
    compiled = load(f"{text}services: {{{settings}}}\n".encode(), "infrakit.yaml", lambda name: b"")
    assert [(item.code, item.what.split(":")[0], item.position.line) for item in compiled.warnings] == [
        ("settings-idle", name, 4) for name in told
    ]


def test_an_updater_asked_for_by_name_that_is_left_out_is_told_at_its_line():
    text = ONE.replace("pattern: full", "profiles: [identity, auto_update]")
    for line, told in (("services: {watchtower: {enabled: true}}", 2), ("", 1)):
        found = load(f"{text}{line}\n".encode(), "infrakit.yaml", lambda name: b"").warnings
        assert [(item.code, item.position.line) for item in found] == [("nothing-updated", n) for n in (4, 3)[-told:]]


def test_the_edge_tunnel_opens_only_where_an_edge_host_needs_it():
    assert fleet(FLEET)[0].door.tunnel_port == 8000
    assert fleet(ONE)[0].door.tunnel_port == 0
    web = {(80, "tcp"), (443, "tcp"), (443, "udp")}
    assert published(fleet(FLEET)[0]) == web | {(8000, "tcp")} and published(fleet(ONE)[0]) == web


def test_a_lone_monitoring_host_brings_its_own_sign_in():
    found = fleet(ONE.replace("full", "monitoring"))[0]
    assert {"authentik", "caddy", "dozzle", "glances"} == names(found)


def test_a_tunnel_publishes_nothing():
    found = fleet(ONE + "tls: {mode: tunnel}\n")[0]
    assert "cloudflared" in names(found)
    assert not [port for service in found.services for item in service.containers for port in item.ports]


def test_an_app_on_two_hosts_has_one_door_with_two_upstreams():
    core = fleet(FLEET + "apps: {wiki: {image: 'x/y:1', port: 80, hosts: [core, shed]}}\n")[0]
    route = next(route for route in core.routes if route.service == "wiki")
    assert [upstream.address for upstream in route.upstreams] == ["wiki:80", "192.168.1.31:8443"]
    assert route.health_path == ""


def test_a_page_is_asked_for_health_only_where_the_file_names_it():
    for more, path in (("", ""), (", health: /healthz", "/healthz")):
        host = fleet(f"{ONE}apps: {{wiki: {{image: 'x/y:1', port: 80{more}}}}}\n")[0]
        assert next(route.health_path for route in host.routes if route.service == "wiki") == path


def test_the_mirror_stands_before_every_image():
    found = fleet(ONE + "images: {mirror: 'registry.lan:5000/'}\n")[0]
    images = [item.image for service in found.services for item in service.containers]
    assert all(image.startswith("registry.lan:5000/") and image.count("registry.lan") == 1 for image in images)
    assert f"registry.lan:5000/{load_catalog().blueprints['caddy'].main.image}" in images


def test_a_service_switched_off_is_not_in_the_portal():
    core = fleet(ONE + "services: {guacamole: {enabled: false}}\n")[0]
    slugs = {application.slug for application in core.access.applications}
    assert "infrakit-glances" in slugs and "infrakit-guacamole" not in slugs


def test_another_port_is_in_every_address():
    core = fleet(ONE + "network: {https_port: 4443}\n")[0]
    assert all(application.url.endswith(":4443") for application in core.access.applications)


@pytest.mark.parametrize("extra", ["aaa", "zzz", "door_wiki"])
def test_a_new_network_leaves_the_others_where_they_are(extra):
    before = [f"door_{letter}" for letter in "bcdefgh"]
    old, new = (_subnets("172.30.0.0/16", dict.fromkeys(names, 2)) for names in (before, [*before, extra]))
    assert all(new[name] == old[name] for name in before)


def test_no_two_networks_share_a_subnet():
    names = ["infrakit_default", *(f"n{number}" for number in range(300))]
    found = _subnets("10.20.0.0/18", dict.fromkeys(names, 2))
    assert len(set(found.values())) == len(names)


@pytest.mark.parametrize("length", [12, 16, 20, 21, 22])
def test_a_network_has_room_for_its_members_and_none_overlap(length):
    generator = random.Random(length)
    members = {f"n{number}": generator.choice([1, 2, 13, 14, 29, 30, 100, 300]) for number in range(60)}
    found = {name: ip_network(subnet) for name, subnet in _subnets(f"10.16.0.0/{length}", members).items() if subnet}
    drawn = sorted(found.values())
    assert all(first.broadcast_address < second.network_address for first, second in zip(drawn, drawn[1:]))
    assert all(subnet.num_addresses >= members[name] + 3 for name, subnet in found.items())
    assert all(subnet.subnet_of(ip_network(f"10.16.0.0/{length}")) for subnet in drawn)
    assert length > 18 or len(found) == len(members)


def test_a_pool_is_used_to_its_last_slot_and_then_has_no_room():
    full = _subnets("172.30.0.0/22", {f"n{number}": 2 for number in range(48)})
    assert all(full.values()) and len(set(full.values())) == 48
    assert list(_subnets("172.30.0.0/22", {f"n{number}": 2 for number in range(49)}).values()).count("") == 1


def test_a_blueprint_of_sixteen_containers_has_a_network_with_room_for_them():
    more = "".join(
        f"  part-{number}: {{image: 'x/y:1@sha256:{'a' * 64}', architectures: [amd64], memory: 32m, user: '1000', "
        "health: {test: [CMD, /check]}}\n"
        for number in range(15)
    )
    host = load(own_app(""), "infrakit.yaml", lambda _: own(second=more).encode()).fleet.deployments[0]
    network = next(network for network in host.networks if network.name == "own_internal")
    assert ip_network(network.subnet).num_addresses == 32


PART = "  own-b: {image: x/y:1, architectures: [amd64], user: '1000', memory: 32m, health: {test: [CMD, /x]}"


def own_app(keys):
    return f"{ONE}apps: {{own: {{blueprint: ./own.yaml{keys}}}}}\n".encode()


PORTS = "ports: [{port: 53}, {port: 53, protocol: udp}, {port: 51820, protocol: udp}]"


def test_a_port_is_published_with_its_protocol_from_a_network_that_lets_it_in():
    host = load(own_app(", grants: [ports]"), "infrakit.yaml", lambda _: own(PORTS).encode()).fleet.deployments[0]
    assert published(host) >= {(53, "tcp"), (53, "udp"), (51820, "udp")}
    container = next(item for service in host.services for item in service.containers if item.name == "own")
    network = next(network for network in host.networks if network.name == "in_own")
    assert "in_own" in container.networks
    assert (network.internal, network.isolated, network.masquerade) == (False, True, False)


def test_an_app_waits_for_what_it_needs():
    apps = "apps:\n  blog: {image: 'x/y:1', port: 80, needs: [db, dozzle], grants: [reach]}\n  db: {image: 'x/z:1'}\n"
    host = fleet(ONE + apps)[0]
    blog = next(item for service in host.services for item in service.containers if item.name == "blog")
    assert blog.depends_on == (("db", "service_started"), ("dozzle", "service_healthy"))
    assert blog.origins["needs.db"].path == ("apps", "blog", "needs", 0)


@pytest.mark.parametrize(
    ("keys", "condition"),
    [
        ("port: 80", "started"),
        ("port: 80, health: none", "started"),
        ("port: 80, health: image", "healthy"),
        ("port: 80, health: /ok", "healthy"),
        ("serves: [5432]", "started"),
        ("serves: [5432], health: [CMD, pg_isready]", "healthy"),
    ],
)
def test_compose_waits_for_a_check_where_it_is_told_of_one(keys, condition):
    host = fleet(f"{ONE}apps:\n  blog: {{image: 'x/y:1', port: 80, needs: [db]}}\n  db: {{image: 'x/z:1', {keys}}}\n")[
        0
    ]
    blog = next(item for service in host.services for item in service.containers if item.name == "blog")
    assert blog.depends_on == (("db", f"service_{condition}"),)


def test_client_secrets_reach_the_worker_and_the_service():
    core = fleet(ONE)[0]
    spec = next(spec for spec in core.secrets if spec.name == "portainer_client_secret")
    assert "authentik-worker" in spec.required_by


def test_an_oidc_app_shares_a_network_with_authentik_and_has_its_secret():
    core = fleet(ONE + "apps: {wiki: {image: 'x/y:1', port: 80, oidc: {redirects: [/cb]}}}\n")[0]
    wiki = next(item for service in core.services for item in service.containers if item.name == "wiki")
    assert "signin_wiki" in wiki.networks and ("wiki_client_secret", "") in wiki.secrets
    application = next(item for item in core.access.applications if item.slug == "infrakit-wiki")
    assert application.oidc.redirect_uris == ("https://wiki.home.example.org/cb",)


@pytest.mark.parametrize(
    "more",
    [
        "pattern: full\nnetwork: {https_port: 8443}\n",
        "pattern: full\nnetwork: {http_port: 8000}\n",
        "hosts: {core: {pattern: full}}\nnetwork: {https_port: 8443}\n",
        "hosts: {core: {pattern: full}, shed: {pattern: monitoring, address: 192.168.1.2}}\n"
        "network: {https_port: 8443}\n",
        "hosts: {core: {pattern: full}, shed: {pattern: monitoring, address: 192.168.1.2}}\n"
        "network: {https_port: 8443, fleet_port: 443}\n",
        "pattern: full\nnetwork: {bind: ['0.0.0.0', 'fd00::1']}\n",
        "pattern: full\nnetwork: {bind: [127.0.0.1, '::1']}\n",
        "hosts: {core: {pattern: full, address: 'fd00::1'}, shed: {pattern: edge, address: 'fd00::2'}}\n",
        "pattern: full\nnetwork: {trusted_proxies: ['fd00::7', '2001:db8::/32']}\n",
        "hosts: {core: {pattern: full, address: core.lan}, shed: {pattern: edge, address: shed.lan}}\n",
    ],
)
def test_ports_and_addresses_that_do_not_meet_are_accepted(more):
    assert fleet("version: 1\ndomain: home.example.org\n" + more)


def test_an_app_that_names_no_host_is_on_the_first_range_alone():
    hosts = "version: 1\ndomain: home.example.org\nhosts: {'a-[1:2]': {pattern: edge}, 'b-[1:2]': {pattern: edge}}\n"
    jobs = "services: {portainer-edge-agent: {enabled: false}}\napps: {jobs: {image: 'x/jobs:1.2', memory: 64m}}\n"
    found = [(host.host, "jobs" in {service.name for service in host.services}) for host in fleet(hosts + jobs)]
    assert found == [("a-1", True), ("a-2", True), ("b-1", False), ("b-2", False)]


def test_an_address_is_written_in_one_way():
    core = fleet(FLEET + "network: {bind: ['fd00:0::10', '192.168.1.10']}\n")[0]
    assert core.door.addresses == ("fd00::10", "192.168.1.10")
    assert {item.address for route in core.routes for item in route.upstreams if item.remote} == {"192.168.1.31:8443"}


@pytest.mark.parametrize(
    "first, second",
    [
        ("ports: [{port: 53}]", "ports: [{port: 5353, published: 53}]"),
        ("ports: [{port: 53}, {port: 54, published: 53}]", ""),
        ("ports: [{port: 8080, published: 80}]", ""),
        ("ports: [{port: 443, protocol: udp}]", ""),
    ],
)
def test_a_port_of_the_host_is_one_containers(first, second):
    texts = {"./own.yaml": own(first), "./two.yaml": own(second, name="two", route="route: {container: two, port: 80}")}
    apps = "".join(
        f"  {name}: {{blueprint: ./{name}.yaml, grants: [ports]}}\n"
        for name in ("own", "two")
        if name == "own" or second
    )
    with pytest.raises(ConfigurationInvalid) as refused:
        load(f"{ONE}apps:\n{apps}".encode(), "infrakit.yaml", lambda name: texts[name].encode())
    (problem,) = refused.value.problems
    assert problem.code == "same-port" and problem.position.document.endswith(".yaml") and problem.position.line == 15


@pytest.mark.parametrize(
    "name, is_one",
    [
        ("edge-008", True),
        ("edge-010", True),
        ("edge-8", False),
        ("edge-0008", False),
        ("edge-011", False),
        ("edge-", False),
        ("edge-\u0661\u0660\u0660", False),
    ],
)
def test_a_name_is_of_a_range_digit_by_digit(name, is_one):
    document = parse(b"version: 1\ndomain: a.bc\nhosts: {'edge-[008:010]': {pattern: edge}}", "x")
    assert check_schema(document, resources.schema("infrakit")) == []
    assert is_host(name, bind(document).hosts[0]) == is_one


@pytest.mark.parametrize(
    "line, second, code",
    [
        ("", "  internal: {image: x/y:1, architectures: [amd64], health: {test: [CMD, /x]}}", "container-name"),
        ("", "  localhost: {image: x/y:1, architectures: [amd64], health: {test: [CMD, /x]}}", "container-name"),
        ("volumes: [{volume: data, path: /a}, {volume: own-data, path: /b}]", "", "same-volume"),
        (
            "docker: {transport: unix, allow: [GET /version]}\n    volumes: [{volume: socket, path: /a}]",
            "",
            "same-volume",
        ),
        ("needs: {own-b: healthy}", f"{PART}, needs: {{own: healthy}}}}", "circle"),
        ("needs: {own-b: completed}", f"{PART}}}", "unmet-need"),
        ("needs: {own-b: healthy}", f"{PART}, one_shot: true}}", "unmet-need"),
    ],
)
def test_names_and_waits_of_a_blueprint_come_out_apart(line, second, code):
    with pytest.raises(ConfigurationInvalid) as refused:
        grants = "grants: [docker_api, unpinned_image, root_user]"
        load(own_app(f", {grants}"), "infrakit.yaml", lambda _: own(line, second=second).encode())
    assert {(problem.code, problem.position.document) for problem in refused.value.problems} == {(code, "./own.yaml")}


HOST = "privileges: {network: host}"


@pytest.mark.parametrize(
    "line, place",
    [
        (HOST, 17),
        (f"{HOST}\n    ports: [{{port: 53}}]", 16),
        (f"{HOST}\n    reaches: [authentik]", 16),
        (f"{HOST}\n    docker: {{allow: [GET /version]}}", 16),
    ],
)
def test_a_container_in_the_hosts_network_has_none_of_ours(line, place):
    route = "route: {container: own, port: 80}" if line == HOST else ""
    with pytest.raises(ConfigurationInvalid) as refused:
        load(own_app(", grants: [network, ports]"), "infrakit.yaml", lambda _: own(line, route=route).encode())
    found = [problem for problem in refused.value.problems if problem.code == "host-network"]
    assert [(problem.position.document, problem.position.line) for problem in found] == [("./own.yaml", place)]


def test_an_app_cannot_dial_one_in_the_hosts_network():
    apps = "apps: {own: {blueprint: ./own.yaml, grants: [network]}, blog: {image: 'x/y:1', needs: [own]}}\n"
    with pytest.raises(ConfigurationInvalid) as refused:
        load((ONE + apps).encode(), "infrakit.yaml", lambda _: own(HOST, route="").encode())
    (problem,) = refused.value.problems
    assert problem.code == "host-network" and str(problem.position) == "infrakit.yaml:4:88"


def test_the_memory_that_is_checked_is_the_sum_that_the_review_shows():
    text = "version: 1\ndomain: home.example.org\nhosts: {pi: {pattern: monitoring, memory: MEMORY}}\n"
    host = fleet(text.replace("MEMORY", "64g"))[0]
    total = sum(item.memory_bytes for service in host.services for item in service.containers) >> 20
    assert f"{total} MiB of memory" in headline(host)
    assert fleet(text.replace("MEMORY", f"{total}m"))
    with pytest.raises(ConfigurationInvalid) as refused:
        fleet(text.replace("MEMORY", f"{total - 1}m"))
    assert f"{total}m" in refused.value.problems[0].what


def test_an_image_of_the_users_own_is_for_the_user_to_know():
    text = "version: 1\ndomain: home.example.org\nhosts: {pi: {pattern: full, architecture: armhf}}\n"
    tag = load_catalog().blueprints["glances"].main.image.rpartition(":")[2]
    for more in ("", "images: {mirror: registry.lan}\n"):
        with pytest.raises(ConfigurationInvalid) as refused:
            fleet(text + f"services: {{glances: {{image: 'x/glances:{tag}'}}}}\n" + more)
        found = " ".join(problem.what for problem in refused.value.problems)
        assert "authentik" in found and "glances" not in found


@pytest.mark.parametrize(
    "text",
    [
        "domain: home.lan\ntls: {mode: internal}",
        "domain: fritz.box\ntls: {mode: files}",
        "domain: lan.example.org",
        "domain: mylan.de",
        *(f"domain: home.example.org\ntimezone: {name}" for name in ("UTC", "Europe/Berlin", "Etc/GMT+5", "EST5EDT")),
        "domain: home.example.org\ntimezone: America/Argentina/ComodRivadavia",
    ],
)
def test_domains_and_time_zones_that_exist_are_accepted(text):
    assert fleet(f"version: 1\npattern: full\n{text}\n")


TWO_EDGES = FLEET.replace("full", "edge").replace("[edge, monitoring]", "edge")
BALANCED = "{hosts: [core, shed], image: 'x/y:1', port: 80"


@pytest.mark.parametrize(
    "hosts, app, codes",
    [
        (FLEET, f"{BALANCED}}}", set()),
        (FLEET, f"{BALANCED}, internet: true, user_secrets: [word], oidc: {{redirects: [/cb]}}}}", set()),
        (FLEET, f"{BALANCED}, data: [/data]}}", {"balanced-apart"}),
        (FLEET, f"{BALANCED}, secrets: [cookie]}}", {"balanced-apart"}),
        (
            FLEET.replace("full", "edge").replace("[edge, monitoring]", "edge"),
            f"{BALANCED}, public: true}}",
            {"not-balanced"},
        ),
    ],
)
def test_a_word_where_hosts_behind_one_name_differ(hosts, app, codes):
    warnings = load(f"{hosts}apps: {{wiki: {app}}}\n".encode(), "infrakit.yaml", lambda name: b"").warnings
    found = [problem for problem in warnings if "balanced" in problem.code]
    assert {problem.code for problem in found} == codes
    assert all(str(problem.position).startswith("infrakit.yaml:7:") for problem in found)


@pytest.mark.parametrize("name", ["url.nobody", "hostname.own-b", "inside.x", "option.x", "nothing"])
def test_a_reference_to_nobody_is_refused(name):
    with pytest.raises(ConfigurationInvalid) as refused:
        load(own_app(""), "infrakit.yaml", lambda _: own(f"environment: {{A: '${{{name}}}'}}").encode())
    assert {problem.code for problem in refused.value.problems} == {"unknown-reference"}


@pytest.mark.parametrize("other", ["aaa", "zzz"])
def test_a_blueprint_has_no_secret_of_another_app(other):
    mine = own("secrets: [word]", top="secrets: {word: {description: Mine.}}")
    texts = {"./own.yaml": mine, "./two.yaml": mine.replace("own", "zzz2")}
    plain = f"  {other}: {{image: 'x/y:1', secrets: [word]}}\n  own: {{blueprint: ./own.yaml}}\n"
    both = "  own: {blueprint: ./own.yaml}\n  zzz2: {blueprint: ./two.yaml}\n"
    for apps in (plain, both):
        with pytest.raises(ConfigurationInvalid) as refused:
            load(f"{ONE}apps:\n{apps}".encode(), "infrakit.yaml", lambda name: texts[name].encode())
        assert {problem.code for problem in refused.value.problems} == {"secret-name"}


def warned(apps):
    """Paths that a file with these apps is warned about, for the age of an image."""
    text = f"{ONE}apps:\n" + "".join(f"  {name}: {{image: '{image}', port: 80}}\n" for name, image in apps.items())
    found = load(text.encode(), "infrakit.yaml", lambda name: b"").warnings
    return [problem.what.partition(":")[0] for problem in found if problem.code == "version-too-old"]


def test_an_app_is_warned_of_the_known_holes_of_an_image_that_the_catalogue_has_too():
    assert warned({"a": "postgres:16.3", "b": "docker.io/library/caddy:2.10", "c": "x/postgres:9.6"}) == [
        "apps.a.image",
        "apps.b.image",
    ]
    assert warned({"a": "postgres:17.12", "b": "caddy:2.11", "c": "postgres:16-alpine"}) == []


def test_a_service_with_a_digest_is_warned_as_an_app_is():
    digest = f"@sha256:{'0' * 64}"
    for image, count in ((f"caddy:2.6.2{digest}", 1), (f"caddy:2.11.9{digest}", 0), (f"caddy{digest}", 0)):
        text = f"{ONE}services: {{caddy: {{image: '{image}'}}}}\n"
        found = load(text.encode(), "infrakit.yaml", lambda name: b"").warnings
        assert [item.what[:23] for item in found if item.code == "version-too-old"] == [
            "services.caddy.image: 2"
        ] * count


def test_a_service_may_have_an_image_of_any_maintained_line():
    for tag in ("2.39.9", "2.45.4", "3.1.0", "2.45"):
        assert fleet(f"{ONE}services: {{portainer: {{image: 'docker.io/portainer/portainer-ce:{tag}'}}}}\n")


def container_of(host, name):
    return next(item for service in host.services for item in service.containers if item.name == name)


def test_what_is_said_about_authentik_reaches_both_of_its_halves():
    keys = (
        "image: 'x/authentik:2026.8.4', environment: {AUTHENTIK_EMAIL__HOST: mail}, user_secrets: [smtp_password], "
        "secrets: [more], internet: true, memory: 1g"
    )
    host = fleet(
        f"{ONE}services: {{authentik: {{{keys}}}}}\napps: {{wiki: {{image: 'x/y:1', user_secrets: [smtp_password]}}}}\n"
    )[0]
    for name in ("authentik", "authentik-worker"):
        found = container_of(host, name)
        assert found.image == "x/authentik:2026.8.4" and ("AUTHENTIK_EMAIL__HOST", "mail") in found.environment
        assert {("smtp_password", ""), ("more", "")} <= set(found.secrets) and f"out_{name}" in found.networks
        assert found.origins["image"].path == ("services", "authentik", "image")
    assert (
        container_of(host, "authentik").memory_bytes == 1 << 30 != container_of(host, "authentik-worker").memory_bytes
    )
    database = container_of(host, "authentik-database")
    assert "postgres" in database.image and "out_authentik-database" not in database.networks
    asked = next(spec for spec in host.secrets if spec.name == "smtp_password")
    assert (asked.kind, asked.required_by) == ("user", ("authentik", "authentik-worker", "wiki"))
    assert asked.origin.path == ("services", "authentik", "user_secrets", 0)


@pytest.mark.parametrize(
    "image", ["guacamole/guacamole:1.9.9", "x/guacamole-totp:1.9.9-r2", f"x/guacamole:v1.9.9@sha256:{'0' * 64}"]
)
def test_images_that_are_released_together_change_together(image):
    host = fleet(f"{ONE}services: {{guacamole: {{image: '{image}', environment: {{A: b}}}}}}\n")[0]
    assert {container_of(host, name).image for name in ("guacamole", "guacamole-schema")} == {image}
    assert container_of(host, "guacd").image == "docker.io/guacamole/guacd:1.9.9"
    assert "postgres" in container_of(host, "guacamole-database").image
    assert not container_of(host, "guacamole-schema").environment


PAIR = "version: 1\ndomain: home.example.org\nhosts:\n  core: {pattern: full, address: 192.168.1.10}\n"


@pytest.mark.parametrize(
    "text, service",
    [
        ("pattern: edge\nservices: {authentik: {enabled: true}}\n", "portainer-edge-agent"),
        ("pattern: edge\nservices: {guacamole: {enabled: true}}\n", "guacamole"),
        ("profiles: [remote_access]\n", "guacamole"),
        ("profiles: [container_management]\n", "portainer"),
        ("hosts: {a: {profiles: [remote_access], address: 192.168.1.3}, b: {pattern: edge}}\n", "guacamole"),
    ],
)
def test_who_shows_pages_alone_brings_the_sign_in_that_answers_for_them(text, service):
    host = fleet("version: 1\ndomain: home.example.org\n" + text)[0]
    assert {"authentik", "caddy", service} <= names(host) and host.core == host.host
    asked = {route.hostname for route in host.routes if route.sign_in in ("forward_auth", "application")}
    assert {item.url.removeprefix("https://") for item in host.access.applications} == asked
    assert "administrators" in {group.name for group in host.access.groups}


@pytest.mark.parametrize(
    "more",
    [
        "tls: {mode: internal}\nservices: {portainer-edge-agent: {options: {insecure_poll: true}}}\n",
        "tls: {mode: tunnel}\nservices: {portainer: {enabled: false}}\n",
        "tls: {mode: tunnel}\nservices: {portainer-edge-agent: {enabled: false}}\n",
        "tls: {mode: files}\n",
    ],
)
def test_agents_that_can_connect_or_are_not_there_are_accepted(more):
    assert fleet(f"{PAIR}  shed: {{pattern: edge}}\n{more}")


def test_where_caddy_signs_by_itself_an_agent_holds_portainer_to_the_certificate_that_the_user_carries_there():
    core, shed = fleet(f"{PAIR}  shed: {{pattern: edge}}\ntls: {{mode: internal}}\n")
    wanted = "portainer_authority", "/etc/infrakit/authorities/portainer.pem"
    assert wanted in mounted(shed, "portainer-edge-agent").items()
    assert environment(shed, "portainer-edge-agent")["SSL_CERT_DIR"] == "/etc/infrakit/authorities"
    assert [spec.kind for spec in shed.secrets if spec.name == wanted[0]] == ["user"]
    assert wanted[0] not in {spec.name for spec in core.secrets}


@pytest.mark.parametrize(
    "more",
    [
        "",
        "tls: {mode: files}\n",
        "tls: {mode: internal}\nservices: {portainer-edge-agent: {options: {insecure_poll: true}}}\n",
        "tls: {mode: internal}\nservices: {portainer: {enabled: false}}\n",
    ],
)
def test_an_agent_that_needs_no_authority_of_the_users_asks_for_none(more):
    shed = fleet(f"{PAIR}  shed: {{pattern: edge}}\n{more}")[1]
    assert set(mounted(shed, "portainer-edge-agent")) == {"portainer_edge_key"}
    assert "SSL_CERT_DIR" not in environment(shed, "portainer-edge-agent")
    assert "portainer_authority" not in {spec.name for spec in shed.secrets}


@pytest.mark.parametrize("hosts", ["pattern: edge", "hosts: {e1: {pattern: edge}, e2: {pattern: edge}}"])
def test_an_agent_whose_core_is_in_another_file_is_given_its_authority_too(hosts):
    text = f"version: 1\ndomain: home.example.org\n{hosts}\ntls: {{mode: MODE}}\n"
    for host in fleet(text.replace("MODE", "internal")):
        assert "portainer_authority" in mounted(host, "portainer-edge-agent")
        assert environment(host, "portainer-edge-agent")["SSL_CERT_DIR"] == "/etc/infrakit/authorities"
    for host in fleet(text.replace("MODE", "acme")):
        assert set(mounted(host, "portainer-edge-agent")) == {"portainer_edge_key"}


def test_an_agent_that_meets_a_test_certificate_is_a_warning():
    text = f"{PAIR}  shed: {{pattern: edge}}\ntls: {{staging: true}}\n"
    found = load(text.encode(), "infrakit.yaml", lambda name: b"").warnings
    assert [problem.code for problem in found] == ["agent-apart"]


def test_an_app_without_a_page_runs_on_every_host_of_a_range():
    text = f"{PAIR}  edge-[01:03]: {{pattern: edge}}\napps: {{probe: {{image: 'x/y:1', hosts: ['edge-[01:03]']}}}}\n"
    assert ["probe" in names(host) for host in fleet(text)] == [False, True, True, True]


def test_the_users_word_reaches_every_socket_proxy():
    host = fleet(ONE + "services: {socket-proxy: {memory: 128m, image: 'x/haproxy:3.2.99'}}\n")[0]
    proxies = [item for service in host.services for item in service.containers if item.name.endswith("-socket")]
    assert proxies and {(item.memory_bytes, item.image) for item in proxies} == {(128 << 20, "x/haproxy:3.2.99")}


RANGE = f'{PAIR}  "shed-[09:11]": {{pattern: [edge, monitoring], address: "192.168.1.[31:33]"}}\n'


def test_a_range_of_hosts_with_addresses_is_watched_and_has_pages():
    core, *sheds = fleet(RANGE)
    assert [(host.host, host.address) for host in sheds] == [
        ("shed-09", "192.168.1.31"),
        ("shed-10", "192.168.1.32"),
        ("shed-11", "192.168.1.33"),
    ]
    assert {f"glances-shed-{number}.home.example.org" for number in ("09", "10", "11")} <= {
        route.hostname for route in core.routes
    }
    assert environment(core, "dozzle")["DOZZLE_REMOTE_AGENT"].count("|shed-") == 3


@pytest.mark.parametrize(("named", "there"), [("shed-[09:11]", 3), ("shed-10", 1)])
def test_an_app_with_a_page_runs_on_a_range_with_addresses_and_on_one_host_of_it(named, there):
    core, *sheds = fleet(f"{RANGE}apps: {{wiki: {{image: 'x/y:1', port: 80, hosts: ['{named}']}}}}\n")
    assert sum("wiki" in names(host) for host in sheds) == there
    (door,) = [route for route in core.routes if route.service == "wiki"]
    assert len(door.upstreams) == there


@pytest.mark.parametrize("domain", ["x.homelab", "x.zuhause", "nas.lokal", "x.speedport", "x.zzzz"])
@pytest.mark.parametrize("mode, warned", [("acme", True), ("tunnel", True), ("internal", False)])
def test_a_last_label_that_the_public_dns_does_not_have_is_a_warning(domain, mode, warned):
    text = f"version: 1\ndomain: {domain}\npattern: full\ntls: {{mode: {mode}}}\n"
    found = load(text.encode(), "infrakit.yaml", lambda name: b"").warnings
    assert [item.code for item in found] == ["tls-domain"] * warned


@pytest.mark.parametrize("last", ["de", "io", "org", "family", "box", "xn--p1ai", "co.uk", "museum"])
def test_one_that_it_has_is_none(last):
    text = f"version: 1\ndomain: x.{last}\npattern: full\n"
    assert not load(text.encode(), "infrakit.yaml", lambda name: b"").warnings
