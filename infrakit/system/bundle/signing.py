"""ssh-keygen -Y: who signed, and whether he really did. No clock is asked: the file of trust has no times in it."""

import os
import shutil
import subprocess
import tempfile

from infrakit.bundle.fault import refused
from infrakit.bundle.manifest import SIGNATURE
from infrakit.bundle.signature import NAMESPACE, PRINCIPAL, PublicKey, allowed_signers
from infrakit.errors import MachineUnfit, UsageProblem

PROGRAM = "ssh-keygen"
VERIFY_S, SIGN_S = 30, 300
KEPT = ("PATH", "HOME", "SSH_AUTH_SOCK", "SSH_ASKPASS", "DISPLAY", "TERM")
"""What signing with an agent, or with a passphrase, needs to know."""


def can_verify() -> bool:
    """Whether ssh-keygen is here."""
    return shutil.which(PROGRAM) is not None


def verify(content: bytes, signature: bytes, key: PublicKey) -> None:
    """Raises Refused where `key` did not sign exactly this."""
    if not can_verify():
        raise refused("no-ssh-keygen", SIGNATURE, "its signature cannot be checked: ssh-keygen is not here")
    with tempfile.TemporaryDirectory(prefix="infrakit-") as folder:
        paths = [os.path.join(folder, name) for name in ("allowed", "signature")]
        for path, text in zip(paths, (allowed_signers([key]), signature)):
            with open(path, "xb") as file:
                file.write(text)
        words = [PROGRAM, "-Y", "verify", "-f", paths[0], "-I", PRINCIPAL, "-n", NAMESPACE, "-s", paths[1]]
        if _run(words, content, VERIFY_S).returncode:
            raise refused(
                "signature", SIGNATURE, f"it is not a signature of the key {key.fingerprint} on this bundle.json"
            )


def sign(content: bytes, key: str) -> bytes:
    """The signature, with the private key in the file `key` (or the public one, where an agent holds the private)."""
    if not can_verify():
        raise MachineUnfit("signing needs ssh-keygen", "apt-get install openssh-client")
    if not os.path.isfile(key):
        raise UsageProblem(f"{key}: there is no such key", "make one: ssh-keygen -t ed25519 -f FILE")
    done = _run([PROGRAM, "-Y", "sign", "-q", "-n", NAMESPACE, "-f", key], content, SIGN_S)
    if done.returncode or not done.stdout:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise UsageProblem(
            f"ssh-keygen does not sign with {key}: {said[-1] if said else f'exit code {done.returncode}'}",
            "is it a private key, and is its passphrase right?",
        )
    return done.stdout


def _run(words: list[str], feed: bytes, timeout_s: float) -> "subprocess.CompletedProcess[bytes]":
    environment = {name: os.environ[name] for name in KEPT if name in os.environ}
    try:
        return subprocess.run(
            words,
            input=feed,
            capture_output=True,
            timeout=timeout_s,
            env={**environment, "LC_ALL": "C.UTF-8"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise MachineUnfit(f"{words[0]} took longer than {timeout_s:.0f} s", "run again") from None
