"""docker: which engine is here, and whether it can do what our Compose files ask."""

from infrakit.host.checks.model import ERROR, NOTE, WARNING, Finding, Wanted, is_below, listed, version_of
from infrakit.host.docker import compose_package
from infrakit.host.facts import Facts

REFUSED, OLDEST_ENGINE, OLDEST_COMPOSE = (20, 10), (25, 0), (2, 20)
SPOKEN = (1, 44)
"""What services that ask the engine speak at least: all that is younger than 2024."""
SLOW_DRIVERS = ("vfs", "devicemapper", "aufs", "overlay", "fuse-overlayfs")
OURS = "infrakit install puts in Docker's own packages"


def docker_missing(facts: Facts, wanted: Wanted) -> Finding | None:
    """The usual case, of a fresh machine."""
    if facts.docker_origin != "none" or facts.docker_snap or wanted.offline:
        return None
    return Finding("docker-missing", NOTE, "Docker is not installed", OURS)


def docker_missing_offline(facts: Facts, wanted: Wanted) -> Finding | None:
    """Nowhere to get it from."""
    if facts.docker_origin != "none" or facts.docker_snap or not wanted.offline or wanted.docker_brought:
        return None
    remedy = (
        "bring docker-ce, docker-ce-cli, containerd.io and docker-compose-plugin as .deb files from "
        "download.docker.com, then: dpkg -i *.deb"
    )
    return Finding(
        "docker-missing-offline", ERROR, "Docker is not installed, and there is no network to fetch it from", remedy
    )


def docker_stopped(facts: Facts, wanted: Wanted) -> Finding | None:
    """Installed, and no answer."""
    if facts.docker_origin not in ("docker-ce", "distribution", "unknown") or facts.docker_running or not facts.is_root:
        return None
    return Finding(
        "docker-stopped",
        WARNING,
        "Docker is installed but does not answer",
        "systemctl enable --now docker; why it does not start: journalctl -u docker -n 50",
    )


def docker_snap(facts: Facts, wanted: Wanted) -> Finding | None:
    """Sees no folder outside of /home, restarts when snapd likes, and keeps its socket for itself."""
    if not facts.docker_snap:
        return None
    what = "Docker comes from a snap, which cannot read files of InfraKit and updates itself at any time"
    return Finding(
        "docker-snap", ERROR, what, f"save what is in its volumes, then: snap remove docker; after that {OURS}"
    )


def docker_podman(facts: Facts, wanted: Wanted) -> Finding | None:
    """It answers to the same name, and does other things."""
    if facts.docker_origin != "podman":
        return None
    return Finding(
        "docker-podman",
        ERROR,
        "the command docker is Podman, which our Compose files are not made for",
        f"apt-get remove podman-docker; after that {OURS}; Podman itself may stay",
    )


def docker_by_hand(facts: Facts, wanted: Wanted) -> Finding | None:
    """No package: nobody brings updates of it."""
    if facts.docker_origin != "unknown" or facts.docker_snap:
        return None
    return Finding(
        "docker-by-hand",
        WARNING,
        "Docker was not installed from a package, so apt does not update it",
        f"see where it comes from: readlink -f $(command -v docker); once it is gone, {OURS}",
    )


def docker_too_old(facts: Facts, wanted: Wanted) -> Finding | None:
    """Before 20.10 there are no control groups version 2."""
    if not is_below(facts.docker_version, REFUSED):
        return None
    return Finding(
        "docker-too-old",
        ERROR,
        f"Docker {facts.docker_version} is too old",
        f"remove it: {_removal(facts)}; after that {OURS}",
    )


def docker_old(facts: Facts, wanted: Wanted) -> Finding | None:
    """Portainer, Watchtower and Dozzle speak API 1.44, that of Docker 25."""
    if not is_below(facts.docker_version, OLDEST_ENGINE) or is_below(facts.docker_version, REFUSED):
        return None
    what = f"Docker {facts.docker_version} is older than 25, which services that manage containers need"
    if facts.docker_origin == "docker-ce":
        return Finding(
            "docker-old", WARNING, what, "infrakit install brings it up to date; containers and volumes stay"
        )
    return Finding(
        "docker-old", ERROR, what, f"remove it: {_removal(facts)}; after that {OURS}; containers and volumes stay"
    )


def api_refused(facts: Facts, wanted: Wanted) -> Finding | None:
    """Client and engine from different sources: "client version is too old"."""
    if (0, 0) in (version_of(facts.client_api), version_of(facts.api_min)) or version_of(
        facts.client_api
    ) >= version_of(facts.api_min):
        return None
    what = f"the command docker speaks API {facts.client_api}, and the engine asks for {facts.api_min} or newer"
    return Finding(
        "api-refused",
        ERROR,
        what,
        "install both from one source: apt-get install --only-upgrade docker-ce docker-ce-cli",
    )


