"""Secrets by name -> files: minted once, never again, 0444 inside a 0700 folder.

Compose ignores owner and mode of file secrets, so the file must be readable by any user id; the folder shuts everybody
else out. A value never leaves this module but into its file: not into messages, arguments, or the environment.
"""

import os
from collections.abc import Iterable
from typing import NamedTuple

from infrakit.errors import MachineUnfit
from infrakit.model import PUBLIC_AUTHORITIES, SecretSpec
from infrakit.system.certificates import FLEET_KINDS, HOME, mint_certificates, mint_pair
from infrakit.system.files import MOST_BYTES, flush_names
from infrakit.words import word

FOLDER = "secrets"
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class SecretState(NamedTuple):
    """state: "minted", "set" or "missing" (only the user has it) or "not minted" (with --no-secrets, or without
    openssl)."""

    host: str
    name: str
    state: str
    spec: SecretSpec


def states(folder: str, host: str, specs: Iterable[SecretSpec]) -> list[SecretState]:
    """How the secrets of one host stand."""
    found = []
    for spec in specs:
        there = os.path.lexists(os.path.join(folder, FOLDER, spec.name))
        absent = "missing" if spec.kind == "user" else "not minted"
        present = "set" if spec.kind == "user" else "minted"
        found.append(SecretState(host, spec.name, present if there else absent, spec))
    return found


def mint(folder: str, host: str, specs: Iterable[SecretSpec], others: Iterable[str]) -> list[str]:
    """Make the missing ones of one host; names of those made. `others`: folders of the fleet, for shared values."""
    wanted = [spec for spec in specs if not os.path.lexists(os.path.join(folder, FOLDER, spec.name))]
    made = []
    if any(spec.kind != "user" for spec in wanted):
        secrets_folder(folder)
    for spec in wanted:
        if spec.kind == "password":
            folders = (*others, os.path.join(os.path.dirname(folder), HOME))
            value = _shared(spec.name, folders) if spec.shared else None
            store(folder, spec.name, value or fresh(spec.form, spec.length or 40))
            made.append(spec.name)
        elif spec.kind == "authorities":
            store(folder, spec.name, public_authorities())
            made.append(spec.name)
    if any(spec.kind in FLEET_KINDS for spec in wanted):
        made += mint_certificates(folder, host)
    if any(spec.kind == "fleet_logs" for spec in wanted):
        made += mint_pair(folder, "fleet_logs")
    return made


def public_authorities() -> bytes:
    """Certificates that this machine trusts (update-ca-certificates(8)), those of its administrator among them; none
    where it has no such file."""
    try:
        with open(PUBLIC_AUTHORITIES, "rb") as file:
            return file.read(MOST_BYTES)
    except OSError:
        return b""


def secrets_folder(folder: str) -> str:
    """The folder `secrets` of a host's tree, made 0700 where it is not there. Refuses one that others can look into."""
    path = os.path.join(folder, FOLDER)
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        pass
    status = os.lstat(path)
    if not os.path.isdir(path) or os.path.islink(path):
        raise MachineUnfit(f"{path} is not a folder")
    if status.st_mode & 0o077:
        os.chmod(path, 0o700)
    return path


def store(folder: str, name: str, value: bytes) -> None:
    """Write a secret that is not there yet. It appears whole, by one rename, is never readable by other users, and a
    power cut does not take it back."""
    place = secrets_folder(folder)
    temporary = os.path.join(place, f".{name}.tmp")
    try:
        os.unlink(temporary)
    except FileNotFoundError:
        pass
    descriptor = os.open(temporary, _CREATE, 0o400)
    try:
        view = memoryview(value)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fchmod(descriptor, 0o444)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.rename(temporary, os.path.join(place, name))
    flush_names(place)


def fresh(form: str, length: int) -> bytes:
    """A new value: `length` letters and digits; of form hex or base64, of that many random bytes; or a uuid (RFC 9562,
    version 4); or `length` bytes as words that can be written down and read out."""
    if form == "hex":
        return os.urandom(length).hex().encode()
    if form == "base64":
        from base64 import b64encode

        return b64encode(os.urandom(length))
    if form == "uuid":
        from uuid import UUID

        return str(UUID(bytes=os.urandom(16), version=4)).encode()
    if form == "words":
        return "-".join(map(word, memoryview(os.urandom(length)).cast("H"))).encode()
    return password(length)


def password(length: int) -> bytes:
    """Letters and digits from the kernel's generator, each equally likely."""
    found = bytearray()
    while len(found) < length:
        found += bytes(ord(ALPHABET[byte % 62]) for byte in os.urandom(2 * length) if byte < 248)
    return bytes(found[:length])


def _shared(name: str, folders: Iterable[str]) -> bytes | None:
    """The value that another host of the fleet already has."""
    for folder in folders:
        try:
            with open(os.path.join(folder, FOLDER, name), "rb") as file:
                return file.read(MOST_BYTES)
        except OSError:
            continue
    return None
