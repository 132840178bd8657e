"""network of an app: the host's, or another app's; where its door leads, whom it reaches, and what the review says."""

import pytest

from infrakit import emit
from infrakit.compiler import load
from infrakit.emit import caddyfile
from infrakit.errors import ConfigurationInvalid
from infrakit.stack.joined import JoinedSince, joined
from infrakit.stack.up import in_order
from tests.emit.tree import needs_compose, project, write

BASE = "version: 1\ndomain: home.example.org\npattern: full\ntls: {mode: internal}\napps:\n"
VPN = """  vpn-out: {image: "x/vpn:1", serves: [1080], capabilities: [NET_ADMIN], internet: true, ports: [6881]}
  downloads: {image: "x/y:1", port: 8080, network: vpn-out, needs: [db]}
  db: {image: "x/db:1", serves: [5432]}
  search: {image: "x/z:1", port: 80, needs: [downloads]}
"""
HOST = "  hass: {image: 'x/y:1', port: 8123, network: host, extra_hosts: ['printer:192.168.1.20']}\n"


def host(text: str):
    return load((BASE + text).encode(), "infrakit.yaml", lambda name: b"").fleet.deployments[0]


def containers(deployment):
    return {item.name: item for found in deployment.services for item in found.containers}


@needs_compose
def test_the_network_of_another_app_has_the_door_and_the_ways_to_others(tmp_path):
    deployment = host(VPN)
    services = project(write(tmp_path, emit.emit(deployment), deployment))["services"]
    downloads, vpn = services["downloads"], services["vpn-out"]
    assert downloads["network_mode"] == "service:vpn-out" and "networks" not in downloads
    assert downloads["depends_on"]["vpn-out"]["condition"] == "service_started"
    assert set(vpn["networks"]) == {"door_downloads", "link_downloads_db", "link_search_downloads", "out_vpn-out"}
    assert (
        "door_downloads" in services["caddy"]["networks"] and "link_search_downloads" in services["search"]["networks"]
    )
    (route,) = [item for item in deployment.routes if item.service == "downloads"]
    assert [item.address for item in route.upstreams] == ["vpn-out:8080"]
    order = [item.name for item in in_order(deployment.services)]
    assert order.index("vpn-out") < order.index("downloads")
    (grant,) = [item for item in deployment.grants if item.capability == "network"]
    assert (grant.detail, grant.red, grant.origin.path) == (
        "network: service:vpn-out",
        False,
        ("apps", "downloads", "network"),
    )


@needs_compose
def test_caddy_finds_who_is_in_the_network_of_the_host_there(tmp_path):
    deployment = host(HOST)
    services = project(write(tmp_path, emit.emit(deployment), deployment))["services"]
    assert services["hass"]["network_mode"] == "host" and "networks" not in services["hass"]
    assert services["caddy"]["extra_hosts"] == ["host.docker.internal=host-gateway"]
    text = "".join(item.content.decode() for item in caddyfile.emit(deployment))
    assert "host.docker.internal:8123" in text
    assert not [network for network in deployment.networks if network.name == "door_hass"]
    (grant,) = [item for item in deployment.grants if item.capability == "network"]
    assert grant.red and grant.detail == "network: host"
    review = next(item.content.decode() for item in emit.emit(deployment) if item.path == "REVIEW.md")
    assert "**granted: network**" in review


def test_caddy_knows_no_host_where_nobody_is_there():
    assert containers(host(VPN))["caddy"].extra_hosts == ()


def test_a_port_of_the_host_is_had_by_one():
    with pytest.raises(ConfigurationInvalid) as refused:
        host(HOST + "  web: {image: 'x/z:1', port: 443, network: host}\n  dns: {image: 'x/z:1', ports: [8123]}\n")
    assert [item.code for item in refused.value.problems] == ["same-port", "same-port"]


@pytest.mark.parametrize(
    ("own", "other", "left"),
    [
        ("2026-11-29T10:00:00.5Z", "2026-11-29T10:00:00.49Z", []),
        ("2026-11-29T10:00:00.1Z", "2026-11-29T10:00:00.12Z", ["downloads"]),
        ("2026-11-29T10:00:01Z", "2026-11-29T10:00:00.999Z", []),
    ],
)
def test_who_began_before_the_network_that_he_is_in_has_none(own, other, left):
    (probe,) = joined("infrakit", next(item for item in host(VPN).services if item.name == "downloads"))
    assert probe == JoinedSince("infrakit", (("downloads", "vpn-out"),))

    class There:
        def __init__(self, service, started_at):
            self.service, self.started_at = service, started_at

    class Asked:
        class engine:
            @staticmethod
            def containers(name, services=None):
                return [There("downloads", own), There("vpn-out", other)]

    assert probe.left(Asked) == left and probe.holds(Asked) is not bool(left)
