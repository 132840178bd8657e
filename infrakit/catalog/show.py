"""A Blueprint -> what `infrakit catalog show` says about it."""

from typing import Any

from infrakit.catalog.model import Blueprint, ContainerBlueprint

MEBIBYTE = 1 << 20


def describe(blueprint: Blueprint) -> dict[str, Any]:
    """The service in plain values: images, architectures, memory floor, ports, health, secrets, backup recipe."""
    return {
        "name": blueprint.name,
        "title": blueprint.title,
        "summary": blueprint.summary,
        "profiles": list(blueprint.profiles),
        "architectures": architectures(blueprint),
        "memory_mib": sum(container.memory_bytes for container in blueprint.containers) // MEBIBYTE,
        "containers": [_container(container) for container in blueprint.containers],
        "door": f"{blueprint.route.subdomain}.<domain>" if blueprint.route else "",
        "port": blueprint.route.port if blueprint.route else 0,
        "options": {option.name: option.description for option in blueprint.options},
        "secrets": {secret.name: secret.description for secret in blueprint.secrets},
        "backup": {
            "volumes": list(blueprint.backup.volumes),
            "databases": [f"{item.container}/{item.name}" for item in blueprint.backup.databases],
            "note": blueprint.backup.note,
        },
        "source": blueprint.source,
    }


def architectures(blueprint: Blueprint) -> list[str]:
    """Where all of its containers run."""
    common = set.intersection(*(set(container.architectures) for container in blueprint.containers))
    return sorted(common)


def _container(container: ContainerBlueprint) -> dict[str, Any]:
    return {
        "name": container.name,
        "image": container.image,
        "memory_mib": container.memory_bytes // MEBIBYTE,
        "health": list(container.health.test) if container.health else [],
        "docker": list(container.docker.allow) if container.docker else [],
    }


def text_of(blueprint: Blueprint) -> str:
    """The same for people."""
    facts = describe(blueprint)
    lines = [f"{facts['title']}: {facts['summary']}", ""]
    lines.append(f"profiles       {', '.join(facts['profiles']) or 'none: switched on by name'}")
    lines.append(f"architectures  {', '.join(facts['architectures'])}")
    lines.append(f"memory         {facts['memory_mib']} MiB at most")
    if facts["door"]:
        lines.append(f"door           {facts['door']} -> port {facts['port']}")
    for container in facts["containers"]:
        lines.append(f"container      {container['name']}: {container['image']}")
        if container["health"]:
            lines.append(f"  health       {' '.join(container['health'])}".split("\n")[0])
        lines += [f"  docker       {call}" for call in container["docker"]]
    lines += [f"option         {name}: {text}" for name, text in facts["options"].items()]
    lines += [f"secret         {name}: {text}" for name, text in facts["secrets"].items()]
    backup = facts["backup"]
    lines += [f"backup         volume {name}" for name in backup["volumes"]]
    lines += [f"backup         database {name}" for name in backup["databases"]]
    if backup["note"]:
        lines.append(f"backup         {backup['note']}")
    lines.append(f"source         {facts['source']}")
    return "\n".join(lines)
