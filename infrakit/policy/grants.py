"""Dangerous capabilities of apps and of blueprints of the user's own.

What the user writes in infrakit.yaml is granted by writing it; what a file says that somebody else may have written is
refused unless infrakit.yaml grants it. The review shows both.
"""

import re
from collections.abc import Iterator, Mapping, Set
from typing import Any

from infrakit.model import BASE_CAPABILITIES, Container, Deployment, Grant, Service
from infrakit.policy.broken import Broken, containers, has_grant, origin_of

CAPABILITIES = {
    "cap_add": "Linux capabilities beyond none",
    "cgroup_parent": "a control group of its own choice",
    "devices": "devices of the host",
    "docker_api": "calls to Docker through a socket proxy",
    "extra_hosts": "names of its own choice",
    "host_path": "files of the host",
    "ipc": "the host's shared memory",
    "labels": "labels that steer Caddy or Watchtower",
    "network": "the host's network",
    "pid": "the host's processes",
    "ports": "ports that anybody can reach",
    "privileged": "everything: it is root on the host",
    "reach": "another service, around its sign-in",
    "requires": "to switch on what has power over the host",
    "root_user": "to run as root in its container",
    "runtime": "a container runtime of its own choice",
    "security_opt": "to drop the confinement of containers",
    "sysctls": "kernel settings",
    "unpinned_image": "an image that can change under its tag",
    "userns": "the host's user ids",
    "writable_root": "a root file system that it can write to",
}
STEERING = ("com.centurylinklabs.watchtower", "caddy", "io.infrakit", "com.docker.compose")

ROOT_CAPABILITIES = (
    *("ALL", "BPF", "DAC_READ_SEARCH", "MAC_ADMIN", "MAC_OVERRIDE", "SYS_ADMIN", "SYS_BOOT", "SYS_MODULE"),
    *("SYS_PTRACE", "SYS_RAWIO", "SYS_TIME"),
)
"""Those that reach out of a container (capabilities(7)); others change what is the container's own."""
SENSITIVE = (
    *("/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/root", "/run", "/sbin", "/sys", "/usr"),
    *("/var/lib/containerd", "/var/lib/docker", "/var/lib/infrakit", "/var/run", "/var/spool/cron"),
)
BELOW = tuple(f"{path}/" for path in SENSITIVE)
"""What makes root of who may read or write it, itself or below."""
HARMLESS = ("/etc/localtime", "/etc/timezone", "/etc/machine-id", "/etc/ssl/certs", "/usr/share/zoneinfo", "/run/udev")
PERIPHERAL = (
    r"/dev/(dri|snd|serial|input|bus/usb|usb|dvb|v4l|net/tun|fuse|kvm|vchiq|vcio|cec\d+|gpiomem\d*|gpiochip\d+|i2c-\d+|"
    r"spidev[\d.]+|video\d+|media\d+|hidraw\d+|rtc\d*|apex_\d+|nvidia\w*|tty(USB|ACM|AMA|S|THS)\d+)(/.*)?"
)
"""Devices that lead to no memory and no disk of the host."""

ORDINARY = ("cap_add", "labels", "ports")
"""What doors and databases of the catalogue have, and what is no power over the host."""


def granted(deployment: Deployment) -> list[Broken]:
    """A dangerous capability of an app is written in its keys; of what somebody else wrote, in its grants."""
    found = _required(deployment)
    owners = {container.name: (service, container) for service, container in containers(deployment)}
    asked: dict[str, set[str]] = {}
    for network in deployment.networks:
        if network.asked_by:
            asked.setdefault(network.asked_by, set()).add(network.name)
    for service, container in containers(deployment):
        # A proxy is ours where its consumer asked for one; a container that is only called like one is not.
        if service.kind == "catalogue" or container.name in {
            f"{proxy.consumer}-socket" for proxy in service.socket_proxies
        }:
            continue
        reached = _reached(owners, container, asked[container.name]) if container.name in asked else ()
        for capability, detail, field in (*dangers(service, container), *reached):
            if not has_grant(deployment, service, capability):
                meaning = CAPABILITIES[capability]
                found.append(
                    Broken(
                        origin_of(container, field),
                        f"{container.name} asks for {detail}: {meaning}",
                        "not-granted",
                        f"if you trust it, add grants: [{capability}] to apps.{service.name}",
                    )
                )
    unknown = [
        Broken(
            grant.origin,
            f"there is no capability {grant.capability} to grant",
            "unknown-grant",
            f"one of: {', '.join(CAPABILITIES)}",
        )
        for grant in deployment.grants
        if grant.capability not in CAPABILITIES and not grant.written
    ]
    return found + unknown


