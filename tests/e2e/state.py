"""What a run of install has left on a host, to be compared with what another one left."""

import re

from tests.e2e.bed import Host
from tests.e2e.fresh import SNAPSHOT

SECRETS = (
    "cd /var/lib/infrakit/hosts 2>/dev/null && find . -path '*/secrets/*' -type f ! -name '.*' -exec sha256sum {} + "
    "| LC_ALL=C sort"
)
RUNNING = r"""
docker ps -a --no-trunc --format '{{.Names}} {{.Image}} {{.Label "com.docker.compose.config-hash"}} {{.State}}' | LC_ALL=C sort
docker network ls --format '{{.Name}} {{.Driver}} {{.Internal}}' | LC_ALL=C sort
docker volume ls --format '{{.Name}} {{.Driver}}' | LC_ALL=C sort
docker image ls --format '{{.Repository}}:{{.Tag}}' | LC_ALL=C sort
readlink /var/lib/infrakit/current; ls /var/lib/infrakit/generations
"""  # noqa: E501 -- verbatim text
GROWING = "/var/lib/infrakit/undo.jsonl "
BY_CHANCE = re.compile(
    r" ?br-[0-9a-f]{12}$|docker-[0-9a-f]{64}\.scope |(iptables|ip6tables) -A |/var/lib/docker|/var/lib/containerd"
)
"""Names that Docker gives to bridges, which its rules name, and to units of containers; and its own folders."""


def state(host: Host) -> list[str]:
    """All that a run leaves behind, but for what grows with each run (the journal, and the record of what to take back)
    and names that Docker rolls."""
    lines = host.run(SNAPSHOT, 300).out.splitlines() + host.run(RUNNING).out.splitlines()
    return sorted({line for line in lines if not line.startswith(GROWING) and not BY_CHANCE.match(line)})


def differences(host: Host, unbroken: list[str]) -> list[str]:
    return sorted(set(state(host)) ^ set(unbroken))


def secrets(host: Host) -> dict[str, str]:
    """Path -> digest of every secret that is there."""
    return {name: digest for digest, _, name in (line.partition("  ") for line in host.run(SECRETS).out.splitlines())}
