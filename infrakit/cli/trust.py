"""Whose bundles this machine believes, and which was the newest: the pinned key, the pinned serial, and what the user
says beyond."""

import json

from infrakit.bundle.signature import PublicKey, keys_of
from infrakit.errors import UsageProblem
from infrakit.stack.layout import BUNDLE, TRUST
from infrakit.system.bundle.verify import Trust
from infrakit.system.files import read_input
from infrakit.system.machine import Machine


def trust(key: str | None, *, allow_unsigned: bool, allow_downgrade: bool) -> Trust:
    """`key`: a file with public keys that are believed instead of the pinned one."""
    machine = Machine()
    pinned = keys_of((machine.read(TRUST) or b"").decode("utf-8", "replace"))
    keys = _keys_in(key) if key else pinned
    return Trust(tuple(keys), pinned_serial(machine), allow_unsigned, allow_downgrade)


def pinned_serial(machine: Machine) -> int:
    """Of the newest bundle that was installed from; 0 where there was none."""
    try:
        serial = json.loads(machine.read(BUNDLE) or b"{}").get("serial", 0)
    except (ValueError, AttributeError):
        return 0
    return serial if type(serial) is int else 0


def _keys_in(path: str) -> list[PublicKey]:
    found = keys_of(read_input(path).decode("utf-8", "replace"))
    if not found:
        raise UsageProblem(
            f"{path} holds no public Ed25519 key", "name the .pub file: ssh-keygen -t ed25519 makes a pair"
        )
    return found
