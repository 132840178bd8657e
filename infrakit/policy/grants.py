"""Dangerous capabilities of apps and of blueprints of the user's own: refused unless infrakit.yaml grants them."""

import re
from collections.abc import Iterator

from infrakit.model import Container, Deployment, Service
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
    "root_user": "to run as root in its container",
    "runtime": "a container runtime of its own choice",
    "security_opt": "to drop the confinement of containers",
    "sysctls": "kernel settings",
    "unpinned_image": "an image that can change under its tag",
    "userns": "the host's user ids",
    "writable_root": "a root file system that it can write to",
}
STEERING = ("com.centurylinklabs.watchtower", "caddy", "io.infrakit", "com.docker.compose")


def granted(deployment: Deployment) -> list[Broken]:
    """A dangerous capability of an app stands in its grants."""
    found = []
    for service, container in containers(deployment):
        # A proxy is ours where its consumer asked for one; a container that is only called like one is not.
        if service.kind == "catalogue" or container.name in {
            f"{proxy.consumer}-socket" for proxy in service.socket_proxies
        }:
            continue
        for capability, detail, field in dangers(service, container):
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
        if grant.capability not in CAPABILITIES
    ]
    return found + unknown


def dangers(service: Service, container: Container) -> Iterator[tuple[str, str, str]]:
    """(capability, what exactly, field) of every dangerous thing in a container."""
    own_file = service.kind == "blueprint"
    for name in container.capabilities:
        yield "cap_add", name, "capabilities"
    for name, value in container.privileges:
        if value not in (False, "", [], {}):
            yield name, f"{name}: {value}", f"privileges.{name}"
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
    for network in container.networks if own_file else ():
        if network.startswith(f"link_{container.name}_"):
            yield "reach", network.removeprefix(f"link_{container.name}_"), "reaches"
    if own_file and not re.search("@sha256:[0-9a-f]{64}\\Z", container.image):
        yield "unpinned_image", container.image, "image"
