"""Dangerous capabilities of apps and of blueprints of the user's own.

What the user writes in infrakit.yaml is granted by writing it; what a file says that somebody else may have written is
refused unless infrakit.yaml grants it. The review shows both.
"""

import re
from collections.abc import Iterator, Mapping, Set
from typing import Any

from infrakit.model import BASE_CAPABILITIES, Container, Deployment, Grant, Mount, Service
from infrakit.policy.broken import Broken, containers, has_grant, origin_of
from infrakit.policy.red import READ_ONLY, STRONG_GROUPS, is_red

CAPABILITIES = {
    "cap_add": "Linux capabilities beyond none",
    "cgroup_parent": "a control group of its own choice",
    "devices": "devices of the host",
    "docker_api": "calls to Docker through a socket proxy",
    "extra_hosts": "names of its own choice",
    "gpus": "graphics processors of the host",
    "groups": "a group of the host whose members are as good as root there",
    "host_path": "files of the host",
    "ipc": "the host's shared memory",
    "labels": "labels that steer Caddy or Watchtower",
    "network": "the host's network, or another container's",
    "pid": "the host's processes",
    "ports": "ports that anybody can reach",
    "privileged": "everything: it is root on the host",
    "reach": "another service, around its sign-in",
    "requires": "to switch on what has power over the host",
    "root_user": "to run as root in its container",
    "runtime": "a container runtime of its own choice",
    "secret_environment": "a secret in its environment, which whoever may ask Docker can read",
    "security_opt": "to drop the confinement of containers",
    "shared_volume": "a volume that others may have, too",
    "sysctls": "kernel settings",
    "unpinned_image": "an image that can change under its tag",
    "userns": "the host's user ids",
    "writable_root": "a root file system that it can write to",
}
STEERING = ("com.centurylinklabs.watchtower", "caddy", "io.infrakit", "com.docker.compose")

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
    allowed = {(grant.service, grant.capability) for grant in deployment.grants}
    for service, container in containers(deployment):
        # A proxy is ours where its consumer asked for one; a container that is only called like one is not.
        if service.kind == "catalogue" or container.name in {
            f"{proxy.consumer}-socket" for proxy in service.socket_proxies
        }:
            continue
        reached = _reached(owners, container, asked[container.name]) if container.name in asked else ()
        for capability, detail, field in (*dangers(service, container), *reached):
            if (service.name, capability) not in allowed:
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


def path_of(mount: Mount) -> str:
    """The detail of a path of the host."""
    return mount.source + (READ_ONLY if mount.read_only else "")


def pieces(value: Any) -> list[str]:
    """A privilege's value, one by one; nothing where it gives none."""
    if isinstance(value, dict):
        return [f"{key}={item}" for key, item in value.items()]
    if isinstance(value, (list, tuple)):
        return [str(item) for item in value]
    return ["true" if value is True else str(value)] if value else []


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
            yield "host_path", path_of(mount), "host_paths"
        elif mount.kind == "shared":
            yield "shared_volume", f"volume {mount.source}", "host_paths"
    for name, text in container.secret_environment:
        used = ", ".join(secret for _, secret in text if secret)
        yield "secret_environment", f"{name}: {used}", f"environment.{name}"
    for port in container.ports:
        yield "ports", f"port {port.port}", "ports"
    for group in map(str, dict(container.settings).get("groups", ())):
        if (group.lstrip("0") or "0") in STRONG_GROUPS:
            yield "groups", f"the group {group}", "settings.groups"
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
    """Whom it asked to reach around sign-in: a file of the user's nobody else but whom infrakit.yaml says, an app no
    service of the catalogue.

    Dozzle, for one, believes every neighbour who he says he is.
    """
    own, _ = owners[container.name]
    for name, (service, other) in owners.items():
        written = f"needs.{name}" in container.origins
        bound = own.kind == "blueprint" and not written or service.kind == "catalogue"
        if bound and service.name != own.name and asked.intersection(other.networks):
            yield "reach", name, f"needs.{name}" if written else "reaches"


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
