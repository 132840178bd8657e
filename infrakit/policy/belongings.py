"""What belongs to one service stays with it: its name, its secrets, its volumes, its files, its door."""

import re
from collections.abc import Sequence

from infrakit.model import HOST_NAME, Container, Deployment, Mount, SecretSpec, Service, network_of
from infrakit.policy.broken import Broken, containers, origin_of

WORKER = "authentik-worker"


def named_apart(deployment: Deployment) -> list[Broken]:
    """No two containers have the same name."""
    seen: set[str] = set()
    found = []
    for _, container in containers(deployment):
        if container.name in seen:
            found.append(
                Broken(
                    container.origins[""],
                    f"there are two containers called {container.name}",
                    "same-container",
                    "rename one of them",
                )
            )
        seen.add(container.name)
    return found


def secrets_kept(deployment: Deployment) -> list[Broken]:
    """No app reads a secret of another service, and no app replaces one."""
    specs = {spec.name: spec for spec in deployment.secrets}
    kinds = {"": "catalogue", **{service.name: service.kind for service in deployment.services}}
    clients = {item.oidc.secret for item in deployment.access.applications if item.oidc is not None}
    found = []
    for service, container in containers(deployment):
        read = {mount.name: "secrets" for mount in container.secrets}
        for key, text in container.secret_environment:
            read.update((name, f"environment.{key}") for _, name in text if name and name not in read)
        for file in container.secret_files:
            read.update((name, "files") for _, name in file.text if name and name not in read)
        for name, field in read.items():
            spec = specs.get(name)
            if spec is None:
                what, code = f"{container.name} reads the secret {name}, which nobody has", "unknown-secret"
            elif not _may_read(service, container, spec, kinds.get(spec.owner, ""), name in clients):
                what, code = (
                    f"{container.name} reads the secret {name}, which belongs to another service",
                    "foreign-secret",
                )
            else:
                continue
            found.append(
                Broken(origin_of(container, field), what, code, "choose another name, and say it under secrets")
            )
    return found


def _may_read(service: Service, container: Container, spec: SecretSpec, owner_kind: str, of_client: bool) -> bool:
    """Its own, always. The catalogue's services know each other; so do apps that are keys of infrakit.yaml, and who is
    given the same secret there as a service. Whom to trust everybody may know."""
    if spec.owner == service.name or spec.kind == "authorities":
        return True
    if of_client:
        return service.kind == "catalogue" and container.name == WORKER
    return service.kind != "blueprint" and (service.kind == owner_kind or spec.origin.path[:1] == ("services",))


def shared_apart(shapes: Sequence[Deployment]) -> list[Broken]:
    """A secret that is the same on all hosts has one owner on all of them."""
    owner: dict[str, str] = {}
    found = []
    kinds = {service.name: service.kind for deployment in shapes for service in deployment.services}
    specs = [spec for deployment in shapes for spec in deployment.secrets]
    shared = {spec.name for spec in specs if spec.shared}
    for spec in sorted(specs, key=lambda spec: kinds.get(spec.owner, "catalogue") != "catalogue"):
        other = owner.setdefault(spec.name, spec.owner)
        if spec.name in shared and other != spec.owner:
            what = f"the secret {spec.name} is one of {other or 'the catalogue'} on another host"
            found.append(Broken(spec.origin, what, "foreign-secret", "choose another name, and say it under secrets"))
    return found


def clients_kept(deployment: Deployment) -> list[Broken]:
    """No two applications sign in as the same client, or with the same secret."""
    seen: dict[str, str] = {}
    found = []
    for item in deployment.access.applications:
        if item.oidc is None:
            continue
        own = [f"the client {item.oidc.client_id}", *([f"the secret {item.oidc.secret}"] if item.oidc.secret else [])]
        for name in own:
            other = seen.setdefault(name, item.slug)
            if other != item.slug:
                found.append(
                    Broken(
                        item.oidc.origin,
                        f"{item.slug} would sign in as {other}: {name}",
                        "same-client",
                        "give it one of its own",
                    )
                )
    return found


def volumes_kept(deployment: Deployment) -> list[Broken]:
    """No volume is shared between services, but what infrakit.yaml names for its own apps to share."""
    owner: dict[str, str] = {}
    found = []
    shared = {volume.name for volume in deployment.volumes}
    for service, container in containers(deployment):
        sockets = {f"{proxy.consumer}-socket" for proxy in service.socket_proxies}
        for mount in container.mounts:
            if mount.kind == "shared" and not (service.kind == "app" and mount.source in shared):
                what = f"{container.name}: the volume {mount.source} is not for it"
                found.append(Broken(origin_of(container, "volumes"), what, "foreign-volume", "name it under volumes"))
            if mount.kind != "volume":
                continue
            other = owner.setdefault(mount.source, service.name)
            foreign = (
                service.kind != "catalogue"
                and not mount.source.startswith(f"{service.name}-")
                and mount.source not in sockets
            )
            if other != service.name or foreign:
                what = (
                    f"{container.name}: the volume {mount.source} belongs to "
                    f"{other if other != service.name else 'another service'}"
                )
                found.append(
                    Broken(origin_of(container, "volumes"), what, "foreign-volume", "rename the app, or its volume")
                )
    return found


def files_kept(deployment: Deployment) -> list[Broken]:
    """An app mounts no file of the tree but its own."""
    return [
        Broken(
            origin_of(container, "files"),
            f"{container.name} would mount {mount.source}",
            "foreign-file",
            "declare the file under files",
        )
        for service, container in containers(deployment)
        if service.kind != "catalogue"
        for mount in container.mounts
        if mount.kind == "file" and not _own_file(service, mount)
    ]


def _own_file(service: Service, mount: Mount) -> bool:
    proxies = {f"socket-proxy/{proxy.consumer}.cfg" for proxy in service.socket_proxies}
    return mount.source in proxies or mount.source in {file.path for file in service.files}


def doors_kept(deployment: Deployment) -> list[Broken]:
    """A door leads to the service that it is called after, or to whose network that is in."""
    own = {service.name: set(map(_found_at, service.containers)) for service in deployment.services}
    return [
        Broken(
            route.origins[""],
            f"{route.hostname} would lead to {upstream.address}, which is not of {route.service}",
            "foreign-door",
            "name a container of the same blueprint",
        )
        for route in deployment.routes
        for upstream in route.upstreams
        if not (upstream.remote or upstream.elsewhere)
        and re.split(r":(?=[0-9]+\Z)", upstream.address)[0] not in own.get(route.service, ())
    ]


def _found_at(container: Container) -> str:
    """What a door to it leads to."""
    at_host = dict(container.privileges).get("network") == "host"
    return HOST_NAME if at_host else network_of(container.privileges) or container.name
