"""The core's Dozzle and the agent of another host, by two real Caddys: who comes through, and how.

The agent is a third Caddy that asks for certificates as Dozzle's does (amir20/dozzle v10.7.3, agent/server.go):
one that is its own, from whoever comes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from infrakit.emit import caddyfile
from infrakit.system.certificates import mint_certificates, mint_pair
from tests.runtime.caddy import Door, adapt, moved, needs_caddy, running
from tests.runtime.street import HYBRID, hosts_of

pytestmark = needs_caddy

AGENT = """
{
    admin unix//run/caddy/admin.sock
    skip_install_trust
}
http://:8085 {
    bind 127.0.0.1
    respond 200
}
https://:7007 {
    tls /run/secrets/fleet_logs_certificate /run/secrets/fleet_logs_key {
        client_auth {
            mode require_and_verify
            trust_pool file /run/secrets/fleet_logs_certificate
        }
    }
    respond "{http.request.proto} {http.request.method} {http.request.uri} door:{http.request.header.X-InfraKit-Door}"
}
"""
CALL = b"POST /protobuf.AgentService/HostInfo HTTP/1.1\r\nHost: caddy:7101\r\nConnection: close\r\n\r\n"


class Fleet(NamedTuple):
    """The Caddys of the core, of the shed, and of its agent, and the folder of each host."""

    core: Door
    shed: Door
    agent: Door
    folders: dict[str, Path]


@contextmanager
def _started(host, folder: Path, behind: dict[str, int]) -> Iterator[Door]:
    (artifact,) = caddyfile.emit(host)
    addresses = {upstream.address for route in host.routes for upstream in route.upstreams} | {"portainer:8000"}
    config, ports = moved(adapt(artifact.content, folder), folder, {**dict.fromkeys(addresses, 9), **behind})
    with running(config, ports, folder) as door:
        yield door


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    text = HYBRID.read_text(encoding="utf-8") + "services: {portainer-edge-agent: {enabled: false}}\n"
    hosts = hosts_of(text)
    home = tmp_path_factory.mktemp("logs")
    folders = {name: home / name for name in (*hosts, "agent")}
    for name, folder in folders.items():
        folder.mkdir()
        mint_certificates(str(folder), name)
        mint_pair(str(folder), "fleet_logs")
    config, ports = moved(adapt(AGENT.encode(), folders["shed"]), folders["shed"], {})
    (relay,) = hosts["core"].relays
    with (
        running(config, ports, folders["shed"]) as agent,
        _started(hosts["shed"], folders["shed"], {"dozzle-agent:7007": agent.ports[":7007"]}) as shed,
        _started(hosts["core"], folders["core"], {relay.address: shed.ports[":8443"]}) as core,
    ):
        yield Fleet(core, shed, agent, {name: folder / "secrets" for name, folder in folders.items()})


def test_dozzle_comes_through_both_to_the_agent_by_http2(fleet):
    answer = fleet.core.say(CALL, "caddy", ":7101", fleet.folders["core"], "fleet_logs")

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"HTTP/2.0 POST /protobuf.AgentService/HostInfo door:")


@pytest.mark.parametrize(("host", "pair"), [("shed", "fleet_logs"), ("shed", "fleet"), ("core", "fleet"), ("", "")])
def test_at_the_core_only_dozzles_own_pair_opens(fleet, host, pair):
    """Every app with a page shares a network with Caddy, and could ask at that port."""
    assert fleet.core.say(CALL, "caddy", ":7101", fleet.folders.get(host), pair) == b""


@pytest.mark.parametrize(
    ("host", "pair"), [("shed", "fleet"), ("agent", "fleet"), ("core", "fleet_logs"), ("shed", "fleet_logs"), ("", "")]
)
def test_at_the_other_host_only_the_core_opens(fleet, host, pair):
    name = "shed.fleet.infrakit.internal"
    call = CALL.replace(b"caddy:7101", f"{name}\r\nX-InfraKit-Door: dozzle-agent".encode())

    assert fleet.shed.say(call, name, ":8443", fleet.folders["core"]).startswith(b"HTTP/1.1 200 ")
    assert fleet.shed.say(call, name, ":8443", fleet.folders.get(host), pair) == b""


@pytest.mark.parametrize(("host", "pair"), [("core", "fleet_logs"), ("shed", "fleet"), ("core", "fleet"), ("", "")])
def test_the_agent_knows_its_own_hosts_pair_alone(fleet, host, pair):
    assert fleet.agent.say(CALL, "caddy", ":7007", fleet.folders["shed"], "fleet_logs").startswith(b"HTTP/1.1 200 ")
    assert fleet.agent.say(CALL, "caddy", ":7007", fleet.folders.get(host), pair) == b""
