"""A secret as somebody gave it -> its bytes, in the form that its reader takes; or a refusal that says what is wanted.

Sources: cloudflare/cloudflared connection/connection.go (TunnelToken, Credentials); openssh-portable PROTOCOL.key.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from typing import Any

from infrakit.errors import UsageProblem
from infrakit.model import BACKUP_SSH_KEY

MOST_BYTES = 64 * 1024
TOKEN_KEYS = {"AccountTag": "a", "TunnelSecret": "s", "TunnelID": "t"}
"""Of cloudflared's credentials file, and of the token that says the same in one line."""
OPENSSH, OPENSSH_HEAD = "OPENSSH PRIVATE KEY", b"openssh-key-v1\0"


def checked(name: str, value: bytes, owner: str = "") -> bytes:
    """Without the line break at its end. `owner`: the service that declares it. UsageProblem where it is none."""
    value = value.removesuffix(b"\n").removesuffix(b"\r")
    if not value:
        raise UsageProblem(f"{name}: nothing was given")
    if len(value) > MOST_BYTES:
        raise UsageProblem(f"{name}: more than {MOST_BYTES} bytes")
    form = FORMS.get((owner, name))
    return form(name, value) if form else value


def _token(name: str, value: bytes) -> bytes:
    """Of a tunnel; the credentials file of one that `cloudflared tunnel create` made is turned into it."""
    found = _object(value)
    if found.keys() >= TOKEN_KEYS.keys():
        said = {short: found[key] for key, short in TOKEN_KEYS.items()}
        value = base64.b64encode(json.dumps(said, separators=(",", ":")).encode())
    decoded = _object(_decoded(value.strip()))
    if not all(decoded.get(short) and isinstance(decoded[short], str) for short in TOKEN_KEYS.values()):
        raise UsageProblem(
            f"{name}: this is neither the token of a tunnel nor its credentials file",
            f"cloudflared tunnel token NAME | infrakit secrets set {name}",
        )
    return value.strip()


def _ssh_key(name: str, value: bytes) -> bytes:
    """A private key that nobody is asked for a passphrase of, with the line break that ssh wants at its end."""
    lines = value.replace(b"\r", b"").split(b"\n")
    hint = "ssh-keygen -t ed25519 -N '' -f backup_key; the file without .pub is meant"
    if not (lines[0].startswith(b"-----BEGIN ") and lines[0].endswith(b"PRIVATE KEY-----")):
        raise UsageProblem(f"{name}: this is no private key of SSH", hint)
    body = _decoded(b"".join(lines[1:-1]))
    cipher = body[len(OPENSSH_HEAD) :][:8] if body.startswith(OPENSSH_HEAD) else b""
    if any(b"ENCRYPTED" in line for line in lines[:3]) or cipher not in (b"", b"\0\0\0\4none"):
        raise UsageProblem(f"{name}: the key has a passphrase, and nobody is there to type it at night", hint)
    return b"\n".join(lines).rstrip(b"\n") + b"\n"


def _decoded(value: bytes) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error:
        return b""


def _object(value: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


FORMS: Mapping[tuple[str, str], Callable[[str, bytes], bytes]] = {
    ("cloudflared", "tunnel_token"): _token,
    ("", BACKUP_SSH_KEY): _ssh_key,
}
"""(owner, name) -> what its reader takes."""
