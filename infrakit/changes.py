"""What a compile changed, in the words of a person: two descriptions of a host -> lines.

The files stay a pure function of their inputs; the comparison is against what the manifest of the last compile says.
"""

from collections.abc import Mapping
from typing import Any

from infrakit.model import Container, Deployment, Route, SharedVolume

Facts = Mapping[str, Mapping[str, str]]
PUBLIC = "everybody, without sign-in"
OWN = "everybody whom the app itself lets in"
ELSEWHERE = "shared "
"""How a mount begins of a volume that is not the host's own: on an NFS server, or somebody else's of Docker's."""
KINDS = (("services", "service"), ("doors", "door"), ("ports", "port"), ("mounts", "mount"), ("grants", "grant"))


def facts_of(deployment: Deployment) -> dict[str, dict[str, str]]:
    """A host in a few plain mappings: what runs, the doors and who may pass, ports, mounts of the host, grants."""
    containers = [container for service in deployment.services for container in service.containers]
    shared = {volume.name: _where(volume) for volume in deployment.volumes}
    return {
        "services": {
            service.name: ", ".join(_image(item) for item in service.containers) for service in deployment.services
        },
        "doors": {route.hostname: _who(route) for route in deployment.routes},
        "ports": {
            f"{port.address or '*'}:{port.port}/{port.protocol}": container.name
            for container in containers
            for port in container.ports
        },
        "mounts": {
            f"{container.name} {mount.path}": shared.get(mount.source, "")
            if mount.kind == "shared"
            else f"{mount.kind} {mount.source}"
            for container in containers
            for mount in container.mounts
        },
        "grants": _grants(deployment),
    }


def _where(volume: SharedVolume) -> str:
    if volume.server:
        return f"{ELSEWHERE}{volume.name}, at {volume.server}:{volume.path}"
    return f"{ELSEWHERE}{volume.name}, {volume.external}" if volume.external else f"volume {volume.name}"


def _grants(deployment: Deployment) -> dict[str, str]:
    """Every detail of each, since one more is a change."""
    found: dict[str, list[str]] = {}
    for grant in deployment.grants:
        found.setdefault(f"{grant.service} {grant.capability}", []).append(grant.detail or "granted")
    return {name: ", ".join(details) for name, details in found.items()}


def _image(container: Container) -> str:
    return f"{container.image} ({container.pin.image[:19]})" if container.pin else container.image


def _who(route: Route) -> str:
    if route.sign_in == "public":
        return PUBLIC
    if route.sign_in == "own":
        return OWN
    if route.sign_in == "provider":
        return "everybody, to sign in"
    passes = "".join(f"; nobody is asked: {item.text}" for item in route.passes)
    return (", ".join(route.allow) or "the core's Caddy") + passes


def compare(before: Any, after: Facts) -> list[str]:
    """Lines such as "+ service wiki: its image", "~ door a.example.org: family, was administrators" and "! grant wiki
    ports: granted".

    In the order of KINDS. `before` comes from a manifest that anybody may have edited: what is no mapping counts as
    empty.
    """
    if not isinstance(before, dict):
        before = {}
    lines = []
    for key, noun in KINDS:
        old, new = before.get(key), after.get(key, {})
        old = old if isinstance(old, dict) else {}
        for name in sorted({*old, *new}):
            if name not in old:
                lines.append(f"{_sign('+', key, new[name])} {noun} {name}: {new[name]}")
            elif name not in new:
                lines.append(f"- {noun} {name}")
            elif old[name] != new[name]:
                led_away = key == "mounts" and ELSEWHERE in (old[name][: len(ELSEWHERE)], new[name][: len(ELSEWHERE)])
                usual = "!" if led_away else "~"
                lines.append(f"{_sign(usual, key, new[name])} {noun} {name}: {new[name]}, was {old[name]}")
    return lines


def _sign(usual: str, key: str, value: str) -> str:
    """ "!" before what a person must think about: a grant, a public door, a path of the host."""
    return (
        "!"
        if key == "grants"
        or value in (PUBLIC, OWN)
        or "; nobody is asked: " in value
        or (key == "mounts" and value.startswith("host "))
        else usual
    )
