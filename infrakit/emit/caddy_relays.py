"""Deployment -> the sites of the Caddyfile by which the core's Dozzle asks the agents of other hosts.

Each hop is held to certificates on both sides: Dozzle and the core's Caddy by the core's own pair, the two Caddys by
the fleet's, the other Caddy and its agent by the pair of that host. It is gRPC: HTTP/2 from end to end.

Nothing is said of flush_interval: Caddy flushes a stream by itself, and told to, it sends an answer that is no more
than a status in two frames, where gRPC wants one (tried with Caddy 2.11.7 and grpcio 1.85: NOT_FOUND came as UNKNOWN).
"""

from infrakit.emit.caddy_text import Directive, directive
from infrakit.emit.caddy_upstreams import DOOR_HEADER, FLEET_DOMAIN, to_host
from infrakit.model import LOGS_PAIR, SECRETS_DIRECTORY, Deployment, Relay

PAIR = tuple(f"{SECRETS_DIRECTORY}/{name}" for name in LOGS_PAIR)
PAIR_NAME = f"fleet-logs.{FLEET_DOMAIN}"
"""What the pair of every host is called (system/certificates.py)."""
DOOR = "dozzle-agent"
"""No host name is called so: there is a dot in each."""
HTTP2 = directive("versions", "2")


def relay_sites(deployment: Deployment) -> list[Directive]:
    """At the core: one port for each agent."""
    return [_site(relay) for relay in deployment.relays if relay.port]


def _site(relay: Relay) -> Directive:
    trust = directive("trust_pool", "file", PAIR[0])
    client = directive("client_auth", block=(directive("mode", "require_and_verify"), trust))
    block = to_host(relay.host, DOOR, HTTP2)
    return directive(
        f"https://:{relay.port}",
        block=(
            directive("tls", *PAIR, block=(client,)),
            directive("reverse_proxy", f"https://{relay.address}", block=block),
        ),
        origin=relay.origin,
    )


def agent_doors(deployment: Deployment, core: Directive) -> list[Directive]:
    """At another host: what its site for the fleet leads to. `core`: what says that the core asks."""
    found = []
    for relay in deployment.relays:
        if relay.port:
            continue
        transport = (
            directive("tls_server_name", PAIR_NAME),
            directive("tls_client_auth", *PAIR),
            directive("tls_trust_pool", "file", PAIR[0]),
            HTTP2,
        )
        block = (
            directive("header_up", "Host", PAIR_NAME),
            directive("header_up", f"-{DOOR_HEADER}"),
            directive("transport", "http", block=transport),
        )
        proxied = directive("reverse_proxy", f"https://{relay.address}", block=block)
        said = directive("header", DOOR_HEADER, DOOR)
        found += [
            directive("@agent", block=(said, core), origin=relay.origin),
            directive("handle", "@agent", block=(proxied,), origin=relay.origin),
        ]
    return found
