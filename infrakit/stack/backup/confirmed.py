"""Whether somebody said that he has the recovery sheet of the backups' key: by a digest of that key, so that another
key wants another sheet."""

import json
from contextlib import suppress

from infrakit.machine import Machine
from infrakit.resolve.backups import KEY
from infrakit.stack.backup.repository import FOLDER
from infrakit.stack.layout import secrets_folder

CONFIRMED = f"{FOLDER}/sheet.json"
MOST_BYTES = 1 << 16


def key_file(host: str) -> str:
    """Where the key is."""
    return f"{secrets_folder(host)}/secrets/{KEY}"


def key_of(machine: Machine, host: str) -> bytes:
    """b"" where there is none."""
    return machine.read(key_file(host), MOST_BYTES) or b""


def is_confirmed(machine: Machine, host: str) -> bool:
    """Of the key of now."""
    found = None
    with suppress(ValueError):
        found = json.loads(machine.read(CONFIRMED, MOST_BYTES) or b"{}")
    return isinstance(found, dict) and found.get("sheet") == _mark(key_of(machine, host))


def confirm(machine: Machine, host: str) -> None:
    """Remember it."""
    machine.make_folder(FOLDER, 0o700)
    machine.write(CONFIRMED, json.dumps({"sheet": _mark(key_of(machine, host))}).encode(), 0o600)


def _mark(key: bytes) -> str:
    from hashlib import sha256

    return sha256(b"recovery sheet of " + key).hexdigest()
