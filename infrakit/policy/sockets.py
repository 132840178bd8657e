"""Docker's socket is root on the host."""

from infrakit.model import Deployment
from infrakit.policy.broken import Broken, containers, origin_of
from infrakit.policy.red import parts_of

HINT_OF_FOLDERS = "mount the folders below it that are needed, for instance /proc; where it is the socket: "
HINT = "list the calls that it needs under docker: it gets a socket proxy of its own"
HINT_OF_KEYS = (
    "write it as a blueprint of your own: that lists the calls under docker, and gets a socket proxy for them"
)
SOCKETS = ("/var/run/docker.sock", "/run/docker.sock", "/var/run", "/run", "/")


def socket_kept(deployment: Deployment) -> list[Broken]:
    """No container mounts Docker's socket but the socket proxies."""
    proxies = {f"{proxy.consumer}-socket" for service in deployment.services for proxy in service.socket_proxies}
    return [
        Broken(
            origin_of(container, "host_paths"),
            f"{container.name} would get Docker's socket{'' if _is_socket(mount.source) else f', in {mount.source}'}",
            "docker-socket",
            ("" if _is_socket(mount.source) else HINT_OF_FOLDERS) + (HINT_OF_KEYS if service.kind == "app" else HINT),
        )
        for service, container in containers(deployment)
        if container.name not in proxies
        for mount in container.mounts
        if mount.kind == "host" and _reaches_socket(mount.source)
    ]


def _is_socket(path: str) -> bool:
    return path.endswith(".sock")


def _reaches_socket(path: str) -> bool:
    clean: list[str] = []
    for part in parts_of(path):
        clean = clean[:-1] if part == ".." else [*clean, part]
    return "/" + "/".join(clean) in SOCKETS
