"""Networks are drawn for those who can be in them."""

from infrakit.compiler import load

FILE = b"""version: 1
domain: home.example.org
pattern: full
apps: {own: {blueprint: ./own.yaml, grants: [network, unpinned_image]}}
"""
OWN = """name: own
source: a test
containers:
  own:
    image: docker.io/example/own:1
    architectures: [amd64]
    internet: true
    privileges: {network: host}
    health: {test: [CMD, /check]}
  own-db:
    image: docker.io/example/own:1
    architectures: [amd64]
    privileges: {network: host}
    health: {test: [CMD, /check]}
"""


def drawn(blueprint: str) -> dict[str, set[str]]:
    """The networks that the containers of `own` are the reason for, each with its members."""
    (host,) = load(FILE, "infrakit.yaml", lambda name: blueprint.encode()).fleet.deployments
    containers = [container for service in host.services for container in service.containers]
    return {
        network.name: {container.name for container in containers if network.name in container.networks}
        for network in host.networks
        if "own" in network.name
    }


def test_who_has_the_hosts_network_is_in_none_of_ours():
    """Docker puts it into no other, so a network for it alone would be made for nobody."""
    assert drawn(OWN) == {}


def test_who_has_not_keeps_his():
    mixed = OWN.replace("    privileges: {network: host}\n", "", 1)
    assert drawn(mixed) == {"out_own": {"own"}}
    assert drawn(mixed.replace("    privileges: {network: host}\n", "")) == {
        "out_own": {"own"},
        "own_internal": {"own", "own-db"},
    }
