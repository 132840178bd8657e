"""What happens to data when hosts and apps come, go and get other names, in words.

A module of its own, since most compiles have nothing of it.
"""

import os
import re
from collections.abc import Mapping
from typing import Any

from infrakit.model import OF_THE_HOST, Deployment


def lines_of(
    project: str, described: Mapping[str, tuple[Any, Any]], carried: list[tuple[str, str, str]]
) -> list[tuple[str, str]]:
    """(host, line) of what happened. `described`: the manifest of each host from before, which anybody may have edited,
    and its facts now (changes.facts_of), None where it has left; `carried`: of system.carried.

    The new host that took most of a departed one's secrets is that one by another name; of several whose secrets it
    took, it is the one that had most of them.
    """
    volumes = {host: (_volumes_of(old.get("facts")), _volumes_of(facts)) for host, (old, facts) in described.items()}
    former: dict[str, str] = {}
    given = [before for _, before, _ in carried]
    for left in sorted(dict.fromkeys(given), key=given.count, reverse=True):
        takers = [host for host, before, _ in carried if before == left and not volumes.get(host, ((), ()))[0]]
        if takers:
            former.setdefault(max(dict.fromkeys(takers), key=takers.count), left)
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
    before = {host: str(old.get("project", project)) for host, (old, _) in described.items()}
    return lines + _volume_lines(project, before, volumes, former)


def secret_lines(
    folders: list[tuple[Deployment, str]], minted: list[tuple[str, str]], described: Mapping[str, tuple[Any, Any]]
) -> list[tuple[str, str]]:
    """(host, line) where secrets were made while others lie there that nobody reads any more: by another name, or on
    another host, what was made with one does not open."""
    lines = []
    places = {deployment.host: os.path.join(folder, "secrets") for deployment, folder in folders}
    unread = {
        deployment.host: _names(places[deployment.host]) - {spec.name for spec in deployment.secrets}
        for deployment, _ in folders
    }
    clients = {item.oidc.secret for deployment, _ in folders for item in deployment.access.applications if item.oidc}
    for deployment, _ in folders:
        new = [name for host, name in minted if host == deployment.host and _opens_data(name) and name not in clients]
        if not new or not described.get(deployment.host, ({}, {}))[0]:
            continue
        place, left = places[deployment.host], sorted(unread[deployment.host])
        if left:
            words = f"new, and nobody reads {', '.join(left)} any more, with which data may have been made"
            lines.append((deployment.host, f"! secret {', '.join(new)}: {words}; the same again: copy it, in {place}"))
        for name, other in ((name, other) for name in new for other in unread if name in unread[other]):
            words = f"new here; what was made on {other} opens with its own: copy {places[other]}/{name}, too"
            lines.append((deployment.host, f"! secret {name}: {words}"))
    return lines


def _names(place: str) -> set[str]:
    """Of the secrets in a folder that data may have been made with."""
    names = os.listdir(place) if os.path.isdir(place) else []
    return {name for name in names if re.fullmatch("[a-z][a-z0-9_]*", name) and _opens_data(name)}


def _opens_data(name: str) -> bool:
    """Not what is made for one host alone, nor what an app signs in to Authentik with."""
    return not (name in OF_THE_HOST or name.endswith("_client_secret"))


def lines_of_others(others: Mapping[str, str], described: Mapping[str, tuple[Any, Any]]) -> list[tuple[str, str]]:
    """(host, line) for each folder of another project beside a new host: what that was called before, maybe."""
    if all(old for old, _ in described.values()):
        return []
    words = "and stays; `name: {}` goes on with its secrets and volumes"
    return [
        (os.path.basename(folder), f"! host {folder}: of project {project}, {words.format(project)}")
        for folder, project in others.items()
    ]


def _volumes_of(facts: Any) -> frozenset[str]:
    """Names of volumes in what `facts_of` said, or in what a manifest has in its place."""
    mounts = facts.get("mounts") if isinstance(facts, dict) else None
    values = mounts.values() if isinstance(mounts, dict) else ()
    return frozenset(
        value.removeprefix("volume ") for value in values if isinstance(value, str) and value.startswith("volume ")
    )


def _volume_lines(
    project: str,
    projects: Mapping[str, str],
    volumes: Mapping[str, tuple[frozenset[str], frozenset[str]]],
    former: Mapping[str, str],
) -> list[tuple[str, str]]:
    """(host, line) for each volume that a host reads no more, or reads now. `volumes`: of each host before, and after;
    `projects`: the one that each was of; `former`: what a host was called before."""
    hosts = {name: both for name, both in volumes.items() if name not in former.values()}
    for name, earlier in former.items():
        if name in hosts:
            hosts[name] = hosts[name][0] | volumes.get(earlier, (frozenset(), frozenset()))[0], hosts[name][1]
    kept = {volume: host for host, (before, after) in hosts.items() for volume in before - after}
    lines = []
    for host, (before, after) in hosts.items():
        for volume in sorted(before - after):
            name = f"{projects.get(host, project)}_{volume}"
            lines.append((host, f"- volume {volume}: its data stays, as {name}, until you remove it"))
        for volume in sorted(after - before):
            if volume in kept:
                words = f"the data of {kept[volume]} is here only where it is the same machine"
                lines.append((host, f"! volume {volume}: {words}; else copy {project}_{volume} over"))
            elif before:
                lines.append((host, f"+ volume {volume}: empty, or what {project}_{volume} holds from before"))
    return lines
