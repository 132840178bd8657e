"""Secrets of compiled trees that go along when a host gets another name.

A module of its own, since most compiles have nothing of it.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

from infrakit.errors import InfraKitError
from infrakit.model import OF_THE_HOST, Deployment, SecretSpec
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
            if not name.startswith(".") and name not in OF_THE_HOST:
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
