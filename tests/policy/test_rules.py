"""Each promise: the examples keep it, and a world that breaks it is refused with the promise's code."""

import pytest

from infrakit.compiler import load
from infrakit.errors import Position
from infrakit.model import Dependency, Fleet, Grant, Mount, PublishedPort
from infrakit.policy import RULES, judge
from infrakit.policy.grants import CAPABILITIES
from infrakit.policy.neighbours import reachable
from infrakit.policy.red import is_red
from tests.emit.examples import hosts

HOSTS = hosts()
FULL = HOSTS["full-homelab"]


def codes(deployment) -> set[str]:
    fleet = Fleet(deployment.name, deployment.domain, (deployment,))
    return {problem.code for problem in judge(fleet, lambda origin: Position(origin.document, 1, 1))}


def changed(service: str, container: str, **fields):
    """The full example with fields of one container changed."""

    def edit(item):
        return item._replace(**fields) if item.name == container else item

    return FULL._replace(
        services=tuple(
            found._replace(containers=tuple(edit(item) for item in found.containers))
            if found.name == service
            else found
            for found in FULL.services
        )
    )


def beside_dozzle(network: str, **facts):
    """The full example with the wiki in one more network with Dozzle."""
    first = FULL.networks[0]._replace(name=network, internal=True, isolated=False, **facts)
    world = FULL
    for name in ("wiki", "dozzle"):
        services = tuple(
            found._replace(
                containers=tuple(
                    item._replace(networks=(*item.networks, network)) if item.name == name else item
                    for item in found.containers
                )
            )
            for found in world.services
        )
        world = world._replace(services=services)
    return world._replace(networks=(*[item for item in FULL.networks if item.name != network], first))


def led_back_to_the_wiki():
    """The full example with a wiki that says it asks who comes, and a Portainer whose visitors are led back to it."""
    routes = tuple(item._replace(sign_in="application") if item.service == "wiki" else item for item in FULL.routes)
    back = ("https://wiki.home.example.org/cb",)
    applications = tuple(
        item._replace(oidc=item.oidc._replace(redirect_uris=back)) if item.slug == "infrakit-portainer" else item
        for item in FULL.access.applications
    )
    return FULL._replace(routes=routes, access=FULL.access._replace(applications=applications))


def container_of(service: str, container: str):
    return next(
        item for found in FULL.services if found.name == service for item in found.containers if item.name == container
    )


@pytest.mark.parametrize("name", HOSTS)
def test_the_examples_keep_every_promise(name):
    assert codes(HOSTS[name]) == set()


@pytest.mark.parametrize(
    "code,world",
    [
        ("published-port", lambda: changed("glances", "glances", ports=(PublishedPort("", 61208, 61208),))),
        (
            "docker-socket",
            lambda: changed("glances", "glances", mounts=(Mount("host", "/var/run/docker.sock", "/s", True),)),
        ),
        ("docker-socket", lambda: changed("glances", "glances", mounts=(Mount("host", "/var//run/", "/s", True),))),
        (
            "secret-in-environment",
            lambda: changed("glances", "glances", environment=(("GLANCES_PASSWORD", "hunter2"),)),
        ),
        (
            "secret-in-environment",
            lambda: changed("wiki", "wiki", secret_environment=(("A_TOKEN", (("hunter2", "wiki_key"),)),)),
        ),
        (
            "foreign-secret",
            lambda: changed("wiki", "wiki", secret_environment=(("A", (("", "authentik_secret_key"),)),)),
        ),
        ("unknown-secret", lambda: changed("wiki", "wiki", secret_environment=(("A", (("", "nobodys"),)),))),
        ("foreign-volume", lambda: changed("glances", "glances", mounts=(Mount("shared", "library", "/x"),))),
        ("foreign-volume", lambda: changed("wiki", "wiki", mounts=(Mount("shared", "library", "/x"),))),
        ("foreign-door", lambda: changed("wiki", "wiki", privileges=(("network", "service:dozzle"),))),
        ("no-health-check", lambda: changed("glances", "glances", health=None)),
        ("no-limit", lambda: changed("glances", "glances", memory_bytes=0)),
        ("writable-root", lambda: changed("glances", "glances", read_only=False)),
        (
            "one-shot-alone",
            lambda: changed("guacamole", "guacamole", depends_on=(Dependency("guacd", "service_healthy"),)),
        ),
        ("image-not-pinned", lambda: changed("glances", "glances", image="docker.io/nicolargo/glances:latest")),
        ("image-not-pinned", lambda: changed("glances", "glances", image="registry.lan:5000/glances")),
        ("automatic-update", lambda: changed("authentik", "authentik-database", watch=True)),
        ("automatic-update", lambda: changed("authentik", "authentik", watch=True)),
        ("neighbour", lambda: changed("dozzle", "dozzle", networks=("door_dozzle", "door_glances"))),
        ("neighbour", lambda: changed("wiki", "wiki", networks=("proxy_network",))),
        ("neighbour", lambda: beside_dozzle("signin_wiki", direct=False)),
        ("neighbour", lambda: beside_dozzle("link_wiki_dozzle", direct=False)),
        ("neighbour", lambda: beside_dozzle("monitoring_network", direct=False)),
        ("not-granted", lambda: beside_dozzle("a", direct=True, asked_by="wiki")),
        (
            "way-out-shared",
            lambda: changed("glances", "glances", networks=("door_glances", "socket_glances", "out_portainer")),
        ),
        ("not-granted", lambda: changed("wiki", "wiki", privileges=(("privileged", True),))),
        ("not-granted", lambda: changed("wiki", "wiki", privileges=(("pid", "host"),))),
        ("not-granted", lambda: changed("wiki", "wiki", capabilities=("NET_ADMIN",))),
        ("not-granted", lambda: changed("wiki", "wiki", mounts=(Mount("host", "/etc", "/etc", True),))),
        ("not-granted", lambda: changed("wiki", "wiki", labels=(("com.centurylinklabs.watchtower.enable", "true"),))),
        ("unknown-grant", lambda: FULL._replace(grants=(Grant("wiki", "", "everything", "", FULL.origin),))),
        (
            "no-sign-in",
            lambda: FULL._replace(services=tuple(item for item in FULL.services if item.name != "authentik")),
        ),
        (
            "no-sign-in",
            lambda: FULL._replace(routes=tuple(route._replace(sign_in="provider") for route in FULL.routes)),
        ),
        ("no-sign-in", led_back_to_the_wiki),
        ("nobody-allowed", lambda: FULL._replace(routes=tuple(route._replace(allow=()) for route in FULL.routes))),
    ],
)
def test_a_broken_promise_is_refused(code, world):
    assert code in codes(world())


