"""Ways by which the core's Dozzle asks the agents of other hosts: through the Caddy of both.

Dozzle takes any certificate for an agent's, and an agent any caller that holds its own pair (amir20/dozzle v10.7.3,
internal/agent/client.go: InsecureSkipVerify; server.go: the pair's certificate is the one authority). One pair for all
hosts would open the logs of each to whoever breaks into one. So no pair leaves its host, no agent has a port outside,
and between hosts it is Caddy that knows the core by its certificate.
"""

from collections.abc import Sequence

from infrakit.model import Relay
from infrakit.resolve.addresses import canonical, dial
from infrakit.resolve.world import DOOR, LOG_AGENT, LOGS, HostDraft, World

FIRST = 7101
"""Where the core's Caddy listens for Dozzle, one port for each agent."""
AGENT_PORT = 7007


def relayed(world: World, hosts: Sequence[HostDraft]) -> list[HostDraft]:
    """`hosts`, whose doors are decided, with the ways between the core and those that have an agent."""
    core = next((host for host in hosts if host.name == world.core), None)
    if core is None or not (core.has(LOGS) and core.has(DOOR)):
        return list(hosts)
    port, ways = FIRST, []
    found = []
    for host in hosts:
        if host is not core and host.has(LOG_AGENT) and host.door.fleet_port:
            origin = host.origin._replace(decided_by="routes")
            address = dial(canonical(host.address), host.door.fleet_port)
            ways.append(Relay(host.name, port, address, origin))
            port += 1
            host = host._replace(relays=(Relay(host.name, 0, f"{LOG_AGENT}:{AGENT_PORT}", origin),))
        found.append(host)
    return [host._replace(relays=tuple(ways)) if host is core else host for host in found]


def agents(host: HostDraft) -> str:
    """Those that the Dozzle of a host asks, as DOZZLE_REMOTE_AGENT lists them: an address, and what it shows."""
    beside = [f"{LOG_AGENT}:{AGENT_PORT}"] if host.has(LOG_AGENT) else []
    return ",".join([*beside, *(f"{DOOR}:{relay.port}|{relay.host}" for relay in host.relays if relay.port)])
