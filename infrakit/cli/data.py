"""What happens to data when hosts and apps come, go and get other names, in words.

A module of its own, since most compiles have nothing of it.
"""

from collections.abc import Mapping
from typing import Any


def lines_of(
    project: str, described: Mapping[str, tuple[Any, Any]], carried: list[tuple[str, str, str]]
) -> list[tuple[str, str]]:
    """(host, line) of what happened. `described`: the manifest of each host from before, which anybody may have edited,
    and its facts now (changes.facts_of), None where it has left; `carried`: of system.carried.

    The new host that took most of a departed one's secrets is that one by another name.
    """
    volumes = {host: (_volumes_of(old.get("facts")), _volumes_of(facts)) for host, (old, facts) in described.items()}
    former: dict[str, str] = {}
    for left in dict.fromkeys(before for _, before, _ in carried):
        takers = [host for host, before, _ in carried if before == left and not volumes.get(host, ((), ()))[0]]
        if takers:
            former[max(dict.fromkeys(takers), key=takers.count)] = left
    lines = [
        (
            host,
            f"! project {project}: was {old['project']}, whose volumes stay unread; `name: {old['project']}` goes on",
        )
        for host, (old, facts) in described.items()
        if facts and old.get("project", project) != project
    ]
    lines += [
        (host, f"~ host {host}: has the secrets of {left}, which has left the file") for host, left in former.items()
    ]
    lines += [
        (host, f"~ secret {name}: the one of {left}, which has left the file")
        for host, left, name in carried
        if former.get(host) != left
    ]
    return lines + _volume_lines(project, volumes, former)


def _volumes_of(facts: Any) -> frozenset[str]:
    """Names of volumes in what `facts_of` said, or in what a manifest has in its place."""
    mounts = facts.get("mounts") if isinstance(facts, dict) else None
    values = mounts.values() if isinstance(mounts, dict) else ()
    return frozenset(
        value.removeprefix("volume ") for value in values if isinstance(value, str) and value.startswith("volume ")
    )


def _volume_lines(
    project: str, volumes: Mapping[str, tuple[frozenset[str], frozenset[str]]], former: Mapping[str, str]
) -> list[tuple[str, str]]:
    """(host, line) for each volume that a host reads no more, or reads now. `volumes`: of each host before, and after;
    `former`: what a host was called before."""
    hosts = {name: both for name, both in volumes.items() if name not in former.values()}
    for name, earlier in former.items():
        if name in hosts:
            hosts[name] = hosts[name][0] | volumes.get(earlier, (frozenset(), frozenset()))[0], hosts[name][1]
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