def test_a_grant_lets_exactly_its_capability_pass():
    world = changed("wiki", "wiki", privileges=(("pid", "host"),), capabilities=("NET_ADMIN",))
    allowed = world._replace(
        grants=(Grant("wiki", "", "pid", "", FULL.origin), Grant("wiki", "", "cap_add", "", FULL.origin))
    )
    assert codes(allowed) == set()
    assert codes(world._replace(grants=allowed.grants[:1])) == {"not-granted"}


def test_every_rule_states_its_promise():
    assert all(rule.__doc__ and rule.__doc__[0].isupper() for rule in RULES)


def test_every_capability_is_said_in_words():
    assert all(meaning for meaning in CAPABILITIES.values())


@pytest.mark.parametrize("name", HOSTS)
def test_only_caddy_reaches_a_routed_backend_but_where_the_catalogue_says_so(name):
    """The network graph: who shares an open network with the container behind a door."""
    host = HOSTS[name]
    owner = {item.name: found.name for found in host.services for item in found.containers}
    backends = {up.address.partition(":")[0] for route in host.routes for up in route.upstreams if not up.remote}
    for one, other in reachable(host):
        if other in backends and owner[one] != owner[other] and one != "caddy":
            shared = set(container(host, one).networks) & set(container(host, other).networks)
            ways = {item.name for item in host.networks if item.direct and not item.asked_by}
            assert shared <= ways and "authentik" in (one, other), (one, other, shared)


def container(host, name):
    return next(item for found in host.services for item in found.containers if item.name == name)


@pytest.mark.parametrize("name", HOSTS)
def test_a_socket_proxy_is_alone_with_its_consumer(name):
    host = HOSTS[name]
    for found in host.services:
        for proxy in found.socket_proxies:
            networks = set(container(host, f"{proxy.consumer}-socket").networks)
            members = {
                item.name for service in host.services for item in service.containers if networks & set(item.networks)
            }
            assert members <= {proxy.consumer, f"{proxy.consumer}-socket"}


def test_a_mirror_may_be_called_like_a_database():
    source = b"version: 1\ndomain: home.example.org\npattern: full\nimages: {mirror: 'caddy.lan:5000/redis/'}\n"
    assert load(source, "infrakit.yaml", lambda name: b"").fleet.deployments


@pytest.mark.parametrize("name", ["SYS_ADMIN", "CAP_SYS_ADMIN"])
def test_a_capability_that_reaches_out_is_red_however_docker_takes_its_name(name):
    assert is_red("cap_add", name) and not is_red("cap_add", name.replace("SYS_ADMIN", "NET_RAW"))
