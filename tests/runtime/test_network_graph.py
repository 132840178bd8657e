"""The compiled network graph of every example: a compromised container reaches no other service's backend around
sign-in.

Pure: who shares a network whose members can talk; written down here once more, apart from the rule of policy/ that it
watches.
"""

import pytest

from tests.emit.examples import hosts

HOSTS = hosts()
every_host = pytest.mark.parametrize("name", HOSTS)

LEDGER = {
    *{("authentik", "portainer"), ("authentik", "guacamole"), ("dozzle", "dozzle-agent")},
    *{("caddy", "dozzle-agent"), ("cloudflared", "caddy")},
}
"""Pairs of services, besides Caddy and each routed service, that may talk: the back channels that blueprints state."""


def edges(host) -> set[tuple[str, str]]:
    """Ordered pairs of containers that can open a connection to each other."""
    talking = {network.name for network in host.networks if not network.isolated}
    found = set()
    for service in host.services:
        for one in service.containers:
            for other_service in host.services:
                for other in other_service.containers:
                    if one.name != other.name and talking & set(one.networks) & set(other.networks):
                        found.add((one.name, other.name))
    return found


def owners(host) -> dict[str, str]:
    return {container.name: service.name for service in host.services for container in service.containers}


@every_host
def test_services_talk_to_caddy_and_to_whom_the_ledger_names(name):
    host, owner = HOSTS[name], owners(HOSTS[name])
    routed = {route.service for route in host.routes}
    for one, other in edges(host):
        pair = (owner[one], owner[other])
        if pair[0] == pair[1] or pair in LEDGER or pair[::-1] in LEDGER:
            continue
        assert "caddy" in pair and (set(pair) - {"caddy"}) <= routed, (one, other)


@every_host
def test_a_database_talks_to_its_own_service_alone(name):
    host, owner = HOSTS[name], owners(HOSTS[name])
    for one, other in edges(host):
        if "database" in one:
            assert owner[one] == owner[other], (one, other)


@every_host
def test_a_socket_proxy_talks_to_its_consumer_alone(name):
    for one, other in edges(HOSTS[name]):
        if one.endswith("-socket"):
            assert other == one.removesuffix("-socket"), (one, other)


@every_host
def test_the_way_out_is_no_way_to_a_neighbour(name):
    for network in HOSTS[name].networks:
        assert network.internal or network.isolated, network.name
        members = [
            item.name
            for service in HOSTS[name].services
            for item in service.containers
            if network.name in item.networks
        ]
        assert network.internal or len(members) == 1, (network.name, members)


@every_host
def test_no_container_leaves_the_networks_or_joins_one_that_is_not_there(name):
    host = HOSTS[name]
    known = {network.name for network in host.networks}
    for service in host.services:
        for container in service.containers:
            assert set(container.networks) <= known
            assert (
                not {"network", "pid", "privileged"} & {key for key, value in container.privileges if value}
                or container.name == "glances"
            ), container.name


@every_host
def test_subnets_do_not_overlap(name):
    import ipaddress

    subnets = [ipaddress.ip_network(network.subnet) for network in HOSTS[name].networks]
    assert not [(one, other) for one in subnets for other in subnets if one is not other and one.overlaps(other)]
