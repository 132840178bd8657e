"""bundle.json.sig -> the key that signed, in OpenSSH's words. Whether it really did is ssh-keygen's to say
(system/signing.py).

Source: PROTOCOL.sshsig of OpenSSH. Only the one spelling that ssh-keygen writes is taken, so that no byte of the file
may change.
"""

import base64
import binascii
from hashlib import sha256
from typing import NamedTuple

from infrakit.bundle.fault import refused
from infrakit.bundle.manifest import SIGNATURE

NAMESPACE = "infrakit-bundle"
PRINCIPAL = "infrakit"
KINDS = ("ssh-ed25519", "sk-ssh-ed25519@openssh.com")
MAGIC = b"SSHSIG\x00\x00\x00\x01"
BEGIN, END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
LINE = 70


class PublicKey(NamedTuple):
    """`kind` and `blob` as a line of a .pub file has them."""

    kind: str
    blob: bytes

    @property
    def fingerprint(self) -> str:
        """As ssh-keygen -l shows it."""
        return "SHA256:" + base64.b64encode(sha256(self.blob).digest()).decode().rstrip("=")

    @property
    def line(self) -> str:
        """As it stands in a .pub file, without a comment."""
        return f"{self.kind} {base64.b64encode(self.blob).decode()}"


def signer(content: bytes) -> PublicKey:
    """Who says that he signed. Raises Refused where it is no signature of ours."""
    try:
        lines = content.decode("ascii").split("\n")
        if lines[0] != BEGIN or lines[-2:] != [END, ""]:
            raise ValueError
        data = base64.b64decode("".join(lines[1:-2]), validate=True)
        text = base64.b64encode(data).decode()
        canonical = [BEGIN, *(text[start : start + LINE] for start in range(0, len(text), LINE)), END, ""]
        if canonical != lines or not data.startswith(MAGIC):
            raise ValueError
        blob, namespace, reserved, _, _, rest = _fields(data[len(MAGIC) :], 5)
        kind = _fields(blob, 1)[0].decode("ascii")
        if rest or reserved:
            raise ValueError
    except (ValueError, IndexError, binascii.Error):
        raise refused("signature", SIGNATURE, "it is not a signature as ssh-keygen writes it") from None
    if namespace != NAMESPACE.encode():
        raise refused(
            "signature", SIGNATURE, f"it was made for {namespace.decode('ascii', 'replace')[:40]}, not for {NAMESPACE}"
        )
    if kind not in KINDS:
        raise refused("other-key", SIGNATURE, f"its key is of the kind {kind[:40]}, and only Ed25519 is taken")
    return PublicKey(kind, blob)


def _fields(data: bytes, count: int) -> list[bytes]:
    """So many strings, each after its length in four bytes, and what is left."""
    found = []
    for _ in range(count):
        length = int.from_bytes(data[:4], "big")
        if len(data) < 4 + length:
            raise ValueError
        found.append(data[4 : 4 + length])
        data = data[4 + length :]
    return [*found, data]


def keys_of(text: str) -> list[PublicKey]:
    """The keys of a .pub file, an authorized_keys or an allowed_signers file: of each line what can be a key."""
    found = []
    for line in text.splitlines():
        words = [] if line.lstrip().startswith("#") else line.split()
        for kind, blob in zip(words, words[1:]):
            if kind in KINDS:
                try:
                    found.append(PublicKey(kind, base64.b64decode(blob, validate=True)))
                except binascii.Error:
                    continue
    return found


def allowed_signers(keys: "list[PublicKey] | tuple[PublicKey, ...]") -> bytes:
    """The file of trust for ssh-keygen -Y verify: no times in it, so that no clock matters."""
    return "".join(f'{PRINCIPAL} namespaces="{NAMESPACE}" {key.line}\n' for key in keys).encode()
