"""A folder of .deb files that a person brought -> whether apt, as root, may install from it."""

import hashlib
import os
from collections.abc import Mapping

from infrakit.cli.talk import say
from infrakit.errors import UsageProblem
from infrakit.lock.entries import LockedPackage
from infrakit.system.files import only_ours, plain_errors
from infrakit.system.machine import Machine

CHUNK_BYTES = 1 << 20


def fit_folder(path: str, locked: Mapping[str, LockedPackage], machine: Machine) -> str:
    """Its whole path. UsageProblem where others may change what is in it, or a package is not what the lock has: a
    .deb bears no signature that apt looks at."""
    folder = os.path.abspath(path)
    with plain_errors("read the packages"):
        names = sorted(name for name in os.listdir(folder) if name.endswith(".deb"))
        for name in names:
            only_ours(os.path.join(folder, name))
        others = [said for said in (_other(os.path.join(folder, name), locked, machine) for name in names) if said]
    if others:
        raise UsageProblem(f"{folder}: {'; '.join(others)}", "bring what infrakit.lock names, or lock anew")
    if names and not locked:
        say(f"note: nobody vouches for the packages in {folder}: no infrakit.lock has Docker's for this system")
    return folder


def _other(path: str, locked: Mapping[str, LockedPackage], machine: Machine) -> str:
    """In which way a file is not the locked one of its package; "" where it is, or the lock does not name it."""
    if not locked:
        return ""
    name, _, version = machine.run(("dpkg-deb", "-W", "--showformat", "${Package} ${Version}", path)).out.partition(" ")
    wanted = locked.get(name)
    if wanted is None:
        return ""
    if wanted.version != version:
        return f"{name} is {version}, and infrakit.lock has {wanted.version}"
    return "" if _digest(path) == wanted.digest else f"{os.path.basename(path)} is not the file that infrakit.lock has"


def _digest(path: str) -> str:
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while part := file.read(CHUNK_BYTES):
            found.update(part)
    return f"sha256:{found.hexdigest()}"