def api_too_new(facts: Facts, wanted: Wanted) -> Finding | None:
    """Docker 29 asked for 1.44, and Watchtower fell silent; the next step will do the same to others."""
    if version_of(facts.api_min) <= SPOKEN:
        return None
    remedy = (
        "set DOCKER_MIN_API_VERSION=1.44 for the engine: systemctl edit docker, [Service], "
        "Environment=DOCKER_MIN_API_VERSION=1.44"
    )
    return Finding(
        "api-too-new", WARNING, f"the engine asks for API {facts.api_min}, and some services speak 1.44 only", remedy
    )


def compose_missing(facts: Facts, wanted: Wanted) -> Finding | None:
    """Docker without its plug-in."""
    if not facts.docker_running or facts.compose_version or facts.compose_alone:
        return None
    return Finding("compose-missing", _compose_severity(facts), "Docker is here without Compose", _plugin(facts))


def compose_v1(facts: Facts, wanted: Wanted) -> Finding | None:
    """Written in Python, dead since 2023, and Debian 12's docker-compose still."""
    if facts.compose_version or not is_below(facts.compose_alone, (2, 0)):
        return None
    what = f"only Compose {facts.compose_alone} is here, which cannot read our files"
    return Finding("compose-v1", _compose_severity(facts), what, _plugin(facts))


def compose_old(facts: Facts, wanted: Wanted) -> Finding | None:
    """`include` came with 2.20."""
    if not is_below(facts.compose_version, OLDEST_COMPOSE):
        return None
    return Finding(
        "compose-old", _compose_severity(facts), f"Compose {facts.compose_version} is older than 2.20", _plugin(facts)
    )


def storage_driver(facts: Facts, wanted: Wanted) -> Finding | None:
    """vfs copies every layer whole: ten times the space."""
    if facts.storage_driver not in SLOW_DRIVERS:
        return None
    remedy = (
        'remove "storage-driver" from /etc/docker/daemon.json, then: systemctl restart docker; images have to be '
        "fetched again"
    )
    return Finding(
        "storage-driver",
        WARNING,
        f"Docker stores images with {facts.storage_driver}, which is slow and takes much space",
        remedy,
    )


def rootless(facts: Facts, wanted: Wanted) -> Finding | None:
    """No ports below 1024, no memory of the host, another socket."""
    if not facts.rootless:
        return None
    remedy = "as its user: dockerd-rootless-setuptool.sh uninstall, then as root: systemctl enable --now docker"
    return Finding(
        "rootless",
        ERROR,
        "Docker runs without root here, and cannot publish ports below 1024 or watch this machine",
        remedy,
    )


def docker_upgrades(facts: Facts, wanted: Wanted) -> Finding | None:
    """Debian's own docker.io is among what unattended-upgrades takes."""
    if not facts.unattended_upgrades or facts.docker_kept_back or facts.docker_origin != "distribution":
        return None
    remedy = 'add "docker.io"; to Unattended-Upgrade::Package-Blacklist in /etc/apt/apt.conf.d/50unattended-upgrades'
    return Finding(
        "docker-upgrades", NOTE, "the system may update Docker at night, and restart all containers with it", remedy
    )


def swarm_active(facts: Facts, wanted: Wanted) -> Finding | None:
    """Works, but the nftables backend does not go with it."""
    if not facts.swarm:
        return None
    return Finding(
        "swarm-active",
        NOTE,
        "this engine is part of a swarm; InfraKit leaves that alone and runs beside it",
        "if nobody uses it: docker swarm leave --force",
    )


def other_engines(facts: Facts, wanted: Wanted) -> Finding | None:
    """Kubernetes takes ports 80 and 443 by firewall rules, where no listener shows."""
    if not facts.other_engines:
        return None
    remedy = (
        "use a machine of its own, or see that it does not serve ports 80 and 443: for k3s, start it with "
        "--disable=traefik,servicelb"
    )
    return Finding(
        "other-engines",
        WARNING,
        f"{listed(facts.other_engines)} runs here too, and may take ports and addresses of containers",
        remedy,
    )


def _plugin(facts: Facts) -> str:
    """How this machine gets Compose."""
    package = compose_package(facts.docker_origin, facts.distribution)
    if package:
        return f"infrakit install adds it: apt-get install {package}"
    return (
        "put the plug-in docker-compose, 2.20 or newer, into /usr/local/lib/docker/cli-plugins, from where this "
        "Docker came"
    )


def _compose_severity(facts: Facts) -> str:
    return WARNING if compose_package(facts.docker_origin, facts.distribution) else ERROR


def _removal(facts: Facts) -> str:
    return (
        "apt-get remove docker.io containerd runc" if facts.docker_origin == "distribution" else "as it was installed"
    )


CHECKS = (
    docker_missing,
    docker_missing_offline,
    docker_stopped,
    docker_snap,
    docker_podman,
    docker_by_hand,
    docker_too_old,
    docker_old,
    api_refused,
    api_too_new,
    compose_missing,
    compose_v1,
    compose_old,
    storage_driver,
    rootless,
    docker_upgrades,
    swarm_active,
    other_engines,
)
