"""Recording -> Facts: all that InfraKit has to know of a machine, in one value. Pure; asks nobody.

Text is "" and a number 0 where the machine did not say. Sizes are bytes, times are seconds since 1970.
"""

from typing import NamedTuple

from infrakit.host.facts_docker import docker
from infrakit.host.facts_network import Listener, Published, Route, network
from infrakit.host.facts_system import FileSystem, clock, memory, packages, storage, system
from infrakit.host.recording import Recording

NO_FILE_SYSTEM = FileSystem("", "", "", (), 0, 0, 0, 0)


class Facts(NamedTuple):
    """`architecture` is dpkg's word, or armv6; `docker_origin` one of none, docker-ce, half (of docker-ce),
    distribution, snap, podman, unknown."""

    # the system
    distribution: str
    id_like: tuple[str, ...]
    version: str
    codename: str
    architecture: str
    machine: str
    kernel: str
    pi_model: str
    processors: int
    hostname: str
    is_root: bool
    has_systemd: bool
    system_state: str
    virtualization: str
    container: str
    apparmor: bool
    apparmor_parser: bool
    throttled: int
    # memory
    memory_bytes: int
    swap_bytes: int
    cgroup_version: int
    memory_cgroup: bool
    boot_file: str
    memory_cgroup_asked: bool
    # storage
    file_systems: tuple[FileSystem, ...]
    sd_cards: tuple[str, ...]
    # the clock
    now_s: float
    ntp: str
    ntp_synchronised: str
    # packages
    package_locks: tuple[str, ...]
    half_installed: tuple[str, ...]
    reboot_required: bool
    unattended_upgrades: bool
    docker_kept_back: bool
    other_engines: tuple[str, ...]
    # the network
    listeners: tuple[Listener, ...]
    published: tuple[Published, ...]
    routes: tuple[Route, ...]
    addresses: tuple[str, ...]
    ipv6_addresses: tuple[str, ...] | None
    """None: nobody looked."""
    ipv4_default: bool
    ipv6_default: bool
    nameservers: tuple[str, ...]
    dns_stub: bool
    names: tuple[tuple[str, tuple[str, ...]], ...]
    firewalls: tuple[str, ...]
    iptables: str
    forwarding_off: str
    # Docker
    docker_origin: str
    docker_sources: tuple[str, ...]
    docker_snap: bool
    docker_running: bool
    docker_version: str
    client_api: str
    api_version: str
    api_min: str
    compose_version: str
    compose_alone: str
    storage_driver: str
    data_root: str
    rootless: bool
    userns_remap: bool
    live_restore: bool
    swarm: bool
    daemon_json: str
    daemon_words: str

    def file_system(self, path: str) -> FileSystem:
        """The one that holds a path: mounted there, or nearest above; NO_FILE_SYSTEM where nothing is known."""
        above = [
            found for found in self.file_systems if path == found.path or path.startswith(found.path.rstrip("/") + "/")
        ]
        return max(above, key=lambda found: len(found.path), default=NO_FILE_SYSTEM)

    def on_sd_card(self, path: str) -> bool:
        """Whether what stands at a path wears out an SD card (and not the eMMC of a Compute Module)."""
        return any(self.file_system(path).source.startswith(f"/dev/{card}") for card in self.sd_cards)


def facts_of(recording: Recording) -> Facts:
    """All parts put together; one that the recording does not know stays empty."""
    return Facts(
        **system(recording),
        **memory(recording),
        **storage(recording),
        **clock(recording),
        **packages(recording),
        **network(recording),
        **docker(recording),
    )
