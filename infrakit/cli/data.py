"""What happens to data when hosts and apps come, go and get other names: secrets that are carried along, and words
about volumes.

A module of its own, since most compiles have nothing of it.
"""

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from infrakit.errors import InfraKitError
from infrakit.model import Deployment, SecretSpec
from infrakit.system.secrets import FOLDER, secrets_folder


class Carried(NamedTuple):
    """Secrets that go from the folder of a host that has left the file to that of a host that misses them. `takers`:
    folders; more than one where it cannot be told who was that host."""

    name: str
    departed: str
    takers: tuple[str, ...]


def _to_carry(departed: Iterable[str], hosts: Iterable[tuple[str, Iterable[SecretSpec]]]) -> list[Carried]:
    """Who takes over what was made for hosts that are in the file no more: it opens their data, and a new one would
    not. `hosts`: folder and secrets of each. Certificates are made for one name, and stay."""
    offered: dict[str, str] = {}
    for folder in departed:
        place = os.path.join(folder, FOLDER)
        for name in sorted(os.listdir(place)) if os.path.isdir(place) else ():
            if not name.startswith(".") and not name.startswith("fleet_"):
                offered.setdefault(name, folder)
    takers: dict[str, list[str]] = {}
    known: set[str] = set()
    for folder, specs in hosts if offered else ():
        for spec in specs:
            if os.path.lexists(os.path.join(folder, FOLDER, spec.name)):
                known.add(spec.name)
            elif spec.name in offered and not (spec.shared and spec.name in takers):
                takers.setdefault(spec.name, []).append(folder)
            if spec.shared and spec.name in known:  # minting takes it from there
                takers.pop(spec.name, None)
    return [Carried(name, offered[name], tuple(folders)) for name, folders in takers.items()]


def carry_secrets(
    folders: list[tuple[Deployment, str]], departed: list[str], *, alone: bool
) -> list[tuple[str, str, str]]:
    """What was made for hosts that have left the file goes to who misses it: (host, departed host, secret) of each.
    `alone`: only one host is compiled, and who else misses it is not known."""
    moves = _to_carry(departed, ((folder, deployment.secrets) for deployment, folder in folders))
    for move in moves:
        if len(move.takers) > 1 or alone:
            left, first = os.path.basename(move.departed), move.takers[0]
            names = " or ".join(os.path.basename(folder) for folder in move.takers)
            raise InfraKitError(
                f"{left} has left the file, and its secret {move.name} may be the one of {names}: a new one would not "
                "open the data that is there",
                f"who was {left}? mv {move.departed}/secrets {first}/secrets; nobody: rm -r {move.departed}/secrets",
            )
    for name, folder, (taker,) in moves:
        os.rename(os.path.join(folder, FOLDER, name), os.path.join(secrets_folder(taker), name))
    for folder in departed:
        with suppress(OSError):  # where some stay, or none were
            os.rmdir(os.path.join(folder, FOLDER))
    return [(os.path.basename(taker), os.path.basename(folder), name) for name, folder, (taker,) in moves]


def lines_of(
    project: str, described: Mapping[str, tuple[Any, Any]], carried: list[tuple[str, str, str]]
) -> list[tuple[str, str]]:
    """(host, line) of what happened. `described`: the manifest of each host from before, which anybody may have edited,
    and its facts now (changes.facts_of), None where it has left; `carried`: of carry_secrets.

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
