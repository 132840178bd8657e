"""What a compile changed, in the words of a person: two descriptions of a host -> lines.

The files stay a pure function of their inputs; the comparison is against what the manifest of the last compile says.
"""

from collections.abc import Mapping
from typing import Any

from infrakit.model import Container, Deployment, Route

Facts = Mapping[str, Mapping[str, str]]
PUBLIC = "everybody, without sign-in"
KINDS = (("services", "service"), ("doors", "door"), ("ports", "port"), ("mounts", "mount"), ("grants", "grant"))


def facts_of(deployment: Deployment) -> dict[str, dict[str, str]]:
    """A host in a few plain mappings: what runs, the doors and who may pass, ports, mounts of the host, grants."""
    containers = [container for service in deployment.services for container in service.containers]
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
            f"{container.name} {mount.path}": f"{mount.kind} {mount.source}"
            for container in containers
            for mount in container.mounts
        },
        "grants": {f"{grant.service} {grant.capability}": grant.detail or "granted" for grant in deployment.grants},
    }


def _image(container: Container) -> str:
    return f"{container.image} ({container.pin.image[:19]})" if container.pin else container.image


def _who(route: Route) -> str:
    if route.sign_in == "public":
        return PUBLIC
    if route.sign_in == "provider":
        return "everybody, to sign in"
    return ", ".join(route.allow) or "the core's Caddy"


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
                lines.append(f"{_sign('~', key, new[name])} {noun} {name}: {new[name]}, was {old[name]}")
    return lines


def renamed(before: Any, project: str) -> list[str]:
    """What another name of the project means for data. `before`: of a manifest."""
    if not isinstance(before, str) or before == project:
        return []
    return [f"! project {project}: was {before}, whose volumes stay unread; `name: {before}` goes on with them"]


def volumes_of(facts: Any) -> frozenset[str]:
    """Names of volumes in what `facts_of` said, or in what a manifest has in its place."""
    mounts = facts.get("mounts") if isinstance(facts, dict) else None
    values = mounts.values() if isinstance(mounts, dict) else ()
    return frozenset(
        value.removeprefix("volume ") for value in values if isinstance(value, str) and value.startswith("volume ")
    )


def data_lines(
    project: str, volumes: Mapping[str, tuple[frozenset[str], frozenset[str]]], former: Mapping[str, str]
) -> list[tuple[str, str]]:
    """(host, line) for each volume that a host reads no more, or reads now. `volumes`: of each host before, and after;
    `former`: what a host was called before."""
    hosts = {name: both for name, both in volumes.items() if name not in former.values()}
    for name, before in former.items():
        if name in hosts:
            hosts[name] = hosts[name][0] | volumes.get(before, (frozenset(), frozenset()))[0], hosts[name][1]
    kept = {volume: host for host, (before, after) in hosts.items() for volume in before - after}
    lines = []
    for host, (before, after) in hosts.items():
        for volume in sorted(before - after):
            lines.append((host, f"- volume {volume}: its data stays, as {project}_{volume}, until you remove it"))
        for volume in sorted(after - before):
            if volume in kept:
                words = f"the data of {kept[volume]} is here only where it is the same machine"
                lines.append((host, f"! volume {volume}: {words}; else copy {project}_{volume} over"))
            elif before:
                lines.append((host, f"+ volume {volume}: empty, or what {project}_{volume} holds from before"))
    return lines


def _sign(usual: str, key: str, value: str) -> str:
    """ "!" before what a person must think about: a grant, a public door, a path of the host."""
    return "!" if key == "grants" or value == PUBLIC or (key == "mounts" and value.startswith("host ")) else usual