def written(service: Service, dialled: Set[str], decided_by: str) -> Iterator[Grant]:
    """What an app's own keys grant it. `dialled`: what doors lead to, as container:port; a port of the host that leads
    there, too, leads around sign-in."""
    for container in service.containers:
        around = {
            f"port {port.port}" for port in container.ports if f"{container.name}:{port.container_port}" in dialled
        }
        for capability, detail, field in dangers(service, container):
            origin = origin_of(container, field)._replace(decided_by=decided_by)
            red = is_red(capability, detail) or capability == "ports" and detail in around
            yield Grant(service.name, container.name, capability, detail, origin, red, True)


def is_red(capability: str, detail: str) -> bool:
    """Whether it amounts to root on the host or leads around sign-in; else it weakens a promise."""
    if capability == "cap_add":
        return detail in ROOT_CAPABILITIES
    if capability == "host_path":
        path = detail.rstrip("/") or "/"
        above = any(f"{sensitive}/".startswith(f"{path}/") for sensitive in SENSITIVE)
        return path == "/" or (path not in HARMLESS and (above or path.startswith(BELOW)))
    if capability == "devices":
        return not re.fullmatch(PERIPHERAL, detail.removeprefix("devices: ").partition(":")[0])
    return capability not in ("labels", "sysctls", "ports", "extra_hosts")


def pieces(value: Any) -> list[str]:
    """A privilege's value, one by one; nothing where it gives none."""
    if isinstance(value, dict):
        return [f"{key}={item}" for key, item in value.items()]
    if isinstance(value, (list, tuple)):
        return [str(item) for item in value]
    return [str(value)] if value else []


def dangers(service: Service, container: Container) -> Iterator[tuple[str, str, str]]:
    """(capability, what exactly, field) of every dangerous thing in a container."""
    own_file = service.kind == "blueprint"
    base = BASE_CAPABILITIES if service.kind == "app" else ()
    for name in container.capabilities:
        if name not in base:
            yield "cap_add", name, "capabilities"
    for name, value in container.privileges:
        yield from ((name, f"{name}: {item}", f"privileges.{name}") for item in pieces(value))
    for mount in container.mounts:
        if mount.kind == "host":
            yield "host_path", mount.source, "host_paths"
    for port in container.ports:
        yield "ports", f"port {port.port}", "ports"
    for key, _ in container.labels:
        if key.startswith(STEERING):
            yield "labels", f"the label {key}", "labels"
    for proxy in service.socket_proxies:
        if proxy.consumer == container.name:
            yield "docker_api", f"Docker's API ({', '.join(proxy.powers)})", "docker"
    if own_file and not container.read_only:
        yield "writable_root", "a writable root", "writable_root"
    if own_file and container.user and not container.user.partition(":")[0].strip("0").isdigit():
        yield "root_user", f"the user {container.user}", "user"
    if own_file and not re.search("@sha256:[0-9a-f]{64}\\Z", container.image):
        yield "unpinned_image", container.image, "image"


def _reached(
    owners: Mapping[str, tuple[Service, Container]], container: Container, asked: set[str]
) -> Iterator[tuple[str, str, str]]:
    """Whom it asked to reach around sign-in: a file of the user's nobody else, an app no service of the catalogue.

    Dozzle, for one, believes every neighbour who he says he is.
    """
    own, _ = owners[container.name]
    for name, (service, other) in owners.items():
        bound = own.kind == "blueprint" or service.kind == "catalogue"
        if bound and service.name != own.name and asked.intersection(other.networks):
            yield "reach", name, f"needs.{name}" if f"needs.{name}" in container.origins else "reaches"


def _required(deployment: Deployment) -> list[Broken]:
    """A file of the user's switches nothing on that has power over the host."""
    apps = {service.name: service for service in deployment.services}
    found = []
    for service in (service for service in deployment.services if service.asked_by):
        powers = {
            detail: None
            for container in service.containers
            for capability, detail, _ in dangers(service, container)
            if capability not in ORDINARY
        }
        if powers and not has_grant(deployment, apps[service.asked_by], "requires"):
            what = f"{service.asked_by} asks for the service {service.name}, which has {', '.join(powers)}"
            hint = f"if you trust it, add grants: [requires] to apps.{service.asked_by}, or switch {service.name} on"
            found.append(Broken(service.origin, f"{what}: {CAPABILITIES['requires']}", "not-granted", hint))
    return found
