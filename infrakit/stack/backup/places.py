"""Where backups go -> how restic is called to get there: its words, its environment, and files that only root reads.

What opens a server is no word of a call and stands in no environment: the way to its file does.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import quote

from infrakit.errors import MachineUnfit
from infrakit.machine import Machine
from infrakit.model import BACKUP_REST_PASSWORD, BACKUP_S3_ID, BACKUP_S3_KEY, BACKUP_SSH_KEY
from infrakit.stack.layout import STATE

OPEN = f"{STATE}/backup/open"
"""Made anew before each call, where a server is asked."""
SSH_KEY, KNOWN_HOSTS, CREDENTIALS, ADDRESS = (f"{OPEN}/{name}" for name in ("ssh_key", "known_hosts", "s3", "address"))
SFTP = re.compile(r"sftp://([^@/]+)@(\[[0-9a-f:]+\]|[^:/]+)(?::(\d+))?(/.*)")
MOST_BYTES = 1 << 16
SSH_CALL, ASK_S = "sftp.command=", 60


class Way(NamedTuple):
    """`words`: of restic, before all others; `files`: path -> content."""

    words: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()
    files: tuple[tuple[str, bytes], ...] = ()


def is_folder(to: str) -> bool:
    """Of this machine."""
    return to.startswith("/")


def way(machine: Machine, to: str, host_key: str, secrets: str) -> Way:
    """`to`: with the host's own folder; `secrets`: the folder of those that open it. MachineUnfit where one lacks."""
    sftp = SFTP.fullmatch(to)
    if sftp:
        user, host, port, path = sftp.groups()
        shown = host.strip("[]")
        known = f"[{shown}]:{port} {host_key}\n" if port else f"{shown} {host_key}\n"
        # Its whole call is said: -o sftp.args is not known before restic 0.16 (doc/030_preparing_a_new_repo.rst).
        options = [f"UserKnownHostsFile={KNOWN_HOSTS}", "GlobalKnownHostsFile=/dev/null", "StrictHostKeyChecking=yes"]
        options += ["BatchMode=yes", "IdentitiesOnly=yes", "ServerAliveInterval=60", "ServerAliveCountMax=10"]
        call = ["ssh", "-i", SSH_KEY, *(word for option in options for word in ("-o", option))]
        call += [*(("-p", port) if port else ()), "-l", user, shown, "-s", "sftp"]
        words = ("--repo", f"sftp:{user}@{host}:{path}", "-o", f"{SSH_CALL}{' '.join(call)}")
        key = _secret(machine, secrets, BACKUP_SSH_KEY)
        return Way(words, (), ((SSH_KEY, key.rstrip() + b"\n"), (KNOWN_HOSTS, known.encode())))
    if to.startswith("s3:"):
        access, secret = (_secret(machine, secrets, name).strip() for name in (BACKUP_S3_ID, BACKUP_S3_KEY))
        content = b"[default]\naws_access_key_id=" + access + b"\naws_secret_access_key=" + secret + b"\n"
        environment = (("AWS_SHARED_CREDENTIALS_FILE", CREDENTIALS), ("AWS_PROFILE", "default"))
        return Way(("--repo", to), environment, ((CREDENTIALS, content),))
    before, at, rest = to.partition("@")
    if to.startswith("rest:") and at:
        password = quote(_secret(machine, secrets, BACKUP_REST_PASSWORD).decode().strip(), safe="")
        return Way(("--repository-file", ADDRESS), (), ((ADDRESS, f"{before}:{password}@{rest}".encode()),))
    return Way(("--repo", to))


def _secret(machine: Machine, folder: str, name: str) -> bytes:
    content = machine.read(f"{folder}/{name}", MOST_BYTES)
    if not content:
        raise MachineUnfit(f"the secret {name} is missing", f"sudo infrakit secrets set {name}")
    return content


def opened(machine: Machine, found: Way) -> None:
    """Its files are there, as they are now."""
    for path, content in found.files:
        if machine.read(path, MOST_BYTES * 2) != content:
            machine.make_folder(OPEN, 0o700)
            machine.write(path, content, 0o600)


def ssh_says(machine: Machine, call: Iterable[str]) -> str:
    """Why a session ends before it begins, in ssh's own words: restic may be gone before it has passed them on.
    `call`: of restic."""
    ssh = next((word.removeprefix(SSH_CALL) for word in call if word.startswith(SSH_CALL)), "")
    return machine.run(tuple(ssh.split()), timeout_s=ASK_S).err if ssh else ""


UNREACHED = re.compile(
    r"(connection refused|no such host|i/o timeout|connection timed out|network is unreachable|no route to host|"
    r"could not resolve hostname|temporary failure in name resolution|connection reset|connection closed by|server "
    r"misbehaving|certificate)"
)
LOCKED_OUT = re.compile(
    r"permission denied \(|access ?denied|signaturedoesnotmatch|invalidaccesskeyid|the access key id you provided|"
    r"does not match the signature|\(?401\b|unauthorized|\(?403\b|forbidden"
)
"""What ssh, S3 servers and restic's own say of who is not let in, in small letters."""


def refused(words: str) -> tuple[str, str] | None:
    """(what, what to do) where a server is not reached, or lets nobody in. `words`: what restic said, in small
    letters."""
    if "host key verification failed" in words:
        hint = "ssh-keyscan -t ed25519 HOST says its key: is it the server's? then backup.host_key in infrakit.yaml"
        return "the server has another key than backup.host_key says", hint
    if LOCKED_OUT.search(words):
        return (
            "the server lets nobody in with what it was given",
            "infrakit secrets set: backup_ssh_key, backup_s3_id, …",
        )
    found = UNREACHED.search(words)
    return (f"it cannot be reached: {found[1]}", "is the server on, and this machine's network?") if found else None
