"""The last words of what fails -> what likely brought it about, and what to do. The first that fits counts."""

import re

CAUSES = (
    (
        r"exec format error",
        "its image is made for another processor",
        "correct hosts.NAME.architecture; infrakit lock --upgrade; sudo infrakit up",
    ),
    (r"no space left|disk quota exceeded|disk full", "the disk is full", "docker system df; sudo infrakit doctor"),
    (
        r"read-only file ?system",
        "it writes where it may not: its own root, or a disk that the kernel shut",
        "findmnt -O ro; for an app: writable: true",
    ),
    (
        r"incompatible with (?:server|this version)|data(?:base)? (?:files|directory).*version|downgrade",
        "its data was made by another major version of it",
        "sudo infrakit generations; sudo infrakit rollback",
    ),
    (
        r"password authentication failed|access denied for user|authentication failed|wrongpass|invalid password",
        "its secret is not the one that its database was made with: the old volume, and a new secret",
        "put the secret of before back: sudo infrakit secrets set NAME, or restore it from a backup",
    ),
    (
        r"certificate has expired|not yet valid|certificate is not valid",
        "a certificate ran out, or the clock is wrong",
        "date; timedatectl status",
    ),
    (r"x509|unable to get (?:local )?issuer|self[- ]signed certificate", "it does not trust a certificate", ""),
    (r"address already in use|bind:.*in use", "somebody else has its port", "ss -Hlntup"),
    (
        r"i/o error|input/output error|checksum|corrupt|invalid page",
        "the storage lost or changed what was written",
        "sudo dmesg | grep -i error; restore its data from a backup",
    ),
    (
        r"no such host|could not translate host|temporary failure in name|name or service not known|getaddrinfo",
        "it does not find what it needs by its name: that does not run, or the name server is silent",
        "sudo infrakit status",
    ),
    (r"connection refused|connect: no route|timed? ?out", "what it needs does not answer", "sudo infrakit status"),
    (
        r"permission denied|operation not permitted|eacces|read permission",
        "it may not read or write what it needs: the owner of its data, or a capability",
        "",
    ),
    (r"out of memory|cannot allocate|oom|heap", "it has too little memory", "raise its memory in infrakit.yaml"),
    (r"illegal instruction", "its programs want a newer processor than this", "take an older image of it"),
)
"""(words, cause, remedy or "" for the usual one)."""


def cause_of(said: str) -> tuple[str, str]:
    """(cause, remedy), both "" where the words are not known."""
    found = (item for item in CAUSES if re.search(item[0], said, re.IGNORECASE))
    return next(((cause, remedy) for _, cause, remedy in found), ("", ""))
